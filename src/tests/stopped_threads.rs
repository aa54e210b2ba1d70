//! A writer that is descheduled inside a commit, and a reader that is overtaken at each try.
//!
//! `TACHOMETER_STRESS_SECONDS` sets how long the first goes on (2 unless set).

use std::{
    cell::RefCell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::places::at_each_place;
use crate::{Counter, Recorder, Registry, Schema, Snapshot, slab::Slab, sync::Place};

/// How long the writer sleeps.
const STOP: Duration = Duration::from_millis(10);

/// What the writer and the reader share beside the registry.
#[derive(Default)]
struct Shared {
    /// Steps that were committed, counted after the commit.
    committed: AtomicU64,
    /// Odd while the writer sleeps.
    stops: AtomicU64,
    done: AtomicBool,
}

/// Commits steps, and sleeps at `place` inside every 50th commit, or the next that comes to it.
fn write(mut recorder: Recorder, counters: [Counter<u64>; 2], place: Place, shared: Arc<Shared>) {
    let (mut commits, stopping) = (0, Arc::clone(&shared));
    at_each_place(move |reached| {
        commits += u32::from(reached == Place::BeforePublish);
        if reached == place && commits >= 50 {
            commits = 0;
            stopping.stops.fetch_add(1, Ordering::SeqCst);
            thread::sleep(STOP);
            stopping.stops.fetch_add(1, Ordering::SeqCst);
        }
    });
    while !shared.done.load(Ordering::Relaxed) {
        recorder.record(|step| counters.iter().for_each(|counter| step.inc(*counter)));
        shared.committed.fetch_add(1, Ordering::Release);
    }
}

/// How the snapshots went.
#[derive(Default)]
struct Reads {
    snapshots: u64,
    /// Begun and ended within one stop of the writer.
    while_stopped: u64,
    failed_tries: u32,
    greatest_age: u64,
}

/// Reads for as long as is given, and stops the writer.
fn read(registry: &Registry, counters: [Counter<u64>; 2], shared: &Shared, end: Instant) -> Reads {
    let (mut reads, mut snapshot, mut newest) = (Reads::default(), Snapshot::new(), 0);
    while Instant::now() < end {
        let (stop, before) = (shared.stops.load(Ordering::SeqCst), shared.committed.load(Ordering::Acquire));
        registry.snapshot(&mut snapshot);
        let (after, stop_after) = (shared.committed.load(Ordering::Acquire), shared.stops.load(Ordering::SeqCst));
        let view = snapshot.engines().next().unwrap();
        let step = view.step();
        assert_eq!(counters.map(|counter| view.counter(counter)), [step; 2], "torn: step {step}");
        assert!(step >= newest.max(before), "step {step} after step {newest}, {before} were committed before");
        let stopped = stop == stop_after && stop % 2 == 1;
        assert!(
            !stopped || step <= before + 1,
            "step {step}, but no more than {before} and the open one were recorded"
        );
        reads.snapshots += 1;
        reads.while_stopped += u64::from(stopped);
        reads.failed_tries = reads.failed_tries.max(view.failed_tries());
        reads.greatest_age = reads.greatest_age.max(after.saturating_sub(step));
        newest = step;
    }
    reads
}

/// Wherever the writer stops, readers go on, and what they get is whole and recent.
#[test]
fn a_writer_that_stops_inside_a_commit_holds_up_nobody() {
    let seconds: f64 = std::env::var("TACHOMETER_STRESS_SECONDS").map_or(2.0, |seconds| seconds.parse().unwrap());
    for place in [Place::BeforePublish, Place::Published, Place::Resting] {
        let mut schema = Schema::builder();
        let counters = schema.counter::<u64>("moves", "").label("which", ["first", "second"]).declare().unwrap();
        // So large that the writer is slow to come to the resting copy again, and small enough that it does.
        schema.histogram::<u64>("wide", "", &(0..100).map(f64::from).collect::<Vec<_>>()).declare().unwrap();
        let registry = Registry::new(schema.build().unwrap());
        let engine = registry.attach::<&str>([]).unwrap();
        let (recorder, shared) = (engine.recorder().unwrap(), Arc::new(Shared::default()));
        let writer = thread::spawn({
            let shared = Arc::clone(&shared);
            move || write(recorder, counters, place, shared)
        });
        let reads = read(&registry, counters, &shared, Instant::now() + Duration::from_secs_f64(seconds / 3.0));
        shared.done.store(true, Ordering::Relaxed);
        writer.join().unwrap();
        let (steps, stops) = (shared.committed.load(Ordering::Relaxed), shared.stops.load(Ordering::Relaxed) / 2);
        println!(
            "stopped at {place:?}: {steps} steps, {stops} stops, {} snapshots, {} of them within a stop, 0 torn, \
             {} failed tries at most, {} steps of age at most",
            reads.snapshots, reads.while_stopped, reads.failed_tries, reads.greatest_age
        );
        assert!(stops > 0 && reads.while_stopped > stops, "{place:?}: readers waited for the writer");
    }
}

/// Deterministic, on one thread: at each try of the newest copy the owner commits two steps before the reader's check, so that
/// no such try can succeed. The resting copy ends the read, and it does so as soon as it isn't older than the read's beginning.
#[test]
fn a_reader_that_is_overtaken_at_each_try_is_served_at_rest() {
    const WORDS: usize = 100;
    let slab = Slab::new(WORDS);
    let writer = Rc::new(RefCell::new(Slab::writer(&slab).unwrap()));
    let step = move |writer: &RefCell<crate::slab::Writer>| {
        let mut writer = writer.borrow_mut();
        let mut open = writer.open();
        let value = open.load(7) + 1;
        open.store(7, value);
        open.commit();
    };
    step(&writer);
    let mut overtakings = 0;
    at_each_place(move |place| {
        if place == Place::Copied {
            overtakings += 1;
            assert!(overtakings < 1_000, "a read that never ends");
            (0..2).for_each(|_| step(&writer));
        }
    });
    let mut words = [0; WORDS];
    let reading = slab.read(&mut words);
    assert_eq!(words[7], reading.step, "whole");
    assert!(reading.step >= 1, "not older than the step before the read");
    // Three words a step, four slabs' worth of words, two steps a try.
    assert_eq!(reading.failed_tries, (4 * WORDS as u32 / 3 + 1).div_ceil(2), "tries until the first refresh");
}
