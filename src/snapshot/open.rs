//! Families with open labels in a snapshot.

use std::sync::Arc;

use super::{EngineView, HistogramView};
use crate::{
    schema::{
        handle::{Counter, Gauge, Histogram},
        layout::OpenIndex,
        open::OpenFamily,
        value::{CounterValue, GaugeValue, ObservationValue},
    },
    shards::open::{self, OpenList, OpenRow},
};

/// The series that a family of an engine had, and their words.
#[derive(Default)]
pub(super) struct OpenReading {
    list: Option<Arc<OpenList>>,
    words: Vec<u64>,
}

impl OpenReading {
    /// Forgets what it held and takes over a family: none before the engine has a shared recorder. What it shares already it keeps.
    pub(super) fn fill(&mut self, family: Option<&open::OpenFamily>) {
        let Self { list, words } = self;
        *list = family.and_then(|family| family.newer_than(list.as_ref()).or_else(|| list.take()));
        words.clear();
        for series in list.iter().flat_map(|list| list.series()) {
            words.extend((0..series.layout.words).map(|word| series.row().load(word)));
        }
    }

    fn series(&self) -> &[Arc<OpenRow>] {
        self.list.as_ref().map_or(&[], |list| list.series())
    }

    /// Each series with its words.
    fn iter(&self) -> impl ExactSizeIterator<Item = (&OpenRow, &[u64])> {
        let words = self.series().first().map_or(1, |series| series.layout.words);
        self.series().iter().map(Arc::as_ref).zip(self.words.chunks_exact(words))
    }
}

/// Series of a family with open labels.
impl<'s> EngineView<'s> {
    /// A family with open labels: the label values of each series and its counter, in the order of the values. They are what was looked up and
    /// not retired, and the overflow series; none before the engine has a shared recorder. Not part of the step.
    ///
    /// ```
    /// # use tachometer::{Registry, Schema, Snapshot};
    /// # let mut schema = Schema::builder();
    /// let tokens = schema.counter::<u64>("tenant_tokens", "Tokens, by tenant.").open_labels(["tenant"], 8).declare()?;
    /// # let registry = Registry::new(schema.build()?);
    /// # let engine = registry.attach::<&str>([])?;
    /// engine.shared_recorder().series(tokens, ["a"]).add(5);
    /// let mut snapshot = Snapshot::new();
    /// registry.snapshot(&mut snapshot);
    /// let engine = snapshot.engines().next().unwrap();
    /// assert!(engine.counters(tokens).eq([(["a"], 5), (["other"], 0)]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn counters<T: CounterValue, const N: usize>(
        &self,
        family: OpenFamily<Counter<T>, N>,
    ) -> impl ExactSizeIterator<Item = ([&'s str; N], T)> + use<'s, T, N> {
        self.open(family).map(|(values, _, words)| (values, T::from_word(words[0])))
    }

    /// As [`counters`](Self::counters), of a family of gauges.
    pub fn gauges<T: GaugeValue, const N: usize>(
        &self,
        family: OpenFamily<Gauge<T>, N>,
    ) -> impl ExactSizeIterator<Item = ([&'s str; N], T)> + use<'s, T, N> {
        self.open(family).map(|(values, _, words)| (values, T::from_word(words[0])))
    }

    /// As [`counters`](Self::counters), of a family of histograms.
    pub fn histograms<T: ObservationValue, const N: usize>(
        &self,
        family: OpenFamily<Histogram<T>, N>,
    ) -> impl ExactSizeIterator<Item = ([&'s str; N], HistogramView<'s, T>)> + use<'s, T, N> {
        self.open(family)
            .map(|(values, series, words)| (values, HistogramView::new(&series.layout.histograms[0], words)))
    }

    fn open<H, const N: usize>(
        &self,
        family: OpenFamily<H, N>,
    ) -> impl ExactSizeIterator<Item = ([&'s str; N], &'s OpenRow, &'s [u64])> + use<'s, H, N> {
        self.check(family.schema);
        self.check_whole();
        let series = self.open_reading(family.index).iter();
        series.map(|(series, words)| (std::array::from_fn(|label| &*series.values[label]), series, words))
    }

    /// Label text and words of each series.
    pub(crate) fn open_rows(&self, family: OpenIndex) -> impl Iterator<Item = (&'s [u8], &'s [u64])> + use<'s> {
        self.open_reading(family).iter().map(|(series, words)| (&*series.text, words))
    }

    fn open_reading(&self, OpenIndex(family): OpenIndex) -> &'s OpenReading {
        &self.rows.open[self.index * self.layout.open.len() + family as usize]
    }
}
