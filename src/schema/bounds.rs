//! Upper bounds of fixed-bucket histograms, and the search for a value's bucket.
//!
//! Bucket k of n bounds counts the values in (bound k-1, bound k]: an upper bound is inclusive, as `le` is. Bucket n, the
//! overflow bucket, counts what is above all bounds.

use super::error::SchemaError;

/// Upper bounds, strictly increasing and finite; at least one.
#[derive(Clone, Debug)]
pub struct Bounds {
    upper: Box<[f64]>,
    /// The greatest integer at or below each bound that isn't negative: `v <= bound` exactly when `v <= integer`, also
    /// above 2^53, where a `u64` can't be compared as a float.
    integers: Box<[u64]>,
    /// Bounds below zero, which have no such integer.
    negative: u16,
    /// What a value must reach to be countable: zero if no bound is negative.
    floor: f64,
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
        Ok(Self {
            integers: upper[negative..].iter().map(|bound| bound.floor() as u64).collect(),
            negative: negative as u16,
            floor: if negative == 0 { 0.0 } else { f64::MIN },
            upper: upper.into(),
        })
    }

    /// The bounds as declared.
    pub(crate) fn upper(&self) -> &[f64] {
        &self.upper
    }

    /// `None`: NaN, an infinity, or a negative value although no bound is negative.
    #[inline(always)]
    pub(crate) fn bucket_f64(&self, value: f64) -> Option<u16> {
        if !(value >= self.floor && value <= f64::MAX) {
            return None;
        }
        Some(self.upper.partition_point(|bound| *bound < value) as u16)
    }

    #[inline(always)]
    pub(crate) fn bucket_u64(&self, value: u64) -> u16 {
        self.negative + self.integers.partition_point(|last| *last < value) as u16
    }

    /// The greatest integer at or below bound `index`, if that bound isn't negative.
    pub(crate) fn last_integer(&self, index: u16) -> Option<u64> {
        index.checked_sub(self.negative).map(|index| self.integers[usize::from(index)])
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn naive(upper: &[f64], value: f64) -> u16 {
        upper.iter().filter(|bound| **bound < value).count() as u16
    }

    /// Exact comparison of an integer with a float, by way of 128-bit integers.
    fn naive_u64(upper: &[f64], value: u64) -> u16 {
        upper.iter().filter(|bound| (bound.floor() as i128) < i128::from(value)).count() as u16
    }

    /// A float, and a hair to either side of it.
    fn neighbours(bound: f64) -> [f64; 3] {
        let hair = f64::MIN_POSITIVE.max(bound.abs() * f64::EPSILON);
        [bound - hair, bound, bound + hair]
    }

    #[test]
    fn each_bound_and_its_neighbours_fall_where_the_definition_says() {
        let upper = [-2.5, -0.5, 0.0, 0.3, 1.0, 1e6, 1e18];
        let bounds = Bounds::new("x", &upper).unwrap();
        for value in upper.into_iter().flat_map(neighbours) {
            assert_eq!(bounds.bucket_f64(value), Some(naive(&upper, value)), "{value}");
        }
        for value in [0, 1, 2, 999_999, 1_000_000, 1_000_001, 10u64.pow(18), 10u64.pow(18) + 1, u64::MAX] {
            assert_eq!(bounds.bucket_u64(value), naive_u64(&upper, value), "{value}");
        }
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
    fn bounds_are_refused_with_their_place() {
        let refused = |upper: &[f64]| Bounds::new("x", upper).unwrap_err().to_string();
        assert!(refused(&[]).contains("no upper bounds"));
        assert!(refused(&[1.0, f64::NAN]).contains("bound 1 of histogram \"x\" is NaN"));
        assert!(refused(&[1.0, f64::INFINITY]).contains("+Inf is added on exposition"));
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
