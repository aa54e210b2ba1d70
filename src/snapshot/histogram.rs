//! A histogram's numbers, and quantiles estimated from them.

use std::{fmt, marker::PhantomData};

use crate::schema::value::ObservationValue;

/// A histogram in a snapshot. Count, sum and buckets come from the same steps and agree with each
/// other. There is one exception: for observations that shared recorders make during the read, the
/// sum may be ahead of the buckets or behind them.
#[derive(Clone, Copy)]
pub struct HistogramView<'s, T> {
    upper_bounds: &'s [f64],
    /// Observations in each bucket, not cumulative; the overflow bucket last.
    buckets: &'s [u64],
    sum: u64,
    value: PhantomData<fn() -> T>,
}

impl<'s, T: ObservationValue> HistogramView<'s, T> {
    /// `words` are a histogram's buckets and then its sum.
    pub(crate) fn new(upper_bounds: &'s [f64], words: &'s [u64]) -> Self {
        let (buckets, sum) = words.split_at(upper_bounds.len() + 1);
        Self { upper_bounds, buckets, sum: sum[0], value: PhantomData }
    }

    /// The number of observations: the sum of the buckets, not a stored number. Saturates at
    /// `u64::MAX`.
    #[must_use]
    pub fn count(&self) -> u64 {
        let buckets = mutant!(self.buckets, "snapshot: a bucket not counted" => &self.buckets[1..]);
        buckets.iter().fold(0, |count, bucket| count.saturating_add(*bucket))
    }

    /// The sum of all observed values.
    #[must_use]
    pub fn sum(&self) -> T {
        T::from_word(self.sum)
    }

    /// The upper bounds as declared: inclusive, and without `+Inf`.
    #[must_use]
    pub fn upper_bounds(&self) -> &'s [f64] {
        self.upper_bounds
    }

    /// The observations in each bucket alone, not cumulative. The last is the bucket above all
    /// bounds, so there is one more than [`upper_bounds`](Self::upper_bounds).
    #[must_use]
    pub fn bucket_counts(&self) -> &'s [u64] {
        self.buckets
    }

    /// Each upper bound (inclusive; the last is `+Inf`), with the number of observations at or
    /// below it.
    pub fn cumulative_buckets(&self) -> impl Iterator<Item = (f64, u64)> + 's {
        let upper_bounds = self.upper_bounds.iter().copied().chain([f64::INFINITY]);
        let cumulative = self.buckets.iter().scan(0_u64, |count, bucket| {
            *count = count.saturating_add(*bucket);
            Some(*count)
        });
        upper_bounds.zip(cumulative)
    }

    /// An estimate of the `q`-quantile: the value below which a share `q` of the observations lies.
    /// It is computed as PromQL's `histogram_quantile` does for classic histograms. Within a bucket
    /// it interpolates linearly. The lowest bucket begins at 0; if its bound is negative or 0, the
    /// result is that bound. In the overflow bucket, the result is the greatest bound.
    ///
    /// Minus infinity for q < 0, and infinity for q > 1. Otherwise NaN if q is NaN or there are no
    /// observations.
    ///
    /// Source:
    /// <https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile>.
    #[must_use]
    pub fn quantile(&self, q: f64) -> f64 {
        if q < 0.0 {
            return f64::NEG_INFINITY;
        }
        if q > 1.0 {
            return f64::INFINITY;
        }
        let count = self.count();
        if count == 0 || q.is_nan() {
            return f64::NAN;
        }
        let rank = q * count as f64;
        let (mut lower, mut below) = (0.0_f64.min(self.upper_bounds[0]), 0.0);
        for (upper, cumulative) in self.cumulative_buckets() {
            let cumulative = cumulative as f64;
            if cumulative >= rank {
                let no_width = upper.is_infinite() || upper <= lower;
                let share = (rank - below) / (cumulative - below);
                return if no_width { lower } else { between(lower, upper, share) };
            }
            (lower, below) = (upper, cumulative);
        }
        lower
    }
}

/// The value at a share of the way. Two bounds may be further apart than the greatest float.
fn between(lower: f64, upper: f64, share: f64) -> f64 {
    let width = upper - lower;
    if width.is_finite() { lower + width * share } else { lower * (1.0 - share) + upper * share }
}

impl<T: ObservationValue + fmt::Debug> fmt::Debug for HistogramView<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let buckets: Vec<_> = self.cumulative_buckets().collect();
        f.debug_struct("HistogramView").field("cumulative_buckets", &buckets).field("sum", &self.sum()).finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn quantiles<const N: usize>(upper_bounds: &[f64], buckets: &[u64], q: [f64; N]) -> [f64; N] {
        let view = HistogramView::<f64> { upper_bounds, buckets, sum: 0, value: PhantomData };
        q.map(|q| view.quantile(q))
    }

    #[test]
    fn quantiles_are_those_of_promql() {
        let upper = [0.1, 0.5, 2.0];
        // 2 observations at or below 0.1, 6 at or below 0.5, 8 at or below 2, 10 in all.
        let found = quantiles(&upper, &[2, 4, 2, 2], [0.1, 0.2, 0.4, 0.7, 0.8, 0.9, 1.0]);
        for (found, expected) in found.into_iter().zip([0.05, 0.1, 0.3, 1.25, 2.0, 2.0, 2.0]) {
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        }
    }

    #[test]
    fn the_edges_of_quantiles_are_those_of_promql() {
        let [below, above, nan] = quantiles(&[1.0], &[1, 0], [-0.1, 1.1, f64::NAN]);
        assert_eq!((below, above), (f64::NEG_INFINITY, f64::INFINITY));
        assert!(nan.is_nan());
        let [below, above, inside] = quantiles(&[1.0], &[0, 0], [-0.1, 1.1, 0.5]);
        assert_eq!((below, above), (f64::NEG_INFINITY, f64::INFINITY), "also without observations");
        assert!(inside.is_nan(), "no observations");
        assert_eq!(quantiles(&[1.0], &[0, 3], [0.5]), [1.0], "all in the overflow bucket");
        assert_eq!(
            quantiles(&[-1.0, 1.0], &[3, 0, 0], [0.0, 0.5]),
            [-1.0, -1.0],
            "a lowest bucket without a lower end"
        );
        assert_eq!(quantiles(&[1.0, 2.0], &[0, 4, 0], [0.5]), [1.5], "empty buckets are passed over");
        assert_eq!(quantiles(&[-1e308, 1e308], &[0, 4, 0], [0.5, 1.0]), [0.0, 1e308], "a width beyond all floats");
        assert!(quantiles(&[1.0, 2.0], &[0, 4, 0], [0.0])[0].is_nan(), "0/0 in an empty lowest bucket, as in PromQL");
    }
}
