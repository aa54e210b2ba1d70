//! What engines, recorders and collectors leave behind when they are replaced: nothing.

#[path = "common/allocator.rs"]
mod allocator;

#[path = "common/one_step.rs"]
mod one_step;

use one_step::OneStep as _;
use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

use tachometer::{
    Counter, DynamicFamily, Engine, Exactly, Gauge, Histogram, Info, Recorder, Registry, Schema, SharedRecorder,
    Snapshot,
};

#[derive(Clone, Copy)]
struct Handles {
    count: Counter<u64>,
    level: Gauge<i64>,
    seconds: Histogram<f64>,
    info: Info<Exactly<1>>,
    tenants: DynamicFamily<Histogram<f64>, Exactly<1>>,
}

fn registry() -> (Registry, Handles) {
    let mut schema = Schema::builder(&["engine"]);
    schema.shards(4);
    let bounds: Vec<f64> = (0..100).map(f64::from).collect();
    let handles = Handles {
        count: schema.counter("count", "").declare().unwrap(),
        level: schema.gauge("level", "").declare().unwrap(),
        seconds: schema.histogram("seconds", "", &bounds).declare().unwrap(),
        info: schema.info("info", "", ["value"]).declare().unwrap(),
        tenants: schema.histogram("tenant_seconds", "", &bounds).dynamic_labels(["tenant"], 2).declare().unwrap(),
    };
    (Registry::new(schema.build().unwrap()), handles)
}

/// Two recorders and two shared ones, all of which record, and tenants, one of which is removed.
fn record(engine: &Engine, Handles { count, level, seconds, info, tenants }: Handles) {
    let mut recorders = [(); 2].map(|()| engine.recorder().unwrap());
    for recorder in &mut recorders {
        recorder.record(|step| {
            step.inc(count);
            step.set(level, 1);
            step.set_info(info, ["x"], 1.0);
        });
    }
    let shared = engine.shared_recorder();
    let other = shared.clone();
    shared.inc(count);
    other.observe(seconds, 3.5);
    let [_, removed, _] = ["a", "b", "no room"].map(|tenant| shared.with_label_values(tenants, [tenant]));
    shared.remove(tenants, ["b"]);
    removed.observe(3.5);
}

/// One incarnation of an engine.
fn attach_and_leave(registry: &Registry, name: &str, handles: Handles) {
    let engine = registry.attach(&[name]).unwrap();
    record(&engine, handles);
}

#[test]
fn an_engine_that_left_holds_no_memory() {
    let (registry, handles) = registry();
    let (mut snapshot, mut page) = (Snapshot::new(), Vec::new());
    let mut cycle = || {
        let engine = registry.attach(&["0"]).unwrap();
        record(&engine, handles);
        registry.snapshot(&mut snapshot);
        assert_eq!(snapshot.engines().next().unwrap().counter(handles.count), 3);
        page.clear();
        registry.render(&mut page);
        drop(engine);
        registry.snapshot(&mut snapshot);
    };
    (0..3).for_each(|_| cycle());
    let ((), held) = allocator::held(|| (0..1_000).for_each(|_| cycle()));
    assert_eq!(held, 0, "bytes are left after a thousand incarnations");
}

#[test]
fn recorders_that_were_dropped_hold_no_memory() {
    let (registry, handles) = registry();
    let engine = registry.attach(&["0"]).unwrap();
    (0..3).for_each(|_| record(&engine, handles));
    let ((), held) = allocator::held(|| (0..1_000).for_each(|_| record(&engine, handles)));
    assert_eq!(held, 0, "bytes are left after two thousand recorders");
}

#[test]
fn a_collector_that_left_holds_no_memory() {
    let (registry, _) = registry();
    let mut page = Vec::with_capacity(1 << 16); // numbers on it get longer
    let mut cycle = || {
        let mut schema = Schema::builder(&[]);
        let ready = schema.gauge::<i64>("ready", "").dynamic_labels(["model"], 1).declare().unwrap();
        let collector = registry.collector(schema.build().unwrap(), move |recorder| {
            recorder.with_label_values(ready, ["a"]).set(1);
            Ok(())
        });
        page.clear();
        registry.render(&mut page);
        drop(collector);
    };
    (0..3).for_each(|_| cycle());
    let ((), held) = allocator::held(|| (0..1_000).for_each(|_| cycle()));
    assert_eq!(held, 0, "bytes are left after a thousand collectors");
}

/// A schema joins, with an engine of its own and a part of `engine`, and leaves again.
fn join_and_leave(registry: &Registry, engine: &Engine, name: &str) {
    let mut schema = Schema::builder(&["engine"]);
    let count = schema.counter::<u64>(name, "").declare().unwrap();
    let wide = schema.counter::<u64>(&format!("{name}_wide"), "").registry_wide().declare().unwrap();
    let joined = registry.join(schema.build().unwrap()).unwrap();
    let engines = [joined.attach_to(engine).unwrap(), joined.attach(&[name]).unwrap()];
    let mut recorders = engines.each_ref().map(|engine| (engine.recorder().unwrap(), engine.shared_recorder()));
    let record = |(recorder, shared): &mut (Recorder, SharedRecorder)| {
        recorder.inc(count);
        shared.inc(count);
    };
    recorders.iter_mut().for_each(record);
    joined.recorder().unwrap().inc(wide);
    drop(joined);
    recorders.iter_mut().for_each(record);
    drop(engines[0].recorder().unwrap());
}

#[test]
fn schemas_that_join_and_leave_hold_no_memory() {
    let (registry, _) = registry();
    let engine = registry.attach(&["0"]).unwrap();
    let (mut snapshot, mut page) = (Snapshot::new(), Vec::with_capacity(1 << 16));
    let mut cycle = || {
        join_and_leave(&registry, &engine, "joined");
        registry.snapshot(&mut snapshot);
        page.clear();
        registry.render(&mut page);
    };
    (0..3).for_each(|_| cycle());
    let ((), held) = allocator::held(|| (0..1_000).for_each(|_| cycle()));
    assert_eq!(held, 0, "bytes are left after a thousand schemas");
}

#[test]
fn nothing_is_left_of_schemas_that_joined_when_scrapes_run_meanwhile() {
    const SCHEMAS: usize = 1_000;
    warm_up();
    let ((registry, _), built) = allocator::held(registry);
    let (engine, attached) = allocator::held(|| registry.attach(&["0"]).unwrap());
    let churn = |name: &str| (0..SCHEMAS).for_each(|_| join_and_leave(&registry, &engine, name));
    let held = held_while_scraped(&registry, &churn);
    println!("{held} bytes are left after {} schemas", 2 * SCHEMAS);
    let ((), dropped) = allocator::held(|| drop((engine, registry)));
    // The snapshots that `render` keeps, each with room for the schemas of the page before it.
    assert!(held < 200 * SCHEMAS as isize, "hundreds of bytes per schema are left: {held}");
    assert_eq!(built + attached + held + dropped, 0, "bytes that outlive the registry");
}

/// Runs `churn` in two threads while two others scrape. Returns the bytes that all four left: what
/// one thread frees another may have allocated.
fn held_while_scraped(registry: &Registry, churn: &(dyn Fn(&str) + Sync)) -> isize {
    let done = AtomicBool::new(false);
    let scrape = || {
        let (mut snapshot, mut page) = (Snapshot::new(), Vec::new());
        while !done.load(Relaxed) {
            registry.snapshot(&mut snapshot);
            page.clear();
            registry.render(&mut page);
        }
    };
    thread::scope(|scope| {
        let scraping = [(); 2].map(|()| scope.spawn(|| warm(&scrape)));
        let churning = ["a", "b"].map(|name| scope.spawn(move || warm(&|| churn(name))));
        let churned: isize = churning.map(|thread| thread.join().unwrap()).iter().sum();
        done.store(true, Relaxed);
        churned + scraping.map(|thread| thread.join().unwrap()).iter().sum::<isize>()
    })
}

/// Runs the work in a thread that has used a registry before. Returns the bytes that it left.
fn warm(work: &dyn Fn()) -> isize {
    warm_up();
    allocator::held(work).1
}

/// A thread's first use of a registry allocates something that stays with the thread: this one is
/// another registry's.
fn warm_up() {
    let (registry, handles) = registry();
    attach_and_leave(&registry, "0", handles);
    registry.snapshot(&mut Snapshot::new());
    registry.render(&mut Vec::new());
}

#[test]
fn nothing_is_left_when_scrapes_run_meanwhile() {
    const INCARNATIONS: usize = 15_000;
    let ((registry, handles), built) = allocator::held(registry);
    let churn = |name: &str| (0..INCARNATIONS).for_each(|_| attach_and_leave(&registry, name, handles));
    let held = held_while_scraped(&registry, &churn);
    println!("{held} bytes are left after {} incarnations", 2 * INCARNATIONS);
    let ((), dropped) = allocator::held(|| drop(registry));
    // The snapshots that `render` keeps, as many as pages were rendered at a time.
    assert!(held < 2 * INCARNATIONS as isize, "a byte or more per incarnation is left: {held}");
    assert_eq!(built + held + dropped, 0, "bytes that outlive the registry");
}
