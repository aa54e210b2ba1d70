//! A call of the plan, made to the crate; and a series of a snapshot, compared.

use tachometer::{Counter, EngineView, Gauge, Histogram, ObservationValue, SharedRecorder, Step};

use super::{
    chosen::Comparable as _,
    op::{Call, Way},
    plan::Handles,
    twin::Cell,
};

pub(crate) fn record(step: &mut Step<'_>, handles: &Handles, series: usize, call: &Call) {
    match (handles, call) {
        (_, Call::Reject(n)) => step.reject(*n),
        (Handles::CounterU64(counters), Call::AddU64(n)) => step.add(counters[series], *n),
        (Handles::CounterF64(counters), Call::AddF64(n)) => step.add(counters[series], *n),
        (Handles::CounterU64(counters), Call::Inc) => step.inc(counters[series]),
        (Handles::CounterF64(counters), Call::Inc) => step.inc(counters[series]),
        (Handles::GaugeI64(gauges), Call::SetI64(value)) => step.set(gauges[series], *value),
        (Handles::GaugeF64(gauges), Call::SetF64(value)) => step.set(gauges[series], *value),
        (Handles::HistogramU64(histograms), Call::ObserveU64(way)) => observe(step, histograms[series], way),
        (Handles::HistogramF64(histograms), Call::ObserveF64(way)) => observe(step, histograms[series], way),
        (_, call) => panic!("{call:?} doesn't fit the family"),
    }
}

fn observe<T: ObservationValue>(step: &mut Step<'_>, histogram: Histogram<T>, way: &Way<T>) {
    match way {
        Way::One(value) => step.observe(histogram, *value),
        Way::Times(value, n) => step.observe_n(histogram, *value, *n),
        Way::All(values) => step.observe_all(histogram, values),
    }
}

pub(crate) fn share(recorder: &SharedRecorder, handles: &Handles, series: usize, call: &Call) {
    match (handles, call) {
        (_, Call::Reject(n)) => recorder.reject(*n),
        (Handles::CounterU64(counters), Call::AddU64(n)) => recorder.add(counters[series], *n),
        (Handles::CounterF64(counters), Call::AddF64(n)) => recorder.add(counters[series], *n),
        (Handles::CounterU64(counters), Call::Inc) => recorder.inc(counters[series]),
        (Handles::CounterF64(counters), Call::Inc) => recorder.inc(counters[series]),
        (Handles::HistogramU64(histograms), Call::ObserveU64(way)) => observe_shared(recorder, histograms[series], way),
        (Handles::HistogramF64(histograms), Call::ObserveF64(way)) => observe_shared(recorder, histograms[series], way),
        (_, call) => panic!("{call:?} doesn't fit the family"),
    }
}

fn observe_shared<T: ObservationValue>(recorder: &SharedRecorder, histogram: Histogram<T>, way: &Way<T>) {
    match way {
        Way::One(value) => recorder.observe(histogram, *value),
        Way::Times(value, n) => recorder.observe_n(histogram, *value, *n),
        Way::All(values) => recorder.observe_all(histogram, values),
    }
}

/// Compares one series of a snapshot.
pub(crate) fn check_cell(seen: EngineView<'_>, handles: &Handles, series: usize, bounds: &[f64], expected: &Cell) {
    match handles {
        Handles::CounterU64(of) => Counter::<u64>::compare(seen.counter(of[series]), bounds, expected),
        Handles::CounterF64(of) => Counter::<f64>::compare(seen.counter(of[series]), bounds, expected),
        Handles::GaugeI64(of) => Gauge::<i64>::compare(seen.gauge(of[series]), bounds, expected),
        Handles::GaugeF64(of) => Gauge::<f64>::compare(seen.gauge(of[series]), bounds, expected),
        Handles::HistogramU64(of) => Histogram::<u64>::compare(seen.histogram(of[series]), bounds, expected),
        Handles::HistogramF64(of) => Histogram::<f64>::compare(seen.histogram(of[series]), bounds, expected),
    }
}
