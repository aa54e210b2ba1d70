//! Families with dynamic labels in a snapshot.

use super::{histogram::HistogramView, rows::DynamicReading, view::EngineView};
use crate::{
    schema::{
        declare::dynamic::DynamicFamily,
        handle::{Counter, Gauge, Histogram},
        layout::DynamicIndex,
        shape::Length,
        value::{CounterValue, GaugeValue, ObservationValue},
    },
    store::dynamic::SeriesRow,
};

/// Series of a family with dynamic labels.
impl<'s> EngineView<'s> {
    /// The series of a family of counters with dynamic labels: label values (an array, or a `Vec`
    /// if their number is only known at run time) and counter of each, sorted by the values. These
    /// are the series that were looked up and not removed, and the overflow series. There are none
    /// before the engine has a shared recorder. They aren't part of the step.
    ///
    /// ```
    /// # use tachometer::{Registry, Schema, Snapshot};
    /// # let mut schema = Schema::builder(&[]);
    /// let tokens = schema.counter::<u64>("tenant_tokens", "Tokens, by tenant.");
    /// let tokens = tokens.dynamic_labels(["tenant"], 8).declare()?;
    /// # let registry = Registry::new(schema.build()?);
    /// # let engine = registry.attach(&[])?;
    /// engine.shared_recorder().with_label_values(tokens, ["a"]).add(5);
    /// let mut snapshot = Snapshot::new();
    /// registry.snapshot(&mut snapshot);
    /// let engine = snapshot.engines().next().unwrap();
    /// assert!(engine.counters(tokens).eq([(["a"], 5), (["other"], 0)]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn counters<T: CounterValue, L: Length>(
        &self,
        family: DynamicFamily<Counter<T>, L>,
    ) -> impl ExactSizeIterator<Item = (L::Of<&'s str>, T)> + use<'s, T, L> {
        self.dynamic(family).map(|(values, _, words)| (values, T::from_word(words[0])))
    }

    /// Like [`counters`](Self::counters), for a family of gauges.
    pub fn gauges<T: GaugeValue, L: Length>(
        &self,
        family: DynamicFamily<Gauge<T>, L>,
    ) -> impl ExactSizeIterator<Item = (L::Of<&'s str>, T)> + use<'s, T, L> {
        self.dynamic(family).map(|(values, _, words)| (values, T::from_word(words[0])))
    }

    /// Like [`counters`](Self::counters), for a family of histograms.
    pub fn histograms<T: ObservationValue, L: Length>(
        &self,
        family: DynamicFamily<Histogram<T>, L>,
    ) -> impl ExactSizeIterator<Item = (L::Of<&'s str>, HistogramView<'s, T>)> + use<'s, T, L> {
        self.dynamic(family).map(|(values, series, words)| {
            (values, HistogramView::new(series.layout.histograms[0].bounds.upper(), words))
        })
    }

    fn dynamic<H, L: Length>(
        &self,
        family: DynamicFamily<H, L>,
    ) -> impl ExactSizeIterator<Item = (L::Of<&'s str>, &'s SeriesRow, &'s [u64])> + use<'s, H, L> {
        self.check(family.schema);
        let series = self.dynamic_rows(family.index);
        series.map(|(series, words)| {
            let mut values = series.values.iter().map(String::as_str);
            (L::fill(values.len(), || values.next().expect("one per label")), series, words)
        })
    }

    /// Each series, with its words.
    pub(super) fn dynamic_rows(
        &self,
        family: DynamicIndex,
    ) -> impl ExactSizeIterator<Item = (&'s SeriesRow, &'s [u64])> + use<'s> {
        self.dynamic_reading(family).iter()
    }

    fn dynamic_reading(&self, DynamicIndex(family): DynamicIndex) -> &'s DynamicReading {
        &self.rows.dynamic[self.index * self.layout.dynamic.len() + family as usize]
    }
}
