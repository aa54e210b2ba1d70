//! What the registry records about its own pages. A page shows what was recorded before it.

use std::{sync::Arc as StdArc, time::Duration};

use crate::{
    record::SharedRecorder,
    schema::{Schema, layout::Scope, self_families::SelfFamilies},
    store::shards::Shards,
};

/// Recorded word by word, since several threads may render at the same time.
pub(super) struct SelfMetrics {
    pub(super) shards: StdArc<Shards>,
    recorder: SharedRecorder,
    families: SelfFamilies,
}

impl SelfMetrics {
    pub(super) fn new(schema: &Schema) -> Self {
        // One shard: pages are rare, and each snapshot reads all shards.
        let shards = StdArc::new(Shards::new(StdArc::clone(schema.layout(Scope::Registry)), 1, b""));
        let recorder = SharedRecorder::new(StdArc::clone(&shards));
        Self { shards, recorder, families: *schema.self_families() }
    }

    pub(super) fn rendered(&self, took: Duration, bytes: usize) {
        self.recorder.add(self.families.bytes, bytes as u64);
        self.recorder.observe(self.families.seconds, took.as_secs_f64());
    }

    /// Takes no cache line from other snapshots, unless there is something to count.
    pub(super) fn retried(&self, retries: u64) {
        if retries > 0 {
            mutant!(
                self.recorder.add(self.families.retries, retries),
                "snapshot: retries aren't counted" => (),
            );
        }
    }
}
