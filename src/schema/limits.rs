//! The limits of a schema.

use std::thread;

/// As many as there are indices of threads.
const MAX_SHARDS: usize = 1_024;
const MAX_DEFAULT_SHARDS: usize = 64;
/// Threads that record besides those that compute: a program's main thread, for example.
const MORE_THREADS: usize = 2;

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

    /// The number of shards of an engine, besides the one for threads beyond them.
    pub(crate) fn shards(&self) -> usize {
        let parallelism = || thread::available_parallelism().map_or(1, usize::from) + MORE_THREADS;
        self.shards.unwrap_or_else(|| parallelism().min(MAX_DEFAULT_SHARDS)).min(MAX_SHARDS)
    }
}
