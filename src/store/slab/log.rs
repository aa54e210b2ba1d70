//! Which words a step touched, and how words are copied between copies of a slab and out of it.
//!
//! A scalar's addition and its copying must cost next to nothing. So the scalars, which a slab has
//! first, have a bit per block of words in one integer. An observation has an entry in a list,
//! since buckets are too far from each other to copy whatever lies between. So has a state that is
//! set.

use crate::{
    probe::{Probe, reached},
    sync::{AtomicU64, Ordering::Relaxed},
};

/// Words per block: few, since one touched word makes its whole block be copied.
const BLOCK: usize = if cfg!(all(test, loom)) { 1 } else { 4 };
/// The words that are in blocks, as many as an integer has bits for. Scalars behind them have
/// entries. One word under loom, so that models have both.
const WORDS_IN_BLOCKS: u16 = if cfg!(all(test, loom)) { 1 } else { 64 * BLOCK as u16 };

/// Entries per step, a power of two. A step with more entries counts as having touched every word.
/// Small under loom, so that models reach the overflow.
const CAPACITY: usize = if cfg!(all(test, loom)) { 2 } else { 256 };

/// Which words a step touched.
pub(super) struct Log {
    /// An entry has two words; for a scalar they are the same.
    pub(super) entries: [[u16; 2]; CAPACITY],
    pub(super) touched: Touched,
}

/// What a step touched, besides the entries themselves. An open step has its own, so that it stays
/// in registers.
#[derive(Clone, Copy)]
pub(super) struct Touched {
    /// Bit k: a word of block k.
    blocks: u64,
    /// If greater than the capacity, the log overflowed: any word may have been touched.
    entries: usize,
}

impl Touched {
    pub(super) const NOTHING: Self = Self { blocks: 0, entries: 0 };

    /// Whether no more words are listed than a slab has. (Counting the blocks would take longer
    /// than finding the last one.)
    #[inline(always)]
    fn fits(self, slab: usize) -> bool {
        let blocks = BLOCK * (u64::BITS - self.blocks.leading_zeros()) as usize;
        2 * self.entries + blocks.min(slab) <= slab
    }
}

impl Log {
    pub(super) const OVERFLOWED: Self =
        Self { entries: [[0; 2]; CAPACITY], touched: Touched { blocks: 0, entries: CAPACITY + 1 } };

    #[inline(always)]
    pub(super) fn touch(&mut self, touched: &mut Touched, word: u16) {
        if word < WORDS_IN_BLOCKS {
            touched.blocks |= 1 << (usize::from(word) / BLOCK);
        } else {
            self.touch_pair(touched, [word, word]);
        }
    }

    #[inline(always)]
    pub(super) fn touch_pair(&mut self, touched: &mut Touched, words: [u16; 2]) {
        // Beyond the capacity, entries overwrite others. Their number shows it: all are copied.
        self.entries[touched.entries % CAPACITY] = words;
        touched.entries += 1;
    }

    /// Copies the touched words, or all if the log overflowed or may list more words than there
    /// are. Returns how many it copied.
    #[inline]
    pub(super) fn copy_words(&self, from: &[AtomicU64], to: &[AtomicU64]) -> usize {
        let touched = self.touched;
        let len = mutant!(touched.entries, "log: overflow not noticed" => touched.entries.min(CAPACITY));
        let Some(entries) = self.entries.get(..len).filter(|_| touched.fits(from.len())) else {
            copy_all(from, to);
            return from.len();
        };
        let to = &to[..from.len()]; // one bounds check serves both
        let in_blocks = mutant!(copy_blocks(touched.blocks, from, to), "log: blocks not copied" => 0);
        for &[first, second] in entries {
            copy_word(from, to, usize::from(first));
            mutant!(copy_word(from, to, usize::from(second)), "log: second word not copied" => ());
        }
        in_blocks + 2 * entries.len()
    }
}

/// The last block may be shorter than the others. Returns how many words were copied, with those
/// that it lacks.
#[inline(always)]
fn copy_blocks(mut blocks: u64, from: &[AtomicU64], to: &[AtomicU64]) -> usize {
    let mut words = 0;
    while blocks != 0 {
        words += BLOCK;
        let first = blocks.trailing_zeros() as usize * BLOCK;
        blocks &= blocks - 1;
        match (from.get(first..first + BLOCK), to.get(first..first + BLOCK)) {
            (Some(from), Some(to)) => (0..BLOCK).for_each(|word| copy_word(from, to, word)),
            _ => (first..from.len()).for_each(|word| copy_word(from, to, word)),
        }
    }
    words
}

#[inline(always)]
fn copy_word(from: &[AtomicU64], to: &[AtomicU64], word: usize) {
    to[word].store(from[word].load(Relaxed), Relaxed); // loads own stores; published by E1
}

#[cold]
pub(super) fn copy_all(from: &[AtomicU64], to: &[AtomicU64]) {
    reached(Probe::WholeCopy);
    for (to, from) in to.iter().zip(from) {
        to.store(from.load(Relaxed), Relaxed); // loads own stores; published by E1 or E3
    }
}

/// The only loads of words in a read. The edges hold for every word that a reader loads, so it may
/// load any subset.
pub(super) fn copy_out(from: &[AtomicU64], chosen: Option<&[u16]>, out: &mut [u64]) {
    let Some(words) = chosen else {
        for (out, word) in out.iter_mut().zip(from) {
            *out = word.load(Relaxed); // made whole by the caller's edges
        }
        return;
    };
    for (out, word) in out.iter_mut().zip(words) {
        *out = from[usize::from(*word)].load(Relaxed); // made whole by the caller's edges
    }
}
