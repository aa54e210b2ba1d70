//! The publication protocol. One writer changes a row of words in place and publishes whole steps.
//! Any number of readers copy the newest step out, without locks and without storing into it.
//! Here are the rules and the readers; the writer is in `slab/writer.rs`.
//!
//! ```text
//!                      writer                                    readers
//!   sequence = 2s+1 ── open ──┐                          ┌── sequence says: the newest step is s
//!                             ▼                          ▼
//!        copy (s+1)&1: hidden, catches up,       copy s&1: step s, untouched until the step
//!        then is changed in place                after next opens
//!                             │
//!   sequence = 2s+2 ─ commit ─┴─ now and then ─▶ fallback copy: an older whole step that stays put
//! ```
//!
//! # Who writes, who reads
//!
//! | shared                | written by                               | read by                            |
//! |-----------------------|------------------------------------------|------------------------------------|
//! | `sequence`            | the writer: open, commit                 | readers, twice per attempt         |
//! | `copies[(s+1)&1]`     | the writer, between open and commit      | late readers of step s-1           |
//! | `copies[s&1]`         | nobody                                   | readers, and the writer's copying  |
//! | `fallback`            | the writer, inside some commits          | readers, after a failed attempt    |
//! | `fallback_sequence`   | the writer, before and after that        | readers, twice per attempt         |
//! | `diagnostics`         | the writer, at any time                  | readers, each word by itself       |
//! | `discarded`           | the writer, on a discard and after one   | readers, by itself                 |
//! | `leased`              | a thread that takes or gives up writing  | one that asks for it; readers      |
//! | `words_since_refresh` | a thread that gives up writing           | the next writer                    |
//!
//! `s` is the last committed step (0: all words are zero). Steps are numbered from 1. Step s is in
//! `copies[s & 1]`.
//!
//! # Rules of the writer
//!
//! 1. **Open**: store `sequence = 2s+1`, then a release fence. Only then touch the hidden copy.
//!    Catch up: copy the words that step s changed (its log) from `copies[s&1]`. If that log
//!    overflowed, or may list more words than the slab has, copy every word.
//! 2. **Record**: log a word first, then change it in place in the hidden copy.
//! 3. **Commit**: store `sequence = 2s+2`. After that, refresh the fallback copy if opens have
//!    copied more than about four slabs' worth of words since its last refresh.
//! 4. **Discard**: copy the logged words back from `copies[s&1]`. `sequence` never goes back: a
//!    reader must not mistake a later step for the one that it began to read.
//! 5. **Leak** (`mem::forget`): the next open finds the step still open, and copies all words.
//! 6. A new writer trusts no log, since the last writer may have leaked a step. Its first open
//!    copies all words.
//!
//! # Invariants
//!
//! * I1: `copies[s&1]` holds step s, whole, from the commit of s until step s+2 opens.
//! * I2: the hidden copy differs from `copies[s&1]` only in words that are logged for step s or for
//!   the open step. An overflowed log counts as a log of all words, so rules 5 and 6 keep this.
//! * I3: `fallback_sequence / 2 <= s`: the fallback copy never runs ahead of `sequence`.
//!
//! # Edges: why each ordering is what it is
//!
//! * **E1 publish**. Open and commit store `sequence` with release; an attempt begins with an
//!   acquire load. A reader that sees 2s or 2s+1 sees all words of step s. Open needs release too:
//!   a reader that loads a relaxed 2s+1 wouldn't synchronize with the commit that stored 2s.
//! * **E2 warn**. A release fence follows open's store, an acquire fence precedes the reader's
//!   check. Only step s+2 changes `copies[s&1]` again. So a reader that saw a changed word there
//!   sees `sequence >= 2s+3` at its check, and the attempt fails.
//! * **E3 publish the fallback** and **E4 warn of its refresh**: the same pair of edges for the
//!   fallback copy. It is refreshed after `sequence`, so E3 also carries I3 to the reader: its next
//!   read can't be older.
//! * **E5 hand over**. A thread that gives up writing stores `leased` with release; the next writer
//!   swaps it with acquire.
//!
//! Loom checks these with the models in `src/tests/loom_slab.rs`, and each ordering by weakening it
//! (`scripts/loom`). herd7 checks them under the models of C++20, AArch64 and RISC-V
//! (`scripts/litmus`). All other operations are relaxed; the comment beside each says why.
//!
//! # Progress
//!
//! The writer is wait-free: open copies at most one slab, commit at most one more. Readers affect
//! it only by cache misses on the lines that they read. A reader is lock-free: each failed attempt
//! proves that another step was committed after the one that the attempt saw (I1). So a stopped
//! writer, or a step that stays open, never holds up a read. How soon a stored `sequence` becomes
//! visible is up to the machine; no ordering promises a time. A read never returns a step older
//! than the newest one when it began: the step of its first attempt is the *floor* for the fallback
//! copy.
//!
//! # Origin
//!
//! The sequence counter with fences follows H. Boehm, "Can seqlocks get along with programming
//! language memory models?" (MSPC 2012). The two copies that take turns follow Linux'
//! `raw_write_seqcount_latch`.

pub(crate) mod diagnostics;
mod last_step;
mod liveness;
mod log;
pub(crate) mod writer;

use std::hint::black_box;

use crossbeam_utils::CachePadded;

use self::{
    diagnostics::Diagnostics,
    log::{copy_all, copy_out},
};
use super::{row::Words, stamps::Stamps};
use crate::{
    probe::{Probe, reached},
    sync::{
        Arc, AtomicBool, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
        fence, spin_loop,
    },
};

/// The fallback copy is refreshed once catching up has copied this many slabs' worth of words:
/// rarely enough to cost little, often enough to be fresh for readers that can't keep up. Models
/// have small slabs, which are refreshed at each commit.
const REFRESH_AFTER_SLABS: usize = if cfg!(all(test, loom)) { 1 } else { 4 };

/// The words of a cache line.
const LINE_WORDS: usize = 8;

/// What the writer and the readers of one recorder share.
pub(crate) struct Slab {
    sequence: CachePadded<AtomicU64>,
    fallback_sequence: CachePadded<AtomicU64>,
    pub(crate) diagnostics: CachePadded<Diagnostics>,
    leased: AtomicBool,
    /// The odd sequence that a discarded step left behind; 0 if none did.
    discarded: AtomicU64,
    /// What [`Writer::words_since_refresh`] was when the last writer gave up.
    words_since_refresh: AtomicU64,
    copies: [Words; 2],
    fallback: Words,
    /// `None` if there are no states. The engine's slabs share them.
    stamps: Option<Stamps>,
}

/// How a read went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The step that was read; 0 before the first commit.
    pub(crate) step: u64,
    /// Failed attempts on the newest copy. Each means that a step was committed meanwhile.
    pub(crate) retries: u32,
}

impl Slab {
    /// A slab of `len` zero words: step 0. At most 65,536, as a log entry has 16 bits per word.
    pub(crate) fn new(len: usize, stamps: Option<Stamps>) -> Arc<Self> {
        assert!(len <= 1 << 16, "a slab has at most 65,536 words; the schema refuses more");
        Arc::new(Self {
            sequence: CachePadded::new(AtomicU64::new(0)),
            fallback_sequence: CachePadded::new(AtomicU64::new(0)),
            diagnostics: CachePadded::new(Diagnostics::new()),
            leased: AtomicBool::new(false),
            discarded: AtomicU64::new(0),
            words_since_refresh: AtomicU64::new(0),
            copies: [Words::zeroed(len), Words::zeroed(len)],
            fallback: Words::zeroed(len),
            stamps,
        })
    }

    /// The stamps for a further slab of the same engine.
    pub(crate) fn stamps_of(&self, slab: usize) -> Option<Stamps> {
        self.stamps.as_ref().map(|stamps| stamps.of_slab(slab))
    }

    /// Copies the newest step into `out`: all words, or the `chosen` ones in order. Lock-free.
    pub(crate) fn read(&self, chosen: Option<&[u16]>, out: &mut [u64]) -> Reading {
        let mut retries = 0_u32;
        let mut floor = None;
        loop {
            reached(Probe::Attempting);
            let overwritten = match self.attempt_newest(chosen, out) {
                Ok(step) => return Reading { step, retries },
                Err(step) => step,
            };
            retries += 1;
            let floor = mutant!(
                *floor.get_or_insert(overwritten),
                "read: the floor moves" => *floor.insert(overwritten),
                "read: floor not passed on" => 0,
            );
            let fallen_back =
                mutant!(self.attempt_fallback(floor, chosen, out), "read: fallback copy never tried" => None);
            if let Some(step) = fallen_back {
                return Reading { step, retries };
            }
            spin_loop();
        }
    }

    /// Loads what a read loads first, for nothing but to have it in the cache. A caller that is
    /// about to read several slabs touches them before, and so waits for all at the same time.
    #[inline]
    pub(crate) fn touch(&self) {
        let newest = &self.copies[(self.sequence.load(Relaxed) >> 1 & 1) as usize]; // no edge: a guess
        let word = |word: usize| newest.get(word).map_or(0, |word| word.load(Relaxed)); // no edge: unused
        black_box(word(0) ^ word(LINE_WORDS) ^ word(2 * LINE_WORDS) ^ self.diagnostics.any());
    }

    /// One attempt to read the newest step. `Err` is the step that was overwritten meanwhile.
    pub(crate) fn attempt_newest(&self, chosen: Option<&[u16]>, out: &mut [u64]) -> Result<u64, u64> {
        let step = self.sequence.load(Acquire) >> 1; // E1
        copy_out(&self.copies[(step & 1) as usize], chosen, out);
        reached(Probe::Copied);
        mutant!("read: waits for a refresh" => while self.fallback_sequence.load(Relaxed) & 1 == 1 {});
        fence(Acquire); // E2
        // Up to 2s+2, copy s&1 is unchanged; from 2s+3 on it may change. The fence makes the edge.
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

    /// One attempt to read the fallback copy, if it isn't older than step `floor`.
    pub(crate) fn attempt_fallback(&self, floor: u64, chosen: Option<&[u16]>, out: &mut [u64]) -> Option<u64> {
        let before = self.fallback_sequence.load(Acquire); // E3
        let unusable = mutant!(
            before & 1 == 1 || before >> 1 < floor,
            "fallback: odd not noticed" => before >> 1 < floor,
            "fallback: no floor" => before & 1 == 1,
        );
        if unusable {
            return None;
        }
        copy_out(&self.fallback, chosen, out);
        fence(Acquire); // E4
        let whole = mutant!(
            self.fallback_sequence.load(Relaxed) == before, // the fence makes the edge
            "fallback: no check" => true,
        );
        whole.then_some(before >> 1)
    }

    /// Only the writer calls this, after it stored `sequence = 2 * step`.
    #[cold]
    fn refresh_fallback(&self, from: &[AtomicU64], step: u64) {
        mutant!(
            self.fallback_sequence.store(2 * step - 1, Relaxed), // the fence makes the edge
            "fallback: no odd mark" => (),
        );
        fence(Release); // E4
        reached(Probe::Refreshing);
        copy_all(from, &self.fallback);
        self.fallback_sequence.store(2 * step, Release); // E3
    }
}

#[cfg(all(test, not(loom)))]
#[path = "../tests/slab.rs"]
mod tests;
