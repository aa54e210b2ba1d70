//! Models of the registry's list of engines.

use std::time::Duration;

use loom::thread;

use super::{explore::explore, one_step::OneStep as _};
use crate::{Counter, Engine, EngineView, Registry, Schema, Snapshot};

fn registry() -> (Registry, Counter<u64>) {
    let mut schema = Schema::builder(&["engine"]);
    let count = schema.counter("count", "").declare().expect("a valid family");
    (Registry::new(schema.build().expect("a valid schema")), count)
}

fn attach(registry: &Registry, engine: &str) -> Engine {
    registry.attach(&[engine]).expect("no engine has this label yet")
}

/// Label, step and count of each engine in a snapshot.
fn seen(registry: &Registry, count: Counter<u64>) -> Vec<(String, u64, u64)> {
    let mut snapshot = Snapshot::new();
    registry.snapshot(&mut snapshot);
    let engines = snapshot.engines();
    engines
        .map(|engine| (engine.label("engine").expect("a label").to_owned(), engine.step(), engine.counter(count)))
        .collect()
}

/// A snapshot has an engine with all that it committed before, or doesn't have it. Other engines
/// don't change.
#[test]
fn an_engine_attaches_and_detaches_against_a_snapshot() {
    let rows = |rows: &[(&str, u64, u64)]| {
        rows.iter().map(|(label, step, count)| ((*label).to_owned(), *step, *count)).collect::<Vec<_>>()
    };
    let allowed = [rows(&[("a", 0, 0)]), rows(&[("a", 0, 0), ("b", 0, 0)]), rows(&[("a", 0, 0), ("b", 1, 1)])];
    explore(3, allowed, || {
        let (registry, count) = registry();
        let _a = attach(&registry, "a");
        let shared = registry.clone();
        let thread = thread::spawn(move || {
            let b = attach(&shared, "b");
            b.recorder().expect("the first recorder").inc(count);
        });
        let outcome = seen(&registry, count);
        thread.join().unwrap();
        assert_eq!(seen(&registry, count).len(), 1, "b is gone");
        outcome
    });
}

/// The labels of all engines.
fn labels(registry: &Registry, count: Counter<u64>) -> Vec<String> {
    seen(registry, count).into_iter().map(|(label, ..)| label).collect()
}

/// When two engines attach at the same time, neither is lost.
#[test]
fn two_engines_attach_at_once() {
    explore(3, [["a", "b"], ["b", "a"]].map(|labels| labels.map(str::to_owned).to_vec()), || {
        let (registry, count) = registry();
        let shared = registry.clone();
        let thread = thread::spawn(move || attach(&shared, "b"));
        let _a = attach(&registry, "a");
        let _b = thread.join().unwrap();
        labels(&registry, count)
    });
}

/// Of two engines with the same labels, the one that comes second is refused.
#[test]
fn the_same_labels_attach_once() {
    explore(3, [[true, false], [false, true]], || {
        let (registry, count) = registry();
        let shared = registry.clone();
        let thread = thread::spawn(move || shared.attach(&["a"]));
        let one = registry.attach(&["a"]);
        let other = thread.join().unwrap();
        assert_eq!(labels(&registry, count), ["a"], "one engine");
        [one.is_ok(), other.is_ok()]
    });
}

/// One engine attaches and another detaches at the same time. Afterwards the first is there and the
/// second is gone.
#[test]
fn one_engine_attaches_while_another_detaches() {
    explore(3, [vec!["b".to_owned()]], || {
        let (registry, count) = registry();
        let a = attach(&registry, "a");
        let shared = registry.clone();
        let thread = thread::spawn(move || attach(&shared, "b"));
        drop(a);
        let _b = thread.join().unwrap();
        labels(&registry, count)
    });
}

/// An engine attaches with the labels of one that lingers: a snapshot has exactly one of the two,
/// and what the other one counted isn't lost. The outcome: engines, and those that were replaced.
#[test]
fn an_engine_takes_the_place_of_one_that_lingers() {
    explore(3, [(vec![(1, 5)], vec![]), (vec![(2, 0)], vec![(1, 5)])], || {
        let (registry, count) = registry();
        let engine = registry.attach(&["a"]).expect("the first engine").linger(Duration::from_secs(100_000));
        engine.recorder().expect("the first recorder").add(count, 5);
        drop(engine);
        let shared = registry.clone();
        let thread = thread::spawn(move || shared.attach(&["a"]).expect("one that lingers makes room"));
        let mut snapshot = Snapshot::new();
        let mut read = || {
            registry.snapshot(&mut snapshot);
            let seen = |engine: EngineView<'_>| (engine.incarnation(), engine.counter(count));
            (snapshot.engines().map(seen).collect::<Vec<_>>(), snapshot.replaced().map(seen).collect::<Vec<_>>())
        };
        let seen = read();
        let _engine = thread.join().unwrap();
        assert_eq!(read(), (vec![(2, 0)], vec![(1, 5)]), "the newest");
        seen
    });
}

/// An engine is found or attached while its last handle is dropped. It is there afterwards, with
/// what is recorded through it: the engine of before, which then counted 1 already, or a new one.
#[test]
fn an_engine_is_found_or_attached_while_it_leaves() {
    explore(3, [vec![("a".to_owned(), 0, 2)], vec![("a".to_owned(), 0, 1)]], || {
        let (registry, count) = registry();
        let first = attach(&registry, "a");
        first.shared_recorder().inc(count);
        let thread = thread::spawn(move || drop(first));
        let found = registry.get_or_attach(&["a"]).expect("found or attached");
        found.shared_recorder().inc(count);
        thread.join().unwrap();
        let outcome = seen(&registry, count);
        drop(found);
        assert_eq!(seen(&registry, count).len(), 0, "the last handle detaches it");
        outcome
    });
}

/// Two threads ask for the same engine at once: they get the same one.
#[test]
fn an_engine_that_two_ask_for_is_one() {
    explore(3, [vec![("a".to_owned(), 0, 2)]], || {
        let (registry, count) = registry();
        let shared = registry.clone();
        let ask = move |registry: &Registry| {
            let engine = registry.get_or_attach(&["a"]).expect("found or attached");
            engine.shared_recorder().inc(count);
            engine
        };
        let thread = thread::spawn(move || ask(&shared));
        let engines = [ask(&registry), thread.join().unwrap()];
        let outcome = seen(&registry, count);
        drop(engines);
        outcome
    });
}
