//! Models of shards: additions by threads, against a snapshot. The only ordering is edge E6, by
//! which a row changes its writer.
//!
//! Loom doesn't switch threads at a load of a word which the other thread loads before it stores.
//! So each thread also stores a word of its own when it is done ([`Done`]), and the reader loads
//! that word first. Both are relaxed, so they order nothing.

use std::{cell::Cell, sync::Arc as StdArc};

use loom::thread;

use super::explore::explore;
use crate::{
    Counter, Engine, EngineView, GaugeValue, Histogram, Registry, Schema, SettableGauge, Snapshot,
    schema::layout::{Diagnostic, Liveness},
    store::{Indices, NONE},
    sync::{Arc, AtomicU64, Ordering::Relaxed},
};

/// Settable gauges of a rig.
const SETTABLE: usize = 2;

loom::thread_local! {
    static THREAD: Cell<usize> = Cell::new(BEYOND);
}

/// The index of the current thread. Unless the model chose one, it has no shard.
pub(crate) fn known() -> usize {
    THREAD.with(Cell::get)
}

pub(crate) fn current(_: impl FnOnce() -> bool) -> usize {
    known()
}

/// Index 2 has no row of its own.
const BEYOND: usize = 2;

fn become_thread(index: usize) {
    THREAD.with(|thread| thread.set(index));
}

/// Where loom can switch threads.
struct Done(Arc<AtomicU64>);

impl Done {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(0)))
    }

    /// Runs `f` in a thread, which then says that it is done.
    fn spawn<R: 'static>(&self, f: impl FnOnce() -> R + 'static) -> thread::JoinHandle<R> {
        let done = Arc::clone(&self.0);
        thread::spawn(move || {
            let result = f();
            done.fetch_add(1, Relaxed);
            result
        })
    }

    fn look(&self) {
        self.0.load(Relaxed);
    }
}

/// An engine with two shards that belong to a thread each, and one for all others.
struct Rig {
    registry: Registry,
    engine: StdArc<Engine>,
    count: Counter<u64>,
    amount: Counter<f64>,
    level: SettableGauge<i64>,
    load: SettableGauge<f64>,
    seconds: Histogram<f64>,
    done: Done,
}

impl Rig {
    fn new() -> Self {
        let mut schema = Schema::builder(&[]);
        schema.shards(2);
        let count = schema.counter("count", "").declare().expect("a valid family");
        let amount = schema.counter("amount", "").declare().expect("a valid family");
        let level = schema.gauge("level", "").settable().declare().expect("a valid family");
        let load = schema.gauge("load", "").settable().declare().expect("a valid family");
        let seconds = schema.histogram("seconds", "", &[1.0]).declare().expect("a valid family");
        let registry = Registry::new(schema.build().expect("a valid schema"));
        let engine = StdArc::new(registry.attach(&[]).expect("the first engine"));
        Self { registry, engine, count, amount, level, load, seconds, done: Done::new() }
    }

    fn seen<T>(&self, read: impl FnOnce(EngineView<'_>) -> T) -> T {
        self.done.look();
        let mut snapshot = Snapshot::new();
        self.registry.snapshot(&mut snapshot);
        read(snapshot.engines().next().expect("an engine"))
    }
}

/// Two threads add, in shards of their own or in that of all others. In the end all additions are
/// there; a snapshot meanwhile sees some of them.
#[test]
fn additions_to_shards_are_never_lost() {
    for shards in [[BEYOND; 2], [0, 1], [0, BEYOND]] {
        explore(3, [0, 1, 2, 3], move || {
            let rig = Rig::new();
            let recorder = rig.engine.shared_recorder();
            let threads = [(shards[0], 1), (shards[1], 2)].map(|(index, n)| {
                let (recorder, count) = (recorder.clone(), rig.count);
                rig.done.spawn(move || {
                    become_thread(index);
                    recorder.add(count, n);
                })
            });
            let seen = rig.seen(|view| view.counter(rig.count));
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(rig.seen(|view| view.counter(rig.count)), 3, "both additions");
            seen
        });
    }
}

/// Floats are added in a loop that repeats when another thread changed the same word.
#[test]
fn additions_of_floats_are_never_lost() {
    explore(3, [0.0, 0.5, 2.0, 2.5], || {
        let rig = Rig::new();
        let recorder = rig.engine.shared_recorder();
        let threads = [0.5, 2.0].map(|n| {
            let (recorder, amount) = (recorder.clone(), rig.amount);
            rig.done.spawn(move || {
                become_thread(BEYOND);
                recorder.add(amount, n);
            })
        });
        let seen = rig.seen(|view| view.counter(rig.amount));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(rig.seen(|view| view.counter(rig.amount)), 2.5, "both additions");
        seen
    });
}

/// A row passes from a thread that ends to the next one, which goes on from its words (E6). The
/// outcome: what a snapshot sees meanwhile, of a count and of a sum.
#[test]
fn a_row_is_handed_on_with_its_index() {
    let outcomes = (0..=2).flat_map(|count| [0.0, 0.5, 1.0].map(|amount| (count, amount)));
    explore(3, outcomes, || {
        let (rig, indices) = (Rig::new(), Arc::new(Indices::new()));
        let recorder = rig.engine.shared_recorder();
        assert_eq!(indices.take(), 0, "of another thread, so that only one is free");
        let threads = [(); 2].map(|()| {
            let (recorder, indices, count, amount) = (recorder.clone(), Arc::clone(&indices), rig.count, rig.amount);
            rig.done.spawn(move || {
                let index = indices.take();
                become_thread(index.min(BEYOND));
                recorder.inc(count);
                recorder.add(amount, 0.5);
                indices.give_back(index);
            })
        });
        let seen = rig.seen(|view| (view.counter(rig.count), view.counter(rig.amount)));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let settled = rig.seen(|view| (view.counter(rig.count), view.counter(rig.amount)));
        assert_eq!(settled, (2, 1.0), "both additions");
        seen
    });
}

/// A reader never sees a count fall while other threads add to it.
#[test]
fn a_count_in_shards_never_falls() {
    let pairs = (0..=2).flat_map(|one| (one..=2).map(move |other| [one, other]));
    explore(2, pairs, || {
        let rig = Rig::new();
        let recorder = rig.engine.shared_recorder();
        let threads = [0, 1].map(|index| {
            let (recorder, count) = (recorder.clone(), rig.count);
            rig.done.spawn(move || {
                become_thread(index);
                recorder.inc(count);
            })
        });
        let seen = [(); 2].map(|()| rig.seen(|view| view.counter(rig.count)));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        seen
    });
}

/// Odd but allowed: a reader sees an observation in the sum and not in the bucket, or the other way
/// round. The outcome: sum and count.
#[test]
fn an_observation_is_not_one_moment() {
    explore(3, [(0.0, 0), (0.5, 0), (0.0, 1), (0.5, 1)], || {
        let rig = Rig::new();
        let (recorder, seconds) = (rig.engine.shared_recorder(), rig.seconds);
        let thread = rig.done.spawn(move || recorder.observe(seconds, 0.5));
        let seen = rig.seen(|view| (view.histogram(seconds).sum(), view.histogram(seconds).count()));
        thread.join().unwrap();
        let settled = rig.seen(|view| (view.histogram(seconds).sum(), view.histogram(seconds).count()));
        assert_eq!(settled, (0.5, 1), "both sum and bucket");
        seen
    });
}

/// An integer that doesn't fit is rejected, whatever another thread adds at the same time. So the
/// total never overflows. The outcome: the total, and how many additions were rejected.
#[test]
fn additions_never_overflow() {
    const MORE_THAN_HALF: u64 = (1 << 62) + 1;
    explore(3, [(MORE_THAN_HALF, 1)], || {
        let rig = Rig::new();
        let recorder = rig.engine.shared_recorder();
        let threads = [(); 2].map(|()| {
            let (recorder, count) = (recorder.clone(), rig.count);
            rig.done.spawn(move || {
                become_thread(BEYOND);
                recorder.add(count, MORE_THAN_HALF);
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        rig.seen(|view| {
            (
                view.counter(rig.count),
                view.words()[view.words().len() - Liveness::COUNT - SETTABLE - Diagnostic::COUNT
                    + Diagnostic::RejectedObservations as usize],
            )
        })
    });
}

/// A settable gauge goes up in one thread and down in another. A reader may see either change
/// alone; in the end it is at zero.
#[test]
fn a_settable_gauge_is_the_sum_of_its_changes() {
    explore(
        3,
        [(-1, 0.0), (0, 0.0), (1, 0.0), (-1, -0.5), (0, -0.5), (1, -0.5), (-1, 0.5), (0, 0.5), (1, 0.5)],
        || {
            let rig = Rig::new();
            let recorder = rig.engine.shared_recorder();
            let threads = [1, -1].map(|n| {
                let (recorder, level, load) = (recorder.clone(), rig.level, rig.load);
                rig.done.spawn(move || {
                    recorder.add_gauge(level, n);
                    recorder.add_gauge(load, n as f64 / 2.0);
                })
            });
            let seen = rig.seen(|view| (view.settable(rig.level), view.settable(rig.load)));
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            let settled = rig.seen(|view| (view.settable(rig.level), view.settable(rig.load)));
            assert_eq!(settled, (0, 0.0), "both changes");
            seen
        },
    );
}

/// One thread sets a settable gauge, another one adds to it. The value that was set holds, with or
/// without the addition. The outcome: what a reader sees meanwhile, and what stays.
#[test]
fn setting_a_gauge_is_one_moment_for_additions() {
    let allowed = [(0, 8), (0, 9), (1, 8), (8, 8), (8, 9), (9, 9)];
    explore(3, allowed, || set_and_add(|rig| rig.level, 8, 1));
    let allowed = allowed.map(|(seen, stays)| (seen as f64, stays as f64));
    explore(3, allowed, || set_and_add(|rig| rig.load, 8.0, 1.0));
}

fn set_and_add<T: GaugeValue + 'static>(gauge: fn(&Rig) -> SettableGauge<T>, value: T, added: T) -> (T, T) {
    let rig = Rig::new();
    let (gauge, recorder) = (gauge(&rig), rig.engine.shared_recorder());
    let (one, other) = (recorder.clone(), recorder.clone());
    let threads =
        [rig.done.spawn(move || one.set_gauge(gauge, value)), rig.done.spawn(move || other.add_gauge(gauge, added))];
    let seen = rig.seen(|view| view.settable(gauge));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    (seen, rig.seen(|view| view.settable(gauge)))
}

/// Two threads ask for the first shared recorder while a third takes a snapshot. Both get the same
/// shards, so nothing is lost.
#[test]
fn the_first_shared_recorder_is_made_once() {
    explore(2, [0, 1, 2], || {
        let rig = Rig::new();
        let thread = {
            let (engine, count) = (StdArc::clone(&rig.engine), rig.count);
            rig.done.spawn(move || engine.shared_recorder().inc(count))
        };
        let other = {
            let (engine, count) = (StdArc::clone(&rig.engine), rig.count);
            rig.done.spawn(move || {
                become_thread(1);
                engine.shared_recorder().inc(count);
            })
        };
        let seen = rig.seen(|view| view.counter(rig.count));
        [thread, other].into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(rig.seen(|view| view.counter(rig.count)), 2, "both additions");
        seen
    });
}

/// Living threads never have the same index while one is free. In models there are two indices. The
/// outcome: the indices of two threads, and what the next one gets after one of them was given
/// back.
#[test]
fn threads_have_indices_of_their_own() {
    explore(3, [([0, 1], 0), ([1, 0], 0)], || {
        let indices = Arc::new(Indices::new());
        let shared = Arc::clone(&indices);
        let thread = thread::spawn(move || shared.take());
        let own = indices.take();
        let other = thread.join().unwrap();
        assert_eq!(indices.take(), NONE, "none is free");
        indices.give_back(0);
        ([own, other], indices.take())
    });
}

/// One thread ends and two others start: one of these gets the index. The outcome: what they got.
#[test]
fn an_index_is_handed_on_once() {
    let allowed = [[0, 1], [1, 0], [1, NONE], [NONE, 1]];
    explore(3, allowed, || {
        let indices = Arc::new(Indices::new());
        assert_eq!(indices.take(), 0);
        let done = Done::new();
        let threads = [(); 2].map(|()| {
            let indices = Arc::clone(&indices);
            done.spawn(move || indices.take())
        });
        done.look();
        indices.give_back(0);
        threads.map(|thread| thread.join().unwrap())
    });
}
