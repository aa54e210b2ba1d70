//! Two protocols that others ship, in their smallest form. Both give whole steps, but a reader
//! waits for a writer that stops in mid-publication.

use std::{
    hint::spin_loop,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
            fence,
        },
    },
    time::Instant,
};

use super::scraped::{Scraped, Seen};

/// What a step changes: observations and two counters.
#[derive(Default)]
struct Words([AtomicU64; 3]);

impl Words {
    /// Has one writer.
    fn step(&self, between: impl FnOnce()) {
        let [observations, counters @ ..] = &self.0;
        observations.store(observations.load(Relaxed) + 1, Relaxed);
        between();
        counters.iter().for_each(|counter| counter.store(counter.load(Relaxed) + 1, Relaxed));
    }

    fn load(&self) -> [u64; 3] {
        self.0.each_ref().map(|word| word.load(Relaxed))
    }
}

fn seen(words: [u64; 3]) -> Seen {
    Seen::of(words.into_iter().map(|word| word as f64))
}

/// Waits for a condition, but not forever.
fn wait(until: Instant, mut condition: impl FnMut() -> bool) -> Option<()> {
    while !condition() {
        if Instant::now() >= until {
            return None;
        }
        spin_loop();
    }
    Some(())
}

/// The writer raises a flag, writes in place, counts an epoch, and lowers the flag. A reader tries
/// until it found the flag down and the same epoch before and after.
#[derive(Default)]
pub(super) struct FlaggedWords {
    in_progress: AtomicBool,
    epoch: AtomicU64,
    words: Words,
}

pub(super) struct EpochWithFlag(Arc<FlaggedWords>);

impl Scraped for EpochWithFlag {
    const NAME: &'static str = "epoch with a flag";
    type Writer = Arc<FlaggedWords>;
    type Page = ();

    fn new() -> Self {
        Self(Arc::default())
    }

    fn writer(&self) -> Self::Writer {
        Arc::clone(&self.0)
    }

    #[inline]
    fn pair(writer: &mut Self::Writer, between: impl FnOnce()) {
        writer.in_progress.store(true, Relaxed);
        fence(Release);
        writer.words.step(between);
        writer.epoch.store(writer.epoch.load(Relaxed) + 1, Release);
        writer.in_progress.store(false, Release);
    }

    fn scrape(&self, (): &mut (), until: Instant) -> Option<Seen> {
        let FlaggedWords { in_progress, epoch, words } = &*self.0;
        let mut read = [0; 3];
        wait(until, || {
            let before = epoch.load(Acquire);
            if in_progress.load(Acquire) {
                return false;
            }
            read = words.load();
            fence(Acquire);
            !in_progress.load(Relaxed) && epoch.load(Relaxed) == before
        })?;
        Some(seen(read))
    }
}

/// Two copies, of which the writer uses that of the phase: the highest bit of the word by which it
/// enters. A reader turns the phase, waits until all that entered before have left, and takes what
/// the other copy holds.
#[derive(Default)]
pub(super) struct TwoCopies {
    entered: AtomicU64,
    left: [AtomicU64; 2],
    copies: [Words; 2],
    /// What the reader has taken.
    taken: Words,
}

const PHASE: u32 = 63;

pub(super) struct Phaser(Arc<TwoCopies>);

impl Scraped for Phaser {
    const NAME: &'static str = "writer-reader phaser";
    type Writer = Arc<TwoCopies>;
    type Page = ();

    fn new() -> Self {
        Self(Arc::default())
    }

    fn writer(&self) -> Self::Writer {
        Arc::clone(&self.0)
    }

    #[inline]
    fn pair(writer: &mut Self::Writer, between: impl FnOnce()) {
        let phase = (writer.entered.fetch_add(1, AcqRel) >> PHASE) as usize;
        writer.copies[phase].step(between);
        writer.left[phase].fetch_add(1, Release);
    }

    /// Has one reader.
    fn scrape(&self, (): &mut (), until: Instant) -> Option<Seen> {
        let TwoCopies { entered, left, copies, taken } = &*self.0;
        let phase = (entered.load(Relaxed) >> PHASE) as usize;
        let other = 1 - phase;
        left[other].store(0, Relaxed);
        let before = entered.swap((other as u64) << PHASE, AcqRel) & !(1 << PHASE);
        wait(until, || left[phase].load(Acquire) == before)?;
        for (taken, copy) in taken.0.iter().zip(&copies[phase].0) {
            taken.store(taken.load(Relaxed) + copy.load(Relaxed), Relaxed);
            copy.store(0, Relaxed);
        }
        Some(seen(taken.load()))
    }
}
