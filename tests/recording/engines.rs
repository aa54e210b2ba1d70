//! Engines attach, hand out recorders, and detach.

use crate::{
    one_engine::OneEngine,
    one_step::OneStep as _,
    shown::{self, snapshot},
};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use tachometer::{
    AttachError, Counter, Engine, Exactly, Format, Gauge, Info, PageOptions, Recorder, Registry, Renderer, Schema,
    Snapshot,
};

pub(crate) fn registry(labels: &[&str]) -> (Registry, Counter<u64>) {
    let mut schema = Schema::builder(labels);
    let count = schema.counter("count", "").declare().unwrap();
    (Registry::new(schema.build().unwrap()), count)
}

/// The page's lines of `count_total`.
pub(crate) fn lines(registry: &Registry) -> Vec<String> {
    shown::lines(registry, "count_total")
}

#[test]
fn engines_are_printed_in_attach_order_and_vanish_when_dropped() {
    let (registry, count) = registry(&["engine"]);
    let [b, a] = ["b", "a"].map(|name| registry.attach(&[name]).unwrap());
    a.recorder().unwrap().inc(count);
    assert_eq!(lines(&registry), ["count_total{engine=\"b\"} 0", "count_total{engine=\"a\"} 1"]);
    drop(b);
    assert_eq!(lines(&registry), ["count_total{engine=\"a\"} 1"]);
    let _b = registry.attach(&["b"]).unwrap();
    assert_eq!(lines(&registry), ["count_total{engine=\"a\"} 1", "count_total{engine=\"b\"} 0"]);
}

#[test]
fn totals_outlive_the_recorder_and_the_next_one_goes_on() {
    let (registry, count) = registry(&["engine"]);
    let engine = registry.attach(&["0"]).unwrap();
    let mut recorder = engine.recorder().unwrap();
    recorder.add(count, 5);
    drop(recorder);
    assert_eq!(lines(&registry), ["count_total{engine=\"0\"} 5"]);
    engine.recorder().unwrap().add(count, 2);
    engine.recorder().unwrap().add(count, 1);
    assert_eq!(lines(&registry), ["count_total{engine=\"0\"} 8"]);
}

/// Counts, level and steps of the only engine.
fn seen(registry: &Registry, count: Counter<u64>, level: Gauge<i64>) -> (u64, i64, u64) {
    let snapshot = snapshot(registry);
    let view = snapshot.engines().next().unwrap();
    (view.counter(count), view.gauge(level), view.step())
}

#[test]
fn several_recorders_add_up_and_give_up_their_gauges() {
    let OneEngine { registry, engine, handles: (count, level) } = OneEngine::without_labels(|schema| {
        schema.max_recorders(3);
        (schema.counter::<u64>("count", "").declare().unwrap(), schema.gauge::<i64>("level", "").declare().unwrap())
    });
    let mut recorders: Vec<Recorder> = (0..3).map(|_| engine.recorder().unwrap()).collect();
    let refused = engine.recorder().unwrap_err();
    assert!(refused.to_string().contains("3 recorders of engine [] are in use"), "{refused}");
    for (recorder, n) in recorders.iter_mut().zip([1, 10, 100]) {
        recorder.record(|step| {
            step.add(count, n);
            step.set(level, n as i64);
        });
    }
    let mut step = recorders[1].step();
    step.add(count, 1_000);
    assert_eq!(seen(&registry, count, level), (111, 111, 3), "a step is open");
    step.commit();
    assert_eq!(seen(&registry, count, level), (1_111, 111, 4));
    drop(recorders.remove(1));
    assert_eq!(seen(&registry, count, level), (1_111, 101, 5), "a last step gives up the gauge");
    let mut next = engine.recorder().unwrap();
    next.record(|step| step.inc(count));
    assert_eq!(seen(&registry, count, level), (1_112, 101, 6), "the next one goes on in the free slab");
    assert!(engine.recorder().is_err());
    std::mem::forget(next);
    assert!(engine.recorder().is_err(), "a leaked recorder is in use");
    drop(recorders);
    assert_eq!(seen(&registry, count, level), (1_112, 0, 8));
}

#[test]
fn a_returned_recorder_gives_up_a_leaked_step_too() {
    let OneEngine { registry, engine, handles: level } =
        OneEngine::without_labels(|schema| schema.gauge::<f64>("level", "").declare().unwrap());
    let mut recorder = engine.recorder().unwrap();
    recorder.set(level, f64::NAN);
    let mut step = recorder.step();
    step.set(level, 7.0);
    std::mem::forget(step);
    drop(recorder);
    let page = registry.page();
    assert!(page.contains("level 0.0\n") && page.contains("tachometer_discarded_steps_total 1\n"), "{page}");
}

/// A schema with one info, an engine, and what its page and a snapshot show of the info.
fn engine_with_info() -> (Engine, Info<Exactly<1>>, impl FnMut() -> Option<(String, f64)>) {
    let OneEngine { registry, engine, handles: info } =
        OneEngine::without_labels(|schema| schema.info("cache_config", "", ["blocks"]).declare().unwrap());
    let mut snapshot = Snapshot::new();
    let shown = move || {
        registry.snapshot(&mut snapshot);
        let view = snapshot.engines().next().unwrap().info(info);
        let view = view.map(|view| (view.values()[0].to_owned(), view.value()));
        let page = registry.page();
        let lines: Vec<_> = page.lines().filter(|line| line.starts_with("cache_config{")).collect();
        assert_eq!(lines.len(), usize::from(view.is_some()), "{page}");
        assert!(view.iter().all(|(blocks, _)| lines[0].contains(&format!("\"{blocks}\""))), "{page}");
        view
    };
    (engine, info, shown)
}

#[test]
fn the_info_that_was_set_last_is_shown_whichever_recorder_set_it() {
    let (engine, info, mut shown) = engine_with_info();
    let [mut one, mut other] = [(); 2].map(|()| engine.recorder().unwrap());
    assert_eq!(shown(), None);
    other.record(|step| step.set_info(info, ["a"], 2.0));
    assert_eq!(shown(), Some(("a".to_owned(), 2.0)));
    one.record(|step| step.set_info(info, ["b"], 1.0));
    assert_eq!(shown(), Some(("b".to_owned(), 1.0)), "also with a smaller value");
    other.record(|step| step.set_info(info, ["a"], 2.0));
    assert_eq!(shown(), Some(("a".to_owned(), 2.0)), "also if it is what this recorder had set before");
    one.record(|step| step.set_info(info, ["c"], f64::NAN));
    assert_eq!(shown(), Some(("a".to_owned(), 2.0)), "NaN is rejected");
    other.record(|step| step.set_info(info, ["a"], 0.5));
    assert_eq!(shown(), Some(("a".to_owned(), 0.5)), "and hides nothing that follows");
    drop(other);
    assert_eq!(shown(), Some(("a".to_owned(), 0.5)), "it outlives its recorder");
}

/// `recorder = engine.recorder()?` leases the next recorder's slab before it gives up the one
/// before.
#[test]
fn replaced_recorders_leave_no_stale_info() {
    let (engine, info, mut shown) = engine_with_info();
    let mut recorder = engine.recorder().unwrap();
    for blocks in ["1", "2", "3", "4"] {
        recorder.record(|step| step.set_info(info, [blocks], 1.0));
        assert_eq!(shown(), Some((blocks.to_owned(), 1.0)));
        recorder = engine.recorder().unwrap();
    }
}

#[test]
fn a_recorder_that_outlives_its_engine_writes_on_unseen() {
    let (registry, count) = registry(&["engine"]);
    let engine = registry.attach(&["0"]).unwrap();
    let mut recorder = engine.recorder().unwrap();
    recorder.inc(count);
    drop(engine);
    recorder.inc(count);
    assert!(lines(&registry).is_empty());
    let _again = registry.attach(&["0"]).unwrap();
    recorder.inc(count);
    assert_eq!(lines(&registry), ["count_total{engine=\"0\"} 0"], "a new engine begins at zero");
}

#[test]
fn what_cannot_be_attached_is_refused_by_name() {
    let (registry, _) = registry(&["engine", "model_name"]);
    let error = registry.attach(&["0"]).unwrap_err();
    assert!(error.to_string().contains("[\"0\"]") && error.to_string().contains("\"model_name\""), "{error}");
    let _first = registry.attach(&["0", "m"]).unwrap();
    let error = registry.attach(&["0", "m"]).unwrap_err();
    assert_eq!(error, AttachError::AlreadyAttached { values: vec!["0".into(), "m".into()] });
    let second = registry.attach(&["1", "m"]).unwrap();
    drop(second);
    let _third = registry.attach(&["2", "m"]).unwrap();
}

#[test]
fn a_snapshot_finds_engines_by_label() {
    let (registry, count) = registry(&["engine", "model_name"]);
    let engines = ["0", "1"].map(|engine| registry.attach(&[engine, "m"]).unwrap());
    engines[1].recorder().unwrap().add(count, 4);
    let mut snapshot = Snapshot::new();
    assert_eq!(snapshot.engines().len(), 0);
    registry.snapshot(&mut snapshot);
    let found = snapshot.engine(&["1", "m"]).unwrap();
    assert_eq!((found.label("engine"), found.label("model_name"), found.label("x")), (Some("1"), Some("m"), None));
    assert_eq!(found.counter(count), 4);
    assert!(snapshot.engine(&["1"]).is_none() && snapshot.engine(&["2", "m"]).is_none());
    drop(engines);
    assert_eq!(snapshot.engines().len(), 2, "a snapshot keeps what it took");
    registry.snapshot(&mut snapshot);
    assert_eq!(snapshot.engines().len(), 0);
}

#[test]
fn a_snapshot_may_be_reused_for_another_registry() {
    let [(first, count), (second, other)] = [registry(&["a"]), registry(&["b"])];
    let _engines = [first.attach(&["1"]).unwrap(), second.attach(&["2"]).unwrap()];
    let mut snapshot = Snapshot::new();
    first.snapshot(&mut snapshot);
    assert_eq!(snapshot.engines().next().unwrap().counter(count), 0);
    second.snapshot(&mut snapshot);
    let engine = snapshot.engines().next().unwrap();
    assert_eq!((engine.label("b"), engine.counter(other)), (Some("2"), 0));
}

#[test]
fn attaching_and_detaching_goes_on_while_pages_are_rendered() {
    let (registry, count) = registry(&["engine"]);
    let stay = registry.attach(&["stay"]).unwrap();
    stay.recorder().unwrap().add(count, 7);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let attachers: Vec<_> = (0..2)
            .map(|thread| {
                let registry = &registry;
                scope.spawn(move || {
                    for k in 0..500 {
                        let engine = registry.attach(&[&format!("{thread}-{k}")]).unwrap();
                        engine.recorder().unwrap().add(count, 1);
                    }
                })
            })
            .collect();
        let scraper = scope.spawn(|| {
            // At least once, even if the others are done before this thread begins.
            loop {
                let lines = lines(&registry);
                assert_eq!(lines[0], "count_total{engine=\"stay\"} 7");
                assert!(lines.len() <= 3, "{lines:?}");
                if done.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        attachers.into_iter().for_each(|attacher| attacher.join().unwrap());
        done.store(true, Ordering::Relaxed);
        scraper.join().unwrap();
    });
    assert_eq!(lines(&registry).len(), 1);
}

#[test]
#[should_panic(expected = "a registry with another schema")]
fn a_renderer_of_another_schema_panics() {
    let [(first, _), (second, _)] = [registry(&["engine"]), registry(&["engine"])];
    let _engine = first.attach(&["0"]).unwrap();
    let mut other = Schema::builder(&["engine"]);
    other.counter::<u64>("other", "").declare().unwrap();
    let mut snapshot = Snapshot::new();
    second.snapshot(&mut snapshot);
    first.snapshot(&mut snapshot);
    Renderer::new(&other.build().unwrap()).render(&snapshot, Format::Text, &PageOptions::new(), &mut Vec::new());
}

/// The directory is changed in chunks: whatever the order of names, and of coming and leaving, it
/// is what a plain list would be.
#[test]
fn hundreds_of_engines_are_found_by_label_and_listed_in_the_order_of_attaching() {
    let (registry, count) = registry(&["engine"]);
    let name = |n: u64| format!("{}", n.wrapping_mul(2_654_435_761) % 1_000);
    let mut engines: Vec<_> = (0..700).map(|n| (name(n), registry.attach(&[&name(n)]).unwrap())).collect();
    engines.iter().zip(0..).for_each(|((_, engine), n)| engine.shared_recorder().add(count, n));
    let mut keep = 0..;
    engines.retain(|_| keep.next().is_some_and(|n: u64| n % 3 != 1));
    engines.extend((700..900).map(|n| (name(n), registry.attach(&[&name(n)]).unwrap())));
    let snapshot = snapshot(&registry);
    let seen: Vec<_> = snapshot.engines().map(|engine| engine.label("engine").unwrap()).collect();
    assert!(seen.iter().eq(engines.iter().map(|(name, _)| name)), "{seen:?}");
    for (name, _) in &engines {
        assert!(matches!(registry.attach(&[name]), Err(AttachError::AlreadyAttached { .. })), "{name}");
    }
    assert_eq!(snapshot.engine(&[&name(699)]).unwrap().counter(count), 699);
    assert!(snapshot.engine(&[&name(1)]).is_none());
    for gone in (0..700).filter(|n| n % 3 == 1).map(name) {
        let _again = registry.attach(&[&gone]).unwrap();
        assert!(registry.attach(&[&gone]).is_err(), "{gone} is attached twice");
    }
}

/// Whoever reads while engines attach sees their numbers grow.
#[test]
fn incarnations_grow_in_the_order_of_attaching() {
    let (registry, _) = registry(&["engine"]);
    thread::scope(|scope| {
        let attachers = ["a", "b"].map(|name| {
            let registry = &registry;
            scope.spawn(move || (0..2_000).for_each(|_| drop(registry.attach(&[name]).unwrap())))
        });
        let (mut snapshot, mut newest) = (Snapshot::new(), 0);
        let mut seen = std::collections::HashSet::new();
        while !attachers.iter().all(|attacher| attacher.is_finished()) {
            registry.snapshot(&mut snapshot);
            for engine in snapshot.engines().map(|engine| engine.incarnation()).filter(|engine| seen.insert(*engine)) {
                assert!(engine > newest, "{engine} was seen after {newest}");
                newest = engine;
            }
        }
    });
}
