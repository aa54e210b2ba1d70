//! The settings of a schema.

use super::{SchemaBuilder, limits::Limits};

impl SchemaBuilder {
    /// Limits how many exclusive recorders an engine can have at the same time, and how many the
    /// registry can. From 1 to 1,024; the default is 64. Each takes a slab, and every
    /// snapshot reads all slabs.
    pub fn max_recorders(&mut self, limit: usize) -> &mut Self {
        self.limits.max_recorders = limit.clamp(1, Limits::MAX_RECORDERS);
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
