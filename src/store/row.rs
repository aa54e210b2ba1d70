//! A row of words on cache lines of its own.

use std::ops::Deref;

use crate::{
    schema::layout::Diagnostic,
    sync::{AtomicU64, Ordering::Relaxed},
};

/// Words before and after the row that keep other data off its cache lines: 128 bytes, as two 64-byte lines are fetched
/// together on x86-64 and lines have 128 bytes on some AArch64. None under loom, where each atomic costs time.
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

/// A word takes no more than this, so that additions which are checked and made at the same time can't overflow it: that would
/// take 2^31 threads.
pub(super) const MAX_TOTAL: u64 = 1 << 63;
/// What is added by one instruction at most, after the check; more than this is added by a loop.
pub(super) const MAX_AT_ONCE: u64 = 1 << 32;

/// A row that any thread adds to: a shard, or a series with dynamic labels.
#[derive(Clone, Copy)]
pub(crate) struct Row<'s>(pub(super) &'s [AtomicU64]);

impl<'s> Row<'s> {
    #[inline(always)]
    pub(crate) fn new(words: &'s [AtomicU64]) -> Self {
        Self(words)
    }

    pub(crate) fn load(self, word: usize) -> u64 {
        self.0[word].load(Relaxed)
    }

    /// Replaces a word. Only where there is one row, since a sum of rows can't be set.
    #[inline(always)]
    pub(crate) fn store(self, word: u16, value: u64) {
        self.0[usize::from(word)].store(value, Relaxed);
    }

    /// Adds to a count or a sum. `None` if it is full: then nothing has changed.
    #[inline(always)]
    pub(crate) fn add(self, word: u16, n: u64) -> Option<()> {
        if mutant!(n > MAX_AT_ONCE, "shard: large integers by one instruction" => false) {
            return self.change(word, |total| total_within_limit(total, n));
        }
        let word = &self.0[usize::from(word)];
        total_within_limit(word.load(Relaxed), n)?;
        mutant!(
            _ = word.fetch_add(n, Relaxed),
            "shard: an integer by load and store" => word.store(word.load(Relaxed) + n, Relaxed),
        );
        Some(())
    }

    /// Adds to a number that may wrap around.
    #[inline(always)]
    pub(crate) fn add_wrapping(self, word: u16, n: u64) {
        let word = &self.0[usize::from(word)];
        mutant!(
            _ = word.fetch_add(n, Relaxed),
            "shard: a gauge by load and store" => word.store(word.load(Relaxed).wrapping_add(n), Relaxed),
        );
    }

    /// Replaces a word by what `f` makes of it. `None` if that is `None`: then nothing has changed.
    #[inline]
    pub(crate) fn change(self, word: u16, f: impl Fn(u64) -> Option<u64>) -> Option<()> {
        let word = &self.0[usize::from(word)];
        mutant!(
            word.fetch_update(Relaxed, Relaxed, f).ok().map(drop),
            "shard: a float by load and store" => f(word.load(Relaxed)).map(|new| word.store(new, Relaxed)),
        )
    }

    /// Counts outside of the layout's own words.
    #[cold]
    pub(crate) fn count_diagnostic(self, diagnostic: Diagnostic, n: u64) {
        let word = &self.0[self.0.len() - Diagnostic::COUNT + diagnostic as usize];
        _ = word.fetch_update(Relaxed, Relaxed, |count| Some(count.saturating_add(n)));
    }
}

#[inline(always)]
fn total_within_limit(total: u64, n: u64) -> Option<u64> {
    total.checked_add(n).filter(|total| *total <= MAX_TOTAL)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// What is fetched together.
    const LINE: usize = if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) { 128 } else { 64 };

    /// Wherever the words are allocated, and whatever stands beside them.
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
