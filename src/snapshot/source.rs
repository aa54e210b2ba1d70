//! What a snapshot reads of an engine, or of the registry itself.

use std::sync::Arc as StdArc;

use super::{open::OpenReading, selection::Selection};
use crate::{
    info::{InfoReading, Infos},
    shards::Shards,
    slab::{Reading, Slab},
    sync::Arc,
};

/// An engine's label values, as given and as printed. An engine is told by where they stand: one that attaches again has others.
#[derive(Debug)]
pub(crate) struct EngineLabels {
    pub(crate) values: Vec<String>,
    /// `engine="0",model_name="m"`, escaped.
    pub(crate) text: Box<[u8]>,
}

/// What an exclusive recorder writes.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) slab: Arc<Slab>,
    pub(crate) infos: StdArc<Infos>,
}

/// Where the series of an engine are: a value is the sum over all slabs and shards. It never changes; what grows replaces it.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) labels: StdArc<EngineLabels>,
    /// At least one, but for what is recorded about pages.
    pub(crate) parts: Vec<Part>,
    /// From the first shared recorder on.
    pub(crate) shards: Option<StdArc<Shards>>,
}

impl Source {
    /// Overwrites `row` with the sum of all selected words. `spare` is a row to work in.
    pub(super) fn read(&self, selection: Selection<'_>, row: &mut [u64], spare: &mut Vec<u64>) -> Reading {
        let mut parts = self.parts.iter();
        let mut reading = match parts.next() {
            Some(first) => selection.read(&first.slab, row),
            None => {
                row.fill(0);
                Reading::default()
            }
        };
        for part in parts {
            spare.resize(row.len(), 0);
            let Reading { step, failed_tries } = selection.read(&part.slab, spare);
            selection.add(row, |place, _| spare[place]);
            reading.step += step;
            reading.failed_tries = reading.failed_tries.saturating_add(failed_tries);
        }
        for shard in self.shards.iter().flat_map(|shards| shards.iter()) {
            selection.add(row, |_, word| shard.load(word));
        }
        reading
    }

    /// Overwrites `readings` with the series of each family with open labels.
    pub(super) fn read_open(&self, readings: &mut [OpenReading]) {
        let mut families = self.shards.iter().flat_map(|shards| shards.open.iter());
        readings.iter_mut().for_each(|reading| reading.fill(families.next()));
    }

    /// Overwrites `readings` with the newest sample of each info: of several recorders' the greatest value, the last of equal ones. Returns
    /// their version, by which the next time knows what has changed, if there is one recorder.
    pub(super) fn read_infos(&self, readings: &mut [Option<InfoReading>], known: Option<u64>) -> Option<u64> {
        let (first, others) = self.parts.split_first()?;
        let version = first.infos.read(readings, known);
        others.iter().for_each(|part| part.infos.read_newer(readings));
        others.is_empty().then_some(version)
    }
}
