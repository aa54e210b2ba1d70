//! Which words a step touched, and how words are copied between copies of a slab and out of it.

use crate::{
    probe::{Probe, reached},
    sync::{AtomicU64, Ordering::Relaxed},
};

/// Log entries per step, a power of two. A step with more entries counts as having touched every
/// word. Small under loom, so that models reach the overflow.
pub(super) const LOG_CAPACITY: usize = if cfg!(all(test, loom)) { 2 } else { 256 };

/// Which words a step touched. An entry has two; for a scalar they are the same.
pub(super) struct Log {
    pub(super) entries: [[u16; 2]; LOG_CAPACITY],
    /// If greater than `LOG_CAPACITY`, the log overflowed: any word may have been touched.
    pub(super) len: usize,
}

impl Log {
    pub(super) const OVERFLOWED: Self = Self { entries: [[0; 2]; LOG_CAPACITY], len: LOG_CAPACITY + 1 };

    /// Copies the logged words, or all if the log overflowed or lists more words than there are.
    #[inline]
    pub(super) fn copy_words(&self, from: &[AtomicU64], to: &[AtomicU64]) {
        let len = mutant!(self.len, "log: overflow not noticed" => self.len.min(LOG_CAPACITY));
        let Some(entries) = self.entries.get(..len).filter(|entries| 2 * entries.len() <= from.len()) else {
            return copy_all(from, to);
        };
        let to = &to[..from.len()]; // one bounds check serves both
        for &[first, second] in entries {
            copy_word(from, to, first);
            mutant!(copy_word(from, to, second), "log: second word not copied" => ());
        }
    }
}

#[inline(always)]
fn copy_word(from: &[AtomicU64], to: &[AtomicU64], word: u16) {
    let word = usize::from(word);
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
