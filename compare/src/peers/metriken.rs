//! `metriken`: its counters only. Its histograms have no bounds of the user's and no sum, so they
//! can't hold the same samples.

use metriken::Counter;

use crate::shape::STEP_COUNTERS;

/// Twelve counters. They are statics in a program; here each instance has its own.
pub(crate) struct Metriken([Counter; STEP_COUNTERS]);

impl Metriken {
    pub(crate) const NAME: &'static str = "metriken";

    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| Counter::new()))
    }

    #[inline]
    pub(crate) fn adds(&self, rounds: &[[u64; STEP_COUNTERS]]) {
        for round in rounds {
            self.0.iter().zip(round).for_each(|(counter, n)| _ = counter.add(*n));
        }
    }

    #[inline]
    pub(crate) fn add_alone(&self, n: u64) {
        self.0[0].add(n);
    }

    pub(crate) fn values(&self) -> [u64; STEP_COUNTERS] {
        self.0.each_ref().map(Counter::value)
    }
}
