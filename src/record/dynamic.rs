//! What records a series whose labels were looked up: [`DynamicSeries`].

use std::{fmt, marker::PhantomData, sync::Arc};

use super::{SharedRecorder, observe};
use crate::{
    schema::{
        handle::{Counter, Gauge, Histogram},
        layout::HistogramLayout,
        value::{CounterValue, GaugeValue, ObservationValue},
    },
    store::dynamic::SeriesRow,
};

/// A series of a family with [open labels](crate::Declaration::dynamic_labels), for any thread: looked up once by
/// [`SharedRecorder::with_label_values`], then kept. `H` is [`Counter`], [`Gauge`] or [`Histogram`], and says what it does.
///
/// # What it promises
/// What a [`SharedRecorder`] does: each call is word-atomic, nothing is lost, totals are exact, a histogram's count is the sum of its
/// buckets; no step. Also in an engine's loop: what is recorded here while a step is open shows at once, and stays if the step is
/// discarded. What can't be counted honestly is rejected by the same rules, and counted among the engine's rejected observations. Once the
/// series was [removed](SharedRecorder::remove), or its engine detached, what it records goes nowhere.
///
/// # Progress
/// As with a [`SharedRecorder`], nothing waits and nothing is allocated. All threads add to the same words: integers wait-free where the
/// machine has one instruction for it, floats lock-free in a compare-and-swap loop. Threads that record the same series at a time take its cache line from each other.
///
/// A counter can't be set, as a gauge can:
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
pub struct DynamicSeries<H> {
    row: Arc<SeriesRow>,
    /// Where rejections are counted, since they stay when the series is retired.
    engine: SharedRecorder,
    handle: PhantomData<fn() -> H>,
}

/// The word of a counter or gauge.
const SCALAR: u16 = 0;

impl<H> DynamicSeries<H> {
    pub(super) fn new(row: Arc<SeriesRow>, engine: SharedRecorder) -> Self {
        Self { row, engine, handle: PhantomData }
    }

    /// The label values, in declared order: those that it was looked up by, or `other`.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &str> {
        self.row.values.iter().map(String::as_str)
    }

    #[inline(always)]
    fn accept(&self, done: Option<()>, n: u64) {
        if done.is_none() {
            self.engine.reject(n);
        }
    }
}

impl<T: CounterValue> DynamicSeries<Counter<T>> {
    /// Adds `n`.
    #[inline]
    pub fn add(&self, n: T) {
        self.accept(observe::add(self.row.row(), SCALAR, n), 1);
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(T::ONE);
    }
}

impl<T: GaugeValue> DynamicSeries<Gauge<T>> {
    /// Sets it, whatever others add at the same time. Any value, also NaN.
    #[inline]
    pub fn set(&self, value: T) {
        self.row.row().store(SCALAR, value.to_word());
    }

    /// Adds `n`, or takes it away if it is negative. An integer wraps around. A sum that is NaN or infinite is rejected, so after NaN or
    /// an infinity was set everything is, until it is set again.
    #[inline]
    pub fn add(&self, n: T) {
        self.accept(observe::add_gauge(self.row.row(), SCALAR, n), 1);
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(T::ONE);
    }

    /// Takes one away.
    #[inline]
    pub fn dec(&self) {
        self.add(T::MINUS_ONE);
    }
}

impl<T: ObservationValue> DynamicSeries<Histogram<T>> {
    /// Observes one value.
    #[inline]
    pub fn observe(&self, value: T) {
        self.observe_n(value, 1);
    }

    /// Observes one value `n` times, at most 2^32, at the cost of once. A float's sum grows by `value * n`, rounded once.
    #[inline]
    pub fn observe_n(&self, value: T, n: u64) {
        self.accept(observe::observe(self.row.row(), self.place(), value, n), n);
    }

    /// Observes a batch: faster than value by value, most of all when the values are close to each other.
    #[inline]
    pub fn observe_all(&self, values: &[T]) {
        let rejected = observe::observe_all(self.row.row(), self.place(), values);
        if rejected > 0 {
            self.engine.reject(rejected);
        }
    }

    #[inline(always)]
    fn place(&self) -> &HistogramLayout {
        &self.row.layout.histograms[0]
    }
}

// By hand, since a derive would ask the same of `H`.
impl<H> Clone for DynamicSeries<H> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.row), self.engine.clone())
    }
}

impl<H> fmt::Debug for DynamicSeries<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DynamicSeries").field(&self.row.values).finish()
    }
}
