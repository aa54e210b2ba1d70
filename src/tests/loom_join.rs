//! Models of schemas that join a registry and leave it.

use loom::thread;

use super::{explore::explore, one_step::OneStep as _};
use crate::{Counter, Registry, Schema, Snapshot};

fn schema(family: &str) -> (Schema, Counter<u64>) {
    let mut schema = Schema::builder(&["engine"]);
    let count = schema.counter(family, "").declare().expect("a valid family");
    (schema.build().expect("a valid schema"), count)
}

/// A snapshot has a joined schema with all of its engines and what they committed before, or it has
/// nothing of it. The outcome: the counts of its engines, if it is there.
#[test]
fn a_schema_joins_and_leaves_against_a_snapshot() {
    explore(3, [None, Some(vec![]), Some(vec![0]), Some(vec![1])], || {
        let (first, _) = schema("first");
        let (other, count) = schema("other");
        let registry = Registry::new(first);
        let (shared, joining) = (registry.clone(), other.clone());
        let thread = thread::spawn(move || {
            let joined = shared.join(joining).expect("its names are free");
            let engine = joined.attach(&["b"]).expect("the first engine");
            engine.recorder().expect("the first recorder").inc(count);
            drop(joined); // with its engine
            engine
        });
        let mut snapshot = Snapshot::new();
        let mut seen = || {
            registry.snapshot(&mut snapshot);
            let joined = snapshot.joined(&other)?;
            Some(joined.engines().map(|engine| engine.counter(count)).collect::<Vec<_>>())
        };
        let outcome = seen();
        let _engine = thread.join().unwrap();
        assert_eq!(seen(), None, "the newest");
        outcome
    });
}

/// Of two schemas that expose the same name, one joins and the other is refused, whichever is
/// first. The outcome: which of the two is there.
#[test]
fn one_of_two_schemas_with_the_same_name_joins() {
    explore(3, [[true, false], [false, true]], || {
        let registry = Registry::new(schema("first").0);
        let (shared, (ours, _), (theirs, _)) = (registry.clone(), schema("other"), schema("other"));
        let joining = theirs.clone();
        let thread = thread::spawn(move || shared.join(joining));
        let joined = registry.join(ours.clone());
        let other = thread.join().unwrap();
        let mut snapshot = Snapshot::new();
        registry.snapshot(&mut snapshot);
        let there = [ours, theirs].map(|schema| snapshot.joined(&schema).is_some());
        assert_eq!(there, [joined.is_ok(), other.is_ok()], "both");
        there
    });
}

/// An engine leaves while a part of it attaches: the part is refused, or leaves with it.
#[test]
fn a_part_attaches_while_its_engine_leaves() {
    explore(3, [false, true], || {
        let registry = Registry::new(schema("first").0);
        let (other, _) = schema("other");
        let joined = registry.join(other.clone()).expect("its names are free");
        let workers = registry.join(schema("workers").0).expect("its names are free");
        let engine = workers.attach(&["a"]).expect("the first engine");
        let thread = thread::spawn(move || drop(workers));
        let part = joined.attach_to(&engine);
        thread.join().unwrap();
        let mut snapshot = Snapshot::new();
        registry.snapshot(&mut snapshot);
        let parts = snapshot.joined(&other).expect("it is there").engines().len();
        assert_eq!(parts, 0, "the newest");
        part.is_ok()
    });
}
