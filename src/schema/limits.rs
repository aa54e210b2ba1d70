//! The limits of a schema.

use std::thread;

use super::SchemaBuilder;

/// The limits of a schema.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(super) max_samples: usize,
    /// Exclusive recorders per engine, and of the registry.
    pub(crate) max_recorders: usize,
    shards: Option<usize>,
    /// Bytes of text that a renderer or an engine keeps. Offsets into it are 32 bits wide.
    pub(crate) max_text: usize,
}

impl Limits {
    pub(super) const DEFAULT: Self =
        Self { max_samples: 20_000, max_recorders: 64, shards: None, max_text: u32::MAX as usize };
    const MAX_SHARDS: usize = 1_024;
    const MAX_DEFAULT_SHARDS: usize = 64;

    /// The number of shards of an engine, a power of two.
    pub(crate) fn shards(&self) -> usize {
        let parallelism = || thread::available_parallelism().map_or(1, usize::from).min(Self::MAX_DEFAULT_SHARDS);
        self.shards.unwrap_or_else(parallelism).clamp(1, Self::MAX_SHARDS).next_power_of_two()
    }
}

impl SchemaBuilder {
    /// Limits how many exclusive recorders an engine can have at the same time, and how many the
    /// registry can. The first is always allowed. The default is 64. Each takes a slab, and every
    /// snapshot reads all slabs.
    pub fn max_recorders(&mut self, limit: usize) -> &mut Self {
        self.limits.max_recorders = limit;
        self
    }

    /// Limits the samples (lines of a page) of an engine, and likewise those of the registry. The
    /// default is 20,000. The crate's [own samples](crate::docs::self_metrics) don't count. The
    /// limit holds for the whole schema, no matter when it is set.
    pub fn max_samples(&mut self, limit: usize) -> &mut Self {
        self.limits.max_samples = limit;
        self
    }

    /// Lets tests reach the limit.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn max_text(&mut self, limit: usize) -> &mut Self {
        self.limits.max_text = limit;
        self
    }

    /// Sets the number of shards over which the threads of shared recorders
    /// ([`Engine::shared_recorder`](crate::Engine::shared_recorder)) are spread. It is rounded up
    /// to a power of two, from 1 to 1,024. The default is the number of threads that can run at the
    /// same time ([`available_parallelism`](std::thread::available_parallelism)), rounded up
    /// likewise and at most 64. Only an engine with shared recorders has shards. Each shard takes 8
    /// bytes per word, and every snapshot reads all of them.
    pub fn shards(&mut self, shards: usize) -> &mut Self {
        self.limits.shards = Some(shards);
        self
    }
}
