//! What the registry records about its own pages. A page shows what was recorded before it was
//! rendered.

use std::{sync::Arc as StdArc, time::Duration};

use crate::{
    record::SharedRecorder,
    schema::{Schema, layout::Scope, self_families::SelfFamilies},
    store::{info::Infos, shards::Shards},
    sync::{AtomicU64, Ordering::Relaxed},
};

/// It is recorded word by word, since several threads may render at the same time.
pub(super) struct SelfMetrics {
    pub(super) shards: StdArc<Shards>,
    recorder: SharedRecorder,
    families: SelfFamilies,
    /// Shown only where there are collectors.
    collector_failures: AtomicU64,
}

const COLLECTOR_FAILURES: &str = "\
    # HELP tachometer_collector_failures_total Times that a page lacked a collector's families, because it failed.\n\
    # TYPE tachometer_collector_failures_total counter\n\
    tachometer_collector_failures_total";

impl SelfMetrics {
    pub(super) fn new(schema: &Schema) -> Self {
        // One shard is enough: pages are rare, and every snapshot reads all shards.
        let layout = schema.layout(Scope::Registry);
        let infos = StdArc::new(Infos::new(layout, b"", &[])); // none is ever set here
        let shards = StdArc::new(Shards::new(StdArc::clone(layout), 0, b"", infos));
        let recorder = SharedRecorder::new(StdArc::clone(&shards));
        Self { shards, recorder, families: *schema.self_families(), collector_failures: AtomicU64::new(0) }
    }

    pub(super) fn collector_failed(&self) {
        self.collector_failures.fetch_add(1, Relaxed); // no edge: read by itself
    }

    /// Appends the family about collectors. `labels` are those of all samples.
    pub(super) fn write_failures(&self, labels: &[u8], page: &mut Vec<u8>) {
        let failures = self.collector_failures.load(Relaxed); // no edge: read by itself
        page.extend_from_slice(COLLECTOR_FAILURES.as_bytes());
        if !labels.is_empty() {
            page.push(b'{');
            page.extend_from_slice(labels);
            page.push(b'}');
        }
        page.extend_from_slice(format!(" {failures}\n").as_bytes());
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
