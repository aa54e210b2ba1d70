//! Models of dynamic series: lookups and removals against each other and against a snapshot.

use loom::thread;

use super::{explore::explore, one_engine::OneEngine};
use crate::{
    Counter, DynamicFamily, Exactly, SharedRecorder,
    sync::{Arc, AtomicU64, Ordering::Relaxed},
};

/// An engine, and a counter with dynamic labels and room for one series.
struct Rig {
    one: OneEngine<DynamicFamily<Counter<u64>, Exactly<1>>>,
    recorder: SharedRecorder,
}

impl Rig {
    fn new() -> Self {
        let one = OneEngine::new(|schema| {
            schema.shards(1);
            schema.counter("hits", "").dynamic_labels(["tenant"], 1).declare().expect("a valid family")
        });
        Self { recorder: one.engine.shared_recorder(), one }
    }

    /// A function for any thread: looks up a series and counts in it.
    fn hit(&self, tenant: &'static str) -> impl FnOnce() + Send + use<> {
        let (recorder, hits) = (self.recorder.clone(), self.one.handles);
        move || recorder.with_label_values(hits, [tenant]).inc()
    }

    fn seen(&self) -> Vec<(String, u64)> {
        self.one.read(|engine| {
            engine.counters(self.one.handles).map(|([tenant], hits)| (tenant.to_owned(), hits)).collect()
        })
    }
}

fn rows(rows: &[(&str, u64)]) -> Vec<(String, u64)> {
    rows.iter().map(|(tenant, hits)| ((*tenant).to_owned(), *hits)).collect()
}

/// A gauge with dynamic labels goes up in one thread and down in another: neither change is lost.
#[test]
fn changes_of_a_dynamic_gauge_are_never_lost() {
    explore(3, [-1, 0, 1], || {
        let rig = OneEngine::new(|schema| {
            schema.gauge::<i64>("level", "").dynamic_labels(["of"], 1).declare().expect("a valid family")
        });
        let series = rig.engine.shared_recorder().with_label_values(rig.handles, ["a"]);
        let seen = || rig.read(|engine| engine.gauges(rig.handles).next().expect("it was looked up").1);
        let done = Arc::new(AtomicU64::new(0));
        let threads = [1, -1].map(|n| {
            let (series, done) = (series.clone(), Arc::clone(&done));
            thread::spawn(move || {
                series.add(n);
                done.fetch_add(1, Relaxed);
            })
        });
        done.load(Relaxed); // loom switches threads here
        let outcome = seen();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(seen(), 0, "both changes");
        outcome
    });
}

/// Two threads look up the same values. They get the same series, whichever of them made it.
#[test]
fn the_same_label_values_give_the_same_series() {
    let during = [rows(&[("other", 0)]), rows(&[("a", 0), ("other", 0)]), rows(&[("a", 1), ("other", 0)])];
    explore(3, during, || {
        let rig = Rig::new();
        let thread = thread::spawn(rig.hit("a"));
        let seen = rig.seen();
        rig.hit("a")();
        thread.join().unwrap();
        assert_eq!(rig.seen(), rows(&[("a", 2), ("other", 0)]), "nothing is lost");
        seen
    });
}

/// Two threads look up different values, and there is room for one: the other thread gets the
/// overflow series.
#[test]
fn never_more_series_than_the_capacity() {
    let outcomes = [rows(&[("a", 1), ("other", 1)]), rows(&[("b", 1), ("other", 1)])];
    explore(3, outcomes, || {
        let rig = Rig::new();
        let thread = thread::spawn(rig.hit("b"));
        rig.hit("a")();
        thread.join().unwrap();
        rig.seen()
    });
}

/// A series is removed and looked up again while an old handle is in use. What the old handle adds
/// is never in the new series.
#[test]
fn a_series_that_is_looked_up_again_inherits_nothing() {
    let before = [rows(&[("a", 0), ("other", 0)]), rows(&[("a", 5), ("other", 0)])];
    let after = [rows(&[("other", 0)]), rows(&[("a", 1), ("other", 0)])];
    explore(2, before.into_iter().chain(after), || {
        let rig = Rig::new();
        let old = rig.recorder.with_label_values(rig.one.handles, ["a"]);
        let (recorder, hits, again) = (rig.recorder.clone(), rig.one.handles, rig.hit("a"));
        let thread = thread::spawn(move || {
            assert!(recorder.remove(hits, ["a"]), "it was there");
            again();
        });
        old.add(5);
        let seen = rig.seen();
        thread.join().unwrap();
        assert_eq!(rig.seen(), rows(&[("a", 1), ("other", 0)]), "the new one");
        seen
    });
}
