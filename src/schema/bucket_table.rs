//! Finds the bucket of a value by a table lookup and one comparison, instead of a binary search.
//!
//! A search compares with one bound after the other, and each comparison waits for the one before.
//! The next observation waits too, since it may load a word whose address the search is still
//! looking for. Some processors hide that delay. On others it takes most of a step.
//!
//! ```text
//!   a value, as a float  | exponent | mantissa … |
//!                        |  key: the cell   |
//!                                 ▼
//!   cells  | all up to bound 0 | … | one bound or none | … | all from the last bound on |
//!            (bounds before the cell, the cell's bound)
//! ```
//!
//! The key has the exponent, and as few bits of the mantissa as give each bound a cell of its own.
//! It never falls when the value grows. So a bound with a smaller key is below the value, and a
//! bound with a greater key isn't. A bound with the same key is compared. That comparison is exact,
//! however the key was rounded.

/// The most cells of a table: 8 KiB. If bounds need more, values are found by a search.
const MAX_CELLS: u64 = 512;
/// The bits of a float's mantissa.
const MANTISSA: u32 = 52;

/// A table for strictly increasing bounds. They are words, compared as integers.
#[derive(Clone, Debug)]
pub(super) struct Table {
    cells: Box<[Cell]>,
    /// How many low bits of a float its key drops.
    shift: u32,
    /// The key of the first cell. All smaller keys share that cell.
    first: u64,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    /// The bound in this cell, or else the next bound. If there is none, the greatest word.
    bound: u64,
    /// The number of bounds before it.
    before: u64,
}

impl Table {
    /// A table of the bounds `words`. `floats` are the floats that their keys are taken from.
    /// `None` if the table would be too large.
    pub(super) fn new(words: &[u64], floats: &[f64]) -> Option<Self> {
        (0..=MANTISSA).find_map(|mantissa| Self::with_mantissa(words, floats, MANTISSA - mantissa))
    }

    /// `None` if a cell would hold two bounds, or if there would be too many cells.
    fn with_mantissa(words: &[u64], floats: &[f64], shift: u32) -> Option<Self> {
        let keys: Vec<u64> = floats.iter().map(|float| float.to_bits() >> shift).collect();
        let (&least, &greatest) = (keys.first()?, keys.last()?);
        // The first cell covers everything below the second bound's cell, so a first bound at zero
        // costs no cells.
        let first = keys.get(1).map_or(least, |second| second.saturating_sub(1)).max(least);
        let distinct = keys.windows(2).all(|pair| pair[0] < pair[1]);
        if !distinct || greatest - first >= MAX_CELLS {
            return None;
        }
        let cell = |key| {
            let before = keys.partition_point(|bound| *bound.max(&first) < key);
            Cell { bound: words.get(before).copied().unwrap_or(u64::MAX), before: before as u64 }
        };
        Some(Self { cells: (first..=greatest).map(cell).collect(), shift, first })
    }

    /// The number of bounds below the value, which is given as a word and as a float that isn't
    /// negative.
    #[inline(always)]
    pub(super) fn below(&self, word: u64, float: f64) -> u16 {
        let key = (float.to_bits() >> self.shift).saturating_sub(self.first);
        let last = self.cells.len() as u64 - 1;
        // The least first: `usize` may be narrower.
        let Cell { bound, before } = self.cells[key.min(last) as usize];
        (before + u64::from(bound < word)) as u16
    }
}
