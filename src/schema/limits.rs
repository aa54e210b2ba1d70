//! How much there may be of what.

use std::thread;

use super::SchemaBuilder;

/// The limits of a schema.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(super) max_samples: usize,
    pub(crate) max_engines: usize,
    /// Of an engine.
    pub(crate) max_recorders: usize,
    shards: Option<usize>,
    /// Bytes of text that a renderer or an engine keeps: places in it are 32 bits wide.
    pub(crate) max_text: usize,
}

impl Limits {
    pub(super) const UNLESS_SET: Self =
        Self { max_samples: 20_000, max_engines: 1_024, max_recorders: 64, shards: None, max_text: u32::MAX as usize };
    const MAX_SHARDS: usize = 1_024;
    const MAX_SHARDS_UNLESS_SET: usize = 64;

    /// Shards of an engine. A power of two.
    pub(crate) fn shards(&self) -> usize {
        let parallelism = || thread::available_parallelism().map_or(1, usize::from).min(Self::MAX_SHARDS_UNLESS_SET);
        self.shards.unwrap_or_else(parallelism).clamp(1, Self::MAX_SHARDS).next_power_of_two()
    }
}

impl SchemaBuilder {
    /// Limits how many engines can be attached at a time. 1,024 unless set.
    #[must_use]
    pub fn max_engines(mut self, limit: usize) -> Self {
        self.limits.max_engines = limit;
        self
    }

    /// Limits how many exclusive recorders an engine can have at a time, and likewise the registry of its own. 64 unless set, and at
    /// least 1. Each takes a slab, which each snapshot reads.
    #[must_use]
    pub fn max_recorders(mut self, limit: usize) -> Self {
        self.limits.max_recorders = limit;
        self
    }

    /// Limits how many samples (lines of a page) an engine has, and likewise the registry of its own
    /// ([aggregates](crate::Declaration::aggregate) among them), beside the three of the crate's own each (four with open labels), and those
    /// about pages. 20,000 unless set.
    #[must_use]
    pub fn max_samples(mut self, limit: usize) -> Self {
        self.limits.max_samples = limit;
        self
    }

    /// So that tests reach the limit.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn max_text(mut self, limit: usize) -> Self {
        self.limits.max_text = limit;
        self
    }

    /// Into how many shards the threads of shared recorders ([`Engine::shared_recorder`](crate::Engine::shared_recorder)) are
    /// spread: rounded up to a power of two, 1 to 1,024. Unless set, as many as threads can run at a time
    /// ([`available_parallelism`](std::thread::available_parallelism)), at most 64. Only an engine with such recorders has shards;
    /// each takes 8 bytes a word and is read by each snapshot.
    #[must_use]
    pub fn shards(mut self, shards: usize) -> Self {
        self.limits.shards = Some(shards);
        self
    }
}
