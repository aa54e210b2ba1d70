//! An info's current sample.

use std::{fmt, marker::PhantomData};

use crate::{schema::shape::Length, store::info::InfoReading};

/// An info in a snapshot: its label values, and a value that was set with them.
pub struct InfoView<'s, L> {
    reading: &'s InfoReading,
    length: PhantomData<fn() -> L>,
}

impl<'s, L: Length> InfoView<'s, L> {
    pub(super) fn new(reading: &'s InfoReading) -> Self {
        Self { reading, length: PhantomData }
    }

    /// The label values, in the order in which the labels were declared: an array, or a `Vec` if
    /// their number is only known at run time.
    #[must_use]
    pub fn values(&self) -> L::Of<&'s str> {
        let mut values = self.reading.sample.values().iter().map(String::as_str);
        L::fill(values.len(), || values.next().expect("one per label"))
    }

    /// The value, which was set with these labels.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.reading.value
    }
}

// Not derived, since a derive would add bounds on `L`.
impl<L> Clone for InfoView<'_, L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<L> Copy for InfoView<'_, L> {}

impl<L> fmt::Debug for InfoView<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InfoView")
            .field("values", &self.reading.sample.values())
            .field("value", &self.reading.value)
            .finish()
    }
}
