//! The limits of a schema.

use std::thread;

/// The limits of a schema.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(super) max_samples: usize,
    /// Exclusive recorders per engine, and of the registry.
    pub(crate) max_recorders: usize,
    pub(super) shards: Option<usize>,
    /// Bytes of text that a renderer or an engine keeps. Offsets into it are 32 bits wide.
    pub(crate) max_text: usize,
}

impl Limits {
    pub(super) const DEFAULT: Self =
        Self { max_samples: 20_000, max_recorders: 64, shards: None, max_text: u32::MAX as usize };
    pub(super) const MAX_RECORDERS: usize = 1_024;
    const MAX_SHARDS: usize = 1_024;
    const MAX_DEFAULT_SHARDS: usize = 64;

    /// The number of shards of an engine, a power of two.
    pub(crate) fn shards(&self) -> usize {
        let parallelism = || thread::available_parallelism().map_or(1, usize::from).min(Self::MAX_DEFAULT_SHARDS);
        self.shards.unwrap_or_else(parallelism).clamp(1, Self::MAX_SHARDS).next_power_of_two()
    }
}
