//! The recorder for code without an owner thread: [`SharedRecorder`].

use std::{fmt, sync::Arc};

use super::{dynamic::DynamicSeries, observe};
use crate::{
    schema::{
        declare::dynamic::DynamicFamily,
        handle::{Counter, Gauge, Handle, Histogram},
        layout::{Diagnostic, HistogramIndex, HistogramLayout},
        value::{CounterValue, GaugeValue, ObservationValue},
    },
    store::{row::Row, shards::Shards},
};

/// A recorder for code that has no owner thread, such as request handlers on an async runtime. Of an engine
/// ([`Engine::shared_recorder`](crate::Engine::shared_recorder)), or of the registry's own families
/// ([`Registry::shared_recorder`](crate::Registry::shared_recorder)).
///
/// Clone it or share it; there is no limit to how many there are. What is recorded is added to what the engine's [`Recorder`](crate::Recorder)s
/// recorded: a value on a page is the sum. So a gauge is changed, never set.
///
/// # What it promises
/// Less than a [`Step`](crate::Step): each call is **word-atomic**. Nothing is lost, and totals are exact; a histogram's count is the sum of its
/// buckets, always. But several calls, and the bucket and the sum of one observation, aren't one moment: a snapshot may see one
/// and not yet the other, so a gauge that goes up in one thread and down in another may be seen one too low for a moment. There is no
/// step, and nothing to discard. Float sums may differ in their last digits with the order of additions.
///
/// What can't be counted honestly is rejected, and counted in `tachometer_rejected_observations_total`, by the same rules as in a
/// step, with limits of its own on what would overflow: a counter or an integer sum takes at most 2^63 a shard. A change that would make a gauge
/// infinite or NaN is rejected too, since nothing could repair it. Handles of another schema are treated as in a step, but
/// that [`with_label_values`](Self::with_label_values) and [`remove`](Self::remove) always panic.
///
/// # Progress
/// Nothing waits, and nothing is allocated once a thread has recorded. Each thread adds to a shard that few others use
/// ([`SchemaBuilder::shards`](crate::SchemaBuilder::shards)). Integers are added wait-free where the machine has one instruction for it, floats in a
/// compare-and-swap loop: lock-free, not wait-free, as it repeats when another thread of the same shard changed the same word.
///
/// ```
/// # use tachometer::{Registry, Schema};
/// let mut schema = Schema::builder(&["engine"]);
/// let requests = schema.counter::<u64>("requests", "Requests that came.").declare()?;
/// let in_flight = schema.gauge::<i64>("requests_in_flight", "Requests that are being served.").declare()?;
/// let ttft = schema.histogram::<f64>("ttft_seconds", "Time to first token.", &[0.1, 1.0]).declare()?;
/// let registry = Registry::new(schema.build()?);
/// let engine = registry.attach(&["0"])?;
///
/// let recorder = engine.shared_recorder();
/// let handlers = [0.05, 0.5].map(|seconds| {
///     let recorder = recorder.clone();
///     std::thread::spawn(move || {
///         recorder.inc(requests);
///         recorder.inc_gauge(in_flight);
///         recorder.observe(ttft, seconds);
///         recorder.dec_gauge(in_flight);
///     })
/// });
/// # handlers.into_iter().for_each(|handler| handler.join().unwrap());
/// # let mut page = Vec::new();
/// # registry.render(&mut page);
/// # let page = String::from_utf8(page)?;
/// # for line in ["requests_total{engine=\"0\"} 2", "requests_in_flight{engine=\"0\"} 0", "ttft_seconds_count{engine=\"0\"} 2"] {
/// #     assert!(page.lines().any(|other| other == line), "{line}");
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SharedRecorder(Arc<Shards>);

impl SharedRecorder {
    pub(crate) fn new(shards: Arc<Shards>) -> Self {
        Self(shards)
    }

    /// Adds `n` to a counter.
    #[inline]
    pub fn add<T: CounterValue>(&self, counter: Counter<T>, n: T) {
        let Some(shard) = self.shard(counter.schema) else { return };
        if observe::add(shard, counter.word, n).is_none() {
            reject(shard, 1);
        }
    }

    /// Adds one to a counter.
    #[inline]
    pub fn inc<T: CounterValue>(&self, counter: Counter<T>) {
        self.add(counter, T::ONE);
    }

    /// Adds `n` to a gauge, or takes it away if it is negative. An integer wraps around.
    #[inline]
    pub fn add_gauge<T: GaugeValue>(&self, gauge: Gauge<T>, n: T) {
        let Some(shard) = self.shard(gauge.schema) else { return };
        if observe::add_gauge(shard, gauge.word, n).is_none() {
            reject(shard, 1);
        }
    }

    /// Adds one to a gauge.
    #[inline]
    pub fn inc_gauge<T: GaugeValue>(&self, gauge: Gauge<T>) {
        self.add_gauge(gauge, T::ONE);
    }

    /// Takes one from a gauge.
    #[inline]
    pub fn dec_gauge<T: GaugeValue>(&self, gauge: Gauge<T>) {
        self.add_gauge(gauge, T::MINUS_ONE);
    }

    /// Observes one value.
    #[inline]
    pub fn observe<T: ObservationValue>(&self, histogram: Histogram<T>, value: T) {
        self.observe_n(histogram, value, 1);
    }

    /// Observes one value `n` times, at most 2^32, at the cost of once. A float's sum grows by `value * n`, rounded once.
    #[inline]
    pub fn observe_n<T: ObservationValue>(&self, histogram: Histogram<T>, value: T, n: u64) {
        let Some((shard, place)) = self.histogram(histogram.schema, histogram.index) else { return };
        if observe::observe(shard, place, value, n).is_none() {
            reject(shard, n);
        }
    }

    /// Observes a batch: faster than value by value, most of all when the values are close to each other.
    #[inline]
    pub fn observe_all<T: ObservationValue>(&self, histogram: Histogram<T>, values: &[T]) {
        let Some((shard, place)) = self.histogram(histogram.schema, histogram.index) else { return };
        let rejected = observe::observe_all(shard, place, values);
        if rejected > 0 {
            reject(shard, rejected);
        }
    }

    /// Looks up the series of a [family with open labels](crate::Declaration::dynamic_labels), by its label values in declared order; any UTF-8.
    /// Makes it, with nothing recorded, if there is none. Keep what this returns: a look-up compares strings.
    ///
    /// If the family holds as many series as it has room for, and in any case if all values are `other`, that is the overflow series; the former is counted in
    /// `tachometer_overflowed_label_values_total`. Room comes back when others are [removed](Self::remove): look up again then.
    ///
    /// Lock-free. Allocates for a new series only, and then a list of as many pointers as the family has series.
    ///
    /// # Panics
    /// If the family is of another schema, or one of the registry and this is an engine's recorder, or the other way round.
    #[must_use]
    pub fn with_label_values<H: Handle, const N: usize>(
        &self,
        family: DynamicFamily<H, N>,
        values: [&str; N],
    ) -> DynamicSeries<H> {
        self.assert_own(family.schema);
        let found = self.0.dynamic.family(family.index).look_up(&values);
        if mutant!(found.overflowed, "dynamic: overflows aren't counted" => false) {
            self.0.current().count_diagnostic(Diagnostic::OverflowedLabelValues, 1);
        }
        DynamicSeries::new(found.row, self.clone())
    }

    /// Takes a series off its family, and so off pages and snapshots, and makes room for another. Returns whether it was there; the overflow series
    /// stays. What is recorded through handles of it goes nowhere, also if its label values are looked up again: they begin at zero.
    ///
    /// Lock-free. Allocates a list of as many pointers as the family has series.
    ///
    /// # Panics
    /// As [`with_label_values`](Self::with_label_values).
    pub fn remove<H: Handle, const N: usize>(&self, family: DynamicFamily<H, N>, values: [&str; N]) -> bool {
        self.assert_own(family.schema);
        self.0.dynamic.family(family.index).remove(&values)
    }

    fn assert_own(&self, schema: u32) {
        let own = mutant!(schema == self.0.layout.schema, "dynamic: a foreign family isn't refused" => true);
        assert!(
            own,
            "a family of another schema was used with this recorder (families of the registry are for Registry::shared_recorder, \
             all others for Engine::shared_recorder)"
        );
    }

    /// Counts `n` observations that the caller couldn't express as a value of a histogram as rejected.
    #[cold]
    pub fn reject(&self, n: u64) {
        reject(self.0.current(), n);
    }

    #[inline(always)]
    fn histogram(&self, schema: u32, HistogramIndex(index): HistogramIndex) -> Option<(Row<'_>, &HistogramLayout)> {
        let shard = self.shard(schema)?;
        Some((shard, self.0.layout.histograms.get(usize::from(index))?))
    }

    /// The current thread's, if a handle of this schema and scope belongs here.
    #[inline(always)]
    fn shard(&self, schema: u32) -> Option<Row<'_>> {
        let shard = self.0.current();
        let own = mutant!(schema == self.0.layout.schema, "shared: a foreign handle isn't refused" => true);
        if !own {
            self.refuse_foreign(schema, shard);
        }
        own.then_some(shard)
    }

    #[cold]
    fn refuse_foreign(&self, schema: u32, shard: Row<'_>) {
        super::debug_assert_own(schema, self.0.layout.schema);
        shard.count_diagnostic(Diagnostic::ForeignHandles, 1);
    }
}

#[cold]
fn reject(shard: Row<'_>, n: u64) {
    shard.count_diagnostic(Diagnostic::RejectedObservations, n);
}

impl fmt::Debug for SharedRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRecorder").field("schema", &self.0.layout.schema).finish_non_exhaustive()
    }
}
