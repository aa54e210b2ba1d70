//! A writer that commits back to back against a reader that snapshots as fast as it can.
//!
//! `TACHOMETER_STRESS_SECONDS` sets how long (2 unless set).

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use tachometer::{Registry, Schema, Snapshot};

/// How often a snapshot's numbers agreed, and how the reads went.
#[derive(Default)]
struct Reads {
    snapshots: u64,
    different_steps: u64,
    failed_tries: u64,
    most_failed_tries: u32,
    newest: u64,
}

/// How long to go on.
fn budget() -> Duration {
    let seconds = std::env::var("TACHOMETER_STRESS_SECONDS").map_or(2.0, |seconds| seconds.parse().unwrap());
    Duration::from_secs_f64(seconds)
}

/// Tells the writer to stop when it is dropped.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// `large`: the step touches many words, so that a read takes as long as a step.
fn stress(name: &str, large: bool) -> Reads {
    let mut schema = Schema::builder();
    let [first, second] = schema.counter::<u64>("moves", "").label("which", ["first", "second"]).declare().unwrap();
    let level = schema.gauge::<i64>("level", "").declare().unwrap();
    let seconds = schema.histogram::<f64>("seconds", "", &[1.0, 2.0, 3.0]).declare().unwrap();
    let bounds: Vec<f64> = (0..400).map(f64::from).collect();
    let wide = schema.histogram::<u64>("wide", "", &bounds).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach::<&str>([]).unwrap();
    let mut recorder = engine.recorder().unwrap();

    let done = AtomicBool::new(false);
    let (reads, steps) = thread::scope(|scope| {
        // Stops the writer also when an assertion of the reader fails; otherwise the scope would wait for it forever.
        let stop = Stop(&done);
        let writer = scope.spawn(|| {
            let (mut steps, mut tries) = (0_u64, 0_u64);
            while !done.load(Ordering::Relaxed) {
                let mut step = recorder.step();
                step.inc(first);
                step.observe(seconds, (steps % 4) as f64);
                if large {
                    (0..40).for_each(|k| step.observe(wide, (steps + 7 * k) % 401));
                }
                step.set(level, steps as i64 + 1);
                step.inc(second);
                tries += 1;
                // Each fifth step is discarded and tried again, so that words of no step are there to be seen.
                if tries % 5 == 0 {
                    drop(step);
                } else {
                    step.commit();
                    steps += 1;
                }
            }
            steps
        });
        let mut reads = Reads::default();
        let mut snapshot = Snapshot::new();
        let end = Instant::now() + budget();
        while Instant::now() < end {
            registry.snapshot(&mut snapshot);
            let view = snapshot.engines().next().unwrap();
            let (step, histogram) = (view.step(), view.histogram(seconds));
            let numbers = [view.counter(first), view.counter(second), view.gauge(level) as u64, histogram.count()];
            assert_eq!(numbers, [step; 4], "torn: step {step}");
            // Values 0, 1, 2, 3 in turn: the sum follows from the number of steps, exactly.
            assert_eq!(histogram.sum(), (6 * (step / 4) + [0, 0, 1, 3][(step % 4) as usize]) as f64);
            assert_eq!(view.histogram(wide).count(), if large { 40 * step } else { 0 });
            assert!(step >= reads.newest, "backwards: step {step} after step {}", reads.newest);
            reads.snapshots += 1;
            reads.different_steps += u64::from(step > reads.newest);
            reads.failed_tries += u64::from(view.failed_tries());
            reads.most_failed_tries = reads.most_failed_tries.max(view.failed_tries());
            reads.newest = step;
        }
        drop(stop);
        (reads, writer.join().unwrap())
    });
    println!(
        "{name}: {steps} steps, {} snapshots of {} different steps, 0 torn, {} failed tries, {} at most for one snapshot",
        reads.snapshots, reads.different_steps, reads.failed_tries, reads.most_failed_tries
    );
    reads
}

/// All in turn, since they would take each other's cores.
#[test]
fn a_snapshot_is_whole_and_recent_whatever_the_writer_does() {
    for (name, large) in [("small steps", false), ("large steps", true)] {
        let reads = stress(name, large);
        assert!(reads.snapshots > 100 && reads.different_steps > 100, "{name}: too few snapshots to say anything");
    }
    a_reader_that_cannot_keep_up_gets_its_snapshots();
    an_open_step_holds_up_nobody();
}

/// A step that stays open is no reason to wait: the reader gets the step before, at the first try.
fn an_open_step_holds_up_nobody() {
    let mut schema = Schema::builder();
    let count = schema.counter::<u64>("count", "").declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach::<&str>([]).unwrap();
    let mut recorder = engine.recorder().unwrap();
    recorder.inc(count);
    let mut step = recorder.step();
    step.add(count, 100);
    let mut snapshot = Snapshot::new();
    for _ in 0..1_000 {
        registry.snapshot(&mut snapshot);
        let view = snapshot.engines().next().unwrap();
        assert_eq!((view.step(), view.counter(count), view.failed_tries()), (1, 1, 0));
    }
    step.commit();
    registry.snapshot(&mut snapshot);
    assert_eq!(snapshot.engines().next().unwrap().counter(count), 101);
}

/// Reading 65,536 words takes as long as hundreds of one-word steps, so while steps are committed the newest copy is never had
/// whole: the resting copy serves this reader, or the pause in which the owner refreshes it.
fn a_reader_that_cannot_keep_up_gets_its_snapshots() {
    let bounds: Vec<f64> = (0..65_533).map(f64::from).collect();
    let mut schema = Schema::builder().max_samples(100_000);
    let count = schema.counter::<u64>("count", "").declare().unwrap();
    schema.histogram::<u64>("wide", "", &bounds).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach::<&str>([]).unwrap();
    let mut recorder = engine.recorder().unwrap();
    let done = AtomicBool::new(false);
    let (patience, reader) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        let _stop = Stop(&done);
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                recorder.inc(count);
            }
        });
        scope.spawn(|| {
            let mut snapshot = Snapshot::new();
            let (mut snapshots, mut newest, mut failed_tries, mut most) = (0, 0, 0, 0);
            let end = Instant::now() + budget();
            while Instant::now() < end {
                registry.snapshot(&mut snapshot);
                let view = snapshot.engines().next().unwrap();
                assert_eq!(view.counter(count), view.step());
                assert!(view.step() >= newest);
                newest = view.step();
                snapshots += 1;
                failed_tries += view.failed_tries();
                most = most.max(view.failed_tries());
            }
            patience.send((snapshots, newest, failed_tries, most)).unwrap();
        });
        let read = reader.recv_timeout(budget() + Duration::from_secs(60));
        let (snapshots, newest, failed_tries, most) = read.expect("a snapshot within a minute");
        println!(
            "huge slab: {newest} steps, {snapshots} snapshots, {failed_tries} failed tries, {most} at most for one snapshot"
        );
        assert!(snapshots > 10 && failed_tries > 0, "too few to say anything");
    });
}
