//! What is recorded: numbers from a fixed seed, drawn before anything is timed.
//!
//! Seconds are whole multiples of 2^-20, so that sums are exact in any order, and the same number
//! of such parts stands for them in a crate that takes integers only. Tokens are integers.

use crate::shape::{
    ALL_COUNTERS, FIRST_OF_FINISHED, HISTOGRAMS, INTER_TOKEN_LATENCY, ITERATION_TOKENS, OF_FINISHED, PER_TOKEN,
    REASONS, STEP_COUNTERS, STEP_TOKENS,
};

/// Parts of a second in which integers count.
pub(crate) const PARTS: f64 = (1 << 20) as f64;
/// Observations in a rotation. A Zen 4 predicts every branch of 16,384 random values that recur, so
/// there are more, and yet few enough to stay in the second-level cache.
const VALUES: usize = 65_536;
/// Steps and finished requests in a rotation.
const STEPS: usize = 4_096;

/// How inter-token latencies are distributed.
#[derive(Clone, Copy)]
pub(crate) enum Latencies {
    /// Evenly over all buckets.
    Spread,
    /// 12 to 40 ms.
    Clustered,
    /// All those of a step are the same number, of 12 to 40 ms.
    Equal,
}

/// Observations as floats and as integers: each crate reads those that it takes.
#[derive(Clone, Default)]
pub(crate) struct Values {
    floats: Vec<f64>,
    integers: Vec<u64>,
}

/// A part of [`Values`].
#[derive(Clone, Copy)]
pub(crate) struct Window<'v> {
    pub(crate) floats: &'v [f64],
    pub(crate) integers: &'v [u64],
}

impl Window<'_> {
    #[inline(always)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (f64, u64)> {
        self.floats.iter().copied().zip(self.integers.iter().copied())
    }
}

impl Values {
    fn push_seconds(&mut self, value: f64) {
        let parts = (value * PARTS).ceil();
        self.floats.push(parts / PARTS);
        self.integers.push(parts as u64);
    }

    fn push_tokens(&mut self, value: f64) {
        self.floats.push(value.ceil());
        self.integers.push(value.ceil() as u64);
    }

    /// The `index`-th window of `len` values, in rotation.
    #[inline(always)]
    pub(crate) fn window(&self, index: u64, len: usize) -> Window<'_> {
        let windows = (self.floats.len() / len) as u64;
        let at = (index % windows) as usize * len;
        Window { floats: &self.floats[at..at + len], integers: &self.integers[at..at + len] }
    }

    #[inline(always)]
    pub(crate) fn value(&self, index: u64) -> (f64, u64) {
        let at = index as usize % self.floats.len();
        (self.floats[at], self.integers[at])
    }

    /// Latencies for batches of `batch` requests.
    pub(crate) fn latencies(latencies: Latencies, batch: usize) -> Self {
        let (mut random, mut values) = (random(), Self::default());
        let mut last = 0.0;
        for index in 0..VALUES {
            last = match latencies {
                Latencies::Spread => spread(&PER_TOKEN, &mut random),
                Latencies::Clustered => clustered(&mut random),
                Latencies::Equal if index % batch == 0 => clustered(&mut random),
                Latencies::Equal => last,
            };
            values.push_seconds(last);
        }
        values
    }

    /// Numbers of tokens in a step.
    pub(crate) fn step_tokens() -> Self {
        let (mut random, mut values) = (random(), Self::default());
        (0..VALUES).for_each(|_| values.push_tokens(spread(&STEP_TOKENS, &mut random)));
        values
    }
}

/// A request that ended: a value for each of its histograms, and why it ended.
#[derive(Clone, Copy)]
pub(crate) struct Finished {
    pub(crate) floats: [f64; OF_FINISHED],
    pub(crate) integers: [u64; OF_FINISHED],
    pub(crate) reason: usize,
}

impl Finished {
    fn draw(random: &mut fastrand::Rng) -> Self {
        let mut values = Values::default();
        for histogram in &HISTOGRAMS[FIRST_OF_FINISHED..] {
            let value = spread(histogram.bounds, random);
            if histogram.seconds { values.push_seconds(value) } else { values.push_tokens(value) }
        }
        Self {
            floats: values.floats.try_into().expect("one per histogram"),
            integers: values.integers.try_into().expect("one per histogram"),
            reason: random.usize(..REASONS.len()),
        }
    }

    /// The number of its counter.
    #[inline(always)]
    pub(crate) fn counter(&self) -> usize {
        const { assert!(STEP_COUNTERS + REASONS.len() == ALL_COUNTERS) };
        STEP_COUNTERS + self.reason
    }
}

/// What one step records.
#[derive(Clone, Copy)]
pub(crate) struct Step<'v> {
    pub(crate) gauges: [f64; 3],
    pub(crate) counters: &'v [u64; STEP_COUNTERS],
    pub(crate) tokens: (f64, u64),
    pub(crate) latencies: Window<'v>,
    pub(crate) finished: &'v [Finished],
}

/// Steps of one batch size, in rotation.
pub(crate) struct Steps {
    batch: usize,
    counters: Vec<[u64; STEP_COUNTERS]>,
    tokens: Values,
    latencies: Values,
    finished: Vec<Finished>,
}

impl Steps {
    pub(crate) fn new(batch: usize, latencies: Latencies) -> Self {
        let mut random = random();
        Self {
            batch,
            counters: rounds(STEPS),
            tokens: Values::step_tokens(),
            latencies: Values::latencies(latencies, batch),
            finished: (0..STEPS).map(|_| Finished::draw(&mut random)).collect(),
        }
    }

    /// The `index`-th step.
    #[inline(always)]
    pub(crate) fn step(&self, index: u64) -> Step<'_> {
        let finished = (self.batch / 64).max(1);
        let at = index as usize * finished % STEPS;
        Step {
            gauges: [(index & 255) as f64, (index & 63) as f64, (index & 1023) as f64 / 1024.0],
            counters: &self.counters[index as usize % STEPS],
            tokens: self.tokens.value(index),
            latencies: self.latencies.window(index, self.batch),
            finished: &self.finished[at..at + finished],
        }
    }
}

/// Additions to the twelve counters of a step.
pub(crate) fn rounds(number: usize) -> Vec<[u64; STEP_COUNTERS]> {
    let mut random = random();
    (0..number).map(|_| std::array::from_fn(|_| random.u64(..5_000))).collect()
}

pub(crate) fn random() -> fastrand::Rng {
    fastrand::Rng::with_seed(0x7AC4)
}

/// A value that falls into each bucket with the same probability, the last one included.
fn spread(bounds: &[f64], random: &mut fastrand::Rng) -> f64 {
    let bucket = random.usize(..=bounds.len());
    let lower = if bucket == 0 { 0.0 } else { bounds[bucket - 1] };
    let upper = bounds.get(bucket).copied().unwrap_or(2.0 * lower);
    lower + (upper - lower) * random.f64()
}

fn clustered(random: &mut fastrand::Rng) -> f64 {
    0.012 + 0.028 * random.f64()
}

const _: () = assert!(STEPS.is_power_of_two() && VALUES.is_power_of_two());
const _: () = assert!(ITERATION_TOKENS == 0 && INTER_TOKEN_LATENCY == 1);
