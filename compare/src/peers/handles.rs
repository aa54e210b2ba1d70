//! The writer of a crate that has a handle for each series.

use super::{PAIR, Shared, Writer};
use crate::{
    shape::{
        ALL_COUNTERS, FIRST_OF_FINISHED, GAUGES, HISTOGRAMS, INTER_TOKEN_LATENCY, ITERATION_TOKENS, STEP_COUNTERS,
    },
    values::{Step, Window},
};

pub(crate) trait SetGauge {
    fn set_to(&self, value: f64);
}

pub(crate) trait AddCounter {
    fn add_n(&self, n: u64);
    fn show(&self) {}
}

pub(crate) trait ObserveValue {
    fn observe_one(&self, value: (f64, u64));
    fn show(&self) {}
}

/// What a crate must do from time to time.
pub(crate) trait Upkeep {
    fn observed(&mut self, observations: usize);
}

impl Upkeep for () {
    #[inline(always)]
    fn observed(&mut self, _observations: usize) {}
}

pub(crate) struct Handles<G, C, H, U = ()> {
    gauges: [G; GAUGES.len()],
    counters: [C; ALL_COUNTERS],
    histograms: [H; HISTOGRAMS.len()],
    upkeep: U,
}

impl<G, C, H, U> Handles<G, C, H, U> {
    pub(super) fn new(
        gauges: impl IntoIterator<Item = G>,
        counters: impl IntoIterator<Item = C>,
        histograms: impl IntoIterator<Item = H>,
        upkeep: U,
    ) -> Self {
        Self { gauges: array(gauges), counters: array(counters), histograms: array(histograms), upkeep }
    }

    pub(super) fn map<D, I>(self, counter: impl Fn(&C) -> D, histogram: impl Fn(&H) -> I) -> Handles<G, D, I, U> {
        let (counters, histograms) = (self.counters.each_ref().map(counter), self.histograms.each_ref().map(histogram));
        Handles { gauges: self.gauges, counters, histograms, upkeep: self.upkeep }
    }
}

/// Exactly as many items as an array has.
fn array<T, const N: usize>(items: impl IntoIterator<Item = T>) -> [T; N] {
    let items: Vec<T> = items.into_iter().collect();
    items.try_into().unwrap_or_else(|items: Vec<T>| panic!("{} handles instead of {N}", items.len()))
}

impl<G: SetGauge, C: AddCounter, H: ObserveValue, U: Upkeep> Handles<G, C, H, U> {
    #[inline(always)]
    fn observe_each(&mut self, histogram: usize, values: Window<'_>) {
        let histogram = &self.histograms[histogram];
        values.iter().for_each(|value| histogram.observe_one(value));
        self.upkeep.observed(values.floats.len());
    }

    /// Compiles to nothing in a crate that shows everything at once.
    #[inline(always)]
    fn show_all(&self) {
        self.counters.iter().for_each(C::show);
        self.histograms.iter().for_each(H::show);
    }
}

impl<G: SetGauge, C: AddCounter, H: ObserveValue, U: Upkeep> Writer for Handles<G, C, H, U> {
    #[inline]
    fn adds(&mut self, rounds: &[[u64; STEP_COUNTERS]]) {
        for round in rounds {
            self.counters.iter().zip(round).for_each(|(counter, n)| counter.add_n(*n));
        }
    }

    #[inline]
    fn observe_tokens(&mut self, values: Window<'_>) {
        self.observe_each(ITERATION_TOKENS, values);
    }

    #[inline]
    fn observe_latencies(&mut self, values: Window<'_>) {
        self.observe_each(INTER_TOKEN_LATENCY, values);
    }

    #[inline]
    fn add_alone(&mut self, n: u64) {
        self.counters[0].add_n(n);
        self.counters[0].show();
    }

    #[inline]
    fn observe_alone(&mut self, value: (f64, u64)) {
        self.histograms[INTER_TOKEN_LATENCY].observe_one(value);
        self.histograms[INTER_TOKEN_LATENCY].show();
        self.upkeep.observed(1);
    }

    #[inline]
    fn step(&mut self, step: &Step<'_>) {
        self.gauges.iter().zip(step.gauges).for_each(|(gauge, value)| gauge.set_to(value));
        self.counters.iter().zip(step.counters).for_each(|(counter, n)| counter.add_n(*n));
        self.histograms[ITERATION_TOKENS].observe_one(step.tokens);
        self.observe_each(INTER_TOKEN_LATENCY, step.latencies);
        let of_finished = &self.histograms[FIRST_OF_FINISHED..];
        for finished in step.finished {
            let values = finished.floats.into_iter().zip(finished.integers);
            of_finished.iter().zip(values).for_each(|(histogram, value)| histogram.observe_one(value));
            self.counters[finished.counter()].add_n(1);
        }
        self.upkeep.observed(1 + of_finished.len() * step.finished.len());
        self.show_all();
    }

    #[inline]
    fn pair(&mut self, between: impl FnOnce()) {
        self.histograms[ITERATION_TOKENS].observe_one((1.0, 1));
        self.histograms[ITERATION_TOKENS].show();
        self.upkeep.observed(1);
        between();
        for counter in PAIR {
            self.counters[counter].add_n(1);
            self.counters[counter].show();
        }
    }

    fn finish(&mut self) {
        self.show_all();
    }
}

impl<G, C, H> Shared for Handles<G, C, H>
where
    G: SetGauge + Sync,
    C: AddCounter + Sync,
    H: ObserveValue + Sync,
{
    #[inline]
    fn add(&self, n: u64) {
        self.counters[0].add_n(n);
    }

    #[inline]
    fn observe(&self, value: (f64, u64)) {
        self.histograms[INTER_TOKEN_LATENCY].observe_one(value);
    }
}
