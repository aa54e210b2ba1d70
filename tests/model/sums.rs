//! Sums of floats, whose last digits depend on the order of additions.

use super::op::Way;

/// A float's sum, and how far the true one may be from it: `observe_all` adds in another order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sum {
    pub(crate) value: f64,
    pub(crate) slack: f64,
}

impl Way<f64> {
    /// How much the values could change a sum, without their signs.
    pub(crate) fn magnitude(&self) -> f64 {
        let finite = |value: &f64| if value.is_finite() { value.abs() } else { 0.0 };
        match self {
            Self::One(value) => finite(value),
            Self::Times(value, n) => finite(value) * *n as f64,
            Self::All(values) => values.iter().map(finite).sum(),
        }
    }
}

impl Sum {
    /// What `way` adds to the slack: the usual bound on the error of a sum of this many terms, for
    /// each of the two orders, doubled to cover its own rounding.
    pub(crate) fn slack_of(&self, way: &Way<f64>) -> f64 {
        let terms = match way {
            _ if self.is_exact_with(way) => return 0.0,
            Way::All(values) => values.len(),
            Way::One(_) | Way::Times(..) => 1,
        };
        2.0 * terms as f64 * f64::EPSILON * (self.value.abs() + way.magnitude())
    }

    /// Whether the order of additions can't matter: there is only one, or all partial sums are
    /// multiples of 2^-20 below 2^32.
    fn is_exact_with(&self, way: &Way<f64>) -> bool {
        let exact = |value: &f64| !value.is_finite() || (value * 2_f64.powi(20)).fract() == 0.0;
        let order_is_fixed = match way {
            Way::One(_) | Way::Times(..) => true,
            Way::All(values) => {
                let small = self.value.abs() + way.magnitude() < 2_f64.powi(32);
                small && exact(&self.value) && values.iter().all(exact)
            }
        };
        self.slack == 0.0 && order_is_fixed
    }
}

/// Stops at the greatest finite value.
pub(crate) fn sum_of_floats(one: f64, other: f64) -> f64 {
    let sum = one + other;
    if one.is_finite() && other.is_finite() { sum.clamp(f64::MIN, f64::MAX) } else { sum }
}
