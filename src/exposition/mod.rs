//! Bytes from a snapshot. Knows nothing of atomics.

pub(crate) mod number;
pub mod text;
