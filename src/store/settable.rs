//! Settable gauges: one cell per series, which any thread sets or changes, outside of steps.
//!
//! **Promise.** Each cell is true by itself: what was stored last holds, and no addition is lost.
//! There is one cell, not one per shard, so a value that goes up in one thread and down in another
//! never grows large in between.
//!
//! **Orderings.** All relaxed: a cell says nothing about other words.
//!
//! **Progress.** Setting is a store, and adding an integer one instruction where the machine has
//! it: wait-free. Adding a float is a loop that repeats if another thread changed the cell
//! meanwhile: lock-free.

use crate::{
    schema::types::WordType,
    sync::{Atomic, Ordering::Relaxed},
};

/// The settable gauges of an engine, or of the registry.
pub(crate) struct Settable(Box<[Cell]>);

enum Cell {
    I64(Atomic<i64>),
    F64(Atomic<f64>),
}

impl Settable {
    /// All zero.
    pub(super) fn new(types: &[WordType]) -> Self {
        let cell = |word_type: &WordType| match word_type {
            WordType::F64 => Cell::F64(Atomic::new(0.0)),
            _ => Cell::I64(Atomic::new(0)),
        };
        Self(types.iter().map(cell).collect())
    }

    pub(crate) fn load(&self, index: u16) -> u64 {
        match &self.0[usize::from(index)] {
            Cell::I64(cell) => cell.load(Relaxed) as u64,
            Cell::F64(cell) => cell.load(Relaxed).to_bits(),
        }
    }

    #[inline]
    pub(crate) fn store(&self, index: u16, word: u64) {
        match &self.0[usize::from(index)] {
            Cell::I64(cell) => mutant!(
                cell.store(word as i64, Relaxed),
                "settable: setting is an addition" => _ = cell.fetch_add(word as i64, Relaxed),
            ),
            Cell::F64(cell) => cell.store(f64::from_bits(word), Relaxed),
        }
    }

    /// Notes, in the cell for it, that something was recorded.
    #[inline]
    pub(crate) fn note(&self, index: u16) {
        if self.load(index) == 0 {
            self.store(index, 1);
        }
    }

    /// An integer wraps around. `None` if a float would be NaN or infinite: then nothing has
    /// changed.
    #[inline]
    pub(crate) fn add(&self, index: u16, word: u64) -> Option<()> {
        match &self.0[usize::from(index)] {
            Cell::I64(cell) => mutant!(
                _ = cell.fetch_add(word as i64, Relaxed),
                "settable: an integer by load and store" => cell.store(cell.load(Relaxed).wrapping_add(word as i64), Relaxed),
            ),
            Cell::F64(cell) => {
                let sum = |now: f64| {
                    let sum = now + f64::from_bits(word);
                    mutant!(sum.is_finite(), "settable: a sum may be infinite" => true).then_some(sum)
                };
                mutant!(
                    _ = cell.fetch_update(Relaxed, Relaxed, sum).ok()?,
                    "settable: a float by load and store" => cell.store(sum(cell.load(Relaxed))?, Relaxed),
                );
            }
        }
        Some(())
    }
}
