//! Words that any thread adds to, for code that runs on no particular thread: one row of the whole
//! layout per shard, each on its own cache lines.
//!
//! ```text
//!  thread with index 0 ─── load, store ──▶  row 0 | the slab's words | diagnostics |
//!  thread with index 1 ─── load, store ──▶  row 1 | the slab's words | diagnostics |
//!  all other threads ──── fetch_add ─────▶  row 2 | the slab's words | diagnostics |
//!                                              └─ a snapshot adds all rows up, word by word
//! ```
//!
//! A thread's index ([`thread_index`](super::thread_index)) is its own while it lives. So the row
//! with that number has one writer, as a slab has, which needs no read-modify-write. There is one
//! more row, for threads whose index is beyond the others.
//!
//! **Promise.** Word-atomic: nothing that was added is lost, and each word is true by itself.
//! Several words aren't one moment: a reader may see an observation in its sum and not yet in its
//! bucket.
//!
//! **Orderings.** A row changes its writer with the thread's index, by edge **E6**: the thread that
//! gives the index back releases, and the thread that takes it next acquires. So the new writer
//! goes on from the last one's words. All else is relaxed: a word orders nothing else. Coherence of
//! a single word keeps a reader from seeing a count fall, and shows it every addition that
//! happened-before the read.
//!
//! **Progress.** A thread with a row of its own is wait-free. In the row of the others, integers
//! are added wait-free where the machine has one instruction for it (x86-64, AArch64 with LSE).
//! Floats, and integers above [`MAX_AT_ONCE`](super::row::MAX_AT_ONCE), are added lock-free there,
//! in a loop that repeats when another thread changed the same word.

use std::{ops::Deref, sync::Arc as StdArc};

use crossbeam_utils::CachePadded;

use super::{
    dynamic::DynamicFamilies,
    info::Infos,
    row::{PADDING, Row, Words},
    settable::Settable,
    thread_index,
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
    /// The layout's, at hand.
    schema: u32,
    /// How many rows belong to one thread each. One more belongs to all others.
    own: usize,
    pub(crate) layout: StdArc<Layout>,
    /// Kept here so that a shared recorder is one pointer.
    pub(crate) dynamic: DynamicFamilies,
    pub(crate) settable: Settable,
    /// Those of the engine.
    pub(crate) infos: StdArc<Infos>,
}

impl Shards {
    /// All zero, with `own` rows for one thread each. `engine_labels` are the engine's labels as
    /// printed.
    pub(crate) fn new(layout: StdArc<Layout>, own: usize, engine_labels: &[u8], infos: StdArc<Infos>) -> Self {
        let own = own.min(thread_index::CAPACITY); // a thread beyond has no index of its own
        let stride = layout.row_len() + PADDING;
        let settable = Settable::new(&layout.settable);
        let dynamic = DynamicFamilies::new(&layout, engine_labels);
        let words = CachePadded::new(Words::zeroed((own + 1) * stride));
        Self { words, stride, schema: layout.schema, own, layout, dynamic, settable, infos }
    }

    /// The shard of the current thread. If there is only one for all threads, no index is taken, so
    /// a thread that only renders doesn't use one up.
    #[inline(always)]
    pub(crate) fn current(&self) -> Shard<'_> {
        let index = thread_index::current(|| self.own > 0);
        let index =
            mutant!(index.min(self.own), "shards: two threads own a row" => index.min(self.own) % self.own.max(1));
        self.shard(index)
    }

    /// The current thread's own row, if it has one. `None` too if a handle is of another schema, or
    /// of a sparse series: with one comparison.
    #[inline(always)]
    pub(crate) fn own_row(&self, schema: u32) -> Option<Row<'_>> {
        let index = thread_index::known();
        (index < self.own && schema == self.schema).then(|| Row::new(&self.words, index * self.stride, true))
    }

    #[inline(always)]
    fn shard(&self, index: usize) -> Shard<'_> {
        Shard { row: Row::new(&self.words, index * self.stride, index < self.own), diagnostics: self.layout.words }
    }

    /// All shards.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Shard<'_>> {
        let last = mutant!(self.own, "shards: a snapshot leaves out the last" => self.own.max(1) - 1);
        (0..=last).map(|index| self.shard(index))
    }
}

/// A row of the whole layout, with the diagnostics behind it. A series with dynamic labels is a row
/// that has none.
#[derive(Clone, Copy)]
pub(crate) struct Shard<'s> {
    row: Row<'s>,
    /// The word of the first diagnostic.
    diagnostics: usize,
}

impl<'s> Deref for Shard<'s> {
    type Target = Row<'s>;

    #[inline(always)]
    fn deref(&self) -> &Row<'s> {
        &self.row
    }
}

impl Shard<'_> {
    /// What was counted of the diagnostic with this index.
    pub(crate) fn diagnostic(self, index: usize) -> u64 {
        self.load(self.diagnostics + index)
    }

    /// Counts a diagnostic, in one of the words behind those of the layout.
    #[cold]
    pub(crate) fn count_diagnostic(self, diagnostic: Diagnostic, n: u64) {
        let word = self.word(self.diagnostics + diagnostic as usize);
        _ = word.fetch_update(Relaxed, Relaxed, |count| Some(count.saturating_add(n)));
    }
}

#[cfg(all(test, not(loom)))]
#[path = "../tests/shards.rs"]
mod tests;
