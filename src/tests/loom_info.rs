//! Models of infos: an info that changes while a snapshot is reused, two recorders that set the
//! same info, one that clears it, and an engine that attaches and detaches.

use loom::thread;

use super::explore::explore;
use crate::tests::one_step::OneStep as _;
use crate::{Exactly, Info, Recorder, Registry, Schema, Snapshot};

/// A registry of engines with one info, whose samples have no engine label.
fn registry(max_recorders: usize) -> (Registry, Info<Exactly<1>>) {
    let mut schema = Schema::builder(&["engine"]);
    schema.max_recorders(max_recorders);
    let info = schema.info("info", "", ["label"]).engine_labels(&[]).declare().expect("a valid info");
    (Registry::new(schema.build().expect("a valid schema")), info)
}

/// A reused snapshot never keeps outdated labels, and never shows a value with labels that it
/// wasn't set with. Odd but allowed: it shows the first value although the last one was set, since
/// nothing orders that before the read.
#[test]
fn a_reused_snapshot_shows_labels_with_their_values() {
    let seen = || [("a", 1), ("a", 2), ("b", 3)].into_iter().enumerate();
    let pairs = seen().flat_map(|(n, one)| seen().skip(n).map(move |(_, other)| [one, other]));
    explore(3, pairs.map(|pair| pair.map(|(label, value)| (label.to_owned(), value))), || {
        let (registry, info) = registry(1);
        let engine = registry.attach(&["0"]).expect("the first engine");
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
        assert_eq!(read(), ("b".to_owned(), 3), "the newest sample, after joining the thread that set it");
        reads
    });
}

/// Two recorders of one engine set its info at the same time: one of the two samples stays.
/// Afterwards each new sample is shown, also in a reused snapshot, and even if a recorder sets the
/// same labels as the last time.
#[test]
fn an_info_belongs_to_its_engine_whichever_recorder_sets_it() {
    let allowed = [("a", 1), ("b", 2)].map(|(label, value)| (label.to_owned(), value));
    explore(3, allowed, || {
        let (registry, info) = registry(2);
        let engine = registry.attach(&["0"]).expect("the first engine");
        let [mut one, mut other] = [(); 2].map(|()| engine.recorder().expect("two recorders"));
        let set =
            move |recorder: &mut Recorder, label, value| recorder.record(|step| step.set_info(info, [label], value));
        let thread = thread::spawn(move || {
            set(&mut other, "b", 2.0);
            other
        });
        set(&mut one, "a", 1.0);
        let mut other = thread.join().unwrap();
        let mut snapshot = Snapshot::new();
        let mut read = || {
            registry.snapshot(&mut snapshot);
            let info = snapshot.engines().next().expect("an engine").info(info).expect("set before");
            (info.values()[0].to_owned(), info.value() as u32)
        };
        let stayed = read();
        for (value, label) in [(3, "a"), (4, "b"), (5, "a")] {
            set(if label == "a" { &mut one } else { &mut other }, label, f64::from(value));
            assert_eq!(read(), (label.to_owned(), value), "the newest sample");
        }
        stayed
    });
}

/// One thread clears an info while another sets it, with the same label values or others. Whatever
/// came last in the slot shows, also in a reused snapshot; afterwards the recorder that lost sets
/// it again.
#[test]
fn an_info_is_cleared_while_it_is_set() {
    for label in ["a", "b"] {
        explore(3, [None, Some(label.to_owned())], move || {
            let (registry, info) = registry(1);
            let engine = registry.attach(&["0"]).expect("the first engine");
            let mut recorder = engine.recorder().expect("the first recorder");
            let shared = engine.shared_recorder();
            let mut set = move |label| recorder.record(|step| step.set_info(info, [label], 1.0));
            let mut snapshot = Snapshot::new();
            let mut read = || {
                registry.snapshot(&mut snapshot);
                let info = snapshot.engines().next().expect("an engine").info(info);
                info.map(|info| info.values()[0].to_owned())
            };
            set("a");
            assert_eq!(read().as_deref(), Some("a"));
            let thread = thread::spawn(move || {
                shared.clear_info(info);
                shared
            });
            set(label);
            let shared = thread.join().unwrap();
            let stayed = read();
            set("a");
            assert_eq!(read().as_deref(), Some("a"), "set after the thread was joined");
            shared.clear_info(info);
            assert_eq!(read(), None);
            stayed
        });
    }
}

/// If the samples of several engines have the same labels, a page shows the newest, also while one
/// engine attaches and detaches. The outcome: how many engines there are, how many of them have a
/// sample, and the sample that is shown.
#[test]
fn the_newest_info_shows_while_an_engine_attaches_and_detaches() {
    let (a, b) = ("label=\"a\"} 1.0", "label=\"b\"} 2.0");
    let shown = [(1, 1, a), (2, 1, a), (2, 2, b)];
    explore(3, shown.map(|(engines, set, sample)| (engines, set, vec![sample.to_owned()])), || {
        let (registry, info) = registry(1);
        let engine = registry.attach(&["0"]).expect("the first engine");
        engine.recorder().expect("the first recorder").record(|step| step.set_info(info, ["a"], 1.0));
        let shared = registry.clone();
        let thread = thread::spawn(move || {
            let engine = shared.attach(&["1"]).expect("the second engine");
            engine.recorder().expect("the first recorder").record(|step| step.set_info(info, ["b"], 2.0));
        });
        let (mut snapshot, mut page) = (Snapshot::new(), Vec::new());
        registry.snapshot(&mut snapshot);
        crate::Renderer::new(&registry_schema(&snapshot)).render(
            &snapshot,
            crate::Format::Text,
            &crate::PageOptions::new(),
            &mut page,
        );
        thread.join().unwrap();
        let page = String::from_utf8(page).expect("UTF-8");
        let samples = page.lines().filter_map(|line| line.strip_prefix("info{")).map(str::to_owned).collect::<Vec<_>>();
        let set = snapshot.engines().filter(|engine| engine.info(info).is_some()).count();
        (snapshot.engines().len(), set, samples)
    });
}

fn registry_schema(snapshot: &Snapshot) -> Schema {
    snapshot.schema().expect("it was taken").clone()
}
