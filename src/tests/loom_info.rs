//! A model of an info that changes while a snapshot is taken again.

use loom::thread;

use super::explore::explore;
use crate::{Registry, Schema, Snapshot};

/// A snapshot that is used again never keeps old labels for new ones, and never shows a value with labels that it wasn't set with.
/// Odd but allowed: the first value after the last one was set, since nothing orders that before the read.
#[test]
fn a_snapshot_that_is_used_again_shows_labels_with_their_values() {
    let seen = || [("a", 1), ("a", 2), ("b", 3)].into_iter().enumerate();
    let pairs = seen().flat_map(|(n, one)| seen().skip(n).map(move |(_, other)| [one, other]));
    explore(3, pairs.map(|pair| pair.map(|(label, value)| (label.to_owned(), value))), || {
        let mut schema = Schema::builder();
        let info = schema.info("info", "", ["label"]).declare().expect("a valid info");
        let registry = Registry::new(schema.build().expect("a valid schema"));
        let engine = registry.attach::<&str>([]).expect("the first engine");
        let mut recorder = engine.recorder().expect("the first recorder");
        let mut set = move |label, value| recorder.record(|step| step.set_info(info, [label], value));
        set("a", 1.0);
        let thread = thread::spawn(move || [("a", 2.0), ("b", 3.0)].map(|(label, value)| set(label, value)));
        let mut snapshot = Snapshot::new();
        let mut read = || {
            registry.snapshot(&mut snapshot);
            let info = snapshot.engines().next().expect("an engine").info(info).expect("set before");
            (info.values()[0].to_owned(), info.value() as u32)
        };
        let reads = [read(), read()];
        thread.join().unwrap();
        assert_eq!(read(), ("b".to_owned(), 3), "the newest, for who has seen it set");
        reads
    });
}
