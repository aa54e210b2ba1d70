//! What a snapshot reads: everything, or a few chosen series.
//!
//! ```text
//!  slab      | counters and gauges             | histograms … |
//!               |        |    |
//!  chosen    |  w0      w1   w2 |   a row: a word each, side by side
//! ```

use std::collections::BTreeMap;

use crate::{
    schema::{
        Schema,
        family::Number,
        handle::Series,
        layout::{Layout, Scope},
    },
    slab::{Reading, Slab},
};

/// Series of one scope.
pub(super) struct Chosen {
    /// Their words in a slab, ascending.
    words: Box<[u16]>,
    numbers: Box<[Number]>,
}

impl Chosen {
    /// Looks up which of the series are of which scope.
    ///
    /// # Panics
    /// If one isn't of this schema.
    #[cold]
    pub(super) fn look_up(series: &[Series], schema: &Schema, chosen: [&mut Option<Self>; Scope::COUNT]) {
        let numbers = Scope::ALL.map(|scope| schema.layout(scope).schema);
        assert!(
            series.iter().all(|series| numbers.contains(&series.schema)),
            "a series of Snapshot::only belongs to another schema than the registry: choose handles of the registry's own"
        );
        for (number, chosen) in numbers.into_iter().zip(chosen) {
            let own = series.iter().filter(|series| series.schema == number);
            *chosen = Some(Self::new(own.map(|series| (series.word, series.number)).collect()));
        }
    }

    fn new(by_word: BTreeMap<u16, Number>) -> Self {
        Self { words: by_word.keys().copied().collect(), numbers: by_word.values().copied().collect() }
    }

    /// Where a word of the slab stands in a row.
    pub(super) fn place(&self, word: u16) -> Option<usize> {
        self.words.binary_search(&word).ok()
    }
}

/// Which words and infos a row has.
#[derive(Clone, Copy)]
pub(super) enum Selection<'s> {
    /// All words of the slab, those outside of steps, and the infos.
    All(&'s Layout),
    /// A word a series, and nothing else.
    Chosen(&'s Chosen),
}

impl<'s> Selection<'s> {
    #[inline]
    pub(super) fn of(layout: &'s Layout, chosen: Option<&'s Chosen>) -> Self {
        chosen.map_or(Self::All(layout), Self::Chosen)
    }

    pub(super) fn row_len(self) -> usize {
        match self {
            Self::All(layout) => layout.row_len(),
            Self::Chosen(chosen) => chosen.words.len(),
        }
    }

    pub(super) fn infos(self) -> usize {
        match self {
            Self::All(layout) => layout.infos.len(),
            Self::Chosen(_) => 0,
        }
    }

    pub(super) fn open(self) -> usize {
        match self {
            Self::All(layout) => layout.open.len(),
            Self::Chosen(_) => 0,
        }
    }

    /// Overwrites `row` with one step of a slab.
    pub(super) fn read(self, slab: &Slab, row: &mut [u64]) -> Reading {
        match self {
            Self::All(layout) => {
                let (words, aside) = row.split_at_mut(layout.words);
                let reading = slab.read(None, words);
                slab.read_aside(aside);
                reading
            }
            Self::Chosen(chosen) => slab.read(Some(&chosen.words), row),
        }
    }

    /// Adds to each word of `row` what `other` says of its place in a row and its place in a slab.
    pub(super) fn add(self, row: &mut [u64], other: impl Fn(usize, usize) -> u64) {
        match self {
            Self::All(layout) => layout.add(row, |word| other(word, word)),
            Self::Chosen(chosen) => {
                for (place, sum) in row.iter_mut().enumerate() {
                    let number = mutant!(
                        chosen.numbers[place],
                        "snapshot: chosen floats are added up as integers" => Number::U64,
                    );
                    *sum = number.sum(*sum, other(place, usize::from(chosen.words[place])));
                }
            }
        }
    }
}
