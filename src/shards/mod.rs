//! Words that any thread adds to, for code without an owner thread: rows of the whole layout, one a shard, each on cache lines
//! of its own.
//!
//! ```text
//!  thread 0 ─┐                                   shard 0 | the slab's words | aside |
//!  thread 2 ─┴─ fetch_add ──▶ thread & mask ──▶
//!  thread 1 ─── fetch_add ──▶                    shard 1 | the slab's words | aside |
//!                                                   └─ a snapshot adds all shards up, word by word
//! ```
//!
//! **Promise.** Word-atomic: nothing that was added is lost, and each word is true by itself. Several words aren't one moment: a
//! reader may see an observation in its sum and not yet in its bucket.
//!
//! **Orderings.** All relaxed: a word tells of nothing but itself. Coherence of a single word keeps a reader from seeing a count
//! fall, and shows it all that was added before its read began, as far as anything told it so.
//!
//! **Progress.** Integers are added wait-free, where the machine has one instruction for it (x86-64, AArch64 with LSE); floats, and
//! integers above [`MAX_AT_ONCE`], in a loop that repeats when another thread changed the same word: lock-free. Threads
//! that have a shard for themselves never repeat.

pub(crate) mod open;
mod thread_index;

use std::sync::Arc as StdArc;

use crossbeam_utils::CachePadded;

use self::open::OpenFamilies;
#[cfg(test)]
pub(crate) use self::thread_index::Indices;
use self::thread_index::current as current_thread;
use crate::{
    schema::layout::{Aside, Layout},
    sync::{AtomicU64, Ordering::Relaxed},
    words::{PADDING, Words},
};

/// A word takes no more than this, so that additions which are checked and made at the same time can't overflow it: that would
/// take 2^31 threads.
const MAX_TOTAL: u64 = 1 << 63;
/// What is added by one instruction at most, after the check; more than this is added by a loop.
const MAX_AT_ONCE: u64 = 1 << 32;

/// The shards of an engine, or of the registry.
pub(crate) struct Shards {
    /// Padded, since clones of a recorder write the count of references that stands before it.
    words: CachePadded<Words>,
    /// From a row to the next.
    stride: usize,
    mask: usize,
    pub(crate) layout: StdArc<Layout>,
    /// Here, so that a shared recorder is one pointer.
    pub(crate) open: OpenFamilies,
}

impl Shards {
    /// `count` shards, a power of two, all zero. `engine_labels` are the engine's, as printed.
    pub(crate) fn new(layout: StdArc<Layout>, count: usize, engine_labels: &[u8]) -> Self {
        debug_assert!(count.is_power_of_two(), "shards are chosen by a mask");
        let stride = layout.row_len() + PADDING;
        let open = OpenFamilies::new(&layout, engine_labels);
        Self { words: CachePadded::new(Words::zeroed(count * stride)), stride, mask: count - 1, layout, open }
    }

    /// The shard of the current thread. Where there is one, nobody needs an index: a thread that only renders leaves them to others.
    #[inline(always)]
    pub(crate) fn current(&self) -> Shard<'_> {
        self.of_thread(if self.mask == 0 { 0 } else { current_thread() })
    }

    /// The shard of a thread.
    #[inline(always)]
    fn of_thread(&self, thread: usize) -> Shard<'_> {
        let first = (thread & self.mask) * self.stride;
        Shard(&self.words[first..first + self.stride - PADDING])
    }

    /// All shards.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Shard<'_>> {
        let last = mutant!(self.mask, "shards: a snapshot leaves out the last" => self.mask.max(1) - 1);
        (0..=last).map(|shard| self.of_thread(shard))
    }
}

/// A row: a shard's, or that of a series with open labels.
#[derive(Clone, Copy)]
pub(crate) struct Shard<'s>(&'s [AtomicU64]);

impl Shard<'_> {
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
    pub(crate) fn count_aside(self, aside: Aside, n: u64) {
        let word = &self.0[self.0.len() - Aside::COUNT + aside as usize];
        _ = word.fetch_update(Relaxed, Relaxed, |count| Some(count.saturating_add(n)));
    }
}

#[inline(always)]
fn total_within_limit(total: u64, n: u64) -> Option<u64> {
    total.checked_add(n).filter(|total| *total <= MAX_TOTAL)
}

#[cfg(all(test, not(loom)))]
#[path = "../tests/shards.rs"]
mod tests;
