//! Words that any thread adds to, for code that runs on no particular thread: one row of the whole
//! layout per shard, each on its own cache lines.
//!
//! ```text
//!  thread 0 ─┐                                   shard 0 | the slab's words | diagnostics |
//!  thread 2 ─┴─ fetch_add ──▶ thread & mask ──▶
//!  thread 1 ─── fetch_add ──▶                    shard 1 | the slab's words | diagnostics |
//!                                                   └─ a snapshot adds all shards up, word by word
//! ```
//!
//! **Promise.** Word-atomic: nothing that was added is lost, and each word is true by itself.
//! Several words aren't one moment: a reader may see an observation in its sum and not yet in its
//! bucket.
//!
//! **Orderings.** All relaxed: a word orders nothing else. Coherence of a single word keeps a
//! reader from seeing a count fall, and shows it every addition that happened-before the read.
//!
//! **Progress.** Integers are added wait-free where the machine has one instruction for it (x86-64,
//! AArch64 with LSE). Floats, and integers above [`MAX_AT_ONCE`](super::row::MAX_AT_ONCE), are
//! added lock-free, in a loop that repeats when another thread changed the same word. A thread that
//! has a shard for itself never repeats.

use std::{ops::Deref, sync::Arc as StdArc};

use crossbeam_utils::CachePadded;

use super::{
    dynamic::DynamicFamilies,
    info::Infos,
    row::{PADDING, Row, Words},
    settable::Settable,
    thread_index::current as current_thread,
};
use crate::{
    schema::layout::{Diagnostic, Layout},
    sync::Ordering::Relaxed,
};

/// The shards of an engine, or of the registry.
pub(crate) struct Shards {
    /// Padded, since clones of a recorder write the reference count in front of it.
    words: CachePadded<Words>,
    /// Words from the start of a row to the start of the next.
    stride: usize,
    mask: usize,
    pub(crate) layout: StdArc<Layout>,
    /// Kept here so that a shared recorder is one pointer.
    pub(crate) dynamic: DynamicFamilies,
    pub(crate) settable: Settable,
    /// Those of the engine.
    pub(crate) infos: StdArc<Infos>,
}

impl Shards {
    /// `count` shards, a power of two, all zero. `engine_labels` are the engine's labels as
    /// printed.
    pub(crate) fn new(layout: StdArc<Layout>, count: usize, engine_labels: &[u8], infos: StdArc<Infos>) -> Self {
        debug_assert!(count.is_power_of_two(), "shards are chosen by a mask");
        let stride = layout.row_len() + PADDING;
        let settable = Settable::new(&layout.settable);
        let dynamic = DynamicFamilies::new(&layout, engine_labels);
        Self {
            words: CachePadded::new(Words::zeroed(count * stride)),
            stride,
            mask: count - 1,
            layout,
            dynamic,
            settable,
            infos,
        }
    }

    /// The shard of the current thread. With a single shard no index is taken, so a thread that
    /// only renders doesn't use one up.
    #[inline(always)]
    pub(crate) fn current(&self) -> Shard<'_> {
        self.of_thread(if self.mask == 0 { 0 } else { current_thread() })
    }

    /// The shard of a thread.
    #[inline(always)]
    fn of_thread(&self, thread: usize) -> Shard<'_> {
        let first = (thread & self.mask) * self.stride;
        Shard(Row::new(&self.words[first..first + self.stride - PADDING]))
    }

    /// All shards.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Shard<'_>> {
        let last = mutant!(self.mask, "shards: a snapshot leaves out the last" => self.mask.max(1) - 1);
        (0..=last).map(|shard| self.of_thread(shard))
    }
}

/// A row of the whole layout, with the diagnostics behind it. A series with dynamic labels is a row
/// that has none.
#[derive(Clone, Copy)]
pub(crate) struct Shard<'s>(Row<'s>);

impl<'s> Deref for Shard<'s> {
    type Target = Row<'s>;

    #[inline(always)]
    fn deref(&self) -> &Row<'s> {
        &self.0
    }
}

impl Shard<'_> {
    /// What was counted of the diagnostic with this index.
    pub(crate) fn diagnostic(self, index: usize) -> u64 {
        self.load(self.0.0.len() - Diagnostic::COUNT + index)
    }

    /// Counts a diagnostic, in one of the words behind those of the layout.
    #[cold]
    pub(crate) fn count_diagnostic(self, diagnostic: Diagnostic, n: u64) {
        let Self(Row(words)) = self;
        let word = &words[words.len() - Diagnostic::COUNT + diagnostic as usize];
        _ = word.fetch_update(Relaxed, Relaxed, |count| Some(count.saturating_add(n)));
    }
}

#[cfg(all(test, not(loom)))]
#[path = "../tests/shards.rs"]
mod tests;
