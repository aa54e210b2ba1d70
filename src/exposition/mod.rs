//! Bytes from a snapshot.

mod joined;
mod lines;
mod number;
mod text;

pub use self::text::TextRenderer;
