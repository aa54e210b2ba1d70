//! Bytes from a snapshot. Knows nothing of atomics.

mod aggregate;
pub(crate) mod number;
pub mod text;
