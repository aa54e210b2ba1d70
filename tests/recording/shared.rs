//! What shared recorders add, from one thread and from several.

use crate::common;
use crate::one_step::OneStep as _;
use std::{sync::Barrier, thread};

use tachometer::{
    Counter, Engine, EngineView, Gauge, Histogram, Registry, Schema, SettableGauge, SharedRecorder, Snapshot, View,
};

/// An engine with a family of each kind, and a shared recorder of it.
struct Rig {
    registry: Registry,
    engine: Engine,
    shared: SharedRecorder,
    handles: Handles,
}

#[derive(Clone, Copy)]
struct Handles {
    count: Counter<u64>,
    amount: Counter<f64>,
    level: SettableGauge<i64>,
    ratio: SettableGauge<f64>,
    queue: Gauge<i64>,
    load: Gauge<f64>,
    tokens: Histogram<u64>,
    seconds: Histogram<f64>,
}

impl Rig {
    fn new(shards: usize) -> Self {
        let mut schema = Schema::builder(&["engine"]);
        schema.shards(shards);
        let handles = Handles {
            count: schema.counter("count", "").declare().unwrap(),
            amount: schema.counter("amount", "").declare().unwrap(),
            level: schema.gauge("level", "").settable().declare().unwrap(),
            ratio: schema.gauge("ratio", "").settable().declare().unwrap(),
            queue: schema.gauge("queue", "").declare().unwrap(),
            load: schema.gauge("load", "").declare().unwrap(),
            tokens: schema.histogram("tokens", "", &[1.0, 10.0]).declare().unwrap(),
            seconds: schema.histogram("seconds", "", &[0.1, 1.0]).declare().unwrap(),
        };
        let registry = Registry::new(schema.build().unwrap());
        let engine = registry.attach(&["0"]).unwrap();
        let shared = engine.shared_recorder();
        Self { registry, engine, shared, handles }
    }

    fn view<T>(&self, read: impl FnOnce(EngineView<'_>) -> T) -> T {
        let mut snapshot = Snapshot::new();
        self.registry.snapshot(&mut snapshot);
        read(snapshot.engines().next().unwrap())
    }

    fn seen(&self) -> Seen {
        let mut snapshot = Snapshot::new();
        self.registry.snapshot(&mut snapshot);
        let view = snapshot.engines().next().unwrap();
        let Handles { count, amount, level, ratio, tokens, seconds, .. } = self.handles;
        let mut page = Vec::new();
        self.registry.render(&mut page);
        let samples = common::parse(std::str::from_utf8(&page).unwrap());
        let rejected = samples
            [&("tachometer_rejected_observations_total".to_owned(), vec![("engine".to_owned(), "0".to_owned())])];
        Seen {
            step: view.step(),
            count: view.counter(count),
            amount: view.counter(amount),
            level: view.settable(level),
            ratio: view.settable(ratio),
            tokens: buckets(view, tokens),
            seconds: buckets(view, seconds),
            rejected: rejected as u64,
        }
    }
}

/// Cumulative buckets, and the sum.
fn buckets<T: tachometer::ObservationValue>(view: EngineView<'_>, of: Histogram<T>) -> ([u64; 3], T) {
    let view = view.histogram(of);
    let mut buckets = view.cumulative_buckets().map(|(_, count)| count);
    ([(); 3].map(|()| buckets.next().unwrap()), view.sum())
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Seen {
    step: u64,
    count: u64,
    amount: f64,
    level: i64,
    ratio: f64,
    tokens: ([u64; 3], u64),
    seconds: ([u64; 3], f64),
    rejected: u64,
}

#[test]
fn what_is_added_shows_at_once_and_adds_to_what_others_recorded() {
    let rig = Rig::new(4);
    let Handles { count, amount, level, ratio, tokens, seconds, .. } = rig.handles;
    let mut recorder = rig.engine.recorder().unwrap();
    recorder.record(|step| {
        step.add(count, 100);
        step.observe(tokens, 5);
    });
    rig.shared.add(count, 2);
    rig.engine.shared_recorder().inc(count);
    rig.shared.add(amount, 0.25);
    rig.shared.add_gauge(level, 10);
    rig.shared.inc_gauge(level);
    rig.shared.dec_gauge(ratio);
    rig.shared.observe(tokens, 1);
    rig.shared.observe_n(tokens, 10, 3);
    rig.shared.observe_all(seconds, &[0.05, 0.5, 0.5, 2.0]);
    rig.shared.reject(4);
    let expected = Seen {
        step: 1,
        count: 103,
        amount: 0.25,
        level: 11,
        ratio: -1.0,
        tokens: ([1, 5, 5], 36),
        seconds: ([1, 3, 4], 3.05),
        rejected: 4,
    };
    assert_eq!(rig.seen(), expected);
    drop(recorder);
    assert_eq!(rig.seen(), Seen { step: 2, ..expected }, "shared recorders give up nothing");
}

#[test]
fn what_cannot_be_counted_is_rejected_and_changes_nothing_else() {
    let rig = Rig::new(1);
    let Handles { count, amount, level, ratio, tokens, seconds, .. } = rig.handles;
    (0..2).for_each(|_| rig.shared.add(count, 1 << 62));
    rig.shared.add(amount, f64::MAX);
    rig.shared.add_gauge(level, i64::MAX);
    rig.shared.add_gauge(ratio, f64::MIN);
    (0..2).for_each(|_| rig.shared.observe(tokens, 1 << 62));
    rig.shared.observe(seconds, f64::MAX);
    let before = rig.seen();
    for n in [1, (1 << 32) + 1, u64::MAX] {
        rig.shared.add(count, n);
    }
    for n in [f64::NAN, f64::INFINITY, -0.5, f64::MAX] {
        rig.shared.add(amount, n);
    }
    for n in [f64::NAN, f64::NEG_INFINITY, f64::MIN] {
        rig.shared.add_gauge(ratio, n);
    }
    rig.shared.observe(tokens, 1);
    rig.shared.observe_n(tokens, 0, (1 << 32) + 1);
    for value in [f64::NAN, -1e-9, f64::MAX] {
        rig.shared.observe(seconds, value);
    }
    rig.shared.observe_all(seconds, &[f64::NAN, f64::MAX]);
    let rejected = 3 + 4 + 3 + 1 + ((1 << 32) + 1) + 3 + 2;
    assert_eq!(rig.seen(), Seen { rejected, ..before });
    rig.shared.add_gauge(level, 1);
    assert_eq!(rig.seen().level, i64::MIN, "an integer gauge wraps around");
}

#[test]
fn a_count_over_several_slabs_stops_at_the_end_of_its_range() {
    let rig = Rig::new(2);
    let mut recorders = [(); 2].map(|()| rig.engine.recorder().unwrap());
    for recorder in &mut recorders {
        for n in [i64::MAX as u64, i64::MAX as u64, 1] {
            recorder.add(rig.handles.count, n);
            recorder.observe(rig.handles.tokens, n);
        }
        recorder.add(rig.handles.amount, f64::MAX);
        recorder.set(rig.handles.queue, i64::MAX);
    }
    let mut third = rig.engine.recorder().unwrap();
    third.set(rig.handles.queue, i64::MIN);
    let Seen { count, amount, tokens, .. } = rig.seen();
    let level = rig.view(|view| view.gauge(rig.handles.queue));
    assert_eq!((count, amount, tokens), (u64::MAX, f64::MAX, ([2, 2, 6], u64::MAX)));
    assert_eq!(level, i64::MAX - 1, "in between the sum was out of range");
}

/// Two threads record through shards, and two recorders through slabs: 1e308 each.
#[test]
fn a_total_of_floats_stops_at_the_greatest_finite_value() {
    let record_by_threads = |rig: &Rig, n: f64| {
        let recorded = Barrier::new(2); // so that each thread has a shard to itself
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    rig.shared.add(rig.handles.amount, n.abs());
                    rig.shared.observe(rig.handles.seconds, n.abs());
                    recorded.wait();
                });
            }
        });
    };
    let record_by_recorders = |rig: &Rig, n: f64| {
        let mut recorders = [(); 2].map(|()| rig.engine.recorder().unwrap());
        for recorder in &mut recorders {
            recorder.add(rig.handles.amount, n.abs());
            recorder.set(rig.handles.load, n);
            recorder.observe(rig.handles.seconds, n.abs());
        }
        recorders
    };
    let check = |rig: &Rig, level: f64| {
        let Seen { amount, seconds, .. } = rig.seen();
        let load = rig.view(|view| view.gauge(rig.handles.load));
        assert_eq!((amount, load, seconds.1), (f64::MAX, level, f64::MAX));
        let mut view = View::new((rig.handles.amount, rig.handles.load, rig.handles.seconds));
        rig.registry.view(&mut view);
        let (amount, load, seconds) = view.engines().next().unwrap().get();
        assert_eq!((amount, load, seconds.sum()), (f64::MAX, level, f64::MAX));
        let mut page = Vec::new();
        rig.registry.render(&mut page);
        let page = String::from_utf8(page).unwrap();
        let infinite = page.lines().find(|line| line.ends_with("Inf") || line.ends_with("NaN"));
        assert_eq!(infinite, None);
    };
    for (n, level) in [(1e308, f64::MAX), (-1e308, f64::MIN)] {
        let rig = Rig::new(64);
        record_by_threads(&rig, n);
        check(&rig, 0.0);
        record_by_threads(&rig, n / 8.0); // on top of what is full
        let _recorders = record_by_recorders(&rig, n);
        check(&rig, level);
        let rig = Rig::new(1);
        let _recorders = record_by_recorders(&rig, n);
        check(&rig, level);
    }
    let rig = Rig::new(1);
    let mut recorders = record_by_recorders(&rig, 1.0);
    recorders[0].set(rig.handles.load, f64::INFINITY);
    assert_eq!(rig.view(|view| view.gauge(rig.handles.load)), f64::INFINITY, "what was set so");
}

/// A negative difference that wrapped around.
const WRAPPED: [u64; 4] = [3_u64.wrapping_sub(5), u64::MAX, (1 << 63) + 1, 1 << 63];

/// What each kind of recorder makes of it, and that it goes on counting.
#[test]
fn every_type_of_recorder_rejects_wrapped_differences() {
    let mut schema = Schema::builder(&["engine"]);
    let count = schema.counter::<u64>("count", "").declare().unwrap();
    let tokens = schema.histogram::<u64>("tokens", "", &[10.0]).declare().unwrap();
    let by_tenant = schema.counter::<u64>("tenant", "").dynamic_labels(["tenant"], 1).declare().unwrap();
    let of_tenant = schema.histogram::<u64>("of_tenant", "", &[10.0]).dynamic_labels(["tenant"], 1).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engines = ["step", "shared", "dynamic"].map(|engine| registry.attach(&[engine]).unwrap());
    let mut recorder = engines[0].recorder().unwrap();
    let shared = engines[1].shared_recorder();
    let dynamic = engines[2].shared_recorder();
    let (counter, histogram) =
        (dynamic.with_label_values(by_tenant, ["a"]), dynamic.with_label_values(of_tenant, ["a"]));
    for n in WRAPPED.into_iter().chain([7]) {
        recorder.record(|step| {
            step.add(count, n);
            step.observe(tokens, n);
            step.observe_n(tokens, n, 2);
            step.observe_n(tokens, 0, n);
            step.observe_all(tokens, &[1, n]);
            step.observe_all(tokens, &[n; 3]);
            step.reject(n);
        });
        shared.add(count, n);
        shared.observe(tokens, n);
        shared.observe_n(tokens, n, 2);
        shared.observe_n(tokens, 0, n);
        shared.observe_all(tokens, &[1, n]);
        shared.observe_all(tokens, &[n; 3]);
        shared.reject(n);
        counter.add(n);
        histogram.observe(n);
        histogram.observe_n(n, 2);
        histogram.observe_n(0, n);
        histogram.observe_all(&[1, n]);
        histogram.observe_all(&[n; 3]);
        dynamic.reject(n);
    }
    let mut snapshot = Snapshot::new();
    registry.snapshot(&mut snapshot);
    let seen = |engine: EngineView<'_>| (engine.counter(count), buckets_of_two(engine.histogram(tokens)));
    let expected = (7, ([4 + 1 + 2 + 7 + 2 + 3; 2], 4 + 7 + 2 * 7 + (1 + 7) + 3 * 7));
    assert_eq!(["step", "shared"].map(|engine| seen(snapshot.engine(&[engine]).unwrap())), [expected; 2]);
    let engine = snapshot.engine(&["dynamic"]).unwrap();
    let (_, total) = engine.counters(by_tenant).find(|(tenant, _)| *tenant == ["a"]).unwrap();
    let (_, observed) = engine.histograms(of_tenant).find(|(tenant, _)| *tenant == ["a"]).unwrap();
    assert_eq!((total, buckets_of_two(observed)), expected);
    let mut page = Vec::new();
    registry.render(&mut page);
    let samples = common::parse(std::str::from_utf8(&page).unwrap());
    for engine in ["step", "shared", "dynamic"] {
        let labels = vec![("engine".to_owned(), engine.to_owned())];
        let rejected = samples[&("tachometer_rejected_observations_total".to_owned(), labels)];
        assert_eq!(rejected as usize, WRAPPED.len() * (1 + 1 + 2 + 1 + 1 + 3 + 1) + 7, "{engine}");
    }
}

fn buckets_of_two(view: tachometer::HistogramView<'_, u64>) -> ([u64; 2], u64) {
    let mut buckets = view.cumulative_buckets().map(|(_, count)| count);
    ([(); 2].map(|()| buckets.next().unwrap()), view.sum())
}

#[test]
fn threads_lose_nothing_in_one_shard_or_in_many() {
    const CALLS: u64 = 2_000;
    for (threads, shards) in [(1, 1), (4, 1), (4, 2), (4, 64)] {
        let rig = Rig::new(shards);
        let (shared, Handles { count, amount, level, ratio, tokens, seconds, .. }) = (&rig.shared, rig.handles);
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    for call in 0..CALLS {
                        shared.inc(count);
                        shared.add(amount, 0.5);
                        shared.inc_gauge(level);
                        shared.add_gauge(ratio, 0.25);
                        shared.observe(tokens, call % 20);
                        shared.observe_all(seconds, &[0.0625, 0.5, 4.0]);
                        shared.dec_gauge(level);
                    }
                });
            }
        });
        let calls = threads * CALLS;
        let sum: u64 = (0..20).sum();
        let expected = Seen {
            count: calls,
            amount: calls as f64 / 2.0,
            ratio: calls as f64 / 4.0,
            tokens: ([calls / 10, calls * 11 / 20, calls], calls / 20 * sum),
            seconds: ([calls, 2 * calls, 3 * calls], calls as f64 * 4.5625),
            ..Seen::default()
        };
        assert_eq!(rig.seen(), expected, "{threads} threads, {shards} shards");
    }
}

#[test]
fn it_outlives_its_engine_and_writes_on_unseen() {
    let rig = Rig::new(2);
    rig.shared.inc(rig.handles.count);
    drop(rig.engine);
    rig.shared.inc(rig.handles.count);
    let engine = rig.registry.attach(&["0"]).unwrap();
    rig.shared.inc(rig.handles.count);
    let rig = Rig { engine, ..rig };
    assert_eq!(rig.seen(), Seen::default(), "a new engine begins at zero");
    rig.engine.shared_recorder().inc(rig.handles.count);
    assert_eq!(rig.seen().count, 1);
}

#[test]
fn the_registry_has_one_too() {
    let mut schema = Schema::builder(&["engine"]);
    let rejected = schema.counter::<u64>("rejected", "").registry_wide().declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let shared = registry.shared_recorder();
    shared.inc(rejected);
    shared.reject(3);
    registry.recorder().unwrap().add(rejected, 10);
    let mut page = Vec::new();
    registry.render(&mut page);
    let page = String::from_utf8(page).unwrap();
    assert!(page.contains("rejected_total 11\n"), "{page}");
    assert!(page.contains("tachometer_registry_rejected_observations_total 3\n"), "{page}");
}

/// Calls every method with handles of another schema.
fn use_foreign_handles(rig: &Rig) {
    let other = Rig::new(1).handles;
    rig.shared.add(other.count, 1);
    rig.shared.inc(other.amount);
    rig.shared.add_gauge(other.level, 1);
    rig.shared.inc_gauge(other.ratio);
    rig.shared.dec_gauge(other.ratio);
    rig.shared.sub_gauge(other.ratio, 1.0);
    rig.shared.set_gauge(other.level, 1);
    rig.shared.observe(other.tokens, 1);
    rig.shared.observe_n(other.seconds, 1.0, 2);
    rig.shared.observe_all(other.seconds, &[1.0]);
}

#[cfg(debug_assertions)]
#[test]
#[should_panic(expected = "a handle of schema")]
fn a_foreign_handle_panics_under_debug_assertions() {
    use_foreign_handles(&Rig::new(1));
}

#[cfg(not(debug_assertions))]
#[test]
fn a_foreign_handle_is_ignored_and_counted_in_release() {
    let rig = Rig::new(1);
    use_foreign_handles(&rig);
    let mut page = Vec::new();
    rig.registry.render(&mut page);
    assert!(String::from_utf8(page).unwrap().contains("tachometer_foreign_handles_total{engine=\"0\"} 10\n"));
    assert_eq!(rig.seen(), Seen::default());
}
