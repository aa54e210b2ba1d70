//! What engines and recorders that come and go leave behind: nothing.

#[path = "common/allocator.rs"]
mod allocator;

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

use tachometer::{Counter, Engine, Gauge, Histogram, Info, OpenFamily, Registry, Schema, Snapshot};

#[derive(Clone, Copy)]
struct Handles {
    count: Counter<u64>,
    level: Gauge<i64>,
    seconds: Histogram<f64>,
    info: Info<1>,
    tenants: OpenFamily<Histogram<f64>, 1>,
}

fn registry() -> (Registry, Handles) {
    let mut schema = Schema::builder().engine_labels(["engine"]).shards(4);
    let bounds: Vec<f64> = (0..100).map(f64::from).collect();
    let handles = Handles {
        count: schema.counter("count", "").declare().unwrap(),
        level: schema.gauge("level", "").declare().unwrap(),
        seconds: schema.histogram("seconds", "", &bounds).declare().unwrap(),
        info: schema.info("info", "", ["value"]).declare().unwrap(),
        tenants: schema.histogram("tenant_seconds", "", &bounds).open_labels(["tenant"], 2).declare().unwrap(),
    };
    (Registry::new(schema.build().unwrap()), handles)
}

/// Two recorders and two shared ones, all of which record, and tenants of whom one is retired.
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
    let [_, retired, _] = ["a", "b", "no room"].map(|tenant| shared.series(tenants, [tenant]));
    shared.retire(tenants, ["b"]);
    retired.observe(3.5);
}

/// One incarnation of an engine.
fn come_and_go(registry: &Registry, name: &str, handles: Handles) {
    let engine = registry.attach([name]).unwrap();
    record(&engine, handles);
}

#[test]
fn an_engine_that_left_holds_no_memory() {
    let (registry, handles) = registry();
    let (mut snapshot, mut page) = (Snapshot::new(), Vec::new());
    let mut cycle = || {
        let engine = registry.attach(["0"]).unwrap();
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
fn recorders_that_come_and_go_hold_no_memory() {
    let (registry, handles) = registry();
    let engine = registry.attach(["0"]).unwrap();
    (0..3).for_each(|_| record(&engine, handles));
    let ((), held) = allocator::held(|| (0..1_000).for_each(|_| record(&engine, handles)));
    assert_eq!(held, 0, "bytes are left after two thousand recorders");
}

/// What one thread frees another may have allocated, so the threads' bytes are added up.
#[test]
fn nothing_is_left_when_scrapes_run_meanwhile() {
    const INCARNATIONS: usize = 5_000;
    let (registry, handles) = registry();
    let done = AtomicBool::new(false);
    let scrape = || {
        let (mut snapshot, mut page) = (Snapshot::new(), Vec::new());
        while !done.load(Relaxed) {
            registry.snapshot(&mut snapshot);
            page.clear();
            registry.render(&mut page);
        }
    };
    let held: isize = thread::scope(|scope| {
        let scraping = [(); 2].map(|()| scope.spawn(|| allocator::held(scrape).1));
        let churning = ["a", "b"].map(|name| {
            let churn = || (0..INCARNATIONS).for_each(|_| come_and_go(&registry, name, handles));
            scope.spawn(move || allocator::held(churn).1)
        });
        let churned: isize = churning.map(|thread| thread.join().unwrap()).iter().sum();
        done.store(true, Relaxed);
        churned + scraping.map(|thread| thread.join().unwrap()).iter().sum::<isize>()
    });
    // What stays is what threads keep for themselves, and the snapshots that `render` keeps.
    let an_incarnation = 10_000;
    assert!(held < 10 * an_incarnation, "{held} bytes are left after {} incarnations", 2 * INCARNATIONS);
    println!("{held} bytes are left after {} incarnations", 2 * INCARNATIONS);
}
