//! Models of recorders that are created and dropped, against a snapshot.

use std::sync::Arc as StdArc;

use loom::thread;

use super::explore::explore;
use crate::tests::one_step::OneStep as _;
use crate::{Counter, Engine, Gauge, Recorder, Registry, Schema, Snapshot};

/// An engine, and how to record and read a step.
struct Rig {
    registry: Registry,
    engine: StdArc<Engine>,
    count: Counter<u64>,
    level: Gauge<i64>,
}

impl Rig {
    /// The engine may have `max_recorders` recorders.
    fn new(max_recorders: usize) -> Self {
        let mut schema = Schema::builder(&["engine"]);
        schema.max_recorders(max_recorders);
        let count = schema.counter("count", "").declare().expect("a valid family");
        let level = schema.gauge("level", "").declare().expect("a valid family");
        let registry = Registry::new(schema.build().expect("a valid schema"));
        let engine = StdArc::new(registry.attach(&["a"]).expect("the first engine"));
        Self { registry, engine, count, level }
    }

    /// A function that counts once and sets the level.
    fn step(&self) -> impl Fn(&mut Recorder) + use<> {
        let (count, level) = (self.count, self.level);
        move |recorder| {
            recorder.record(|step| {
                step.inc(count);
                step.set(level, 5);
            });
        }
    }

    /// Count and level of the engine.
    fn seen(&self) -> (u64, i64) {
        let mut snapshot = Snapshot::new();
        self.registry.snapshot(&mut snapshot);
        let view = snapshot.engine(&["a"]).expect("it is attached");
        (view.counter(self.count), view.gauge(self.level))
    }
}

/// A recorder leases a slab, commits a step and is dropped. Its count stays and its level goes,
/// both in whole steps.
#[test]
fn a_returned_slab_keeps_its_counts_and_gives_up_its_gauges() {
    explore(3, [(0, 0), (1, 5), (1, 0)], || {
        let rig = Rig::new(1);
        let (engine, step) = (StdArc::clone(&rig.engine), rig.step());
        let thread = thread::spawn(move || step(&mut engine.recorder().expect("the first recorder")));
        let seen = rig.seen();
        thread.join().unwrap();
        assert_eq!(rig.seen(), (1, 0), "both the step and the return of the slab");
        seen
    });
}

/// One recorder is dropped and the next one goes on. A reader never sees the count fall.
#[test]
fn counts_never_fall_when_recorders_are_replaced() {
    let steps = [(1, 5), (1, 0), (2, 5)];
    let pairs = (0..3).flat_map(|one| (one..3).map(move |other| [steps[one], steps[other]]));
    explore(2, pairs, || {
        let rig = Rig::new(1);
        let (engine, step) = (StdArc::clone(&rig.engine), rig.step());
        let mut recorder = engine.recorder().expect("the first recorder");
        step(&mut recorder);
        let thread = thread::spawn(move || {
            drop(recorder);
            let mut next = engine.recorder().expect("the one before was dropped");
            step(&mut next);
            next
        });
        let seen = [rig.seen(), rig.seen()];
        drop(thread.join().unwrap());
        assert_eq!(rig.seen(), (2, 0), "both recorders' steps");
        seen
    });
}

/// Two threads lease at the same time. Each gets a slab of its own, and a snapshot sees whole steps
/// of both.
#[test]
fn two_recorders_have_a_slab_each() {
    explore(2, [(0, 0), (1, 5), (2, 10)], || {
        let rig = Rig::new(2);
        let lease = |engine: StdArc<Engine>, step: Box<dyn Fn(&mut Recorder)>| {
            thread::spawn(move || {
                let mut recorder = engine.recorder().expect("two are allowed");
                step(&mut recorder);
                recorder
            })
        };
        let threads = [(); 2].map(|()| lease(StdArc::clone(&rig.engine), Box::new(rig.step())));
        let seen = rig.seen();
        let recorders = threads.map(|thread| thread.join().unwrap());
        assert_eq!(rig.seen(), (2, 10), "both recorders' steps");
        drop(recorders);
        assert_eq!(rig.seen(), (2, 0), "both slabs are returned");
        seen
    });
}

/// Two threads ask for the only recorder at the same time, and keep what they get. One of them is
/// refused.
#[test]
fn one_recorder_is_leased_once() {
    explore(3, [[true, false], [false, true]], || {
        let rig = Rig::new(1);
        let engine = StdArc::clone(&rig.engine);
        let thread = thread::spawn(move || engine.recorder());
        let one = rig.engine.recorder();
        let other = thread.join().unwrap();
        [one.is_ok(), other.is_ok()]
    });
}

/// An engine gets one more slab and its first shards while another engine attaches and detaches.
/// Nothing is lost.
#[test]
fn an_engine_grows_while_another_attaches_and_detaches() {
    explore(2, [(0, 0), (1, 5), (2, 5)], || {
        let rig = Rig::new(2);
        let _first = rig.engine.recorder().expect("the first recorder");
        let (engine, step, count) = (StdArc::clone(&rig.engine), rig.step(), rig.count);
        let thread = thread::spawn(move || {
            let mut recorder = engine.recorder().expect("the second recorder");
            step(&mut recorder);
            engine.shared_recorder().inc(count);
            recorder
        });
        let other = rig.registry.attach(&["b"]).expect("another engine");
        let seen = rig.seen();
        drop(other);
        let recorder = thread.join().unwrap();
        assert_eq!(rig.seen(), (2, 5), "both the slab's count and the shard's");
        drop(recorder);
        seen
    });
}
