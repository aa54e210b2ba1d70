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

    let budget = std::env::var("TACHOMETER_STRESS_SECONDS").map_or(2.0, |seconds| seconds.parse().unwrap());
    let done = AtomicBool::new(false);
    let (reads, steps) = thread::scope(|scope| {
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
        let end = Instant::now() + Duration::from_secs_f64(budget);
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
        done.store(true, Ordering::Relaxed);
        (reads, writer.join().unwrap())
    });
    println!(
        "{name}: {steps} steps, {} snapshots of {} different steps, 0 torn, {} failed tries, {} at most for one snapshot",
        reads.snapshots, reads.different_steps, reads.failed_tries, reads.most_failed_tries
    );
    reads
}

/// Both in turn, since they would take each other's cores.
#[test]
fn a_snapshot_never_shows_a_torn_step() {
    for (name, large) in [("small steps", false), ("large steps", true)] {
        let reads = stress(name, large);
        assert!(reads.snapshots > 100 && reads.different_steps > 100, "{name}: too few snapshots to say anything");
    }
}

/// A step that stays open is no reason to wait: the reader gets the step before, at the first try.
#[test]
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
