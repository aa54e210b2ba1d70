//! The type of a family, how its series are kept, and the type of their words.

/// The type of a family, as pages say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricType {
    /// It grows and never falls.
    Counter,
    /// It goes up and down. States and infos are gauges too.
    Gauge,
    /// Counts of observations by buckets, and their sum.
    Histogram,
}

/// How a series is kept, and so what it shows where an engine has several recorders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// A word in each row (a histogram has several): the sum is shown.
    Summed,
    /// A word in each slab, and a stamp: what was set last is shown.
    State,
    /// A cell outside of slabs, which any thread sets.
    Settable,
    /// As a state: the index of one of the values of the family's first label.
    StateSet,
}

/// How to read a 64-bit word: the value of a counter or gauge, or the sum of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordType {
    U64,
    I64,
    F64,
}

impl WordType {
    /// The sum of two words. Counts, and gauges of `u64`, stop at `u64::MAX` rather than fall.
    /// Gauges of `i64` wrap around, since only the sum of all rows needs to be in range. Floats
    /// stop at the greatest finite value. Only a gauge that was set to an infinity shows one.
    #[inline(always)]
    pub(crate) fn sum(self, one: u64, other: u64) -> u64 {
        match self {
            Self::U64 => mutant!(one.saturating_add(other), "sum: counts wrap around" => one.wrapping_add(other)),
            Self::I64 => mutant!(
                one.wrapping_add(other),
                "sum: gauges stop at the end of their range" => (one as i64).saturating_add(other as i64) as u64,
            ),
            Self::F64 => sum_of_floats(f64::from_bits(one), f64::from_bits(other)).to_bits(),
        }
    }
}

#[inline(always)]
fn sum_of_floats(one: f64, other: f64) -> f64 {
    let sum = one + other;
    let overflowed = sum.is_infinite() && one.is_finite() && other.is_finite();
    if mutant!(overflowed, "sum: floats become infinite" => false) { f64::MAX.copysign(sum) } else { sum }
}
