//! Sums and percentiles to the last digit of Python's and NumPy's.

use super::value::Number;

/// Which 90th percentile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Percentile {
    /// Between the two numbers around it, as NumPy has it by default.
    Linear,
    /// One of the numbers: the nearest rank.
    NearestRank,
}

impl Percentile {
    /// `None` if there are no numbers.
    pub(super) fn p90(self, mut numbers: Vec<f64>) -> Option<f64> {
        let last = numbers.len().checked_sub(1)?;
        numbers.sort_by(f64::total_cmp);
        match self {
            Self::NearestRank => {
                let rank = (0.9 * numbers.len() as f64 - 1e-12) as usize;
                Some(numbers[rank.min(last)])
            }
            Self::Linear => {
                let index = last as f64 * 0.9;
                let (below, t) = (index.floor() as usize, index.fract());
                let (a, b) = (numbers[below], numbers[(below + 1).min(last)]);
                Some(if t < 0.5 { a + (b - a) * t } else { b - (b - a) * (1.0 - t) })
            }
        }
    }
}

/// Python's `+`.
pub(super) fn add(a: Number, b: Number) -> Number {
    match (a, b) {
        (Number::Integer(a), Number::Integer(b)) => Number::Integer(a.saturating_add(b)),
        (a, b) => Number::Float(a.as_f64() + b.as_f64()),
    }
}

/// Python's `sum`, from left to right.
pub(super) fn sum(numbers: &[Number]) -> Number {
    numbers.iter().copied().fold(Number::Integer(0), add)
}

/// NumPy's sum: eight lanes, and halves of more than 128 numbers (pairwise summation).
pub(super) fn pairwise(numbers: &[f64]) -> f64 {
    const LANES: usize = 8;
    match numbers.len() {
        ..LANES => numbers.iter().sum(),
        LANES..=128 => {
            let (mut lanes, whole) = ([0.0; LANES], numbers.chunks_exact(LANES));
            let rest = whole.remainder();
            for chunk in whole {
                lanes.iter_mut().zip(chunk).for_each(|(lane, number)| *lane += number);
            }
            let [a, b, c, d, e, f, g, h] = lanes;
            rest.iter().fold(((a + b) + (c + d)) + ((e + f) + (g + h)), |sum, number| sum + number)
        }
        n => {
            let half = n / 2 - n / 2 % LANES;
            pairwise(&numbers[..half]) + pairwise(&numbers[half..])
        }
    }
}

/// The exact sum, rounded once: by partial sums that don't overlap (Shewchuk).
pub(super) fn exact(numbers: &[f64]) -> f64 {
    let mut partials: Vec<f64> = Vec::new();
    for number in numbers {
        let (mut x, mut kept) = (*number, 0);
        for index in 0..partials.len() {
            let y = partials[index];
            let (large, small) = if x.abs() < y.abs() { (y, x) } else { (x, y) };
            let high = large + small;
            let low = small - (high - large);
            if low != 0.0 {
                partials[kept] = low;
                kept += 1;
            }
            x = high;
        }
        partials.truncate(kept);
        partials.push(x);
    }
    rounded_sum(&partials)
}

/// The sum of partials from the smallest to the greatest, rounded half to even.
fn rounded_sum(partials: &[f64]) -> f64 {
    let mut rest = partials.iter().rev().copied();
    let (mut high, mut low) = (rest.next().unwrap_or(0.0), 0.0);
    for y in rest.by_ref() {
        let x = high;
        high = x + y;
        low = y - (high - x);
        if low != 0.0 {
            break;
        }
    }
    // A tie, unless smaller partials lie beyond it.
    let further = rest.next().unwrap_or(0.0);
    if (low < 0.0 && further < 0.0) || (low > 0.0 && further > 0.0) {
        let doubled = low * 2.0;
        let up = high + doubled;
        if doubled == up - high {
            return up;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_sum_is_rounded_once() {
        for (numbers, sum) in [
            (&[0.1; 10][..], 1.0),
            (&[1e100, 1.0, -1e100], 1.0),
            (&[1e16, 1.0, 1e-16], 10_000_000_000_000_002.0),
            (&[1e16, 1.0], 1e16),
            (&[], 0.0),
        ] {
            assert_eq!(exact(numbers), sum, "{numbers:?}");
        }
    }

    #[test]
    fn a_percentile_is_numpys_or_the_nearest_rank() {
        let numbers: Vec<f64> = (1..=10).map(f64::from).collect();
        assert_eq!(Percentile::Linear.p90(numbers.clone()), Some(9.1));
        assert_eq!(Percentile::NearestRank.p90(numbers), Some(9.0));
        assert_eq!(Percentile::Linear.p90(vec![2.0]), Some(2.0));
        assert_eq!(Percentile::NearestRank.p90(vec![2.0]), Some(2.0));
        assert_eq!(Percentile::Linear.p90(Vec::new()), None);
    }

    #[test]
    fn a_pairwise_sum_has_lanes_and_halves() {
        let integers: Vec<f64> = (0..1_000).map(f64::from).collect();
        for n in [0, 7, 8, 9, 128, 129, 1_000] {
            assert_eq!(pairwise(&integers[..n]), (n * n.saturating_sub(1) / 2) as f64, "{n}");
        }
    }
}
