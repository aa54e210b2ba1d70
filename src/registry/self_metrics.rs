//! What the registry records about its own pages. A page shows what was recorded before it was
//! rendered.

use std::{sync::Arc as StdArc, time::Duration};

use crate::{
    exposition::{Style, write_milliseconds},
    record::SharedRecorder,
    schema::{Schema, layout::Scope, self_families::SelfFamilies},
    store::{engine::EngineLabels, info::Infos, shards::Shards},
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

/// The family about collectors.
pub(super) const COLLECTOR_FAILURES: &str = "tachometer_collector_failures";

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
    pub(super) fn write_failures(&self, labels: &EngineLabels, style: Style, page: &mut Vec<u8>) {
        let failures = self.collector_failures.load(Relaxed); // no edge: read by itself
        let name = COLLECTOR_FAILURES;
        let suffix = if style.is_open_metrics() { "" } else { "_total" };
        let help = "Times that a page lacked a collector's families, because it failed.";
        let text = match &*labels.text {
            [] => String::new(),
            text => format!("{{{}}}", String::from_utf8_lossy(text)),
        };
        let lines = [
            format!("# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} counter\n"),
            format!("{name}_total{text} {failures}\n"),
        ];
        lines.iter().for_each(|line| page.extend_from_slice(line.as_bytes()));
        if style.has_created() {
            page.extend_from_slice(format!("{name}_created{text} ").as_bytes());
            write_milliseconds(labels.attached_at, page);
            page.push(b'\n');
        }
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
