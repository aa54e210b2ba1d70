//! Bytes from a snapshot. Knows nothing of atomics.
//!
#![doc = include_str!("../../docs/self-metrics.md")]

pub(crate) mod number;
pub mod text;
