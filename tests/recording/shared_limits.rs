//! What shared recorders reject, and where their sums end.

use std::{sync::Barrier, thread};

use super::shared::{Handles, Seen, buckets, one_engine};
use crate::{one_engine::OneEngine, one_step::OneStep as _};
use tachometer::{Counter, DynamicFamily, Exactly, Histogram, Record, Recorder, SharedRecorder, View};

#[test]
fn what_cannot_be_counted_is_rejected_and_changes_nothing_else() {
    let (rig, shared) = one_engine(1);
    let Handles { count, amount, level, ratio, tokens, seconds, .. } = rig.handles;
    (0..2).for_each(|_| shared.add(count, 1 << 62));
    shared.add(amount, f64::MAX);
    shared.add_gauge(level, i64::MAX);
    shared.add_gauge(ratio, f64::MIN);
    (0..2).for_each(|_| shared.observe(tokens, 1 << 62));
    shared.observe(seconds, f64::MAX);
    let before = rig.seen();
    for n in [1, (1 << 32) + 1, u64::MAX] {
        shared.add(count, n);
    }
    for n in [f64::NAN, f64::INFINITY, -0.5, f64::MAX] {
        shared.add(amount, n);
    }
    for n in [f64::NAN, f64::NEG_INFINITY, f64::MIN] {
        shared.add_gauge(ratio, n);
    }
    shared.observe(tokens, 1);
    shared.observe_n(tokens, 0, (1 << 32) + 1);
    for value in [f64::NAN, -1e-9, f64::MAX] {
        shared.observe(seconds, value);
    }
    shared.observe_all(seconds, &[f64::NAN, f64::MAX]);
    let rejected = 3 + 4 + 3 + 1 + ((1 << 32) + 1) + 3 + 2;
    assert_eq!(rig.seen(), Seen { rejected, ..before });
    shared.add_gauge(level, 1);
    assert_eq!(rig.seen().level, i64::MIN, "an integer gauge wraps around");
}

#[test]
fn a_count_over_several_slabs_stops_at_the_end_of_its_range() {
    let (rig, _) = one_engine(2);
    let mut recorders = [(); 2].map(|()| rig.recorder());
    for recorder in &mut recorders {
        for n in [i64::MAX as u64, i64::MAX as u64, 1] {
            recorder.add(rig.handles.count, n);
            recorder.observe(rig.handles.tokens, n);
        }
        recorder.add(rig.handles.amount, f64::MAX);
        recorder.set(rig.handles.queue, i64::MAX);
    }
    let mut third = rig.recorder();
    third.set(rig.handles.queue, i64::MIN);
    let Seen { count, amount, tokens, .. } = rig.seen();
    let level = rig.read(|engine| engine.gauge(rig.handles.queue));
    assert_eq!((count, amount, tokens), (u64::MAX, f64::MAX, ([2, 2, 6], u64::MAX)));
    assert_eq!(level, i64::MAX - 1, "in between the sum was out of range");
}

fn record_by_threads(shared: &SharedRecorder, on: Handles, n: f64) {
    let recorded = Barrier::new(2); // so that each thread has a shard to itself
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                shared.add(on.amount, n.abs());
                shared.observe(on.seconds, n.abs());
                recorded.wait();
            });
        }
    });
}

/// Returns the recorders, since dropping them would give up the gauge.
fn record_by_recorders(rig: &OneEngine<Handles>, n: f64) -> [Recorder; 2] {
    let mut recorders = [(); 2].map(|()| rig.recorder());
    for recorder in &mut recorders {
        recorder.add(rig.handles.amount, n.abs());
        recorder.set(rig.handles.load, n);
        recorder.observe(rig.handles.seconds, n.abs());
    }
    recorders
}

/// The totals have their greatest finite value and the gauge is `load`, in a snapshot, a view and
/// on a page.
#[track_caller]
fn assert_finite(rig: &OneEngine<Handles>, load: f64) {
    let Handles { amount, load: of_load, seconds, .. } = rig.handles;
    let seen = rig.read(|engine| (engine.counter(amount), engine.gauge(of_load), engine.histogram(seconds).sum()));
    assert_eq!(seen, (f64::MAX, load, f64::MAX));
    let mut view = View::new((amount, of_load, seconds));
    rig.registry.view(&mut view);
    let (amount, viewed_load, seconds) = view.engines().next().unwrap().get();
    assert_eq!((amount, viewed_load, seconds.sum()), (f64::MAX, load, f64::MAX));
    let page = rig.page();
    let infinite = page.lines().find(|line| line.ends_with("Inf") || line.ends_with("NaN"));
    assert_eq!(infinite, None);
}

/// Two threads record through shards, and two recorders through slabs: 1e308 each.
#[test]
fn a_total_of_floats_stops_at_the_greatest_finite_value() {
    for (n, load) in [(1e308, f64::MAX), (-1e308, f64::MIN)] {
        let (rig, shared) = one_engine(64);
        record_by_threads(&shared, rig.handles, n);
        assert_finite(&rig, 0.0);
        record_by_threads(&shared, rig.handles, n / 8.0); // on top of what is full
        let _recorders = record_by_recorders(&rig, n);
        assert_finite(&rig, load);
        let (rig, _) = one_engine(1);
        let _recorders = record_by_recorders(&rig, n);
        assert_finite(&rig, load);
    }
    let (rig, _) = one_engine(1);
    let mut recorders = record_by_recorders(&rig, 1.0);
    recorders[0].set(rig.handles.load, f64::INFINITY);
    assert_eq!(rig.read(|engine| engine.gauge(rig.handles.load)), f64::INFINITY, "what was set so");
}

/// A negative difference that wrapped around.
const WRAPPED: [u64; 4] = [3_u64.wrapping_sub(5), u64::MAX, (1 << 63) + 1, 1 << 63];

/// Families of integers, with and without dynamic labels.
#[derive(Clone, Copy)]
struct Integers {
    count: Counter<u64>,
    tokens: Histogram<u64>,
    by_tenant: DynamicFamily<Counter<u64>, Exactly<1>>,
    of_tenant: DynamicFamily<Histogram<u64>, Exactly<1>>,
}

fn one_engine_of_integers() -> OneEngine<Integers> {
    OneEngine::new(|schema| Integers {
        count: schema.counter("count", "").declare().unwrap(),
        tokens: schema.histogram("tokens", "", &[10.0]).declare().unwrap(),
        by_tenant: schema.counter("tenant", "").dynamic_labels(["tenant"], 1).declare().unwrap(),
        of_tenant: schema.histogram("of_tenant", "", &[10.0]).dynamic_labels(["tenant"], 1).declare().unwrap(),
    })
}

impl OneEngine<Integers> {
    /// Count and observations, of a tenant if one is named.
    fn seen(&self, tenant: Option<&str>) -> (u64, ([u64; 2], u64)) {
        let Integers { count, tokens, by_tenant, of_tenant } = self.handles;
        self.read(|engine| match tenant {
            None => (engine.counter(count), buckets(engine.histogram(tokens))),
            Some(tenant) => {
                let (_, count) = engine.counters(by_tenant).find(|(values, _)| *values == [tenant]).unwrap();
                let (_, view) = engine.histograms(of_tenant).find(|(values, _)| *values == [tenant]).unwrap();
                (count, buckets(view))
            }
        })
    }
}

/// Records `n` in each way.
fn record(into: &mut impl Record, Integers { count, tokens, .. }: Integers, n: u64) {
    into.add(count, n);
    into.observe(tokens, n);
    into.observe_n(tokens, n, 2);
    into.observe_n(tokens, 0, n);
    into.observe_all(tokens, &[1, n]);
    into.observe_all(tokens, &[n; 3]);
    into.reject(n);
}

/// The same into the series of a tenant.
fn record_of_tenant(shared: &SharedRecorder, Integers { by_tenant, of_tenant, .. }: Integers, n: u64) {
    shared.with_label_values(by_tenant, ["a"]).add(n);
    let tokens = shared.with_label_values(of_tenant, ["a"]);
    tokens.observe(n);
    tokens.observe_n(n, 2);
    tokens.observe_n(0, n);
    tokens.observe_all(&[1, n]);
    tokens.observe_all(&[n; 3]);
    shared.reject(n);
}

/// What each kind of recorder makes of it, and that it goes on counting.
#[test]
fn every_type_of_recorder_rejects_wrapped_differences() {
    let numbers = || WRAPPED.into_iter().chain([7]);
    let [stepwise, shared, dynamic] = [(); 3].map(|()| one_engine_of_integers());
    let mut recorder = stepwise.recorder();
    numbers().for_each(|n| recorder.record(|step| record(step, stepwise.handles, n)));
    let from_any_thread = shared.engine.shared_recorder();
    numbers().for_each(|n| record(&mut &from_any_thread, shared.handles, n));
    let of_tenants = dynamic.engine.shared_recorder();
    numbers().for_each(|n| record_of_tenant(&of_tenants, dynamic.handles, n));
    let expected = (7, ([4 + 1 + 2 + 7 + 2 + 3; 2], 4 + 7 + 2 * 7 + (1 + 7) + 3 * 7));
    assert_eq!([stepwise.seen(None), shared.seen(None), dynamic.seen(Some("a"))], [expected; 3]);
    for (kind, rig) in [("step", stepwise), ("shared", shared), ("dynamic", dynamic)] {
        let rejected = rig.self_metric("rejected_observations") as usize;
        assert_eq!(rejected, WRAPPED.len() * (1 + 1 + 2 + 1 + 1 + 3 + 1) + 7, "{kind}");
    }
}
