//! The upper bounds of a histogram with fixed buckets, and the search for the bucket of a value.
//!
//! Bucket k of n bounds counts the values in (bound k-1, bound k]: an upper bound is inclusive, as
//! `le` is. Bucket n, the overflow bucket, counts the values above all bounds.

use super::{bucket_table::Table, error::SchemaError};

/// Upper bounds, strictly increasing and finite; at least one.
#[derive(Clone, Debug)]
pub struct Bounds {
    upper: Box<[f64]>,
    /// The greatest integer at or below each bound that isn't negative. `v <= bound` exactly when
    /// `v <= integer`. This holds above 2^53 too, where a `u64` can't be compared as a float.
    integers: Box<[u64]>,
    /// Bounds below zero, which have no such integer.
    negative: u16,
    /// Finds the bucket of a float. `None` if a bound is negative, since the bits of negative
    /// floats don't increase with their values, or if the table would be too large.
    floats_table: Option<Table>,
    /// Finds the bucket of an integer. `None` if two bounds have the same integer, or if the table
    /// would be too large.
    integers_table: Option<Table>,
}

impl Bounds {
    /// Checks the bounds of `family`.
    pub(super) fn new(family: &str, upper: &[f64]) -> Result<Self, SchemaError> {
        let family = || family.to_owned();
        if upper.is_empty() {
            return Err(SchemaError::NoBounds { family: family() });
        }
        for (index, &bound) in upper.iter().enumerate() {
            if !bound.is_finite() {
                return Err(SchemaError::BoundNotFinite { family: family(), index, bound });
            }
            if index > 0 && bound <= upper[index - 1] {
                return Err(SchemaError::BoundNotIncreasing { family: family(), index, bound });
            }
        }
        let negative = upper.partition_point(|bound| *bound < 0.0);
        let floats: Vec<f64> = upper.iter().map(|bound| bound + 0.0).collect(); // no negative zero
        let words: Vec<u64> = floats.iter().map(|bound| bound.to_bits()).collect();
        let integers: Box<[u64]> = upper[negative..].iter().map(|bound| bound.floor() as u64).collect();
        let integers_as_floats: Vec<f64> = integers.iter().map(|bound| to_float(*bound)).collect();
        Ok(Self {
            floats_table: if negative == 0 { Table::new(&words, &floats) } else { None },
            integers_table: Table::new(&integers, &integers_as_floats),
            integers,
            negative: negative as u16,
            upper: upper.into(),
        })
    }

    /// The bounds as declared.
    pub(crate) fn upper(&self) -> &[f64] {
        &self.upper
    }

    /// `None` for NaN, for an infinity, and for a negative value if no bound is negative.
    #[inline(always)]
    pub(crate) fn bucket_f64(&self, value: f64) -> Option<u16> {
        match &self.floats_table {
            // As words, negative values and NaN are greater than infinity.
            Some(table) if value.to_bits() < f64::INFINITY.to_bits() => Some(table.below(value.to_bits(), value)),
            _ => self.search_f64(value),
        }
    }

    #[inline(always)]
    pub(crate) fn bucket_u64(&self, value: u64) -> u16 {
        match &self.integers_table {
            Some(table) => self.negative + table.below(value, to_float(value)),
            None => self.negative + self.integers.partition_point(|last| *last < value) as u16,
        }
    }

    #[inline(always)]
    pub(super) fn floats_table(&self) -> Option<&Table> {
        self.floats_table.as_ref()
    }

    #[inline(never)]
    fn search_f64(&self, value: f64) -> Option<u16> {
        let countable = value.is_finite() && (value >= 0.0 || self.negative > 0);
        countable.then(|| self.upper.partition_point(|bound| *bound < value) as u16)
    }

    /// The greatest integer at or below bound `index`, if that bound isn't negative.
    pub(crate) fn last_integer(&self, index: u16) -> Option<u64> {
        index.checked_sub(self.negative).map(|index| self.integers[usize::from(index)])
    }
}

/// Never falls when the integer grows, which is all that a key needs. It goes through `i64`, since
/// processors have an instruction for that.
#[inline(always)]
fn to_float(integer: u64) -> f64 {
    integer.min(i64::MAX as u64) as i64 as f64
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn naive(upper: &[f64], value: f64) -> u16 {
        upper.iter().filter(|bound| **bound < value).count() as u16
    }

    /// Compares an integer with a float exactly, as 128-bit integers.
    fn naive_u64(upper: &[f64], value: u64) -> u16 {
        upper.iter().filter(|bound| (bound.floor() as i128) < i128::from(value)).count() as u16
    }

    /// A float, and its neighbours on both sides.
    fn neighbours(float: f64) -> [f64; 3] {
        let bits = (float + 0.0).to_bits();
        let away = f64::from_bits(bits + 1);
        let towards_zero = if bits << 1 == 0 { -5e-324 } else { f64::from_bits(bits - 1) };
        [towards_zero, float, away]
    }

    /// Bounds as people choose them, and what the search has to cope with: exact and uneven bounds,
    /// close and distant ones, bounds from zero, and many of them.
    fn typical_bounds() -> Vec<Vec<f64>> {
        let linear = |n: u32, step: f64| (0..n).map(|k| f64::from(k) * step).collect::<Vec<_>>();
        let exponential = |n: i32, factor: f64| (0..n).map(|k| 1e-3 * factor.powi(k)).collect::<Vec<_>>();
        vec![
            vec![0.0],
            vec![1.0],
            vec![5e-324, f64::MIN_POSITIVE, f64::MAX],
            vec![0.0, 5e-324, 1e-310, 1.0],
            vec![0.1, 0.2, 0.3, 0.5],
            vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0],
            vec![0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 640.0, 2560.0],
            vec![1.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0, 16384.0],
            vec![1e300, 1.000_000_000_000_000_2e300],
            vec![9_007_199_254_740_992.0, 9_007_199_254_740_994.0, 18_446_744_073_709_551_616.0],
            vec![9_223_372_036_854_775_808.0, 9.3e18, 1.844_674_407_370_955e19],
            vec![-2.5, -0.5, 0.0, 0.3, 1.0, 1e6, 1e18],
            linear(100, 1.0),
            linear(1_024, 0.25),
            exponential(60, 1.5),
            exponential(400, 1.01),
        ]
    }

    #[test]
    fn each_value_near_any_bound_falls_where_the_definition_says() {
        for upper in typical_bounds() {
            let bounds = Bounds::new("x", &upper).unwrap();
            let near = upper.iter().copied().flat_map(neighbours);
            let edges = [0.0, -0.0, 5e-324, f64::MIN_POSITIVE, 1.0, 4.5e15, f64::MAX, f64::MIN];
            for value in near.chain(edges) {
                let countable = value.is_finite() && (value >= 0.0 || upper[0] < 0.0);
                assert_eq!(bounds.bucket_f64(value), countable.then(|| naive(&upper, value)), "{value} in {upper:?}");
            }
            let near = upper.iter().map(|bound| *bound as u64);
            let near = near.flat_map(|bound| [bound.saturating_sub(1), bound, bound.saturating_add(1)]);
            for value in near.chain([0, 1, 2, 1 << 53, (1 << 53) + 1, i64::MAX as u64, 1 << 63, u64::MAX]) {
                assert_eq!(bounds.bucket_u64(value), naive_u64(&upper, value), "{value} in {upper:?}");
            }
        }
    }

    /// Otherwise the test above wouldn't cover both the table and the search.
    #[test]
    fn usual_bounds_have_a_table_and_unusual_ones_are_searched() {
        let has_table = |upper: Vec<f64>| Bounds::new("x", &upper).unwrap().floats_table.is_some();
        let with_table = typical_bounds().into_iter().map(has_table).collect::<Vec<_>>();
        let (yes, no) = (true, false);
        let expected = [yes, yes, no, no, yes, yes, yes, yes, yes, no, yes, no, yes, no, yes, no];
        assert_eq!(with_table, expected);
    }

    #[test]
    fn integers_beyond_float_precision_are_compared_exactly() {
        let bounds = Bounds::new("x", &[9_007_199_254_740_992.0, 18_446_744_073_709_551_616.0]).unwrap();
        assert_eq!(bounds.bucket_u64(1 << 53), 0);
        assert_eq!(bounds.bucket_u64((1 << 53) + 1), 1, "as a float it would equal the bound");
        assert_eq!(bounds.bucket_u64(u64::MAX), 1);
    }

    #[test]
    fn what_cannot_be_counted_has_no_bucket() {
        let positive = Bounds::new("x", &[0.0, 1.0]).unwrap();
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.1, -f64::MIN_POSITIVE] {
            assert_eq!(positive.bucket_f64(value), None, "{value}");
        }
        assert_eq!(positive.bucket_f64(-0.0), Some(0));
        assert_eq!(positive.bucket_f64(f64::MAX), Some(2));
        let signed = Bounds::new("x", &[-1.0, 1.0]).unwrap();
        assert_eq!(signed.bucket_f64(f64::MIN), Some(0));
        assert_eq!(signed.bucket_f64(f64::NEG_INFINITY), None);
    }

    #[test]
    fn bounds_are_refused_with_their_index() {
        let refused = |upper: &[f64]| Bounds::new("x", upper).unwrap_err().to_string();
        assert!(refused(&[]).contains("no upper bounds"));
        assert!(refused(&[1.0, f64::NAN]).contains("bound 1 of histogram \"x\" is NaN"));
        assert!(refused(&[1.0, f64::INFINITY]).contains("exposition adds +Inf"));
        assert!(refused(&[1.0, 1.0]).contains("bound 1 of histogram \"x\", 1, isn't greater"));
        assert!(refused(&[2.0, 1.0]).contains("isn't greater"));
        assert!(refused(&[-0.0, 0.0]).contains("isn't greater"));
    }

    proptest! {
        #[test]
        fn any_value_falls_where_the_definition_says(
            mut upper in prop::collection::vec(-1e6..1e19f64, 1..40),
            value in any::<f64>(),
            integer in any::<u64>(),
            shift in 0..64u32,
        ) {
            upper.sort_by(f64::total_cmp);
            upper.dedup();
            let bounds = Bounds::new("x", &upper).unwrap();
            let countable = value.is_finite() && (value >= 0.0 || upper[0] < 0.0);
            prop_assert_eq!(bounds.bucket_f64(value), countable.then(|| naive(&upper, value)));
            let integer = integer >> shift;
            prop_assert_eq!(bounds.bucket_u64(integer), naive_u64(&upper, integer));
        }
    }
}
