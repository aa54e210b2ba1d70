//! Infos: what isn't a number, and changes while an engine runs. They stand beside the slab, outside of steps.
//!
//! ```text
//!      recorder (one owner)                     slot, one an info and engine            readers
//!  own pointer ─┬─ same label values: store ──▶ ┌────────────────────────┐
//!               │                    value      │ sample: labels (fixed) │ ◀── load ── snapshot, page
//!               └─ other ones: a new sample ──▶ │         value (a word) │
//!                               swap            └────────────────────────┘
//! ```
//!
//! A sample's labels never change, so whoever has the sample has its labels whole; its value was set with these labels, whenever
//! it is read. The swap (`ArcSwap`'s, with sequentially consistent order) publishes a new sample after its labels were written;
//! the value is relaxed, as it tells of nothing but itself. The owner compares with its own pointer, so that the usual case, no
//! change, reads nothing that others write. So does a reader that comes again: a version tells it whether anything was swapped.
//! Edge **E6 swapped** (those before are the slab's): the owner stores the version with release after the swap, a reader loads it with
//! acquire before the slots, so that it never takes an old sample for one of the version that it remembers.

use std::{collections::HashMap, iter, sync::Arc};

use crate::{
    escape,
    schema::layout::{InfoIndex, InfoLayout, Layout},
    sync::{
        ArcSwapOption, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
};

/// Label values with the value that was set last.
#[derive(Debug)]
pub(crate) struct Sample {
    values: Box<[String]>,
    /// All labels and what stands around them, as printed: `{engine="0",running="sql"} `.
    text: Box<[u8]>,
    value: AtomicU64,
}

impl Sample {
    /// The info's own label values, in declared order.
    pub(crate) fn values(&self) -> &[String] {
        &self.values
    }

    /// What stands between a line's name and its value.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    fn value(&self) -> f64 {
        f64::from_bits(self.value.load(Relaxed)) // no edge: true by itself
    }
}

/// A sample as it was read: labels and a value that was set with them.
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
}

/// The current samples of an engine.
pub(crate) struct Infos {
    slots: Box<[Slot]>,
    /// How many samples were swapped in.
    version: AtomicU64,
}

struct Slot {
    /// The engine labels that are printed, escaped: `engine="0"`.
    engine_text: Box<[u8]>,
    current: ArcSwapOption<Sample>,
}

impl Infos {
    /// No samples. `engine_labels` are the engine's, with their values.
    pub(crate) fn new(layout: &Layout, engine_labels: &[(&str, &str)]) -> Self {
        let slot = |info: &InfoLayout| {
            let printed = info.engine_labels.iter().map(|place| engine_labels[*place]);
            Slot { engine_text: escape::label_pairs(printed), current: ArcSwapOption::empty() }
        };
        Self { slots: layout.infos.iter().map(slot).collect(), version: AtomicU64::new(0) }
    }

    /// Overwrites `readings` with the current sample of each info, and returns their version. `known` is the version of what stands
    /// there already: if nothing has changed since, only values are read. Lock-free.
    pub(crate) fn read(&self, readings: &mut [Option<InfoReading>], known: Option<u64>) -> u64 {
        let version = self.version.load(Acquire); // E6
        if known == Some(version) {
            readings.iter_mut().flatten().for_each(InfoReading::refresh);
        } else {
            let samples = self.slots.iter().map(|slot| slot.current.load_full());
            readings.iter_mut().zip(samples).for_each(|(reading, sample)| *reading = sample.map(InfoReading::new));
        }
        version
    }

    /// Puts a sample in the place of each reading that isn't newer: of another recorder of the same engine.
    pub(crate) fn read_newer(&self, readings: &mut [Option<InfoReading>]) {
        for (reading, slot) in readings.iter_mut().zip(&self.slots) {
            let sample = slot.current.load_full().map(InfoReading::new);
            let older =
                |other: &InfoReading| reading.as_ref().is_none_or(|own| own.value.total_cmp(&other.value).is_le());
            *reading = sample.filter(older).or_else(|| reading.take());
        }
    }
}

/// The owner's side of an engine's infos.
pub(crate) struct InfoWriter {
    infos: Arc<Infos>,
    /// The samples that the slots hold: only the owner changes them.
    current: Box<[Option<Arc<Sample>>]>,
}

impl InfoWriter {
    /// For the slab's owner only.
    pub(crate) fn new(infos: &Arc<Infos>) -> Self {
        let current = infos.slots.iter().map(|slot| slot.current.load_full()).collect();
        Self { current, infos: Arc::clone(infos) }
    }

    #[inline]
    pub(crate) fn set(&mut self, layout: &Layout, InfoIndex(info): InfoIndex, values: &[&str], value: f64) {
        match &self.current[info as usize] {
            Some(sample) if sample.values.iter().eq(values) => sample.value.store(value.to_bits(), Relaxed), // no edge
            _ => self.replace(layout, info as usize, values, value),
        }
    }

    #[cold]
    fn replace(&mut self, layout: &Layout, info: usize, values: &[&str], value: f64) {
        let (slot, labels) = (&self.infos.slots[info], &layout.infos[info].labels);
        let own = escape::label_pairs(iter::zip(labels, values).map(|(label, value)| (label.as_str(), *value)));
        let sample = Arc::new(Sample {
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            text: label_set(&slot.engine_text, &own),
            value: AtomicU64::new(value.to_bits()),
        });
        self.current[info] = Some(Arc::clone(&sample));
        slot.current.store(Some(sample));
        let version = self.infos.version.load(Relaxed); // own stores only
        self.infos.version.store(version + 1, Release); // E6
    }
}

/// `{engine="0",running="sql"} `: what stands between name and value.
fn label_set(engine: &[u8], own: &[u8]) -> Box<[u8]> {
    let parts: Vec<&[u8]> = [engine, own].into_iter().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        return (*b" ").into();
    }
    [b"{", &*parts.join(&b','), b"} "].concat().into()
}

/// Which engines' samples have the same engine labels, so that a page may show only one of them.
///
/// For each info and engine of a list: the first engine that has the same labels. It stands for all that do.
#[derive(Default)]
pub(crate) struct Alike(Box<[Box<[u32]>]>);

/// An engine (by its place in the list) and its value.
pub(crate) type EngineValue = (u32, f64);

impl Alike {
    /// `engines` in the order of the list.
    pub(crate) fn new<'e>(engines: impl Iterator<Item = &'e Infos> + Clone) -> Self {
        let infos = engines.clone().next().map_or(0, |first| first.slots.len());
        Self(
            (0..infos)
                .map(|info| Self::first(engines.clone().map(|engine| &*engine.slots[info].engine_text)))
                .collect(),
        )
    }

    fn first<'e>(texts: impl Iterator<Item = &'e [u8]>) -> Box<[u32]> {
        let mut first = HashMap::new();
        texts.zip(0..).map(|(text, engine)| *first.entry(text).or_insert(engine)).collect()
    }

    /// Overwrites `newest` with the newest of each group of engines, at the place of the group's first engine: that with
    /// the greatest value, the last of equal ones. `values` are the engines' values of this info.
    pub(crate) fn newest(
        &self,
        info: usize,
        values: impl Iterator<Item = Option<f64>>,
        newest: &mut Vec<Option<EngineValue>>,
    ) {
        let first = self.0.get(info).map_or(&[][..], |first| first); // no engines: nothing is alike
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
