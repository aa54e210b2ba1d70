//! Bytes from a snapshot. Knows nothing of atomics.

mod number;
mod text;

pub use self::text::TextRenderer;
