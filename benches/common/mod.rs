//! What the benches share: criterion's settings, and values in rotation.

// Each bench compiles this module separately and uses a part of it.
#![allow(dead_code)]

pub(crate) mod joined;
#[path = "../../tests/common/one_step.rs"]
pub(crate) mod one_step;
pub(crate) mod vllm;

use std::time::Duration;

use criterion::Criterion;

/// Values in a rotation: too many for a branch predictor to learn, few enough to stay in the
/// second-level cache.
const VALUES: usize = 8_192;

/// Short measurements, since there are many benchmarks. Many small samples, since the median then
/// ignores what other processes do.
pub(crate) fn criterion() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_200))
        .sample_size(50)
        .nresamples(2_000)
        .configure_from_args()
}

/// Values drawn in advance from a fixed seed and used in turn, so that drawing isn't measured.
#[derive(Clone)]
pub(crate) struct Rotation<T> {
    values: Vec<T>,
    at: usize,
}

impl<T: Copy> Rotation<T> {
    pub(crate) fn new(draw: impl FnMut() -> T) -> Self {
        Self::of(VALUES, draw)
    }

    pub(crate) fn of(values: usize, mut draw: impl FnMut() -> T) -> Self {
        Self { values: (0..values).map(|_| draw()).collect(), at: 0 }
    }

    /// The next value.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> T {
        self.at = if self.at + 1 < self.values.len() { self.at + 1 } else { 0 };
        self.values[self.at]
    }

    /// The next `len` values.
    #[inline(always)]
    pub(crate) fn window(&mut self, len: usize) -> &[T] {
        let start = if self.at + len <= self.values.len() { self.at } else { 0 };
        self.at = start + len;
        &self.values[start..start + len]
    }
}

/// A generator of the same numbers in each run.
pub(crate) fn random() -> fastrand::Rng {
    fastrand::Rng::with_seed(0x7AC4)
}

/// A value that falls into each bucket of `bounds` with the same probability, including the
/// overflow bucket.
pub(crate) fn spread(bounds: &[f64], random: &mut fastrand::Rng) -> f64 {
    let bucket = random.usize(..=bounds.len());
    let lower = if bucket == 0 { 0.0 } else { bounds[bucket - 1] };
    let upper = bounds.get(bucket).copied().unwrap_or(2.0 * lower);
    upper - random.f64() * (upper - lower)
}

/// [`spread`], as an integer.
pub(crate) fn spread_integer(bounds: &[f64], random: &mut fastrand::Rng) -> u64 {
    spread(bounds, random).ceil() as u64
}

/// An inter-token latency of 12 to 40 ms, typical for a decode step.
pub(crate) fn clustered(random: &mut fastrand::Rng) -> f64 {
    0.012 + 0.028 * random.f64()
}

/// How inter-token latencies are distributed.
#[derive(Clone, Copy)]
pub(crate) enum Latencies {
    /// Evenly over all buckets.
    Spread,
    /// 12 to 40 ms.
    Clustered,
}

impl Latencies {
    pub(crate) const ALL: [(&'static str, Self); 2] = [("spread", Self::Spread), ("clustered", Self::Clustered)];

    pub(crate) fn rotation(self, bounds: &[f64]) -> Rotation<f64> {
        let mut random = random();
        Rotation::new(|| match self {
            Self::Spread => spread(bounds, &mut random),
            Self::Clustered => clustered(&mut random),
        })
    }
}
