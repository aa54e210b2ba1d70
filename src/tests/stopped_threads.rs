//! A writer that is descheduled inside a commit, and a reader that is overtaken at each try.
//!
//! `TACHOMETER_STRESS_SECONDS` sets how long the first goes on (2 unless set).

use std::{
    cell::RefCell,
    rc::Rc,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::places::at_each_place;
use crate::{Counter, Recorder, Registry, Schema, Snapshot, slab::Slab, sync::Place};

/// How long the writer sleeps.
const STOP: Duration = Duration::from_millis(10);

/// Commits steps, and sleeps at `place` inside every 50th commit, or the next that comes to it.
fn write(mut recorder: Recorder, counters: [Counter<u64>; 2], place: Place, committed: &AtomicU64, done: &AtomicBool) {
    let mut commits = 0;
    at_each_place(move |reached| {
        commits += u32::from(reached == Place::BeforePublish);
        if reached == place && commits >= 50 {
            commits = 0;
            thread::sleep(STOP);
        }
    });
    while !done.load(Ordering::Relaxed) {
        recorder.record(|step| counters.iter().for_each(|counter| step.inc(*counter)));
        committed.fetch_add(1, Ordering::Release);
    }
}

/// Wherever the writer stops, readers go on, and what they get is whole and recent: of the newest step when the read began or
/// later, and at most one behind what the stopped writer has recorded.
#[test]
fn a_writer_that_stops_inside_a_commit_holds_up_nobody() {
    let seconds = std::env::var("TACHOMETER_STRESS_SECONDS").map_or(2.0, |seconds| seconds.parse().unwrap());
    for place in [Place::BeforePublish, Place::Published, Place::Resting] {
        let mut schema = Schema::builder();
        let counters = schema.counter::<u64>("moves", "").label("which", ["first", "second"]).declare().unwrap();
        // So large that the writer is slow to come to the resting copy again, and small enough that it does.
        schema.histogram::<u64>("wide", "", &(0..100).map(f64::from).collect::<Vec<_>>()).declare().unwrap();
        let registry = Registry::new(schema.build().unwrap());
        let engine = registry.attach::<&str>([]).unwrap();
        let recorder = engine.recorder().unwrap();
        let (committed, done) = (AtomicU64::new(0), AtomicBool::new(false));
        let (mut snapshots, mut while_stopped, mut tries, mut greatest_age) = (0_u64, 0_u64, 0, 0);
        thread::scope(|scope| {
            scope.spawn(|| write(recorder, counters, place, &committed, &done));
            let mut snapshot = Snapshot::new();
            let mut newest = 0;
            let end = Instant::now() + Duration::from_secs_f64(seconds / 3.0);
            while Instant::now() < end {
                let before = committed.load(Ordering::Acquire);
                registry.snapshot(&mut snapshot);
                let view = snapshot.engines().next().unwrap();
                let numbers = counters.map(|counter| view.counter(counter));
                // Stops the writer first, as an assertion that fails inside the scope would wait for it.
                let after = committed.load(Ordering::Acquire);
                if numbers != [view.step(); 2] || view.step() < before.max(newest) {
                    done.store(true, Ordering::Relaxed);
                    panic!("{place:?}: step {} has {numbers:?}; {before} were committed before", view.step());
                }
                snapshots += 1;
                while_stopped += u64::from(before == after && view.step() == newest);
                tries = tries.max(view.failed_tries());
                greatest_age = greatest_age.max(after.saturating_sub(view.step()));
                newest = view.step();
            }
            done.store(true, Ordering::Relaxed);
        });
        println!(
            "stopped at {place:?}: {} steps, {snapshots} snapshots, {while_stopped} of them while the writer stood still, \
             0 torn, {tries} failed tries at most, {greatest_age} steps of age at most",
            committed.into_inner()
        );
        // A reader that waits for the writer would get about one snapshot a stop.
        assert!(while_stopped > 10 * (Duration::from_secs_f64(seconds / 3.0).as_millis() / STOP.as_millis()) as u64);
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
