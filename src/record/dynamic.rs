//! The recorder of one dynamic series: [`DynamicSeries`].

use std::{fmt, marker::PhantomData, sync::Arc, time::Duration};

use super::observe;
use crate::{
    schema::{
        handle::{Counter, Gauge, Histogram},
        layout::HistogramLayout,
        value::{CounterValue, GaugeValue, ObservationValue},
    },
    store::{dynamic::SeriesRow, shards::Shards},
};

/// A series of a family with [dynamic labels](crate::Declaration::dynamic_labels), for any thread.
/// [`SharedRecorder::with_label_values`] looks it up once; keep it. `H` is [`Counter`], [`Gauge`]
/// or [`Histogram`], and determines its methods.
///
/// # What it promises
/// The same as a [`SharedRecorder`]: each call is word-atomic, nothing is lost, totals are exact,
/// and the count of a histogram is the sum of its buckets. There is no step. That holds in an
/// engine's loop too: a value that is recorded here while a step is open shows at once, and stays
/// if the step is discarded. Values that can't be counted honestly are rejected by the same rules,
/// and counted among the rejected observations of the engine. Whatever it records after the series
/// was [removed](crate::SharedRecorder::remove), or its engine detached, is lost.
///
/// # Progress
/// As with a [`SharedRecorder`], no call waits or allocates. All threads add to the same words.
/// Integers up to 2^32 are added wait-free where the machine has one instruction for it. Greater
/// integers and floats are added lock-free, in a compare-and-swap loop. Threads that record the
/// same series at the same time compete for its cache line.
///
/// Unlike a gauge, a counter can't be set:
///
/// ```compile_fail,E0599
/// # fn example(series: tachometer::DynamicSeries<tachometer::Counter<f64>>) {
/// series.set(1.0);
/// # }
/// ```
///
/// ```
/// # fn example(series: tachometer::DynamicSeries<tachometer::Gauge<f64>>) {
/// series.set(1.0);
/// # }
/// ```
///
/// [`SharedRecorder`]: crate::SharedRecorder
/// [`SharedRecorder::with_label_values`]: crate::SharedRecorder::with_label_values
pub struct DynamicSeries<H> {
    row: Arc<SeriesRow>,
    /// Those of the engine, which count rejections: they remain after the series is removed.
    shards: Arc<Shards>,
    handle: PhantomData<fn() -> H>,
}

/// The word of a counter or gauge, and the one that says that something was recorded into a sparse
/// one.
const SCALAR: u16 = 0;
const NOTE: u16 = 1;

impl<H> DynamicSeries<H> {
    pub(super) fn new(row: Arc<SeriesRow>, shards: Arc<Shards>) -> Self {
        Self { row, shards, handle: PhantomData }
    }

    /// The label values, in declared order: those of the lookup, or the overflow value (`other`)
    /// for each if this is the overflow series.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &str> {
        self.row.values.iter().map(String::as_str)
    }

    /// A handle of the same series, for the same type of metric.
    pub(super) fn retyped<G>(&self) -> DynamicSeries<G> {
        DynamicSeries::new(Arc::clone(&self.row), Arc::clone(&self.shards))
    }

    /// Ends an addition to a counter or gauge: notes that something was recorded, or rejects it.
    #[inline(always)]
    fn recorded(&self, counted: Option<()>) {
        match counted {
            Some(()) if self.row.notes => self.row.row().note(NOTE),
            Some(()) => {}
            None => self.reject(1),
        }
    }

    #[inline(always)]
    fn reject_unless(&self, counted: Option<()>, n: u64) {
        if counted.is_none() {
            self.reject(n);
        }
    }

    #[cold]
    fn reject(&self, n: u64) {
        observe::reject(self.shards.current(), n);
    }
}

impl<T: CounterValue> DynamicSeries<Counter<T>> {
    /// The value now.
    #[must_use]
    pub fn get(&self) -> T {
        T::from_word(self.row.row().load(usize::from(SCALAR)))
    }

    /// Adds `n`.
    #[inline]
    pub fn add(&self, n: T) {
        self.recorded(observe::add(self.row.row(), SCALAR, n));
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(T::ONE);
    }
}

impl<T: GaugeValue> DynamicSeries<Gauge<T>> {
    /// The value now.
    #[must_use]
    pub fn get(&self) -> T {
        T::from_word(self.row.row().load(usize::from(SCALAR)))
    }

    /// Sets the gauge to any value, NaN included. An addition by another thread at the same time
    /// takes effect either before or after it.
    #[inline]
    pub fn set(&self, value: T) {
        self.row.row().store(SCALAR, value.to_word());
        self.recorded(Some(()));
    }

    /// Adds `n`, which may be negative. An integer wraps around. A result that is NaN or infinite
    /// is rejected. So once the gauge was set to NaN or an infinity, all additions are rejected
    /// until it is set again.
    #[inline]
    pub fn add(&self, n: T) {
        self.recorded(observe::add_gauge(self.row.row(), SCALAR, n));
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(T::ONE);
    }

    /// Subtracts one.
    #[inline]
    pub fn dec(&self) {
        self.add(T::MINUS_ONE);
    }
}

impl DynamicSeries<Histogram<f64>> {
    /// Observes a duration, in seconds.
    #[inline]
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(duration.as_secs_f64());
    }
}

impl<T: ObservationValue> DynamicSeries<Histogram<T>> {
    /// Observes one value.
    #[inline]
    pub fn observe(&self, value: T) {
        self.observe_n(value, 1);
    }

    /// Observes one value `n` times, at the cost of one observation. A float sum grows by `value *
    /// n`, rounded once. Rejected if `n` is more than 2^32, or if the bucket would then hold more
    /// than 2^62.
    #[inline]
    pub fn observe_n(&self, value: T, n: u64) {
        self.reject_unless(observe::observe(self.row.row(), self.layout(), value, n), n);
    }

    /// Observes a batch. This is faster than value by value, above all if the values are close to
    /// each other.
    #[inline]
    pub fn observe_all(&self, values: &[T]) {
        let rejected = observe::observe_all(self.row.row(), self.layout(), values);
        if rejected > 0 {
            self.reject(rejected);
        }
    }

    #[inline(always)]
    fn layout(&self) -> &HistogramLayout {
        &self.row.layout.histograms[0]
    }
}

// Not derived, since a derive would add bounds on `H`.
impl<H> Clone for DynamicSeries<H> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.row), Arc::clone(&self.shards))
    }
}

impl<H> fmt::Debug for DynamicSeries<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DynamicSeries").field(&self.row.values).finish()
    }
}
