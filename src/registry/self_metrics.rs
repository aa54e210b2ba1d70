//! What the registry records about its own pages. A page shows what was recorded before it was
//! rendered.

use std::{sync::Arc as StdArc, time::Duration};

use crate::{
    record::SharedRecorder,
    schema::{Schema, layout::Scope, self_families::SelfFamilies},
    store::{info::Infos, shards::Shards},
};

/// It is recorded word by word, since several threads may render at the same time.
pub(super) struct SelfMetrics {
    pub(super) shards: StdArc<Shards>,
    recorder: SharedRecorder,
    families: SelfFamilies,
}

impl SelfMetrics {
    pub(super) fn new(schema: &Schema) -> Self {
        // One shard is enough: pages are rare, and every snapshot reads all shards.
        let layout = schema.layout(Scope::Registry);
        let infos = StdArc::new(Infos::new(layout, b"", &[])); // none is ever set here
        let shards = StdArc::new(Shards::new(StdArc::clone(layout), 1, b"", infos));
        let recorder = SharedRecorder::new(StdArc::clone(&shards));
        Self { shards, recorder, families: *schema.self_families() }
    }

    pub(super) fn rendered(&self, took: Duration, bytes: usize) {
        self.recorder.add(self.families.bytes, bytes as u64);
        self.recorder.observe(self.families.seconds, took.as_secs_f64());
    }

    /// Writes nothing if there is nothing to count, so that snapshots don't compete for a cache
    /// line.
    pub(super) fn retried(&self, retries: u64) {
        if retries > 0 {
            mutant!(
                self.recorder.add(self.families.retries, retries),
                "snapshot: retries aren't counted" => (),
            );
        }
    }
}
