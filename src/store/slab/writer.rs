//! The writer's side of the protocol: it opens a step, records, and commits or discards.

use super::{
    REFRESH_AFTER_SLABS, Slab,
    diagnostics::Diagnostics,
    last_step::LastStep,
    log::{Log, Touched},
};
use crate::{
    probe::{Probe, reached},
    sync::{
        Arc, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
        fence,
    },
};

impl Slab {
    /// Makes the caller the writer, unless there is one.
    pub(crate) fn writer(slab: &Arc<Self>) -> Option<Writer> {
        // Look first: a swap would take the cache line from the writer. Relaxed: what it loads only
        // makes the caller give up.
        let leased = mutant!(
            slab.leased.load(Relaxed) || slab.leased.swap(true, Acquire), // E5
            "lease: two writers" => slab.leased.swap(true, Acquire) && false,
            "lease: without a swap" => (slab.leased.load(Acquire), slab.leased.store(true, Relaxed)).0,
        );
        if leased {
            return None;
        }
        let sequence = slab.sequence.load(Relaxed); // no edge: writers store it, in E5's order
        let writer = Writer {
            progress: Progress {
                committed: sequence >> 1,
                last: LastStep::Discarded, // it may be
                words_since_refresh: mutant!(
                    slab.words_since_refresh.load(Relaxed) as usize, // ordered by E5
                    "lease: words stored are forgotten" => 0,
                ),
            },
            logs: mutant!(
                [Log::OVERFLOWED; 2], // rule 6
                "lease: new writer trusts an empty log" => [const { Log { touched: Touched::NOTHING, ..Log::OVERFLOWED } }; 2],
            ),
            slab: Arc::clone(slab),
        };
        Some(writer)
    }
}

/// The writer's side of a slab.
pub(crate) struct Writer {
    pub(super) slab: Arc<Slab>,
    pub(super) progress: Progress,
    /// The words of step s are logged in `logs[s & 1]`.
    pub(super) logs: [Log; 2],
}

/// How far the writer has come.
pub(super) struct Progress {
    /// The last committed step.
    pub(super) committed: u64,
    /// If the next open finds `Open` here, that step was leaked.
    pub(super) last: LastStep,
    /// How many words opens have copied since the fallback copy was refreshed. Each open counts as
    /// one word more, so that empty steps lead to a refresh too.
    words_since_refresh: usize,
}

impl Writer {
    /// Opens the next step. Whatever an earlier step left uncommitted is lost.
    #[inline(always)]
    pub(crate) fn open(&mut self) -> StepWriter<'_> {
        if self.progress.last != LastStep::Committed {
            self.reopen();
        }
        let Self { slab, progress, logs: [even, odd] } = self;
        let [even_copy, odd_copy] = &slab.copies;
        let (newest, hidden, previous, log) = if progress.committed & 1 == 0 {
            (even_copy, odd_copy, even, odd)
        } else {
            (odd_copy, even_copy, odd, even)
        };
        slab.sequence.store(2 * progress.committed + 1, Release); // E1
        fence(Release); // E2
        let (newest, hidden): (&[AtomicU64], &[AtomicU64]) = (newest, hidden);
        mutant!("step: a second fence" => fence(Release));
        let copied = mutant!(
            previous.copy_words(newest, hidden),
            "open: no catch-up" => 0,
            "open: copies the slab three times" => (0..3).map(|_| previous.copy_words(newest, hidden)).sum(),
        );
        progress.words_since_refresh += mutant!(copied + 1, "fallback: words stored not counted" => 1);
        mutant!(progress.last = LastStep::Open, "leaked step: open not marked" => ());
        StepWriter { hidden, log, touched: Touched::NOTHING, progress, slab }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        mutant!("lease: given up before a leaked step is counted" => self.slab.leased.store(false, Release));
        let Progress { committed, last, words_since_refresh } = self.progress;
        if last == LastStep::Open {
            self.slab.count_discarded(committed);
        }
        self.slab.words_since_refresh.store(words_since_refresh as u64, Relaxed); // ordered by E5
        mutant!(
            self.slab.leased.store(false, Release), // E5
            "return: the slab is leased for good" => (),
        );
    }
}

/// A step that is being recorded. Dropping it discards it.
///
/// It lives in registers, as long as no function that isn't inlined takes a reference to it. So
/// cold functions take parts of it.
pub(crate) struct StepWriter<'a> {
    hidden: &'a [AtomicU64],
    log: &'a mut Log,
    touched: Touched,
    progress: &'a mut Progress,
    slab: &'a Slab,
}

impl<'a> StepWriter<'a> {
    /// The word as this step sees it.
    #[inline(always)]
    pub(crate) fn load(&self, word: u16) -> u64 {
        self.hidden[usize::from(word)].load(Relaxed) // no edge: own stores only
    }

    /// Changes a word.
    #[inline(always)]
    pub(crate) fn store(&mut self, word: u16, value: u64) {
        self.log.touch(&mut self.touched, word);
        self.hidden[usize::from(word)].store(value, Relaxed); // published by E1
    }

    /// Changes two words with one log entry: a histogram's bucket and its sum, or a state and its
    /// stamp.
    #[inline(always)]
    pub(crate) fn store_pair(&mut self, words: [u16; 2], values: [u64; 2]) {
        self.log.touch_pair(&mut self.touched, words);
        self.hidden[usize::from(words[0])].store(values[0], Relaxed); // published by E1
        self.hidden[usize::from(words[1])].store(values[1], Relaxed); // published by E1
    }

    /// Sets a state: its word, and behind that the stamp by which readers know which slab's is the
    /// newest.
    #[inline]
    pub(crate) fn store_state(&mut self, word: u16, value: u64) {
        if let Some(stamps) = &self.slab.stamps {
            self.store_pair([word, word + 1], [value, stamps.take()]);
        }
    }

    /// Counts outside of the step: they stay when the step is discarded.
    #[inline(always)]
    pub(crate) fn diagnostics(&self) -> &'a Diagnostics {
        &self.slab.diagnostics
    }

    /// Publishes the step.
    #[inline(always)]
    pub(crate) fn commit(self) {
        self.log.touched = self.touched;
        let step = self.progress.committed + 1;
        self.progress.committed = step;
        reached(Probe::BeforePublish);
        mutant!("step: a read-modify-write" => _ = self.slab.sequence.fetch_add(0, Relaxed));
        mutant!("fallback: refreshed too early" => self.slab.refresh_fallback(self.hidden, step));
        self.slab.sequence.store(2 * step, Release); // E1
        reached(Probe::Published);
        self.progress.last = LastStep::Committed;
        if self.progress.words_since_refresh > REFRESH_AFTER_SLABS * self.hidden.len() {
            mutant!(self.progress.words_since_refresh = 0, "fallback: refreshed at each commit" => ());
            mutant!(self.slab.refresh_fallback(self.hidden, step), "fallback: never refreshed" => ());
        }
    }
}

impl Drop for StepWriter<'_> {
    /// Discards, unless the step was committed.
    #[inline(always)]
    fn drop(&mut self) {
        if self.progress.last == LastStep::Open {
            discard(self.log, self.touched, self.progress, self.slab);
        }
    }
}

#[cold]
fn discard(log: &mut Log, touched: Touched, progress: &mut Progress, slab: &Slab) {
    let [even, odd] = &slab.copies;
    let (newest, hidden) = if progress.committed & 1 == 0 { (even, odd) } else { (odd, even) };
    log.touched = touched;
    mutant!(_ = log.copy_words(newest, hidden), "discard: no undo" => ());
    mutant!("discard: sequence goes back" => slab.sequence.store(2 * progress.committed, Release));
    slab.count_discarded(progress.committed);
    progress.last = LastStep::Discarded;
}
