//! What a step records, and what becomes of it.

use crate::one_step::OneStep as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;
use tachometer::{Counter, Engine, Gauge, Histogram, Recorder, Registry, Schema, Snapshot};

/// One engine with a family of each kind.
struct Rig {
    registry: Registry,
    _engine: Engine,
    recorder: Recorder,
    count: Counter<u64>,
    amount: Counter<f64>,
    level: Gauge<i64>,
    ratio: Gauge<f64>,
    tokens: Histogram<u64>,
    seconds: Histogram<f64>,
}

/// What a snapshot says of the rig.
#[derive(Debug, PartialEq)]
struct Seen {
    step: u64,
    count: u64,
    amount: f64,
    level: i64,
    ratio: f64,
    tokens: (u64, u64),
    seconds: (u64, f64),
    rejected: u64,
    discarded: u64,
    foreign: u64,
}

impl Rig {
    fn new() -> Self {
        let mut schema = Schema::builder(&["engine"]);
        let count = schema.counter("count", "").declare().unwrap();
        let amount = schema.counter("amount", "").declare().unwrap();
        let level = schema.gauge("level", "").declare().unwrap();
        let ratio = schema.gauge("ratio", "").declare().unwrap();
        let tokens = schema.histogram("tokens", "", &[1.0, 10.0, 100.0]).declare().unwrap();
        let seconds = schema.histogram("seconds", "", &[0.1, 1.0, 10.0]).declare().unwrap();
        let registry = Registry::new(schema.build().unwrap());
        let engine = registry.attach(&["0"]).unwrap();
        let recorder = engine.recorder().unwrap();
        Self { registry, _engine: engine, recorder, count, amount, level, ratio, tokens, seconds }
    }

    fn seen(&self) -> Seen {
        let mut snapshot = Snapshot::new();
        self.registry.snapshot(&mut snapshot);
        let engine = snapshot.engines().next().unwrap();
        let (tokens, seconds) = (engine.histogram(self.tokens), engine.histogram(self.seconds));
        let [rejected, discarded, foreign] = self.own_counters();
        Seen {
            step: engine.step(),
            count: engine.counter(self.count),
            amount: engine.counter(self.amount),
            level: engine.gauge(self.level),
            ratio: engine.gauge(self.ratio),
            tokens: (tokens.count(), tokens.sum()),
            seconds: (seconds.count(), seconds.sum()),
            rejected,
            discarded,
            foreign,
        }
    }

    /// The counters about the recorder itself, which have no handles, from the page.
    fn own_counters(&self) -> [u64; 3] {
        let mut page = Vec::new();
        self.registry.render(&mut page);
        let page = String::from_utf8(page).unwrap();
        ["rejected_observations", "discarded_steps", "foreign_handles"].map(|name| {
            let line = page.lines().find(|line| line.starts_with(&format!("tachometer_{name}_total{{"))).unwrap();
            line.rsplit(' ').next().unwrap().parse().unwrap()
        })
    }

    fn buckets(&self) -> [Vec<u64>; 2] {
        let mut snapshot = Snapshot::new();
        self.registry.snapshot(&mut snapshot);
        let engine = snapshot.engines().next().unwrap();
        let cumulative = |buckets: &mut dyn Iterator<Item = (f64, u64)>| buckets.map(|(_, count)| count).collect();
        [
            cumulative(&mut engine.histogram(self.tokens).cumulative_buckets()),
            cumulative(&mut engine.histogram(self.seconds).cumulative_buckets()),
        ]
    }
}

const NOTHING: Seen = Seen {
    step: 0,
    count: 0,
    amount: 0.0,
    level: 0,
    ratio: 0.0,
    tokens: (0, 0),
    seconds: (0, 0.0),
    rejected: 0,
    discarded: 0,
    foreign: 0,
};

#[test]
fn a_committed_step_shows_whole_and_not_before() {
    let mut rig = Rig::new();
    let mut step = rig.recorder.step();
    step.add(rig.count, 3);
    step.inc(rig.count);
    step.inc(rig.amount);
    step.add(rig.amount, 0.5);
    step.set(rig.level, -7);
    step.set(rig.ratio, 0.25);
    step.observe(rig.tokens, 10);
    step.observe_n(rig.tokens, 11, 2);
    step.observe_all(rig.seconds, &[0.05, 0.1, 0.2, 100.0]);
    let mut snapshot = Snapshot::new();
    rig.registry.snapshot(&mut snapshot);
    let engine = snapshot.engines().next().unwrap();
    assert_eq!((engine.step(), engine.counter(rig.count), engine.retries()), (0, 0, 0), "the step is still open");
    step.commit();
    let expected = Seen {
        step: 1,
        count: 4,
        amount: 1.5,
        level: -7,
        ratio: 0.25,
        tokens: (3, 32),
        seconds: (4, 100.35),
        ..NOTHING
    };
    assert_eq!(rig.seen(), expected);
    assert_eq!(rig.buckets(), [[0, 1, 3, 3], [2, 3, 3, 4]]);
}

#[test]
fn the_closure_form_commits_on_return_whatever_is_returned() {
    let mut rig = Rig::new();
    let count = rig.count;
    let result: Result<(), &str> = rig.recorder.record(|step| {
        step.inc(count);
        Err("returned")
    });
    assert_eq!(result, Err("returned"));
    assert_eq!(rig.seen(), Seen { step: 1, count: 1, ..NOTHING });
}

#[test]
fn each_call_on_the_recorder_is_a_step() {
    let mut rig = Rig::new();
    rig.recorder.add(rig.count, 2);
    rig.recorder.inc(rig.count);
    rig.recorder.set(rig.level, 5);
    rig.recorder.observe(rig.tokens, 1);
    rig.recorder.observe_n(rig.tokens, 1, 2);
    rig.recorder.observe_all(rig.tokens, &[1, 1]);
    assert_eq!(rig.seen(), Seen { step: 6, count: 3, level: 5, tokens: (5, 5), ..NOTHING });
}

/// Records into everything.
fn record_much(rig: &mut Rig) -> tachometer::Step<'_> {
    let mut step = rig.recorder.step();
    step.add(rig.count, 1_000);
    step.add(rig.amount, 0.1);
    step.set(rig.level, 1_000);
    step.set(rig.ratio, 0.1);
    // More than the log of touched words holds.
    (0..400).for_each(|tokens| step.observe(rig.tokens, tokens));
    step.observe_all(rig.seconds, &[0.1; 10]);
    step
}

#[test]
fn a_dropped_step_leaves_no_trace() {
    fn fails(rig: &mut Rig) -> Result<(), std::num::ParseIntError> {
        let step = record_much(rig);
        "not a number".parse::<u8>()?;
        step.commit();
        Ok(())
    }
    let mut rig = Rig::new();
    rig.recorder.add(rig.amount, 0.1);
    rig.recorder.add(rig.amount, 0.2);
    let before = rig.seen();
    drop(record_much(&mut rig));
    fails(&mut rig).unwrap_err();
    catch_unwind(AssertUnwindSafe(|| {
        let _step = record_much(&mut rig);
        panic!("in the middle of a step");
    }))
    .unwrap_err();
    assert_eq!(rig.seen(), Seen { discarded: 3, ..before });
    rig.recorder.inc(rig.count);
    assert_eq!(rig.seen(), Seen { discarded: 3, step: 3, count: 1, amount: 0.1 + 0.2, ..NOTHING }, "to the bit");
}

#[test]
fn a_cancelled_future_leaves_no_trace() {
    let mut rig = Rig::new();
    let mut iteration = Box::pin(async {
        let step = record_much(&mut rig);
        std::future::pending::<()>().await;
        step.commit();
    });
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(iteration.as_mut().poll(&mut context).is_pending());
    drop(iteration);
    assert_eq!(rig.seen(), Seen { discarded: 1, ..NOTHING });
}

#[test]
fn a_leaked_step_leaves_no_trace() {
    let mut rig = Rig::new();
    rig.recorder.inc(rig.count);
    std::mem::forget(record_much(&mut rig));
    assert_eq!(rig.seen(), Seen { step: 1, count: 1, ..NOTHING });
    rig.recorder.inc(rig.count);
    assert_eq!(
        rig.seen(),
        Seen { step: 2, count: 2, discarded: 1, ..NOTHING },
        "in the copy that the leaked step was in"
    );
    rig.recorder.inc(rig.count);
    assert_eq!(rig.seen(), Seen { step: 3, count: 3, discarded: 1, ..NOTHING });
    // The recorder finds it too when it is dropped, and gives up its gauges in a step more.
    std::mem::forget(record_much(&mut rig));
    let Rig { _engine: engine, recorder, count, .. } = rig;
    drop(recorder);
    let recorder = engine.recorder().unwrap();
    let mut rig = Rig { _engine: engine, recorder, ..rig };
    rig.recorder.inc(count);
    assert_eq!(rig.seen(), Seen { step: 5, count: 4, discarded: 2, ..NOTHING });
}

#[test]
fn what_cannot_be_counted_is_rejected_and_changes_nothing_else() {
    let mut rig = Rig::new();
    for half in [i64::MAX as u64; 2] {
        rig.recorder.add(rig.count, half);
        rig.recorder.observe(rig.tokens, half);
    }
    rig.recorder.add(rig.amount, f64::MAX);
    rig.recorder.observe(rig.seconds, f64::MAX);
    let before = rig.seen();
    let mut step = rig.recorder.step();
    step.add(rig.count, 2); // beyond u64
    for amount in [f64::NAN, f64::INFINITY, -0.1, f64::MAX] {
        step.add(rig.amount, amount);
    }
    step.observe(rig.tokens, 2); // the sum would be beyond u64
    step.observe_n(rig.tokens, 1 << 60, 1 << 60);
    step.observe_n(rig.tokens, 0, u64::MAX);
    for seconds in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1e-9, f64::MAX] {
        step.observe(rig.seconds, seconds);
    }
    step.observe_n(rig.seconds, f64::NAN, 3);
    step.observe_n(rig.seconds, f64::NAN, 0);
    step.commit();
    let expected = 1 + 4 + 1_u64 + 5 + 3 + (1 << 60) + 1;
    assert_eq!(rig.seen(), Seen { step: 7, rejected: expected, ..before });
}

#[test]
fn a_batch_rejects_only_what_cannot_be_counted() {
    let mut rig = Rig::new();
    let mut step = rig.recorder.step();
    step.observe_all(rig.seconds, &[0.5, f64::NAN, 0.5, -1.0, f64::INFINITY, 2.0]);
    step.observe_all(rig.tokens, &[5, u64::MAX, 5]);
    step.observe_all(rig.tokens, &[]);
    step.commit();
    let expected = Seen { step: 1, seconds: (3, 3.0), tokens: (2, 10), rejected: 4, ..NOTHING };
    assert_eq!(rig.seen(), expected);
}

#[test]
fn a_batch_whose_float_sum_overflows_goes_value_by_value() {
    let mut rig = Rig::new();
    rig.recorder.observe_all(rig.seconds, &[f64::MAX, f64::MAX, 1.0]);
    assert_eq!(rig.seen(), Seen { step: 1, seconds: (2, f64::MAX), rejected: 1, ..NOTHING });
}

#[test]
fn rejections_stay_when_the_step_is_discarded() {
    let mut rig = Rig::new();
    let mut step = rig.recorder.step();
    step.observe(rig.seconds, f64::NAN);
    step.reject(2);
    drop(step);
    assert_eq!(rig.seen(), Seen { rejected: 3, discarded: 1, ..NOTHING });
}

/// Calls every method with handles of another schema.
fn use_foreign_handles(rig: &mut Rig) {
    let other = Rig::new();
    let mut step = rig.recorder.step();
    step.add(other.count, 1);
    step.inc(other.amount);
    step.set(other.level, 1);
    step.observe(other.tokens, 1);
    step.observe_n(other.seconds, 1.0, 2);
    step.observe_all(other.seconds, &[1.0, 2.0]);
    assert_eq!(step.gauge(other.level), 0);
    step.commit();
}

#[cfg(debug_assertions)]
#[test]
fn a_foreign_handle_panics_under_debug_assertions() {
    let mut rig = Rig::new();
    let panic = catch_unwind(AssertUnwindSafe(|| use_foreign_handles(&mut rig))).unwrap_err();
    assert!(panic.downcast_ref::<String>().unwrap().contains("a handle of schema"));
}

#[cfg(debug_assertions)]
#[test]
#[should_panic(expected = "a handle of schema")]
fn a_foreign_gauge_panics_under_debug_assertions() {
    let (mut rig, other) = (Rig::new(), Rig::new());
    let _ = rig.recorder.step().gauge(other.level);
}

#[cfg(not(debug_assertions))]
#[test]
fn a_foreign_handle_is_ignored_and_counted_in_release() {
    let mut rig = Rig::new();
    use_foreign_handles(&mut rig);
    assert_eq!(rig.seen(), Seen { step: 1, foreign: 7, ..NOTHING });
}

#[test]
#[should_panic(expected = "handle of another schema")]
fn a_foreign_handle_panics_in_a_snapshot() {
    let (rig, other) = (Rig::new(), Rig::new());
    let mut snapshot = Snapshot::new();
    rig.registry.snapshot(&mut snapshot);
    let _ = snapshot.engines().next().unwrap().counter(other.count);
}

#[test]
fn a_batch_that_spreads_over_many_buckets_is_counted_too() {
    let bounds: Vec<f64> = (0..1_000).map(f64::from).collect();
    let mut schema = Schema::builder(&[]);
    let wide = schema.histogram::<f64>("wide", "", &bounds).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&[]).unwrap();
    engine.recorder().unwrap().observe_all(wide, &bounds);
    let mut snapshot = Snapshot::new();
    registry.snapshot(&mut snapshot);
    let view = snapshot.engines().next().unwrap().histogram(wide);
    assert!(view.cumulative_buckets().enumerate().all(|(k, (_, count))| count == (k as u64 + 1).min(1_000)));
    assert_eq!((view.count(), view.sum()), (1_000, 499_500.0));
}

proptest! {
    /// P5, and that the three ways to observe agree.
    #[test]
    fn a_histogram_counts_what_was_accepted(values in prop::collection::vec(prop_oneof![
        4 => 0.0..20.0f64,
        1 => prop::sample::select(vec![0.0, -0.0, 0.1, 1.0, 10.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
    ], 0..300)) {
        let mut rig = Rig::new();
        rig.recorder.observe_all(rig.seconds, &values);
        let accepted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite() && *value >= 0.0).collect();
        let expected = [0.1, 1.0, 10.0, f64::INFINITY].map(|bound| accepted.iter().filter(|value| **value <= bound).count() as u64);
        let seen = rig.seen();
        prop_assert_eq!(&rig.buckets()[1], &expected);
        prop_assert_eq!(seen.seconds.0, accepted.len() as u64);
        prop_assert!((seen.seconds.1 - accepted.iter().sum::<f64>()).abs() <= 1e-9);
        prop_assert_eq!(seen.rejected, (values.len() - accepted.len()) as u64);

        let mut one_by_one = Rig::new();
        values.iter().for_each(|value| one_by_one.recorder.observe(one_by_one.seconds, *value));
        prop_assert_eq!(one_by_one.buckets(), rig.buckets());

        let integers: Vec<u64> = accepted.iter().map(|value| *value as u64).collect();
        rig.recorder.observe_all(rig.tokens, &integers);
        integers.iter().for_each(|value| one_by_one.recorder.observe_n(one_by_one.tokens, *value, 1));
        prop_assert_eq!(one_by_one.buckets(), rig.buckets());
        prop_assert_eq!(rig.seen().tokens, (integers.len() as u64, integers.iter().sum()));
    }
}
