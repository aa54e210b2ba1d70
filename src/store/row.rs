//! A row of words on cache lines of its own.

use std::ops::Deref;

use crate::sync::{AtomicU64, Ordering::Relaxed};

/// Words before and after the row that keep other data off its cache lines: 128 bytes. x86-64
/// fetches two 64-byte lines together, and some AArch64 machines have lines of 128 bytes. None
/// under loom, where each atomic costs time.
pub(crate) const PADDING: usize = if cfg!(all(test, loom)) { 0 } else { 16 };

/// The words, without their padding.
pub(crate) struct Words(Box<[AtomicU64]>);

impl Words {
    pub(crate) fn zeroed(len: usize) -> Self {
        Self((0..len + 2 * PADDING).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Deref for Words {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        &self.0[PADDING..self.0.len() - PADDING]
    }
}

/// The greatest total of a word. The room above it is for threads that check at the same time and
/// then all add: to overflow the word would take 2^31 of them.
pub(super) const MAX_TOTAL: u64 = 1 << 63;
/// The most that one `fetch_add` after a check may add. Greater numbers are added in a loop.
pub(super) const MAX_AT_ONCE: u64 = 1 << 32;

/// A row that threads add to: a shard, or a series with dynamic labels.
#[derive(Clone, Copy)]
pub(crate) struct Row<'s> {
    /// The words of this row, and maybe of others.
    words: &'s Words,
    /// Where this row's begin.
    first: usize,
    /// No other thread writes it. So a word is changed by a load and a store, which takes a third
    /// of the time of an instruction that does both.
    own: bool,
}

impl<'s> Row<'s> {
    /// A row that any thread writes.
    #[inline(always)]
    pub(crate) fn shared(words: &'s Words) -> Self {
        Self::new(words, 0, false)
    }

    /// The words from `first` on, as a row that only the current thread writes, or, if not `own`,
    /// any thread.
    #[inline(always)]
    pub(super) fn new(words: &'s Words, first: usize, own: bool) -> Self {
        Self { words, first, own }
    }

    /// One bounds check, whatever the row is part of.
    #[inline(always)]
    pub(super) fn word(self, word: usize) -> &'s AtomicU64 {
        &self.words.0[PADDING + self.first + word]
    }

    pub(crate) fn load(self, word: usize) -> u64 {
        self.word(word).load(Relaxed)
    }

    /// Replaces a word. Only for series with one row, since a sum of rows can't be set.
    #[inline(always)]
    pub(crate) fn store(self, word: u16, value: u64) {
        self.word(usize::from(word)).store(value, Relaxed);
    }

    /// Notes, in the word for it, that something was recorded. The first time only, so that threads
    /// don't compete for the line.
    #[inline(always)]
    pub(crate) fn note(self, word: u16) {
        let word = self.word(usize::from(word));
        if word.load(Relaxed) == 0 {
            mutant!(word.store(1, Relaxed), "sparse: a shared 0 isn't noticed" => ());
        }
    }

    /// Adds to a count or a sum. `None` if it would overflow: then nothing has changed.
    #[inline(always)]
    pub(crate) fn add(self, word: u16, n: u64) -> Option<()> {
        if mutant!(self.own || n > MAX_AT_ONCE, "shard: large integers by one instruction" => self.own) {
            return self.change(word, |total| total_within_limit(total, n));
        }
        let word = self.word(usize::from(word));
        total_within_limit(word.load(Relaxed), n)?;
        mutant!(
            _ = word.fetch_add(n, Relaxed),
            "shard: an integer by load and store" => word.store(word.load(Relaxed) + n, Relaxed),
        );
        Some(())
    }

    /// Adds to a gauge, which may wrap around, or to a bucket, which can't get that far.
    #[inline(always)]
    pub(crate) fn add_wrapping(self, word: u16, n: u64) {
        let word = self.word(usize::from(word));
        if self.own {
            return word.store(word.load(Relaxed).wrapping_add(n), Relaxed);
        }
        mutant!(
            _ = word.fetch_add(n, Relaxed),
            "shard: a gauge by load and store" => word.store(word.load(Relaxed).wrapping_add(n), Relaxed),
        );
    }

    /// Replaces a word with what `f` returns for it. `None` if `f` returns `None`: then nothing has
    /// changed.
    #[inline]
    pub(crate) fn change(self, word: u16, f: impl Fn(u64) -> Option<u64>) -> Option<()> {
        let word = self.word(usize::from(word));
        if self.own {
            return f(word.load(Relaxed)).map(|new| word.store(new, Relaxed));
        }
        mutant!(
            word.fetch_update(Relaxed, Relaxed, f).ok().map(drop),
            "shard: a float by load and store" => f(word.load(Relaxed)).map(|new| word.store(new, Relaxed)),
        )
    }
}

#[inline(always)]
fn total_within_limit(total: u64, n: u64) -> Option<u64> {
    total.checked_add(n).filter(|total| *total <= MAX_TOTAL)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Bytes that are fetched together.
    const LINE: usize = if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) { 128 } else { 64 };

    /// Wherever the words are allocated, and whatever lies next to them.
    #[test]
    fn a_row_keeps_a_line_from_its_neighbours() {
        for len in [1, 333] {
            let row = Words::zeroed(len);
            let (all, words) = (row.0.as_ptr_range(), row.as_ptr_range());
            assert_eq!(row.len(), len);
            assert!(words.start.addr() - all.start.addr() >= LINE && all.end.addr() - words.end.addr() >= LINE);
        }
    }
}
