//! What a declaration returns: one handle, or an array with one dimension per label. An array is a
//! `Vec` where only the program knows how many label values there are.

use std::marker::PhantomData;

/// How many values a label has, or how many labels a family: the compiler knows it ([`Exactly`]),
/// or only the running program does ([`AtRunTime`]). Sealed.
pub trait Length: sealed::Length {}

/// `N`, which the compiler checks: an array of that length is given, and arrays are returned.
#[derive(Debug)]
pub enum Exactly<const N: usize> {}

/// A number that is only known at run time: a slice is given, and a `Vec` is returned.
#[derive(Debug)]
pub enum AtRunTime {}

/// A list of label names or label values in a declaration: an array (`["hit", "miss"]`), or a slice
/// (`&[&str]`) if their number is only known at run time. Sealed.
pub trait List: sealed::List {}

/// The shape of a declared family: [`One`] series, or one per value of a label ([`By`]). Sealed.
///
/// The handles of a family with labels are in (nested) arrays, in the order in which the labels and
/// their values were declared. So they can be destructured, and the compiler checks their number. A
/// label whose values were given as a slice has a `Vec` instead.
pub trait Shape: sealed::Fill {}

/// The shape of a family without labels of its own: one handle.
#[derive(Debug)]
pub enum One {}

/// The shape `Outer` with one more, innermost label, of as many values as `L` says ([`Length`]).
#[derive(Debug)]
pub struct By<L, Outer>(PhantomData<(L, Outer)>);

impl<const N: usize> Length for Exactly<N> {}
impl Length for AtRunTime {}
impl<const N: usize> List for [&str; N] {}
impl List for &[&str] {}
impl Shape for One {}
impl<L: Length, Outer: Shape> Shape for By<L, Outer> {}

pub(crate) mod sealed {
    use std::array;

    use super::{AtRunTime, By, Exactly, One};

    pub trait Length {
        /// So many of `T`.
        type Of<T>;

        /// So many label values.
        type Values<'v>: AsRef<[&'v str]>;

        /// Takes `len` of `next`, in order.
        fn fill<T>(len: usize, next: impl FnMut() -> T) -> Self::Of<T>;
    }

    impl<const N: usize> Length for Exactly<N> {
        type Of<T> = [T; N];
        type Values<'v> = [&'v str; N];

        fn fill<T>(_: usize, mut next: impl FnMut() -> T) -> [T; N] {
            array::from_fn(|_| next())
        }
    }

    impl Length for AtRunTime {
        type Of<T> = Vec<T>;
        type Values<'v> = &'v [&'v str];

        fn fill<T>(len: usize, mut next: impl FnMut() -> T) -> Vec<T> {
            (0..len).map(|_| next()).collect()
        }
    }

    pub trait List {
        type Length: super::Length;

        fn to_strings(&self) -> Vec<String>;
    }

    impl<const N: usize> List for [&str; N] {
        type Length = Exactly<N>;

        fn to_strings(&self) -> Vec<String> {
            self.map(str::to_owned).into()
        }
    }

    impl List for &[&str] {
        type Length = AtRunTime;

        fn to_strings(&self) -> Vec<String> {
            self.iter().copied().map(str::to_owned).collect()
        }
    }

    pub trait Fill {
        /// One `H` per series.
        type Of<H>;

        /// Makes the handles in order. `lens` are the numbers of values of the labels.
        fn fill<H>(lens: &[usize], next: impl FnMut() -> H) -> Self::Of<H>;
    }

    impl Fill for One {
        type Of<H> = H;

        fn fill<H>(_: &[usize], mut next: impl FnMut() -> H) -> H {
            next()
        }
    }

    impl<L: super::Length, Outer: Fill> Fill for By<L, Outer> {
        type Of<H> = Outer::Of<L::Of<H>>;

        fn fill<H>(lens: &[usize], mut next: impl FnMut() -> H) -> Self::Of<H> {
            let (len, outer) = lens.split_last().expect("there is one per label");
            Outer::fill(outer, || L::fill(*len, &mut next))
        }
    }
}
