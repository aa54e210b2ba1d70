//! Scrapes under a writer without pauses. Each of its steps observes 1 once and adds 1 to two
//! counters, so all numbers of a whole step are equal: a scrape where they differ is torn.

mod protocols;
mod scraped;

use std::{
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use self::{
    protocols::{EpochWithFlag, Phaser},
    scraped::{OfPeer, Scraped},
};
use super::all_peers;
use crate::{
    measure::quantile,
    peers::{Peer, Tachometer},
    processor,
    shape::MODEL,
};

/// How long a crate is scraped, in slices of a second.
const SECONDS: u64 = 5;
/// How long a protocol that stands in is scraped, and our snapshots are timed.
const BRIEF_SECONDS: u64 = 1;
/// How long a scrape waits for a writer that stopped.
const PATIENCE: Duration = Duration::from_millis(500);

/// What came of one crate.
pub(crate) struct Torn {
    pub(crate) name: &'static str,
    pub(crate) scrapes: u64,
    pub(crate) torn: u64,
    /// Scrapes that gave no answer, or not all samples.
    pub(crate) failed: u64,
    /// The percentage that was torn, of each second.
    pub(crate) slices: Vec<f64>,
    pub(crate) steps_per_second: f64,
    /// How long a scrape took while the writer stood still in the middle of a step. `None` if there
    /// was no answer.
    pub(crate) stopped: Option<Duration>,
}

/// Our snapshots of one engine under such a writer.
pub(crate) struct Snapshots {
    pub(crate) taken: u64,
    pub(crate) torn: u64,
    pub(crate) p99: Duration,
}

pub(crate) fn run() -> (Vec<Torn>, Snapshots) {
    let mut torn = all_peers!(of_peer);
    torn.push(scraped::<EpochWithFlag>(BRIEF_SECONDS));
    torn.push(scraped::<Phaser>(BRIEF_SECONDS));
    (torn, snapshots())
}

fn of_peer<P: Peer>() -> Torn {
    scraped::<OfPeer<P>>(SECONDS)
}

fn scraped<S: Scraped>(seconds: u64) -> Torn {
    let target = S::new();
    let (stop, steps) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut result = Torn {
        name: S::NAME,
        scrapes: 0,
        torn: 0,
        failed: 0,
        slices: Vec::new(),
        steps_per_second: 0.0,
        stopped: while_stopped::<S>(),
    };
    thread::scope(|scope| {
        scope.spawn(|| write_without_pauses(&target, &stop, &steps));
        processor::pin(1);
        wait_for_steps(&steps);
        let (start, before) = (Instant::now(), steps.load(Relaxed));
        (0..seconds).for_each(|_| slice(&target, &mut result));
        result.steps_per_second = (steps.load(Relaxed) - before) as f64 / start.elapsed().as_secs_f64();
        stop.store(true, Relaxed);
    });
    processor::pin(0);
    result
}

fn write_without_pauses<S: Scraped>(target: &S, stop: &AtomicBool, steps: &AtomicU64) {
    processor::pin(0);
    let mut writer = target.writer();
    while !stop.load(Relaxed) {
        (0..64).for_each(|_| S::pair(&mut writer, || ()));
        steps.store(steps.load(Relaxed) + 64, Relaxed);
    }
}

fn wait_for_steps(steps: &AtomicU64) {
    while steps.load(Relaxed) == 0 {
        thread::yield_now();
    }
}

/// Scrapes for a second.
fn slice<S: Scraped>(target: &S, result: &mut Torn) {
    let (mut scrapes, mut torn, start) = (0, 0, Instant::now());
    let mut page = S::Page::default();
    while start.elapsed() < Duration::from_secs(1) {
        scrapes += 1;
        match target.scrape(&mut page, Instant::now() + PATIENCE) {
            Some(seen) => torn += u64::from(seen.torn()),
            None => result.failed += 1,
        }
    }
    result.scrapes += scrapes;
    result.torn += torn;
    result.slices.push(100.0 * torn as f64 / scrapes as f64);
}

/// What a scrape takes while the writer stands still between its observation and its counters.
fn while_stopped<S: Scraped>() -> Option<Duration> {
    let target = S::new();
    thread::scope(|scope| {
        let (target, (stopped, is_stopped)) = (&target, mpsc::channel());
        let (resume, resumed) = mpsc::channel::<()>();
        scope.spawn(move || {
            let mut writer = target.writer();
            (0..64).for_each(|_| S::pair(&mut writer, || ()));
            S::pair(&mut writer, || {
                stopped.send(()).expect("the reader waits for this");
                _ = resumed.recv(); // an error means the same: the reader is done
            });
        });
        is_stopped.recv().expect("the writer gets there");
        let start = Instant::now();
        let seen = target.scrape(&mut S::Page::default(), start + PATIENCE);
        let took = start.elapsed();
        drop(resume);
        seen.map(|_| took)
    })
}

fn snapshots() -> Snapshots {
    let target = OfPeer::<Tachometer>::new();
    let (stop, steps) = (AtomicBool::new(false), AtomicU64::new(0));
    let (mut times, mut torn) = (Vec::new(), 0);
    thread::scope(|scope| {
        scope.spawn(|| write_without_pauses(&target, &stop, &steps));
        processor::pin(1);
        wait_for_steps(&steps);
        let (peer, mut snapshot) = (&target.0, tachometer::Snapshot::new());
        let (start, [first, second]) = (Instant::now(), peer.pair());
        while start.elapsed() < Duration::from_secs(BRIEF_SECONDS) {
            let before = Instant::now();
            peer.registry.snapshot(&mut snapshot);
            times.push(before.elapsed().as_secs_f64());
            let engine = snapshot.engine(&["0", MODEL]).expect("it is attached");
            torn += u64::from(engine.counter(first) != engine.counter(second));
        }
        stop.store(true, Relaxed);
    });
    processor::pin(0);
    Snapshots { taken: times.len() as u64, torn, p99: Duration::from_secs_f64(quantile(&times, 0.99)) }
}
