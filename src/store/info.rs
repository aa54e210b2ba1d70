//! Infos: label values that change while an engine runs. An info belongs to its engine, whichever
//! of the engine's recorders sets it, and isn't part of a step.
//!
//! ```text
//!   a recorder                                slot, one per info and engine  readers
//!   its own pointer ─┬─ same labels: store ──▶ ┌────────────────────────────┐
//!                    │                value    │ sample: id, labels (fixed) │ ◀─ snapshot, page
//!                    └─ other labels: a ─────▶ │         value (a word)     │
//!                       new sample, by CAS     │ newest: the sample's id    │
//!                                              └────────────────────────────┘
//! ```
//!
//! A sample's labels never change. So a reader that has a sample has all of its labels, and any
//! value it finds there was set with these labels. Samples of a slot are numbered: a
//! compare-and-swap replaces a sample only by the one with the next id.
//!
//! To clear an info is to swap in a sample that isn't shown. So ids go on, and readers notice it as
//! they notice new labels.
//!
//! Usually the labels stay the same. Then a recorder compares the slot's `newest` with the id of
//! the sample that it set last, and stores the value: loads and one store. If another recorder
//! swaps in a sample at the same moment, that call counts as the later one, and the value stored
//! into the old sample is rightly lost.
//!
//! **Orderings.** All of ours are relaxed. `ArcSwap` publishes a sample after its labels were
//! written. `newest` is only compared: a reader or a recorder that finds its own sample's id there
//! keeps that sample, and otherwise loads the slot. Coherence of this one word is enough: whatever
//! happens after a call of `set` finds at least that call's id. `newest` is raised by `fetch_max`,
//! since two recorders may reach it in a different order than they swapped. The value orders
//! nothing else.

use std::{collections::HashMap, iter, sync::Arc};

use crate::{
    escape,
    schema::layout::{InfoIndex, InfoLayout, Layout},
    sync::{ArcSwapOption, AtomicU64, Ordering::Relaxed},
};

/// Label values with the value that was set last.
#[derive(Debug)]
pub(crate) struct Sample {
    /// 1, 2, 3, … in each slot.
    id: u64,
    /// The info was cleared: it has no sample.
    cleared: bool,
    values: Box<[String]>,
    /// All labels, escaped: `engine="0",running="sql"`.
    text: Box<[u8]>,
    value: AtomicU64,
}

impl Sample {
    fn cleared(id: u64) -> Self {
        Self { id, cleared: true, values: Box::default(), text: Box::default(), value: AtomicU64::new(0) }
    }

    /// The info's own label values, in declared order.
    pub(crate) fn values(&self) -> &[String] {
        &self.values
    }

    /// All labels, escaped.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Whether these are its label values, and it is shown.
    fn shows(&self, values: &[&str]) -> bool {
        !self.cleared && self.values.iter().eq(values)
    }

    fn value(&self) -> f64 {
        f64::from_bits(self.value.load(Relaxed)) // no edge: read by itself
    }
}

/// A sample that was read: its labels, and a value that was set with them.
pub(crate) struct InfoReading {
    pub(crate) sample: Arc<Sample>,
    pub(crate) value: f64,
}

impl InfoReading {
    fn new(sample: Arc<Sample>) -> Self {
        Self { value: sample.value(), sample }
    }

    fn refresh(&mut self) {
        self.value = self.sample.value();
    }

    /// `None` if the info was cleared.
    pub(crate) fn shown(&self) -> Option<&Self> {
        mutant!((!self.sample.cleared).then_some(self), "info: a cleared sample is shown" => Some(self))
    }
}

/// The current samples of an engine.
pub(crate) struct Infos(Box<[Slot]>);

struct Slot {
    /// The constant labels, and the engine labels that are printed, escaped: `engine="0"`.
    engine_text: Box<[u8]>,
    current: ArcSwapOption<Sample>,
    /// The id of the newest sample; 0 before the first.
    newest: AtomicU64,
}

impl Infos {
    /// No samples. `const_labels` are escaped. `engine_labels` are the engine's, with their values.
    pub(crate) fn new(layout: &Layout, const_labels: &[u8], engine_labels: &[(&str, &str)]) -> Self {
        let slot = |info: &InfoLayout| {
            let printed = info.engine_labels.iter().map(|index| engine_labels[*index]);
            let before = mutant!(const_labels, "info: constant labels are left out" => b"");
            let engine_text = escape::label_pairs(before, printed);
            Slot { engine_text, current: ArcSwapOption::empty(), newest: AtomicU64::new(0) }
        };
        Self(layout.infos.iter().map(slot).collect())
    }

    /// Sets an info, from any thread, and returns its sample. `None` if there isn't one value per
    /// label: then nothing has changed.
    pub(crate) fn set(
        &self,
        layout: &Layout,
        InfoIndex(info): InfoIndex,
        values: &[&str],
        value: f64,
    ) -> Option<Arc<Sample>> {
        let labels = &layout.infos[info as usize].labels;
        let fits = mutant!(values.len() == labels.len(), "info: too many label values are shown" => true);
        debug_assert!(fits, "label values {values:?} don't match the info's labels {labels:?}: give one per label");
        fits.then(|| self.0[info as usize].set(labels, values, value))
    }

    /// Clears an info, from any thread.
    pub(crate) fn clear(&self, InfoIndex(info): InfoIndex) {
        self.0[info as usize].clear();
    }

    /// Overwrites `readings` with the current sample of each info. They hold what an earlier read
    /// of the same engine found; if a sample is still the same, only its value is read again.
    /// Lock-free.
    pub(crate) fn read(&self, readings: &mut [Option<InfoReading>]) {
        readings.iter_mut().zip(&self.0).for_each(|(reading, slot)| slot.read(reading));
    }

    /// The same of one info.
    pub(crate) fn read_one(&self, info: usize, reading: &mut Option<InfoReading>) {
        self.0[info].read(reading);
    }
}

impl Slot {
    fn read(&self, reading: &mut Option<InfoReading>) {
        let newest = self.newest.load(Relaxed); // no edge: compared with an id of the same word
        match reading {
            Some(reading) if reading.sample.id == newest => reading.refresh(),
            None if newest == 0 => {}
            _ => *reading = self.current.load_full().map(InfoReading::new),
        }
    }

    /// Makes these the current label values with this value, and returns their sample. Lock-free:
    /// tries again only if another recorder swapped in a sample meanwhile.
    fn set(&self, labels: &[String], values: &[&str], value: f64) -> Arc<Sample> {
        let mut current = self.current.load_full();
        loop {
            if let Some(sample) = current.as_ref().filter(|sample| sample.shows(values)) {
                sample.value.store(value.to_bits(), Relaxed); // no edge: read by itself
                return self.publish(Arc::clone(sample));
            }
            match self.replaced(current, |id| self.sample(id, labels, values, value)) {
                Ok(sample) => return sample,
                Err(found) => current = found,
            }
        }
    }

    /// Leaves the info without a sample. Returns the one that says so, if there was any before.
    /// Lock-free, as [`set`](Self::set).
    fn clear(&self) -> Option<Arc<Sample>> {
        let mut current = self.current.load_full();
        while current.as_ref().is_some_and(|sample| !sample.cleared) {
            match self.replaced(current, Sample::cleared) {
                Ok(sample) => return Some(sample),
                Err(found) => current = found,
            }
        }
        current.map(|sample| self.publish(sample))
    }

    /// Replaces the sample `current` by the one with the next id. `Err` is the sample that another
    /// recorder swapped in meanwhile.
    fn replaced(
        &self,
        current: Option<Arc<Sample>>,
        next: impl FnOnce(u64) -> Sample,
    ) -> Result<Arc<Sample>, Option<Arc<Sample>>> {
        let sample = Arc::new(next(current.as_ref().map_or(0, |sample| sample.id) + 1));
        let found = self.current.compare_and_swap(&current, Some(Arc::clone(&sample)));
        let swapped = found.as_ref().map(Arc::as_ptr) == current.as_ref().map(Arc::as_ptr);
        if swapped { Ok(self.publish(sample)) } else { Err(found.clone()) }
    }

    /// Announces to readers a sample that is, or was, in the slot.
    fn publish(&self, sample: Arc<Sample>) -> Arc<Sample> {
        self.newest.fetch_max(sample.id, Relaxed); // no edge: compared with an id of the same word
        sample
    }

    fn sample(&self, id: u64, labels: &[String], values: &[&str], value: f64) -> Sample {
        Sample {
            id,
            cleared: false,
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            text: escape::label_pairs(
                &self.engine_text,
                iter::zip(labels, values).map(|(label, value)| (label.as_str(), *value)),
            ),
            value: AtomicU64::new(value.to_bits()),
        }
    }
}

/// A recorder's side of an engine's infos.
pub(crate) struct InfoWriter {
    infos: Arc<Infos>,
    /// For each info, the sample that this recorder found or set last.
    known: Box<[Option<Arc<Sample>>]>,
}

impl InfoWriter {
    pub(crate) fn new(infos: &Arc<Infos>) -> Self {
        Self { known: infos.0.iter().map(|slot| slot.current.load_full()).collect(), infos: Arc::clone(infos) }
    }

    /// `None` if there isn't one value per label: then nothing has changed.
    #[inline]
    pub(crate) fn set(
        &mut self,
        layout: &Layout,
        InfoIndex(info): InfoIndex,
        values: &[&str],
        value: f64,
    ) -> Option<()> {
        let info = info as usize;
        let newest = mutant!(
            // No edge: a swap that isn't seen counts as later.
            self.infos.0[info].newest.load(Relaxed),
            "info: another recorder's labels aren't noticed" => self.known[info].as_ref().map_or(0, |sample| sample.id),
        );
        match &self.known[info] {
            Some(sample) if sample.id == newest && sample.shows(values) => {
                sample.value.store(value.to_bits(), Relaxed); // no edge: read by itself
                Some(())
            }
            _ => self.replace(layout, info, values, value),
        }
    }

    pub(crate) fn clear(&mut self, InfoIndex(info): InfoIndex) {
        let info = info as usize;
        // No edge: a swap that isn't seen counts as later.
        let newest = self.infos.0[info].newest.load(Relaxed);
        match &self.known[info] {
            None if newest == 0 => {}
            Some(sample) if sample.id == newest && sample.cleared => {}
            _ => self.known[info] = self.infos.0[info].clear(),
        }
    }

    #[cold]
    fn replace(&mut self, layout: &Layout, info: usize, values: &[&str], value: f64) -> Option<()> {
        self.known[info] = Some(self.infos.set(layout, InfoIndex(info as u32), values, value)?);
        Some(())
    }
}

/// Which engines have the same labels on their samples of an info, so that a page may show only one
/// of these samples.
///
/// For each info and each engine of a list: the first engine with the same labels, which represents
/// the group.
#[derive(Default)]
pub(crate) struct LabelGroups(Box<[Box<[u32]>]>);

/// An engine (its index in the list) and its value.
pub(crate) type EngineValue = (u32, f64);

impl LabelGroups {
    /// `engines` are in the order of the rows.
    pub(crate) fn new<'e>(engines: impl Iterator<Item = &'e Infos> + Clone) -> Self {
        let infos = engines.clone().next().map_or(0, |first| first.0.len());
        Self((0..infos).map(|info| Self::first(engines.clone().map(|engine| &*engine.0[info].engine_text))).collect())
    }

    fn first<'e>(texts: impl Iterator<Item = &'e [u8]>) -> Box<[u32]> {
        let mut first = HashMap::new();
        texts.zip(0..).map(|(text, engine)| *first.entry(text).or_insert(engine)).collect()
    }

    /// Overwrites `newest` with the newest sample of each group: the one with the greatest value,
    /// or the last of equal ones. It is at the index of the group's first engine. `values` are the
    /// engines' values of this info.
    pub(crate) fn newest(
        &self,
        info: usize,
        values: impl Iterator<Item = Option<f64>>,
        newest: &mut Vec<Option<EngineValue>>,
    ) {
        let first = self.0.get(info).map_or(&[][..], |first| first); // no engines, no groups
        newest.clear();
        newest.resize(first.len(), None);
        for ((value, first), engine) in values.zip(first).zip(0..) {
            let Some(value) = value else { continue };
            let newest = &mut newest[*first as usize];
            if newest.is_none_or(|(_, other)| value.total_cmp(&other).is_ge()) {
                *newest = Some((engine, value));
            }
        }
    }
}
