//! How many handles a declaration returns: one, or an array with one dimension a label.

use std::array;

/// The shape of a declared family: [`One`] series, or one for each value of a label ([`By`]).
///
/// The handles of a family with labels come as (nested) arrays in the order in which the labels and their values were
/// declared, so they can be destructured and the compiler knows their number.
pub trait Shape {
    /// One `H` for each series.
    type Of<H>;

    /// Makes the handles in order.
    #[doc(hidden)]
    fn fill<H>(next: impl FnMut() -> H) -> Self::Of<H>;
}

/// A family without labels of its own: one handle.
#[derive(Debug)]
pub enum One {}

/// The shape `Outer` with one more, innermost label of `N` values.
#[derive(Debug)]
pub struct By<const N: usize, Outer>(std::marker::PhantomData<Outer>);

impl Shape for One {
    type Of<H> = H;

    fn fill<H>(mut next: impl FnMut() -> H) -> H {
        next()
    }
}

impl<const N: usize, Outer: Shape> Shape for By<N, Outer> {
    type Of<H> = Outer::Of<[H; N]>;

    fn fill<H>(mut next: impl FnMut() -> H) -> Self::Of<H> {
        Outer::fill(|| array::from_fn(|_| next()))
    }
}
