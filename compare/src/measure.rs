//! Paired measurements: each repetition times every contender once, so that a ratio compares two
//! times of the same moment.

use std::time::{Duration, Instant};

use crate::values::random;

/// Repetitions of a measurement. Many that are short: another program that runs meanwhile disturbs
/// few pairs, and the median ignores these.
const REPETITIONS: usize = 41;
/// Repetitions once more, if a peer comes close.
const MORE: usize = 40;
/// A ratio below this is measured again.
const CLOSE: f64 = 1.2;
/// How long a contender runs in a repetition, unless one iteration takes longer.
const RUN: Duration = Duration::from_millis(5);

/// A crate at work.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    /// Whether it is a bound rather than a crate: it isn't among the best peers.
    pub(crate) calibration: bool,
    /// Operations in an iteration, by which times are divided.
    pub(crate) operations: u64,
    /// Runs this many iterations, and returns what they took.
    pub(crate) run: Box<dyn FnMut(u64) -> Duration>,
}

/// Times an iteration's number.
pub(crate) fn timed(iterations: u64, mut operation: impl FnMut(u64)) -> Duration {
    let start = Instant::now();
    (0..iterations).for_each(&mut operation);
    start.elapsed()
}

/// What one contender took per operation, in nanoseconds, in each repetition.
pub(crate) struct Times {
    pub(crate) name: &'static str,
    pub(crate) calibration: bool,
    pub(crate) ns: Vec<f64>,
}

/// Times all contenders. The first is ours. More repetitions follow if one comes close.
pub(crate) fn paired(contenders: &mut [Contender]) -> Vec<Times> {
    let iterations: Vec<u64> = contenders.iter_mut().map(iterations).collect();
    let mut times: Vec<Times> = contenders
        .iter()
        .map(|contender| Times { name: contender.name, calibration: contender.calibration, ns: Vec::new() })
        .collect();
    repeat(contenders, &iterations, &mut times, REPETITIONS);
    let close = times[1..].iter().any(|one| !one.calibration && median(&ratios(one, &times[0])) < CLOSE);
    if close {
        repeat(contenders, &iterations, &mut times, MORE);
    }
    times
}

/// In another order each time, since a contender's time depends on what ran before it.
fn repeat(contenders: &mut [Contender], iterations: &[u64], times: &mut [Times], repetitions: usize) {
    let (mut order, mut random) = ((0..contenders.len()).collect::<Vec<_>>(), random());
    for _ in 0..repetitions {
        random.shuffle(&mut order);
        for &index in &order {
            let (contender, iterations) = (&mut contenders[index], iterations[index]);
            let took = (contender.run)(iterations);
            times[index].ns.push(took.as_secs_f64() * 1e9 / (iterations * contender.operations) as f64);
        }
    }
}

/// How many iterations take [`RUN`]. Warms up as well. The least of a few times counts: whoever was
/// disturbed here would otherwise run for a shorter time than the others, and so be disturbed less.
fn iterations(contender: &mut Contender) -> u64 {
    let mut iterations = 1;
    loop {
        let took = (0..5).map(|_| (contender.run)(iterations)).min().unwrap_or_default();
        if took > RUN / 4 {
            return ((iterations as f64 * RUN.as_secs_f64() / took.as_secs_f64()) as u64).max(1);
        }
        iterations *= 2;
    }
}

/// One contender's times divided by ours, repetition by repetition.
pub(crate) fn ratios(one: &Times, ours: &Times) -> Vec<f64> {
    one.ns.iter().zip(&ours.ns).map(|(one, ours)| one / ours).collect()
}

pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

pub(crate) fn lowest(values: &[f64]) -> f64 {
    quantile(values, 0.0)
}

/// The value at or just below a quantile.
pub(crate) fn quantile(values: &[f64], quantile: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * quantile) as usize]
}
