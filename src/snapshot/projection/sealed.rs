//! What each handle chooses, and how its value is taken off a row.

use crate::{
    schema::{
        handle::{Counter, Gauge, Histogram, SettableGauge, State, StateSet},
        layout::{Layout, STATE_WORDS},
        value::{CounterValue, GaugeValue, ObservationValue},
    },
    snapshot::{chosen::Leaf, histogram::HistogramView},
};

/// The words of a row that weren't read yet.
pub struct Cursor<'v> {
    pub(super) layout: &'v Layout,
    pub(super) words: &'v [u64],
    pub(super) settable: &'v [u64],
}

impl<'v> Cursor<'v> {
    #[inline]
    fn take(&mut self, words: usize) -> &'v [u64] {
        let (taken, rest) = self.words.split_at(words);
        self.words = rest;
        taken
    }
}

pub trait Choice {
    /// The values, in the same shape.
    type Values<'v>;

    /// Calls `f` for each series, in order.
    fn each(&self, f: &mut dyn FnMut(Leaf));

    /// Reads the values from a row, in the same order.
    fn read<'v>(&self, row: &mut Cursor<'v>) -> Self::Values<'v>;
}

impl<T: CounterValue> Choice for Counter<T> {
    type Values<'v> = T;

    fn each(&self, f: &mut dyn FnMut(Leaf)) {
        f(Leaf::Scalar { schema: self.schema, word: self.word, word_type: T::WORD_TYPE });
    }

    #[inline]
    fn read<'v>(&self, row: &mut Cursor<'v>) -> T {
        T::from_word(row.take(1)[0])
    }
}

impl<T: GaugeValue> Choice for Gauge<T> {
    type Values<'v> = T;

    fn each(&self, f: &mut dyn FnMut(Leaf)) {
        f(Leaf::Scalar { schema: self.schema, word: self.word, word_type: T::WORD_TYPE });
    }

    #[inline]
    fn read<'v>(&self, row: &mut Cursor<'v>) -> T {
        T::from_word(row.take(1)[0])
    }
}

impl<T: GaugeValue> Choice for SettableGauge<T> {
    type Values<'v> = T;

    fn each(&self, f: &mut dyn FnMut(Leaf)) {
        f(Leaf::Settable { schema: self.schema, index: self.index });
    }

    #[inline]
    fn read<'v>(&self, row: &mut Cursor<'v>) -> T {
        let (value, rest) = row.settable.split_first().expect("as many as there are handles");
        row.settable = rest;
        T::from_word(*value)
    }
}

impl<T: GaugeValue> Choice for State<T> {
    type Values<'v> = T;

    fn each(&self, f: &mut dyn FnMut(Leaf)) {
        f(Leaf::State { schema: self.schema, word: self.word });
    }

    #[inline]
    fn read<'v>(&self, row: &mut Cursor<'v>) -> T {
        T::from_word(row.take(STATE_WORDS)[0])
    }
}

impl Choice for StateSet {
    type Values<'v> = Option<usize>;

    fn each(&self, f: &mut dyn FnMut(Leaf)) {
        f(Leaf::State { schema: self.schema, word: self.word });
    }

    #[inline]
    fn read<'v>(&self, row: &mut Cursor<'v>) -> Option<usize> {
        self.selected(row.take(STATE_WORDS)[0])
    }
}

impl<T: ObservationValue> Choice for Histogram<T> {
    type Values<'v> = HistogramView<'v, T>;

    fn each(&self, f: &mut dyn FnMut(Leaf)) {
        f(Leaf::Histogram { schema: self.schema, index: self.index.0, sum: T::WORD_TYPE });
    }

    #[inline]
    fn read<'v>(&self, row: &mut Cursor<'v>) -> HistogramView<'v, T> {
        let upper = row.layout.histograms[usize::from(self.index.0)].bounds.upper();
        HistogramView::new(upper, row.take(upper.len() + 2))
    }
}

impl<C: Choice, const N: usize> Choice for [C; N] {
    type Values<'v> = [C::Values<'v>; N];

    fn each(&self, f: &mut dyn FnMut(Leaf)) {
        self.iter().for_each(|choice| choice.each(f));
    }

    #[inline]
    fn read<'v>(&self, row: &mut Cursor<'v>) -> Self::Values<'v> {
        self.each_ref().map(|choice| choice.read(row))
    }
}

macro_rules! tuples {
    ($(($($name:ident $index:tt),+)),+ $(,)?) => {$(
        impl<$($name: Choice),+> Choice for ($($name,)+) {
            type Values<'v> = ($($name::Values<'v>,)+);

            fn each(&self, f: &mut dyn FnMut(Leaf)) {
                $(self.$index.each(f);)+
            }

            #[inline]
            fn read<'v>(&self, row: &mut Cursor<'v>) -> Self::Values<'v> {
                ($(self.$index.read(row),)+)
            }
        }
    )+};
}

tuples!(
    (A 0),
    (A 0, B 1),
    (A 0, B 1, C 2),
    (A 0, B 1, C 2, D 3),
    (A 0, B 1, C 2, D 3, E 4),
    (A 0, B 1, C 2, D 3, E 4, F 5),
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6),
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7),
);
