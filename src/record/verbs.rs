//! The recording methods that steps and shared recorders have in common: [`Record`].

use std::time::Duration;

use super::{SharedRecorder, Step};
use crate::schema::{
    handle::{Counter, Histogram},
    value::{CounterValue, ObservationValue},
};

/// Whatever records counters and histograms: an open [`Step`], or a [`SharedRecorder`] (by
/// reference). Code that is generic over it is written once for engine loops and for request
/// handlers. Sealed.
///
/// Each method does the same as the method of the type. See there for its promises and its cost.
///
/// ```
/// # use tachometer::{Counter, Histogram, Record, SharedRecorder, Step};
/// fn finished(into: &mut impl Record, done: Counter<u64>, latency: Histogram<f64>, seconds: f64) {
///     into.inc(done);
///     into.observe(latency, seconds);
/// }
///
/// # fn f(step: &mut Step, shared: &SharedRecorder, done: Counter<u64>, latency: Histogram<f64>) {
/// finished(step, done, latency, 0.5);
/// finished(&mut &*shared, done, latency, 0.5);
/// # }
/// ```
pub trait Record: sealed::Sealed {
    /// Adds `n` to a counter.
    fn add<T: CounterValue>(&mut self, counter: Counter<T>, n: T);

    /// Adds one to a counter.
    #[inline]
    fn inc<T: CounterValue>(&mut self, counter: Counter<T>) {
        self.add(counter, T::ONE);
    }

    /// Observes one value.
    #[inline]
    fn observe<T: ObservationValue>(&mut self, histogram: Histogram<T>, value: T) {
        self.observe_n(histogram, value, 1);
    }

    /// Observes a duration, in seconds.
    #[inline]
    fn observe_duration(&mut self, histogram: Histogram<f64>, duration: Duration) {
        self.observe(histogram, duration.as_secs_f64());
    }

    /// Observes one value `n` times.
    fn observe_n<T: ObservationValue>(&mut self, histogram: Histogram<T>, value: T, n: u64);

    /// Observes a batch.
    fn observe_all<T: ObservationValue>(&mut self, histogram: Histogram<T>, values: &[T]);

    /// Counts `n` values as rejected.
    fn reject(&mut self, n: u64);
}

impl Record for Step<'_> {
    #[inline]
    fn add<T: CounterValue>(&mut self, counter: Counter<T>, n: T) {
        Step::add(self, counter, n);
    }

    #[inline]
    fn observe_n<T: ObservationValue>(&mut self, histogram: Histogram<T>, value: T, n: u64) {
        Step::observe_n(self, histogram, value, n);
    }

    #[inline]
    fn observe_all<T: ObservationValue>(&mut self, histogram: Histogram<T>, values: &[T]) {
        Step::observe_all(self, histogram, values);
    }

    fn reject(&mut self, n: u64) {
        Step::reject(self, n);
    }
}

impl Record for &SharedRecorder {
    #[inline]
    fn add<T: CounterValue>(&mut self, counter: Counter<T>, n: T) {
        SharedRecorder::add(self, counter, n);
    }

    #[inline]
    fn observe_n<T: ObservationValue>(&mut self, histogram: Histogram<T>, value: T, n: u64) {
        SharedRecorder::observe_n(self, histogram, value, n);
    }

    #[inline]
    fn observe_all<T: ObservationValue>(&mut self, histogram: Histogram<T>, values: &[T]) {
        SharedRecorder::observe_all(self, histogram, values);
    }

    fn reject(&mut self, n: u64) {
        SharedRecorder::reject(self, n);
    }
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for super::Step<'_> {}
    impl Sealed for &super::SharedRecorder {}
}
