//! The publication protocol: one owner changes a row of words in place and publishes whole steps; any number of
//! readers copy the newest step out, without locks and without storing anything.
//!
//! ```text
//!                      owner                                     readers
//!   sequence = 2s+1 ── open ──┐                          ┌── sequence says: newest step is s
//!                             ▼                          ▼
//!        copy (s+1)&1: hidden, catches up,       copy s&1: step s, untouched until the step
//!        then is changed in place                after next opens
//!                             │
//!   sequence = 2s+2 ─ commit ─┴─ now and then ──▶ resting copy: an older whole step that stays put
//! ```
//!
//! # Who writes, who reads
//!
//! | shared            | written by                          | read by                                 |
//! |-------------------|-------------------------------------|-----------------------------------------|
//! | `sequence`        | the owner: open, commit             | readers, twice a try                    |
//! | `copies[(s+1)&1]` | the owner, between open and commit  | readers of step s-1 who came late       |
//! | `copies[s&1]`     | nobody                              | readers, and the owner when it copies   |
//! | `resting`         | the owner, inside some commits      | readers whose first try failed          |
//! | `rest_sequence`   | the owner, around that              | readers, twice a try                    |
//! | `aside`           | the owner, at any time              | readers; each word by itself            |
//! | `leased`          | who becomes or stops being owner    | who wants to become owner               |
//! | `stored`          | who stops being owner               | who becomes owner                       |
//!
//! `s` is the last committed step (0: all words zero). Steps are numbered from 1 and live in `copies[s & 1]`.
//!
//! # Rules of the owner
//!
//! 1. **Open**: store `sequence = 2s+1`, then a release fence, and only then touch the hidden copy. Catch up: copy the
//!    words that step s changed (its log) from `copies[s&1]`; all words if that log overflowed, or names more than there are.
//! 2. **Record**: log a word first, then change it in place in the hidden copy.
//! 3. **Commit**: store `sequence = 2s+2`. When about four slabs' worth of words were stored since the last time, refresh
//!    the resting copy, always after `sequence`.
//! 4. **Discard**: copy the logged words back from `copies[s&1]`. `sequence` never goes back: a reader must not
//!    take a later step for one that it has begun to read.
//! 5. A step that was leaked (`mem::forget`) is found open at the next open: then all words are copied.
//! 6. A new owner trusts no log, since the last one may have leaked a step: its first open copies all words.
//!
//! # Invariants
//!
//! * I1: `copies[s&1]` holds step s, whole, from the commit of s until step s+2 opens.
//! * I2: the hidden copy differs from `copies[s&1]` in no other words than those logged for step s or for the open step;
//!   an overflowed log stands for all words (so rules 5 and 6 keep this).
//! * I3: `rest_sequence / 2 <= s`: the resting copy never runs ahead of `sequence`.
//!
//! # Edges: why each ordering is what it is
//!
//! * **E1 publish**. Open and commit store `sequence` with release; a try begins with an acquire load. A reader that sees 2s
//!   or 2s+1 sees all words of step s. Open needs release too: a relaxed 2s+1 would hide the commit's 2s from its reader.
//! * **E2 warn**. Release fence after open's store, acquire fence before the reader's check. `copies[s&1]` is changed again
//!   by step s+2 only, so a reader that saw any changed word there sees `sequence >= 2s+3` at its check, and gives up.
//! * **E3 publish at rest** and **E4 warn at rest**: the same pair of edges for the resting copy. Because the resting copy
//!   is refreshed after `sequence`, E3 also carries I3 to the reader: its next read can't be older.
//! * **E5 hand over**. Who stops being owner stores `leased` with release, who becomes owner swaps with acquire.
//!
//! Loom checks these with the models in `src/tests/loom_slab.rs`, and each ordering by weakening it: `scripts/loom`. Every other
//! operation is relaxed, for the reason that stands beside it. `scripts/litmus` has the models of C++20, AArch64 and RISC-V
//! judge the same edges, load buffering included, which loom doesn't model.
//!
//! # Progress
//!
//! The owner is wait-free: open copies at most one slab, commit at most one more, and nothing that a reader does is seen
//! by it (but for the cache misses on lines that were read). A reader is lock-free: each failed try proves that a step was
//! committed after the one that the try began with (I1), so a stopped owner, or a step left open, never holds up a read. How
//! soon a stored `sequence` is seen is up to the machine: no ordering promises a time. A read returns a step that isn't older than the newest when
//! the read began (the first try's step is the *floor* of what it takes from the resting copy).
//!
//! # Origin
//!
//! The sequence-counter idiom with fences follows H. Boehm, "Can seqlocks get along with programming language memory
//! models?" (MSPC 2012); two copies used in turn are known from Linux' `raw_write_seqcount_latch`.

mod log;

use crossbeam_utils::CachePadded;

use self::log::{LOG_CAPACITY, Log, copy_all, copy_out};
use crate::{
    schema::layout::Aside,
    sync::{
        Arc, AtomicBool, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
        Place, fence, reached, spin_loop,
    },
    words::Words,
};

/// The resting copy is refreshed when this many slabs' worth of words were stored: rare enough to cost little, often
/// enough that a reader which can't keep up finds it fresh. In the models' small slabs: at each commit.
const REFRESH_AFTER_SLABS: usize = if cfg!(all(test, loom)) { 1 } else { 4 };

/// What the owner and the readers of one recorder share.
pub(crate) struct Slab {
    sequence: CachePadded<AtomicU64>,
    rest_sequence: CachePadded<AtomicU64>,
    aside: CachePadded<[AtomicU64; Aside::COUNT]>,
    leased: AtomicBool,
    /// Handed over between owners: words stored since the resting copy was refreshed.
    stored: AtomicU64,
    copies: [Words; 2],
    resting: Words,
}

/// How a read went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The step that was read; 0 before the first commit.
    pub(crate) step: u64,
    /// Tries of the newest copy that failed before; each stands for a step that was committed meanwhile.
    pub(crate) failed_tries: u32,
}

impl Slab {
    /// A slab of `len` words, all zero: step 0. At most 65,536 words, as log entries name words by 16 bits.
    pub(crate) fn new(len: usize) -> Arc<Self> {
        assert!(len <= 1 << 16, "a slab has at most 65,536 words; the schema refuses more");
        Arc::new(Self {
            sequence: CachePadded::new(AtomicU64::new(0)),
            rest_sequence: CachePadded::new(AtomicU64::new(0)),
            aside: CachePadded::new(std::array::from_fn(|_| AtomicU64::new(0))),
            leased: AtomicBool::new(false),
            stored: AtomicU64::new(0),
            copies: [Words::zeroed(len), Words::zeroed(len)],
            resting: Words::zeroed(len),
        })
    }

    /// Makes the caller the owner, unless there is one.
    pub(crate) fn writer(slab: &Arc<Self>) -> Option<Writer> {
        // A look first, relaxed as it decides nothing but to give up: a swap would take the line from the owner.
        let leased = mutant!(
            slab.leased.load(Relaxed) || slab.leased.swap(true, Acquire), // E5
            "lease: two owners" => slab.leased.swap(true, Acquire) && false,
            "lease: without a swap" => (slab.leased.load(Acquire), slab.leased.store(true, Relaxed)).0,
        );
        if leased {
            return None;
        }
        // Rule 6: both logs say that any word may have been touched.
        let sequence = slab.sequence.load(Relaxed); // no edge: only owners store it, and E5 orders owners
        let writer = Writer {
            committed: sequence >> 1,
            open: false,
            logs: mutant!(
                [Log::OVERFLOWED; 2],
                "lease: new owner trusts an empty log" => [const { Log { len: 0, ..Log::OVERFLOWED } }; 2],
            ),
            stored: mutant!(
                slab.stored.load(Relaxed) as usize, // ordered by E5
                "lease: words stored are forgotten" => 0,
            ),
            slab: Arc::clone(slab),
        };
        Some(writer)
    }

    /// Copies the newest step into `out`: all words, or the `chosen` ones in their order. Lock-free.
    pub(crate) fn read(&self, chosen: Option<&[u16]>, out: &mut [u64]) -> Reading {
        let mut failed_tries = 0_u32;
        let mut floor = None;
        loop {
            reached(Place::Trying);
            let overwritten = match self.try_newest(chosen, out) {
                Ok(step) => return Reading { step, failed_tries },
                Err(step) => step,
            };
            failed_tries += 1;
            let floor = mutant!(
                *floor.get_or_insert(overwritten),
                "read: the floor moves" => *floor.insert(overwritten),
                "read: floor not passed on" => 0,
            );
            let rested = mutant!(self.try_resting(floor, chosen, out), "read: resting copy never tried" => None);
            if let Some(step) = rested {
                return Reading { step, failed_tries };
            }
            spin_loop();
        }
    }

    /// One try of the newest step. `Err` names the step that was overwritten meanwhile.
    pub(crate) fn try_newest(&self, chosen: Option<&[u16]>, out: &mut [u64]) -> Result<u64, u64> {
        let step = self.sequence.load(Acquire) >> 1; // E1
        copy_out(&self.copies[(step & 1) as usize], chosen, out);
        reached(Place::Copied);
        mutant!("read: waits for a refresh" => while self.rest_sequence.load(Relaxed) & 1 == 1 {});
        fence(Acquire); // E2
        // 2s+2 still leaves copy s&1 alone; 2s+3 is the first that doesn't. Relaxed: the fence makes the edge.
        let whole = mutant!(
            self.sequence.load(Relaxed) <= 2 * step + 2,
            "read: no check" => true,
            "read: chosen words unchecked" => chosen.is_some() || self.sequence.load(Relaxed) <= 2 * step + 2,
            "read: check one too lax" => self.sequence.load(Relaxed) <= 2 * step + 3,
            "read: check one too strict" => self.sequence.load(Relaxed) <= 2 * step + 1,
            "read: waits for an open step" => self.sequence.load(Relaxed) <= 2 * step,
        );
        if whole { Ok(step) } else { Err(step) }
    }

    /// One try of the resting copy, if it isn't older than step `floor`.
    pub(crate) fn try_resting(&self, floor: u64, chosen: Option<&[u16]>, out: &mut [u64]) -> Option<u64> {
        let before = self.rest_sequence.load(Acquire); // E3
        let unusable = mutant!(
            before & 1 == 1 || before >> 1 < floor,
            "rest: odd not noticed" => before >> 1 < floor,
            "rest: no floor" => before & 1 == 1,
        );
        if unusable {
            return None;
        }
        copy_out(&self.resting, chosen, out);
        fence(Acquire); // E4
        let whole = mutant!(
            self.rest_sequence.load(Relaxed) == before, // the fence makes the edge
            "rest: no check" => true,
        );
        whole.then_some(before >> 1)
    }

    /// Copies the words outside of steps. Each is true by itself; together they aren't one moment.
    pub(crate) fn read_aside(&self, out: &mut [u64]) {
        copy_out(&*self.aside, None, out);
    }
}

/// The owner's side of a slab.
pub(crate) struct Writer {
    slab: Arc<Slab>,
    /// The last committed step.
    committed: u64,
    /// A step is open; seen as set by the next open only if the step was leaked.
    open: bool,
    /// The words of step s are logged in `logs[s & 1]`.
    logs: [Log; 2],
    /// Words stored since the resting copy was refreshed.
    stored: usize,
}

impl Writer {
    /// Opens the next step. What an earlier step left uncommitted is gone.
    #[inline]
    pub(crate) fn open(&mut self) -> OpenStep<'_> {
        if self.open {
            self.recover_leaked();
        }
        let Self { slab, committed, open, logs: [even, odd], stored } = self;
        let [even_copy, odd_copy] = &slab.copies;
        let (newest, hidden, previous, log) =
            if *committed & 1 == 0 { (even_copy, odd_copy, even, odd) } else { (odd_copy, even_copy, odd, even) };
        slab.sequence.store(2 * *committed + 1, Release); // E1
        fence(Release); // E2
        let (newest, hidden): (&[AtomicU64], &[AtomicU64]) = (newest, hidden);
        mutant!("step: a second fence" => fence(Release));
        mutant!(
            previous.copy_words(newest, hidden),
            "open: no catch-up" => (),
            "open: copies the slab three times" => (0..3).for_each(|_| copy_all(newest, hidden)),
        );
        mutant!(*open = true, "leaked step: open not marked" => ());
        OpenStep { newest, hidden, log, logged: 0, committed, open, stored, slab }
    }

    /// The leaked step's log is lost: makes the next open copy every word.
    #[cold]
    fn recover_leaked(&mut self) {
        mutant!(
            self.logs[(self.committed & 1) as usize] = Log::OVERFLOWED,
            "leaked step: its log trusted" => (),
        );
        mutant!(self.slab.count_aside(Aside::DiscardedSteps, 1), "leaked step: not counted" => ());
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        mutant!("lease: given up before a leaked step is counted" => self.slab.leased.store(false, Release));
        if self.open {
            self.slab.count_aside(Aside::DiscardedSteps, 1);
        }
        self.slab.stored.store(self.stored as u64, Relaxed); // ordered by E5
        mutant!(
            self.slab.leased.store(false, Release), // E5
            "return: the slab is leased for good" => (),
        );
    }
}

/// A step that is being recorded. Dropping it discards it.
pub(crate) struct OpenStep<'a> {
    newest: &'a [AtomicU64],
    hidden: &'a [AtomicU64],
    log: &'a mut Log,
    /// Entries logged by this step; kept here so that it lives in a register.
    logged: usize,
    committed: &'a mut u64,
    open: &'a mut bool,
    stored: &'a mut usize,
    slab: &'a Slab,
}

impl OpenStep<'_> {
    /// The word as this step sees it.
    #[inline(always)]
    pub(crate) fn load(&self, word: u16) -> u64 {
        self.hidden[usize::from(word)].load(Relaxed) // no edge: own stores only
    }

    /// Changes a word.
    #[inline(always)]
    pub(crate) fn store(&mut self, word: u16, value: u64) {
        self.log([word, word]);
        self.hidden[usize::from(word)].store(value, Relaxed); // published by E1
    }

    /// Changes two words for the price of one log entry: a histogram's bucket and its sum.
    #[inline(always)]
    pub(crate) fn store_pair(&mut self, words: [u16; 2], values: [u64; 2]) {
        self.log(words);
        self.hidden[usize::from(words[0])].store(values[0], Relaxed); // published by E1
        self.hidden[usize::from(words[1])].store(values[1], Relaxed); // published by E1
    }

    #[inline(always)]
    fn log(&mut self, words: [u16; 2]) {
        // Past the capacity entries are lost, but then the length says so and every word is copied.
        self.log.entries[self.logged % LOG_CAPACITY] = words;
        self.logged += 1;
    }

    /// Counts outside of the step: stays when the step is discarded.
    #[cold]
    pub(crate) fn count_aside(&self, aside: Aside, n: u64) {
        self.slab.count_aside(aside, n);
    }

    /// Publishes the step.
    #[inline]
    pub(crate) fn commit(self) {
        self.log.len = self.logged;
        *self.committed += 1;
        reached(Place::BeforePublish);
        mutant!("step: a read-modify-write" => _ = self.slab.sequence.fetch_add(0, Relaxed));
        mutant!("rest: refreshed too early" => self.slab.refresh_resting(self.hidden, *self.committed));
        self.slab.sequence.store(2 * *self.committed, Release); // E1
        reached(Place::Published);
        *self.open = false;
        *self.stored += mutant!(2 * self.logged + 1, "rest: words stored not counted" => 1);
        if *self.stored > REFRESH_AFTER_SLABS * self.hidden.len() {
            mutant!(*self.stored = 0, "rest: refreshed at each commit" => ());
            mutant!(self.slab.refresh_resting(self.hidden, *self.committed), "rest: never refreshed" => ());
        }
    }
}

impl Drop for OpenStep<'_> {
    /// Discards, unless the step was committed.
    #[inline]
    fn drop(&mut self) {
        if *self.open {
            self.log.len = self.logged;
            mutant!(self.log.copy_words(self.newest, self.hidden), "discard: no undo" => ());
            mutant!("discard: sequence goes back" => self.slab.sequence.store(2 * *self.committed, Release));
            self.slab.count_aside(Aside::DiscardedSteps, 1);
            *self.open = false;
        }
    }
}

impl Slab {
    /// Only the owner calls this, after it stored `sequence = 2 * step`.
    #[cold]
    fn refresh_resting(&self, from: &[AtomicU64], step: u64) {
        mutant!(
            self.rest_sequence.store(2 * step - 1, Relaxed), // the fence makes the edge
            "rest: no odd mark" => (),
        );
        fence(Release); // E4
        reached(Place::Resting);
        copy_all(from, &self.resting);
        self.rest_sequence.store(2 * step, Release); // E3
    }

    /// Only the owner calls this. One writer, so a load and a store can't lose a count.
    fn count_aside(&self, aside: Aside, n: u64) {
        let word = &self.aside[aside as usize];
        word.store(word.load(Relaxed).saturating_add(n), Relaxed); // no edge: read by itself
    }
}

#[cfg(all(test, not(loom)))]
#[path = "tests/slab.rs"]
mod tests;
