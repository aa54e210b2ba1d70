//! What a snapshot reads of an engine, or of the registry itself.

use std::sync::Arc as StdArc;

use super::{open::OpenReading, selection::Selection};
use crate::{
    info::Infos,
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

/// Where the series of an engine are: a value is the sum over all slabs and shards. It never changes; what grows replaces it.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) labels: StdArc<EngineLabels>,
    /// One per exclusive recorder. At least one, but for what is recorded about pages.
    pub(crate) slabs: Vec<Arc<Slab>>,
    /// The engine's, whichever recorder sets them.
    pub(crate) infos: StdArc<Infos>,
    /// From the first shared recorder on.
    pub(crate) shards: Option<StdArc<Shards>>,
}

impl Source {
    /// Overwrites `row` with the sum of all selected words. `spare` is a row to work in.
    pub(super) fn read(&self, selection: Selection<'_>, row: &mut [u64], spare: &mut Vec<u64>) -> Reading {
        let mut slabs = self.slabs.iter();
        let mut reading = match slabs.next() {
            Some(first) => selection.read(first, row),
            None => {
                row.fill(0);
                Reading::default()
            }
        };
        mutant!("snapshot: further slabs aren't read" => slabs = [].iter());
        for slab in slabs {
            spare.resize(row.len(), 0);
            let Reading { step, failed_tries } = selection.read(slab, spare);
            mutant!("snapshot: further slabs replace the first" => row.fill(0));
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
}
