//! The types of values, and the rules for what can be counted honestly.

use super::{bounds::Bounds, types::WordType};

/// The type of a value that fits into a word of a slab: `u64`, `i64` or `f64`. Sealed.
pub trait Value: Copy + PartialOrd + sealed::Value {}

/// The type of a counter: `u64` or `f64`. Sealed.
pub trait CounterValue: Value + sealed::CounterValue {}

/// The type of a gauge: `u64`, `i64` or `f64`. Sealed.
pub trait GaugeValue: Value + sealed::GaugeValue {}

/// The type of a histogram's observations and of its sum: `u64` (the sum is exact) or `f64`.
/// Sealed.
pub trait ObservationValue: CounterValue + sealed::ObservationValue {}

impl Value for u64 {}
impl Value for i64 {}
impl Value for f64 {}
impl CounterValue for u64 {}
impl CounterValue for f64 {}
impl GaugeValue for u64 {}
impl GaugeValue for i64 {}
impl GaugeValue for f64 {}
impl ObservationValue for u64 {}
impl ObservationValue for f64 {}

/// The least integer that isn't counted: from here on it is a negative difference that wrapped
/// around.
pub(crate) const WRAPPED: u64 = 1 << 63;

/// The least value, the greatest value and the sum of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary<T> {
    pub(crate) least: T,
    pub(crate) greatest: T,
    pub(crate) sum: T,
}

/// The methods of the traits. Only this crate calls them.
pub(crate) mod sealed {
    use super::{Bounds, Summary, WordType};

    pub trait Value: Sized {
        const WORD_TYPE: WordType;
        fn to_word(self) -> u64;
        fn from_word(word: u64) -> Self;
    }

    pub trait CounterValue: Sized {
        const ZERO: Self;
        const ONE: Self;
        /// The sum, if it can be counted: it isn't NaN, infinite or beyond the range of the type.
        /// `total` is such a sum.
        fn sum(total: Self, n: Self) -> Option<Self>;
        /// Whether a counter can grow by this value.
        fn can_grow_by(self) -> bool;
    }

    pub trait GaugeValue: Sized {
        const ONE: Self;
        const MINUS_ONE: Self;
        /// Minus the value; an integer wraps around.
        fn negated(self) -> Self;
    }

    pub trait ObservationValue: Sized {
        /// What `n` observations of the value add to the sum. `None` if no sum can grow by it.
        fn times(self, n: u64) -> Option<Self>;
        /// The bucket of the value: the number of upper bounds below it. `None` if it can't be
        /// counted.
        fn bucket(self, bounds: &Bounds) -> Option<u16>;
        /// `None` if the batch is empty, or if its sum can't be counted.
        fn summarize(values: &[Self]) -> Option<Summary<Self>>;
        /// The number of values at or below upper bound `index`.
        fn count_up_to(values: &[Self], bounds: &Bounds, index: u16) -> u64;
        /// Counts values from bucket `first` on. All can be counted, in at most `N` buckets.
        fn count_by_value<const N: usize>(values: &[Self], bounds: &Bounds, first: u16, counts: &mut [[u32; N]; 2]);
    }
}

impl sealed::Value for u64 {
    const WORD_TYPE: WordType = WordType::U64;

    #[inline(always)]
    fn to_word(self) -> u64 {
        self
    }

    #[inline(always)]
    fn from_word(word: u64) -> Self {
        word
    }
}

impl sealed::Value for i64 {
    const WORD_TYPE: WordType = WordType::I64;

    #[inline(always)]
    fn to_word(self) -> u64 {
        self as u64
    }

    #[inline(always)]
    fn from_word(word: u64) -> Self {
        word as i64
    }
}

impl sealed::Value for f64 {
    const WORD_TYPE: WordType = WordType::F64;

    #[inline(always)]
    fn to_word(self) -> u64 {
        self.to_bits()
    }

    #[inline(always)]
    fn from_word(word: u64) -> Self {
        Self::from_bits(word)
    }
}

impl sealed::CounterValue for u64 {
    const ZERO: Self = 0;
    const ONE: Self = 1;

    #[inline(always)]
    fn sum(total: Self, n: Self) -> Option<Self> {
        total.checked_add(n)
    }

    #[inline(always)]
    fn can_grow_by(self) -> bool {
        mutant!(self < WRAPPED, "value: wrapped differences are added" => true)
    }
}

impl sealed::CounterValue for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    #[inline(always)]
    fn sum(total: Self, n: Self) -> Option<Self> {
        let sum = total + n;
        sum.is_finite().then_some(sum)
    }

    #[inline(always)]
    fn can_grow_by(self) -> bool {
        self >= 0.0
    }
}

impl sealed::GaugeValue for u64 {
    const ONE: Self = 1;
    const MINUS_ONE: Self = Self::MAX; // additions wrap around

    #[inline(always)]
    fn negated(self) -> Self {
        self.wrapping_neg()
    }
}

impl sealed::GaugeValue for i64 {
    const ONE: Self = 1;
    const MINUS_ONE: Self = -1;

    #[inline(always)]
    fn negated(self) -> Self {
        self.wrapping_neg()
    }
}

impl sealed::GaugeValue for f64 {
    const ONE: Self = 1.0;
    const MINUS_ONE: Self = -1.0;

    #[inline(always)]
    fn negated(self) -> Self {
        -self
    }
}

impl sealed::ObservationValue for u64 {
    #[inline(always)]
    fn times(self, n: u64) -> Option<Self> {
        self.checked_mul(n).filter(|sum| sealed::CounterValue::can_grow_by(*sum))
    }

    #[inline(always)]
    fn bucket(self, bounds: &Bounds) -> Option<u16> {
        Some(bounds.bucket_u64(self))
    }

    #[inline]
    fn summarize(values: &[Self]) -> Option<Summary<Self>> {
        let greatest = *values.iter().max()?;
        let least = *values.iter().min()?;
        greatest.times(1)?;
        greatest.checked_mul(values.len() as u64)?; // if this fits, the sum does too
        Some(Summary { least, greatest, sum: values.iter().sum() })
    }

    #[inline]
    fn count_up_to(values: &[Self], bounds: &Bounds, index: u16) -> u64 {
        bounds.last_integer(index).map_or(0, |last| values.iter().map(|v| u64::from(*v <= last)).sum())
    }

    #[inline]
    fn count_by_value<const N: usize>(values: &[Self], bounds: &Bounds, first: u16, counts: &mut [[u32; N]; 2]) {
        count_pairs(values, counts, |value| bounds.bucket_u64(value).wrapping_sub(first));
    }
}

impl sealed::ObservationValue for f64 {
    #[inline(always)]
    fn times(self, n: u64) -> Option<Self> {
        Some(self * n as Self)
    }

    #[inline(always)]
    fn bucket(self, bounds: &Bounds) -> Option<u16> {
        bounds.bucket_f64(self)
    }

    /// Sums in eight lanes, so that additions don't wait for each other. The sum may differ from a
    /// sequential one in its last digits.
    #[inline]
    fn summarize(values: &[Self]) -> Option<Summary<Self>> {
        const LANES: usize = 8;
        let (mut least, mut greatest, mut sum) = ([Self::INFINITY; LANES], [Self::NEG_INFINITY; LANES], [0.0; LANES]);
        let mut lane = |k: usize, v: Self| {
            // One instruction each. NaN makes the sum NaN as well.
            least[k] = if least[k] < v { least[k] } else { v };
            greatest[k] = if greatest[k] > v { greatest[k] } else { v };
            sum[k] += v;
        };
        let chunks = values.chunks_exact(LANES);
        let rest = chunks.remainder();
        for chunk in chunks {
            (0..LANES).for_each(|k| lane(k, chunk[k]));
        }
        rest.iter().enumerate().for_each(|(k, v)| lane(k, *v));
        let sum: Self = sum.iter().sum();
        let least = least.into_iter().fold(Self::INFINITY, Self::min);
        let greatest = greatest.into_iter().fold(Self::NEG_INFINITY, Self::max);
        (sum.is_finite() && !values.is_empty()).then_some(Summary { least, greatest, sum })
    }

    #[inline]
    fn count_up_to(values: &[Self], bounds: &Bounds, index: u16) -> u64 {
        let bound = bounds.upper()[usize::from(index)];
        values.iter().map(|v| u64::from(*v <= bound)).sum()
    }

    #[inline]
    fn count_by_value<const N: usize>(values: &[Self], bounds: &Bounds, first: u16, counts: &mut [[u32; N]; 2]) {
        match bounds.floats_table() {
            // `abs` serves negative zeros: no other value is negative.
            Some(table) => count_pairs(values, counts, |v| table.below(v.abs().to_bits(), v.abs()).wrapping_sub(first)),
            None => count_pairs(values, counts, |v| bounds.bucket_f64(v).unwrap_or(first).wrapping_sub(first)),
        }
    }
}

/// Neighbours are counted apart: counting a value must wait for the one before if both are in the
/// same bucket.
#[inline(always)]
fn count_pairs<T: Copy, const N: usize>(values: &[T], counts: &mut [[u32; N]; 2], bucket: impl Fn(T) -> u16) {
    let [even, odd] = counts;
    let pairs = values.chunks_exact(2);
    for &value in pairs.remainder() {
        even[usize::from(bucket(value)) % N] += 1;
    }
    for pair in pairs {
        even[usize::from(bucket(pair[0])) % N] += 1;
        odd[usize::from(bucket(pair[1])) % N] += 1;
    }
}
