//! Engines that linger after they were dropped.

use std::time::Duration;

use tachometer::{AttachError, Counter, Registry, Snapshot, View};

use crate::{
    engines::{lines, registry},
    one_step::OneStep as _,
    shown::snapshot,
};

/// The counts that a snapshot has for an engine label, with the engine's incarnation.
fn counts(registry: &Registry, count: Counter<u64>, label: &str) -> Vec<(u64, u64)> {
    let snapshot = snapshot(registry);
    let engines = snapshot.engines().filter(|engine| engine.label("engine") == Some(label));
    engines.map(|engine| (engine.incarnation(), engine.counter(count))).collect()
}

#[test]
fn an_engine_that_lingers_is_read_until_its_time_is_over() {
    let (registry, count) = registry(&["engine"]);
    let lasting = registry.attach(&["lasting"]).unwrap().linger(Duration::from_secs(100_000));
    let brief = registry.attach(&["brief"]).unwrap().linger(Duration::from_millis(50));
    let none = registry.attach(&["none"]).unwrap().linger(Duration::ZERO);
    drop(registry.attach(&["for ever"]).unwrap().linger(Duration::MAX));
    assert_eq!(counts(&registry, count, "for ever").len(), 1);
    drop(registry.attach(&["for ever"]).unwrap()); // ends it
    let mut recorders = [&lasting, &brief, &none].map(|engine| engine.recorder().unwrap());
    recorders.iter_mut().for_each(|recorder| recorder.add(count, 5));
    drop((lasting, brief, none));
    recorders[0].add(count, 2);
    assert_eq!(counts(&registry, count, "lasting"), [(1, 7)], "its recorder writes on, and is seen");
    assert!(counts(&registry, count, "none").is_empty());
    let mut pages = 0;
    while lines(&registry).len() == 2 {
        assert_eq!(lines(&registry)[0], "count_total{engine=\"lasting\"} 7");
        pages += 1;
    }
    assert_eq!(lines(&registry), ["count_total{engine=\"lasting\"} 7"], "after {pages} pages with both");
    let mut view = View::new(count);
    registry.view(&mut view);
    assert_eq!(view.engines().map(|engine| engine.get()).collect::<Vec<_>>(), [7]);
}

#[test]
fn an_engine_with_the_same_labels_ends_the_lingering() {
    let (registry, count) = registry(&["engine"]);
    let mut before = 0;
    for _ in 0..3 {
        let engine = registry.attach(&["0"]).unwrap().linger(Duration::from_secs(100_000));
        let [(incarnation, 0)] = counts(&registry, count, "0")[..] else { panic!("one engine, which begins at zero") };
        assert!(incarnation > before, "{incarnation} after {before}");
        before = incarnation;
        engine.recorder().unwrap().add(count, incarnation);
        let refused = registry.attach(&["0"]).unwrap_err();
        assert!(matches!(refused, AttachError::AlreadyAttached { .. }), "it isn't lingering yet");
        drop(engine);
        assert_eq!(counts(&registry, count, "0"), [(incarnation, incarnation)]);
    }
    // What the earlier ones counted is in snapshots, and on no page.
    let mut snapshot = Snapshot::new();
    registry.snapshot(&mut snapshot);
    let replaced = snapshot.replaced().map(|engine| (engine.lingers(), engine.counter(count)));
    assert_eq!(replaced.collect::<Vec<_>>(), [(true, 1), (true, 2)]);
    assert_eq!(lines(&registry), ["count_total{engine=\"0\"} 3"]);
}

#[test]
fn an_engine_that_was_replaced_is_in_snapshots_for_the_rest_of_its_time() {
    let (registry, _) = registry(&["engine"]);
    drop(registry.attach(&["none"]).unwrap().linger(Duration::ZERO));
    drop(registry.attach(&["brief"]).unwrap().linger(Duration::from_millis(20)));
    drop(registry.attach(&["lasting"]).unwrap().linger(Duration::from_secs(100_000)));
    let engines = ["none", "brief", "lasting"].map(|name| registry.attach(&[name]).unwrap());
    let mut snapshot = Snapshot::new();
    let mut replaced = || {
        registry.snapshot(&mut snapshot);
        snapshot.replaced().map(|engine| engine.label("engine").unwrap().to_owned()).collect::<Vec<_>>()
    };
    while replaced().len() == 2 {}
    assert_eq!(replaced(), ["lasting"]);
    drop(engines);
    assert_eq!(replaced(), ["lasting"]);
}

#[test]
fn readers_tell_an_engine_that_lingers_from_the_others() {
    let (registry, count) = registry(&["engine"]);
    let _stays = registry.attach(&["stays"]).unwrap();
    let leaves = registry.attach(&["leaves"]).unwrap().linger(Duration::from_secs(100_000));
    let (mut snapshot, mut view) = (Snapshot::new(), View::new(count));
    let mut lingers = || -> [Vec<bool>; 2] {
        registry.snapshot(&mut snapshot);
        registry.view(&mut view);
        let of_snapshot = snapshot.engines().map(|engine| engine.lingers()).collect();
        [of_snapshot, view.engines().map(|engine| engine.lingers()).collect()]
    };
    assert_eq!(lingers(), [[false, false], [false, false]]);
    drop(leaves);
    assert_eq!(lingers(), [[false, true], [false, true]]);
}

/// More engines than are taken off one by one.
#[test]
fn many_engines_that_lingered_are_left_out_and_taken_off_together() {
    let (registry, count) = registry(&["engine"]);
    let stays = registry.attach(&["stays"]).unwrap();
    let attach = |n: u32, time| registry.attach(&[&n.to_string()]).unwrap().linger(time);
    drop((0..300).map(|n| attach(n, Duration::ZERO)).collect::<Vec<_>>());
    drop((300..320).map(|n| attach(n, Duration::from_secs(100_000))).collect::<Vec<_>>());
    assert_eq!(lines(&registry).len(), 1 + 20);
    let again = attach(7, Duration::ZERO);
    assert_eq!((lines(&registry).len(), counts(&registry, count, "310").len()), (1 + 20 + 1, 1));
    drop((again, stays));
    assert_eq!(lines(&registry).len(), 20);
}
