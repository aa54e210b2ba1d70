//! What a declaration returns: one handle, or an array with one dimension per label.

use std::array;

/// The shape of a declared family: [`One`] series, or one per value of a label ([`By`]). Sealed.
///
/// The handles of a family with labels are in (nested) arrays, in the order in which the labels and
/// their values were declared. So they can be destructured, and the compiler checks their number.
pub trait Shape: sealed::Fill {}

/// The shape of a family without labels of its own: one handle.
#[derive(Debug)]
pub enum One {}

/// The shape `Outer` with one more, innermost label of `N` values.
#[derive(Debug)]
pub struct By<const N: usize, Outer>(std::marker::PhantomData<Outer>);

impl Shape for One {}
impl<const N: usize, Outer: Shape> Shape for By<N, Outer> {}

pub(crate) mod sealed {
    use super::{By, One, array};

    pub trait Fill {
        /// One `H` per series.
        type Of<H>;

        /// Makes the handles in order.
        fn fill<H>(next: impl FnMut() -> H) -> Self::Of<H>;
    }

    impl Fill for One {
        type Of<H> = H;

        fn fill<H>(mut next: impl FnMut() -> H) -> H {
            next()
        }
    }

    impl<const N: usize, Outer: Fill> Fill for By<N, Outer> {
        type Of<H> = Outer::Of<[H; N]>;

        fn fill<H>(mut next: impl FnMut() -> H) -> Self::Of<H> {
            Outer::fill(|| array::from_fn(|_| next()))
        }
    }
}
