//! Rows of plain numbers, one per engine: all words, or chosen ones.
//!
//! ```text
//!  slab      | counters and gauges             | histograms … |
//!               |        |    |
//!  chosen    |  w0      w1   w2 |   a row: the chosen words, side by side
//! ```

use std::sync::Arc;

use super::chosen::{ChosenSeries, ChosenWords};
use crate::{
    schema::{
        Schema,
        layout::{Diagnostic, Layout, Liveness, take_newer},
    },
    sorted::Iter,
    store::{
        dynamic::{FamilySeries, SeriesList, SeriesRow},
        engine::{EngineLabels, EngineStore},
        info::InfoReading,
        slab::{Reading, Slab},
    },
};

/// How many stores are [touched](Slab::touch) before they are read. Fewer aren't worth it.
const TOUCHED: usize = 8;

/// What a row has.
#[derive(Clone, Copy)]
pub(super) enum Selection<'s> {
    /// All words of the slab, the diagnostics, the infos, and the series with dynamic labels.
    All(&'s Layout),
    /// These words and nothing else.
    Chosen(&'s ChosenWords),
}

impl Selection<'_> {
    fn row_len(self) -> usize {
        match self {
            Self::All(layout) => layout.liveness() + Liveness::COUNT,
            Self::Chosen(chosen) => chosen.words.len() + chosen.settable.len(),
        }
    }

    /// How many words of a row are read from slabs and shards. Settable gauges follow.
    fn words(self) -> usize {
        match self {
            Self::All(layout) => layout.row_len(),
            Self::Chosen(chosen) => chosen.words.len(),
        }
    }

    /// Infos, and families with dynamic labels.
    fn others(self) -> (usize, usize) {
        match self {
            Self::All(layout) => (layout.infos.len(), layout.dynamic.len()),
            Self::Chosen(_) => (0, 0),
        }
    }

    /// Overwrites `row` with the sum of a store's slabs and shards. `spare` holds one slab's words
    /// meanwhile.
    fn read_store(self, store: &EngineStore, row: &mut [u64], spare: &mut Vec<u64>) -> Reading {
        let (row, others) = row.split_at_mut(self.words());
        self.read_settable(store, others);
        let mut slabs = store.slabs.iter();
        let first = slabs.next().expect("a store has a slab from the beginning");
        let mut reading = self.read(first, row);
        mutant!("snapshot: further slabs aren't read" => slabs = [].iter());
        for slab in slabs {
            spare.resize(row.len(), 0);
            let Reading { step, retries } = self.read(slab, spare);
            mutant!("snapshot: further slabs replace the first" => row.fill(0));
            self.add(row, |index, _| spare[index]);
            reading.step += step;
            reading.retries = reading.retries.saturating_add(retries);
        }
        if store.shards.is_some() || store.self_metrics.is_some() {
            store.shards().for_each(|shard| self.add(row, |_, word| shard.load(word)));
        }
        if let Self::All(layout) = self {
            let liveness = &mut others[layout.settable.len()..];
            fill_liveness(store, reading.step, liveness);
            if let Some(carried) = &store.carried {
                let words = row[layout.words..].iter_mut().chain(liveness);
                words.zip(&**carried).for_each(|(word, carried)| *word = word.saturating_add(*carried));
            }
        }
        reading
    }

    /// Overwrites the beginning of `row` with the settable gauges: all zero before the first shared
    /// recorder.
    fn read_settable(self, store: &EngineStore, row: &mut [u64]) {
        let gauge = |index| store.shards.as_ref().map_or(0, |shards| shards.settable.load(index));
        match self {
            Self::All(layout) => {
                row[..layout.settable.len()].iter_mut().zip(0..).for_each(|(word, index)| *word = gauge(index));
            }
            Self::Chosen(chosen) => {
                row.iter_mut().zip(&chosen.settable).for_each(|(word, index)| *word = gauge(*index));
            }
        }
    }

    /// Overwrites `row` with one step of a slab.
    fn read(self, slab: &Slab, row: &mut [u64]) -> Reading {
        match self {
            Self::All(layout) => {
                let (words, diagnostics) = row.split_at_mut(layout.words);
                let reading = slab.read(None, words);
                slab.diagnostics.read(diagnostics);
                reading
            }
            Self::Chosen(chosen) => slab.read(Some(&chosen.words), row),
        }
    }

    /// Adds to each word of `row` the value of `other`, given the word's index in a row and in a
    /// slab.
    fn add(self, row: &mut [u64], other: impl Fn(usize, usize) -> u64) {
        match self {
            Self::All(layout) => layout.add(row, |word| other(word, word)),
            Self::Chosen(chosen) => {
                for (index, sum) in row.iter_mut().enumerate() {
                    let word_type = mutant!(
                        chosen.types[index],
                        "snapshot: chosen floats are added up as integers" => Some(crate::schema::types::WordType::U64),
                    );
                    let Some(word_type) = word_type else { continue };
                    *sum = word_type.sum(*sum, other(index, usize::from(chosen.words[index])));
                }
                for &state in &chosen.states {
                    take_newer(row, state, |index| other(index, usize::from(chosen.words[index])));
                }
            }
        }
    }
}

impl ChosenSeries {
    /// Overwrites the words of these series in a row of all words.
    fn read_store(
        &self,
        layout: &Layout,
        store: &EngineStore,
        row: &mut [u64],
        [spare, chosen]: &mut [Vec<u64>; 2],
    ) -> Reading {
        let ChosenWords { words, settable, .. } = &self.words;
        chosen.resize(words.len() + settable.len(), 0);
        let reading = Selection::Chosen(&self.words).read_store(store, chosen, spare);
        let settable = settable.iter().map(|index| layout.row_len() + usize::from(*index));
        let indices = words.iter().map(|word| usize::from(*word)).chain(settable);
        indices.zip(&*chosen).for_each(|(index, word)| row[index] = *word);
        if mutant!(self.counted, "subset: what recorders count isn't read" => false) {
            let counted = store.counted();
            row[layout.words..][..Diagnostic::COUNT].copy_from_slice(&counted[..Diagnostic::COUNT]);
            let carried = store.carried.as_ref().map_or(0, |carried| carried[Diagnostic::COUNT]);
            fill_liveness(store, reading.step.saturating_add(carried), &mut row[layout.liveness()..]);
        }
        reading
    }
}

/// In the order of [`Liveness`].
fn fill_liveness(store: &EngineStore, steps: u64, out: &mut [u64]) {
    let [mut recorders, mut open_steps] = [0; 2];
    for slab in &store.slabs {
        let [recorder, open_step] = slab.recorders_and_open_steps();
        recorders += recorder;
        open_steps += open_step;
    }
    out.copy_from_slice(&[steps, recorders, open_steps]);
}

/// What was read from engines, or from the registry.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) headers: Vec<RowHeader>,
    /// The rows of engines that aren't parts of others.
    pub(super) wholes: Vec<u32>,
    row_len: usize,
    /// One row of words per engine.
    words: Vec<u64>,
    /// One row of infos per engine.
    pub(super) infos: Vec<Option<InfoReading>>,
    /// One row of families with dynamic labels per engine.
    pub(super) dynamic: Vec<DynamicReading>,
    /// For the words of a slab that are added to a row, and for chosen words.
    spare: [Vec<u64>; 2],
}

/// What the recorders of a row count about themselves.
pub(super) struct RecorderCounts {
    diagnostics: [u64; Diagnostic::COUNT],
    liveness: [u64; Liveness::COUNT],
}

/// What is kept of an engine besides its words.
pub(super) struct RowHeader {
    pub(super) labels: Arc<EngineLabels>,
    pub(super) step: u64,
    pub(super) retries: u32,
    /// The engine was dropped, and lingers.
    pub(super) lingers: bool,
}

impl RowHeader {
    /// The value of one of the schema's engine labels. The registry has none.
    pub(super) fn label(&self, schema: &Schema, name: &str) -> Option<&str> {
        let index = schema.engine_labels().iter().position(|label| label == name)?;
        self.labels.values.get(index).map(String::as_str)
    }
}

/// The series of one family of an engine, and their words.
#[derive(Default)]
pub(super) struct DynamicReading {
    list: Option<Arc<SeriesList>>,
    words: Vec<u64>,
}

impl DynamicReading {
    /// Overwrites this with the family's series: none before the engine has a shared recorder. A
    /// list that is still current is kept.
    pub(super) fn fill(&mut self, family: Option<&FamilySeries>) {
        let Self { list, words } = self;
        *list = family.and_then(|family| family.newer_than(list.as_ref()).or_else(|| list.take()));
        words.clear();
        for series in list.iter().flat_map(|list| list.series()) {
            words.extend((0..series.layout.words).map(|word| series.row().load(word)));
        }
    }

    /// Each series with its words.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (&SeriesRow, &[u64])> {
        let series = self.list.as_ref().map_or_else(Iter::default, |list| list.series());
        let words = series.clone().next().map_or(1, |series| series.layout.words);
        series.map(Arc::as_ref).zip(self.words.chunks_exact(words))
    }
}

impl Rows {
    /// Overwrites this with what `stores` hold. If there are `series`, all else in a row of all
    /// words is left as it was. Returns how many attempts failed.
    ///
    /// An `Arc` that it holds already is kept. So a warm snapshot writes no reference count, which
    /// may lie on a cache line that recorders read.
    pub(super) fn fill<'e>(
        &mut self,
        selection: Selection<'_>,
        series: Option<&ChosenSeries>,
        stores: impl ExactSizeIterator<Item = &'e Arc<EngineStore>> + Clone,
    ) -> u64 {
        if stores.len() == 0 && self.headers.is_empty() {
            return 0;
        }
        self.row_len = selection.row_len();
        let (infos, dynamic) = selection.others();
        let mut changed = self.headers.len() != stores.len();
        if changed {
            self.make_room(stores.len(), selection);
        }
        let mut ahead = stores.clone().take(if stores.len() < TOUCHED { 0 } else { usize::MAX });
        let mut retries = 0;
        for (index, store) in stores.enumerate() {
            if index % TOUCHED == 0 {
                ahead.by_ref().take(TOUCHED).for_each(|store| store.slabs[0].touch());
            }
            let row = &mut self.words[index * self.row_len..][..self.row_len];
            let reading = match (selection, series) {
                (Selection::All(layout), Some(series)) => series.read_store(layout, store, row, &mut self.spare),
                _ => selection.read_store(store, row, &mut self.spare[0]),
            };
            retries += u64::from(reading.retries);
            changed |= self.update_header(index, store, reading, infos);
            if infos + dynamic > 0 {
                let infos = &mut self.infos[index * infos..][..infos];
                read_others(store, series, infos, &mut self.dynamic[index * dynamic..][..dynamic]);
            }
        }
        if matches!(selection, Selection::All(_))
            && mutant!(changed, "snapshot: which rows are parts is kept" => self.wholes.is_empty())
        {
            self.find_wholes();
        }
        retries
    }

    /// Overwrites the header of a row. Returns whether it was another engine's, or is new.
    #[inline(always)]
    fn update_header(&mut self, index: usize, store: &EngineStore, reading: Reading, infos: usize) -> bool {
        let Reading { step, retries } = reading;
        let lingers = store.until.is_some();
        match self.headers.get_mut(index) {
            Some(header) if Arc::ptr_eq(&header.labels, &store.labels) => {
                (header.step, header.retries, header.lingers) = (step, retries, lingers);
                false
            }
            header => {
                mutant!(
                    self.infos[index * infos..][..infos].fill_with(|| None), // they are another engine's
                    "snapshot: infos of the engine before are kept" => (),
                );
                let new = RowHeader { labels: Arc::clone(&store.labels), step, retries, lingers };
                match header {
                    Some(header) => *header = new,
                    None => self.headers.push(new),
                }
                true
            }
        }
    }

    #[cold]
    fn find_wholes(&mut self) {
        let is_whole =
            |header: &RowHeader| mutant!(header.labels.whole.is_none(), "text: parts have lines of their own" => true);
        let headers = self.headers.iter().enumerate();
        self.wholes.clear();
        self.wholes.extend(headers.filter(|(_, header)| is_whole(header)).map(|(index, _)| index as u32));
    }

    /// Resizes the buffers for this number of rows. Headers are added as rows are filled.
    #[cold]
    fn make_room(&mut self, rows: usize, selection: Selection<'_>) {
        let (infos, dynamic) = selection.others();
        self.headers.truncate(rows);
        self.words.resize(rows * self.row_len, 0);
        self.infos.resize_with(rows * infos, || None);
        self.dynamic.resize_with(rows * dynamic, DynamicReading::default);
    }

    /// What the recorders of a row count about themselves.
    pub(super) fn counted(&self, layout: &Layout, index: usize) -> RecorderCounts {
        let words = self.words(index);
        let diagnostics = words[layout.words..].first_chunk().expect("behind the words");
        let liveness = words[layout.liveness()..].first_chunk().expect("at the end");
        RecorderCounts { diagnostics: *diagnostics, liveness: *liveness }
    }

    /// Adds what the recorders of a part count about themselves.
    pub(super) fn add_counted(&mut self, layout: &Layout, index: usize, counted: &RecorderCounts) {
        let row = &mut self.words[index * self.row_len..][..self.row_len];
        let add = |(word, count): (&mut u64, &u64)| *word = word.saturating_add(*count);
        let diagnostics = row[layout.words..].first_chunk_mut::<{ Diagnostic::COUNT }>();
        diagnostics.into_iter().flatten().zip(&counted.diagnostics).for_each(add);
        let liveness = row[layout.liveness()..].first_chunk_mut::<{ Liveness::COUNT }>();
        liveness.into_iter().flatten().zip(&counted.liveness).for_each(add);
    }

    /// The words of a row.
    #[inline]
    pub(super) fn words(&self, index: usize) -> &[u64] {
        &self.words[index * self.row_len..][..self.row_len]
    }

    /// The index of the engine with these label values.
    pub(super) fn find(&self, values: &[&str]) -> Option<usize> {
        let same = |header: &RowHeader| header.labels.values.iter().eq(values);
        self.headers.iter().position(same)
    }
}

/// Overwrites the infos of a row and its series with dynamic labels, or those that are chosen.
fn read_others(
    store: &EngineStore,
    series: Option<&ChosenSeries>,
    infos: &mut [Option<InfoReading>],
    dynamic: &mut [DynamicReading],
) {
    let Some(series) = series else {
        store.infos.read(infos);
        let mut families = store.shards.iter().flat_map(|shards| shards.dynamic.iter());
        return dynamic.iter_mut().for_each(|reading| reading.fill(families.next()));
    };
    series.infos.iter().for_each(|info| store.infos.read_one(*info, &mut infos[*info]));
    for index in &series.dynamic {
        dynamic[index.0 as usize].fill(store.shards.as_ref().map(|shards| shards.dynamic.family(*index)));
    }
}
