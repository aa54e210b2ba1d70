//! An info's current sample.

use std::{array, fmt};

use crate::store::info::InfoReading;

/// An info in a snapshot: its label values, and a value that was set with them.
#[derive(Clone, Copy)]
pub struct InfoView<'s, const N: usize>(pub(super) &'s InfoReading);

impl<'s, const N: usize> InfoView<'s, N> {
    /// The label values, in the order in which the labels were declared.
    #[must_use]
    pub fn values(&self) -> [&'s str; N] {
        let values = self.0.sample.values();
        array::from_fn(|label| &*values[label])
    }

    /// The value, which was set with these labels.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.0.value
    }
}

impl<const N: usize> fmt::Debug for InfoView<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InfoView").field("values", &self.values()).field("value", &self.value()).finish()
    }
}
