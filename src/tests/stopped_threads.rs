//! A writer that is descheduled inside a commit, a reader that is overtaken at each attempt, and a
//! thread that stops in the middle of a change of engines or series.
//!
//! `TACHOMETER_STRESS_SECONDS` sets how long the first test runs. Unless set, it runs until the
//! writer has stopped often enough.

use std::{
    cell::Cell,
    rc::Rc,
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use super::probes::at_each_probe;
use crate::tests::{one_engine::OneEngine, one_step::OneStep as _};
use crate::{
    Counter, Recorder, Registry, Schema, Snapshot,
    probe::Probe,
    store::slab::{Reading, Slab, writer::Writer},
    sync::Arc,
};

/// The least number of stops of the writer, and of snapshots during each stop.
const STOPS: u64 = 20;
const READS_PER_STOP: u64 = 10;
/// How long the writer waits for these snapshots before it considers readers stuck.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the writer and the reader share besides the registry.
#[derive(Default)]
struct Shared {
    /// Committed steps, counted after the commit.
    committed: AtomicU64,
    /// Odd while the writer is stopped.
    stops: AtomicU64,
    /// How many snapshots were taken.
    snapshots: AtomicU64,
    /// Readers seem to wait for the writer.
    stuck: AtomicBool,
    done: AtomicBool,
}

impl Shared {
    /// Waits for one snapshot that may have begun before, and for `READS_PER_STOP` more.
    fn stop(&self) {
        self.stops.fetch_add(1, Ordering::SeqCst);
        let (enough, begun) = (self.snapshots.load(Ordering::SeqCst) + 1 + READS_PER_STOP, Instant::now());
        let go_on = || self.snapshots.load(Ordering::SeqCst) >= enough || self.done.load(Ordering::Relaxed);
        while !go_on() && !self.stuck.load(Ordering::Relaxed) {
            self.stuck.store(begun.elapsed() > PATIENCE, Ordering::Relaxed);
            thread::yield_now();
        }
        self.stops.fetch_add(1, Ordering::SeqCst);
    }
}

/// Commits steps. Stops at `probe` inside every 50th commit, or inside the next commit that reaches
/// it.
fn write(mut recorder: Recorder, counters: [Counter<u64>; 2], probe: Probe, shared: Arc<Shared>) {
    let (mut commits, stopping) = (0, Arc::clone(&shared));
    at_each_probe(move |reached| {
        commits += u32::from(reached == Probe::BeforePublish);
        if reached == probe && commits >= 50 {
            commits = 0;
            stopping.stop();
        }
    });
    while !shared.done.load(Ordering::Relaxed) {
        recorder.record(|step| counters.iter().for_each(|counter| step.inc(*counter)));
        shared.committed.fetch_add(1, Ordering::Release);
    }
}

/// Statistics of the snapshots.
#[derive(Default)]
struct Reads {
    snapshots: u64,
    /// How many stops of the writer have ended.
    stops: u64,
    /// How many snapshots began and ended within one stop of the writer.
    while_stopped: u64,
    retries: u32,
    greatest_age: u64,
}

/// Reads at least until `end`, and until the writer has stopped often enough.
fn read(registry: &Registry, counters: [Counter<u64>; 2], shared: &Shared, end: Instant) -> Reads {
    let (mut reads, mut snapshot, mut newest) = (Reads::default(), Snapshot::new(), 0);
    while !shared.stuck.load(Ordering::Relaxed) && (reads.stops < STOPS || Instant::now() < end) {
        let (stop, before) = (shared.stops.load(Ordering::SeqCst), shared.committed.load(Ordering::Acquire));
        registry.snapshot(&mut snapshot);
        let (after, stop_after) = (shared.committed.load(Ordering::Acquire), shared.stops.load(Ordering::SeqCst));
        let view = snapshot.engines().next().unwrap();
        let step = view.step();
        assert_eq!(counters.map(|counter| view.counter(counter)), [step; 2], "torn: step {step}");
        assert!(step >= newest.max(before), "step {step} after step {newest}; {before} were committed before");
        let stopped = stop == stop_after && stop % 2 == 1;
        assert!(!stopped || step <= before + 1, "step {step}, but only {before} steps and the open one were recorded");
        reads.snapshots += 1;
        shared.snapshots.store(reads.snapshots, Ordering::SeqCst);
        reads.stops = stop_after / 2;
        reads.while_stopped += u64::from(stopped);
        reads.retries = reads.retries.max(view.retries());
        reads.greatest_age = reads.greatest_age.max(after.saturating_sub(step));
        newest = step;
    }
    reads
}

/// Wherever the writer stops, readers go on, and what they read is whole and recent.
#[test]
fn a_writer_that_stops_inside_a_commit_holds_up_no_reader() {
    let seconds: f64 = std::env::var("TACHOMETER_STRESS_SECONDS").map_or(0.0, |seconds| seconds.parse().unwrap());
    for probe in [Probe::BeforePublish, Probe::Published, Probe::Refreshing] {
        let rig = OneEngine::new(|schema| {
            // So large that refreshes of the fallback copy are rare, and so small that they happen.
            schema.histogram::<u64>("wide", "", &(0..100).map(f64::from).collect::<Vec<_>>()).declare().unwrap();
            schema.counter::<u64>("moves", "").label("which", ["first", "second"]).declare().unwrap()
        });
        let (counters, recorder, shared) = (rig.handles, rig.recorder(), Arc::new(Shared::default()));
        let writer = thread::spawn({
            let shared = Arc::clone(&shared);
            move || write(recorder, counters, probe, shared)
        });
        let reads = read(&rig.registry, counters, &shared, Instant::now() + Duration::from_secs_f64(seconds / 3.0));
        shared.done.store(true, Ordering::Relaxed);
        writer.join().unwrap();
        println!(
            "stopped at {probe:?}: {} steps, {} stops, {} snapshots, {} of them within a stop, 0 torn, \
             at most {} retries, at most {} steps of age",
            shared.committed.load(Ordering::Relaxed),
            reads.stops,
            reads.snapshots,
            reads.while_stopped,
            reads.retries,
            reads.greatest_age
        );
        assert!(!shared.stuck.load(Ordering::Relaxed), "{probe:?}: readers wait for the writer");
        assert!(reads.while_stopped >= READS_PER_STOP * reads.stops, "{probe:?}");
    }
}

/// Commits a step that adds one to word 7.
fn step(writer: &mut Writer) {
    let mut open = writer.open();
    let value = open.load(7) + 1;
    open.store(7, value);
    open.commit();
}

const WORDS: usize = 100;
/// The fallback copy is refreshed once opens have copied four slabs' worth of words. An open copies
/// one block of four words here, and counts as one word more.
const STEPS_PER_REFRESH: u64 = 4 * WORDS as u64 / 5 + 1;
/// When it is refreshed first: a writer's first open copies all words.
const FIRST_REFRESH: u64 = 1 + (4 * WORDS - (WORDS + 1)) as u64 / 5 + 1;
/// The same if each step has another writer.
const FIRST_REFRESH_OF_WRITERS: u64 = 4;

/// Reads a slab of `WORDS` words, in which `committed` steps were committed before.
fn read_after_all(slab: &Slab, committed: u64) -> Reading {
    let mut words = [0; WORDS];
    let reading = slab.read(None, &mut words);
    assert_eq!(words[7], reading.step, "whole");
    assert!(reading.step >= committed, "step {} is older than {committed}", reading.step);
    reading
}

/// Deterministic, on one thread. At each attempt on the newest copy, two steps are committed before
/// the reader's check, so that no such attempt can succeed. The fallback copy ends the read, even
/// if each step has another writer.
#[test]
fn a_reader_that_is_overtaken_at_each_attempt_gets_the_fallback_copy() {
    for (writers, first_refresh) in [(1, FIRST_REFRESH), (1_000, FIRST_REFRESH_OF_WRITERS)] {
        let slab = Slab::new(WORDS, None);
        let (mut writer, leased, mut steps) = (Slab::writer(&slab), Arc::clone(&slab), 0);
        let mut step = move || {
            steps += 1;
            if steps % (1_000 / writers) == 0 {
                writer = None;
            }
            step(writer.get_or_insert_with(|| Slab::writer(&leased).unwrap()));
        };
        step();
        let mut overtakings = 0;
        at_each_probe(move |probe| {
            if probe == Probe::Copied {
                overtakings += 1;
                assert!(overtakings < 1_000, "a read that never ends");
                (0..2).for_each(|_| step());
            }
        });
        let reading = read_after_all(&slab, 1);
        assert_eq!(u64::from(reading.retries), (first_refresh - 1).div_ceil(2), "attempts until the first refresh");
    }
}

/// The next page shows how many attempts failed, whatever the snapshot was for.
#[test]
fn retries_are_counted() {
    let rig = OneEngine::new(|schema| schema.counter::<u64>("count", "").declare().unwrap());
    let (count, mut recorder, mut overtakings) = (rig.handles, rig.recorder(), 0);
    at_each_probe(move |probe| {
        if probe == Probe::Copied && overtakings < 8 {
            overtakings += 1;
            (0..2).for_each(|_| recorder.inc(count));
        }
    });
    let (mut snapshot, mut retries) = (Snapshot::new(), 0);
    for _ in 0..10 {
        rig.registry.snapshot(&mut snapshot);
        retries += snapshot.engines().next().unwrap().retries();
    }
    assert!(retries > 0);
    assert_eq!(rig.lines("tachometer_snapshot_retries"), [format!("tachometer_snapshot_retries_total {retries}")]);
}

/// A fallback copy that was refreshed between two attempts is taken, even if it is older than what
/// the last attempt saw.
#[test]
fn a_read_takes_a_fallback_copy_that_is_not_older_than_its_beginning() {
    let slab = Slab::new(WORDS, None);
    let mut writer = Slab::writer(&slab).unwrap();
    step(&mut writer);
    let (mut attempts, mut committed) = (0, 1);
    at_each_probe(move |probe| {
        let steps = match probe {
            Probe::Attempting => {
                attempts += 1;
                if attempts == 2 { FIRST_REFRESH + 2 - committed } else { 0 }
            }
            Probe::Copied => 2,
            _ => 0,
        };
        assert!(attempts < 1_000, "a read that never ends");
        (0..steps).for_each(|_| step(&mut writer));
        committed += steps;
    });
    let reading = read_after_all(&slab, 1);
    assert_eq!((reading.step, reading.retries), (FIRST_REFRESH, 2));
}

/// A reader that stops in the middle of a read costs the writer nothing.
#[test]
fn a_reader_that_stops_holds_up_no_writer() {
    let slab = Slab::new(WORDS, None);
    let mut writer = Slab::writer(&slab).unwrap();
    let (stopped, in_the_middle) = mpsc::channel();
    let (go_on, told) = mpsc::channel::<()>();
    let reader = thread::spawn({
        let slab = Arc::clone(&slab);
        move || {
            at_each_probe(move |probe| {
                if probe == Probe::Copied && stopped.send(()).is_ok() {
                    told.recv().ok();
                }
            });
            read_after_all(&slab, 0)
        }
    });
    in_the_middle.recv().unwrap();
    (0..10_000).for_each(|_| step(&mut writer)); // would never end if it waited for the reader
    drop((in_the_middle, go_on));
    assert!(reader.join().unwrap().step >= 10_000 - STEPS_PER_REFRESH, "the last refresh");
}

/// P1's bound: besides what it records, a step copies the slab at most twice, however the steps
/// before it ended.
#[test]
fn a_step_copies_the_slab_at_most_twice() {
    let copies = Rc::new(Cell::new(0));
    at_each_probe({
        let copies = Rc::clone(&copies);
        move |probe| copies.set(copies.get() + u32::from(probe == Probe::WholeCopy))
    });
    let slab = Slab::new(20, None);
    let mut writer = Slab::writer(&slab).unwrap();
    let mut most = 0;
    for round in 0..10_000_u32 {
        if round % 11 == 0 {
            drop(writer);
            writer = Slab::writer(&slab).unwrap();
        }
        copies.set(0);
        let mut open = writer.open();
        // None, a few words, and more than the log holds.
        (0..[0, 1, 5, 9, 30, 300][round as usize * 7 % 6]).for_each(|n| open.store(n % 20, u64::from(round)));
        match round % 5 {
            0 => drop(open),
            1 => std::mem::forget(open),
            _ => open.commit(),
        }
        most = most.max(copies.get());
    }
    assert_eq!(most, 2);
}

/// Stops a thread in the middle of a change, and fails if `find` waits for it.
fn find_while_stopped(change: impl FnOnce() + Send + 'static, find: impl FnOnce() + Send + 'static) {
    let (stopped, in_the_middle) = mpsc::channel();
    let (go_on, told) = mpsc::channel::<()>();
    let changing = thread::spawn(move || {
        at_each_probe(move |probe| {
            if probe == Probe::Changing && stopped.send(()).is_ok() {
                told.recv().ok();
            }
        });
        change();
    });
    in_the_middle.recv().unwrap();
    let (done, found) = mpsc::channel();
    thread::spawn(move || {
        find();
        done.send(()).unwrap();
    });
    found.recv_timeout(PATIENCE).expect("it waits for a thread that has stopped");
    drop((in_the_middle, go_on));
    changing.join().unwrap();
}

/// What is there already is found, recorded and read, whatever change another thread stopped in.
#[test]
fn a_thread_that_stops_in_a_change_holds_up_nobody() {
    let rig = OneEngine::new(|schema| {
        let requests = schema.counter::<u64>("requests", "").dynamic_labels(["tenant"], 8);
        requests.declare().unwrap()
    });
    let (requests, shared) = (rig.handles, rig.engine.shared_recorder());
    shared.with_label_values(requests, ["a"]).inc();
    let find = || {
        let registry = rig.registry.clone();
        move || {
            let engine = registry.get_or_attach(&["0"]).unwrap();
            engine.shared_recorder().with_label_values(requests, ["a"]).inc();
            assert!(registry.page().contains("\nrequests_total{engine=\"0\",tenant=\"a\"} "));
        }
    };
    let registry = rig.registry.clone();
    find_while_stopped(move || drop(registry.attach(&["1"]).unwrap()), find());
    let other = rig.registry.attach(&["1"]).unwrap();
    find_while_stopped(move || drop(other), find());
    let (registry, schema) = (rig.registry.clone(), Schema::builder(&[]).build().unwrap());
    find_while_stopped(move || drop(registry.join(schema).unwrap()), find());
    let recorder = shared.clone();
    find_while_stopped(move || recorder.with_label_values(requests, ["b"]).inc(), find());
    find_while_stopped(move || assert!(shared.remove(requests, ["b"])), find());
    let counted = rig.read(|engine| engine.counters(requests).map(|(_, n)| n).collect::<Vec<_>>());
    assert_eq!(counted, [6, 0], "one more for each change");
}
