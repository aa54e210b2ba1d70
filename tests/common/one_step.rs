//! A step per call: for tests to which it doesn't matter what a step is.
#![allow(dead_code)] // no test uses all of it

use tachometer::{Counter, CounterValue, Gauge, GaugeValue, Histogram, ObservationValue, Recorder, Step};

pub(crate) trait OneStep {
    /// Runs `f` as one step, which is committed when `f` returns.
    fn record<R>(&mut self, f: impl FnOnce(&mut Step<'_>) -> R) -> R;

    fn add<T: CounterValue>(&mut self, counter: Counter<T>, n: T) {
        self.record(|step| step.add(counter, n));
    }

    fn inc<T: CounterValue>(&mut self, counter: Counter<T>) {
        self.record(|step| step.inc(counter));
    }

    fn set<T: GaugeValue>(&mut self, gauge: Gauge<T>, value: T) {
        self.record(|step| step.set(gauge, value));
    }

    fn observe<T: ObservationValue>(&mut self, histogram: Histogram<T>, value: T) {
        self.record(|step| step.observe(histogram, value));
    }

    fn observe_n<T: ObservationValue>(&mut self, histogram: Histogram<T>, value: T, n: u64) {
        self.record(|step| step.observe_n(histogram, value, n));
    }

    fn observe_all<T: ObservationValue>(&mut self, histogram: Histogram<T>, values: &[T]) {
        self.record(|step| step.observe_all(histogram, values));
    }
}

impl OneStep for Recorder {
    fn record<R>(&mut self, f: impl FnOnce(&mut Step<'_>) -> R) -> R {
        let mut step = self.step();
        let result = f(&mut step);
        step.commit();
        result
    }
}
