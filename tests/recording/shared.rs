//! What shared recorders add, from one thread and from several.

use crate::{one_engine::OneEngine, one_step::OneStep as _};
use std::thread;

use tachometer::{
    Counter, Gauge, Histogram, HistogramView, ObservationValue, Registry, Schema, SettableGauge, SharedRecorder,
};

/// A family of each kind.
#[derive(Clone, Copy)]
pub(super) struct Handles {
    pub(super) count: Counter<u64>,
    pub(super) amount: Counter<f64>,
    pub(super) level: SettableGauge<i64>,
    pub(super) ratio: SettableGauge<f64>,
    pub(super) queue: Gauge<i64>,
    pub(super) load: Gauge<f64>,
    pub(super) tokens: Histogram<u64>,
    pub(super) seconds: Histogram<f64>,
}

pub(super) fn one_engine(shards: usize) -> (OneEngine<Handles>, SharedRecorder) {
    let one = OneEngine::new(|schema| {
        schema.shards(shards);
        Handles {
            count: schema.counter("count", "").declare().unwrap(),
            amount: schema.counter("amount", "").declare().unwrap(),
            level: schema.gauge("level", "").settable().declare().unwrap(),
            ratio: schema.gauge("ratio", "").settable().declare().unwrap(),
            queue: schema.gauge("queue", "").declare().unwrap(),
            load: schema.gauge("load", "").declare().unwrap(),
            tokens: schema.histogram("tokens", "", &[1.0, 10.0]).declare().unwrap(),
            seconds: schema.histogram("seconds", "", &[0.1, 1.0]).declare().unwrap(),
        }
    });
    let shared = one.engine.shared_recorder();
    (one, shared)
}

impl OneEngine<Handles> {
    pub(super) fn seen(&self) -> Seen {
        let Handles { count, amount, level, ratio, tokens, seconds, .. } = self.handles;
        self.read(|engine| Seen {
            step: engine.step(),
            count: engine.counter(count),
            amount: engine.counter(amount),
            level: engine.settable(level),
            ratio: engine.settable(ratio),
            tokens: buckets(engine.histogram(tokens)),
            seconds: buckets(engine.histogram(seconds)),
            rejected: self.self_metric("rejected_observations"),
        })
    }
}

/// Cumulative buckets, and the sum.
pub(super) fn buckets<const N: usize, T: ObservationValue>(view: HistogramView<'_, T>) -> ([u64; N], T) {
    let mut buckets = view.cumulative_buckets().map(|(_, count)| count);
    ([(); N].map(|()| buckets.next().unwrap()), view.sum())
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Seen {
    pub(super) step: u64,
    pub(super) count: u64,
    pub(super) amount: f64,
    pub(super) level: i64,
    pub(super) ratio: f64,
    pub(super) tokens: ([u64; 3], u64),
    pub(super) seconds: ([u64; 3], f64),
    pub(super) rejected: u64,
}

#[test]
fn what_is_added_shows_at_once_and_adds_to_what_others_recorded() {
    let (rig, shared) = one_engine(4);
    let Handles { count, amount, level, ratio, tokens, seconds, .. } = rig.handles;
    let mut recorder = rig.recorder();
    recorder.record(|step| {
        step.add(count, 100);
        step.observe(tokens, 5);
    });
    shared.add(count, 2);
    rig.engine.shared_recorder().inc(count);
    shared.add(amount, 0.25);
    shared.add_gauge(level, 10);
    shared.inc_gauge(level);
    shared.dec_gauge(ratio);
    shared.observe(tokens, 1);
    shared.observe_n(tokens, 10, 3);
    shared.observe_all(seconds, &[0.05, 0.5, 0.5, 2.0]);
    shared.reject(4);
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
fn threads_lose_nothing_in_one_shard_or_in_many() {
    const CALLS: u64 = 2_000;
    for (threads, shards) in [(1, 1), (4, 1), (4, 2), (4, 64)] {
        let (rig, shared) = one_engine(shards);
        let Handles { count, amount, level, ratio, tokens, seconds, .. } = rig.handles;
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
    let (rig, shared) = one_engine(2);
    shared.inc(rig.handles.count);
    drop(rig.engine);
    shared.inc(rig.handles.count);
    let engine = rig.registry.attach(&["0"]).unwrap();
    shared.inc(rig.handles.count);
    let rig = OneEngine { engine, ..rig };
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
    let page = registry.page();
    assert!(page.contains("rejected_total 11\n"), "{page}");
    assert!(page.contains("tachometer_registry_rejected_observations_total 3\n"), "{page}");
}

/// Calls every method with handles of another schema.
fn use_foreign_handles(shared: &SharedRecorder) {
    let other = one_engine(1).0.handles;
    shared.add(other.count, 1);
    shared.inc(other.amount);
    shared.add_gauge(other.level, 1);
    shared.inc_gauge(other.ratio);
    shared.dec_gauge(other.ratio);
    shared.sub_gauge(other.ratio, 1.0);
    shared.set_gauge(other.level, 1);
    shared.observe(other.tokens, 1);
    shared.observe_n(other.seconds, 1.0, 2);
    shared.observe_all(other.seconds, &[1.0]);
}

#[cfg(debug_assertions)]
#[test]
#[should_panic(expected = "a handle of schema")]
fn a_foreign_handle_panics_under_debug_assertions() {
    use_foreign_handles(&one_engine(1).1);
}

#[cfg(not(debug_assertions))]
#[test]
fn a_foreign_handle_is_ignored_and_counted_in_release() {
    let (rig, shared) = one_engine(1);
    use_foreign_handles(&shared);
    assert_eq!(rig.self_metric("foreign_handles"), 10);
    assert_eq!(rig.seen(), Seen::default());
}
