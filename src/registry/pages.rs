//! What the registry records about its own pages. A page shows what was recorded before it.

use std::{sync::Arc as StdArc, time::Duration};

use super::directory;
use crate::{
    info::Infos,
    record::SharedRecorder,
    schema::{Schema, layout::Scope, pages::PageFamilies},
    shards::Shards,
    snapshot::Source,
};

/// Recorded word by word, as threads may render at a time.
pub(super) struct Pages {
    pub(super) source: StdArc<Source>,
    recorder: SharedRecorder,
    families: PageFamilies,
}

impl Pages {
    pub(super) fn new(schema: &Schema) -> Self {
        // One shard: pages are rare, and each snapshot reads all shards.
        let shards = StdArc::new(Shards::new(StdArc::clone(schema.layout(Scope::Pages)), 1, b""));
        let (labels, infos) = (directory::labels(schema, Vec::new()), Infos::new(schema.layout(Scope::Pages), &[]));
        let shards_of_source = Some(StdArc::clone(&shards));
        let source = Source { labels, slabs: Vec::new(), infos: StdArc::new(infos), shards: shards_of_source };
        Self { source: StdArc::new(source), recorder: SharedRecorder::new(shards), families: *schema.page_families() }
    }

    pub(super) fn rendered(&self, took: Duration, bytes: usize) {
        self.recorder.add(self.families.bytes, bytes as u64);
        self.recorder.observe(self.families.seconds, took.as_secs_f64());
    }

    /// Takes no cache line from other snapshots, unless there is something to count.
    pub(super) fn retried(&self, failed_tries: u64) {
        if failed_tries > 0 {
            mutant!(
                self.recorder.add(self.families.retries, failed_tries),
                "snapshot: failed tries aren't counted" => (),
            );
        }
    }
}
