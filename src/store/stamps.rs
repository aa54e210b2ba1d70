//! Which recorder of an engine set a state last.
//!
//! A state belongs to its engine, so rows aren't summed: readers take its value from one slab. Each
//! slab has the value and a stamp side by side, both part of the step, and the greatest stamp wins.
//!
//! ```text
//!  slab 0 | … value, stamp 7 … |──▶ taken[0] = 7 ┐
//!                                                ├──▶ the next stamp: 1 + the greatest taken
//!  slab 1 | … value, stamp 8 … |──▶ taken[1] = 8 ┘
//! ```
//!
//! **Promise.** A state that was set after another one was (by the same thread, or because
//! something told it so: a join, a message, a snapshot) has the greater stamp. Two that are set at
//! the same time may have equal stamps: then the later slab wins, for every reader.
//!
//! **Orderings.** All relaxed. A stamp is stored before the commit of its step (E1). So a thread
//! that knows of the step in any way loads that stamp here or a greater one (coherence), and takes
//! a greater one still.
//!
//! **Progress.** Wait-free: a load per slab, and a store into a word that no other thread stores. A
//! stamp of a discarded step stays taken, which readers can't see: they read stamps from slabs
//! only.

use super::row::Words;
use crate::sync::{Arc, Ordering::Relaxed};

/// The stamps of an engine, and which of its slabs takes them.
pub(crate) struct Stamps {
    /// How many slabs there are; then the greatest stamp that each of them took.
    words: Arc<Words>,
    /// The word of this slab.
    own: usize,
}

impl Stamps {
    /// For the first of at most `max_slabs` slabs.
    pub(crate) fn new(max_slabs: usize) -> Self {
        Self { words: Arc::new(Words::zeroed(1 + max_slabs)), own: 0 }.of_slab(0)
    }

    /// For a further slab, before anything is recorded into it.
    pub(crate) fn of_slab(&self, slab: usize) -> Self {
        let own = 1 + slab;
        mutant!(_ = self.words[0].fetch_max(own as u64, Relaxed), "state: a further slab's stamps aren't seen" => ());
        Self { words: Arc::clone(&self.words), own }
    }

    /// A stamp greater than all that were taken before. Only the slab's writer calls this.
    #[inline]
    pub(crate) fn take(&self) -> u64 {
        // No edge: whoever set a state before counted its slab first.
        let slabs = self.words[0].load(Relaxed) as usize;
        let taken = &self.words[1..=slabs.max(self.own)];
        // No edge: coherence of each word.
        let greatest = taken.iter().map(|taken| taken.load(Relaxed)).max();
        let stamp = mutant!(
            1 + greatest.unwrap_or_default(),
            "state: each slab counts for itself" => 1 + self.words[self.own].load(Relaxed),
        );
        // No edge: a step that shows the stamp is committed later, by E1.
        self.words[self.own].store(stamp, Relaxed);
        stamp
    }
}
