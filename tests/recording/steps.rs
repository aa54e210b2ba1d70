//! What a step records, and what becomes of it.

use crate::{one_engine::OneEngine, one_step::OneStep as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;
use tachometer::{Counter, Gauge, Histogram, Recorder, Step};

/// A family of each kind.
#[derive(Clone, Copy)]
struct Handles {
    count: Counter<u64>,
    amount: Counter<f64>,
    level: Gauge<i64>,
    ratio: Gauge<f64>,
    tokens: Histogram<u64>,
    seconds: Histogram<f64>,
}

/// What a snapshot and a page say of the engine.
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

fn one_engine() -> (OneEngine<Handles>, Recorder) {
    let one = OneEngine::new(|schema| Handles {
        count: schema.counter("count", "").declare().unwrap(),
        amount: schema.counter("amount", "").declare().unwrap(),
        level: schema.gauge("level", "").declare().unwrap(),
        ratio: schema.gauge("ratio", "").declare().unwrap(),
        tokens: schema.histogram("tokens", "", &[1.0, 10.0, 100.0]).declare().unwrap(),
        seconds: schema.histogram("seconds", "", &[0.1, 1.0, 10.0]).declare().unwrap(),
    });
    let recorder = one.recorder();
    (one, recorder)
}

impl OneEngine<Handles> {
    fn seen(&self) -> Seen {
        let Handles { count, amount, level, ratio, tokens, seconds } = self.handles;
        self.read(|engine| {
            let (tokens, seconds) = (engine.histogram(tokens), engine.histogram(seconds));
            Seen {
                step: engine.step(),
                count: engine.counter(count),
                amount: engine.counter(amount),
                level: engine.gauge(level),
                ratio: engine.gauge(ratio),
                tokens: (tokens.count(), tokens.sum()),
                seconds: (seconds.count(), seconds.sum()),
                rejected: self.self_metric("rejected_observations"),
                discarded: self.self_metric("discarded_steps"),
                foreign: self.self_metric("foreign_handles"),
            }
        })
    }

    fn buckets(&self) -> [Vec<u64>; 2] {
        let cumulative = |buckets: &mut dyn Iterator<Item = (f64, u64)>| buckets.map(|(_, count)| count).collect();
        self.read(|engine| {
            [
                cumulative(&mut engine.histogram(self.handles.tokens).cumulative_buckets()),
                cumulative(&mut engine.histogram(self.handles.seconds).cumulative_buckets()),
            ]
        })
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
    let (rig, mut recorder) = one_engine();
    let mut step = recorder.step();
    step.add(rig.handles.count, 3);
    step.inc(rig.handles.count);
    step.inc(rig.handles.amount);
    step.add(rig.handles.amount, 0.5);
    step.set(rig.handles.level, -7);
    step.set(rig.handles.ratio, 0.25);
    step.observe(rig.handles.tokens, 10);
    step.observe_n(rig.handles.tokens, 11, 2);
    step.observe_all(rig.handles.seconds, &[0.05, 0.1, 0.2, 100.0]);
    let before = rig.read(|engine| (engine.step(), engine.counter(rig.handles.count), engine.retries()));
    assert_eq!(before, (0, 0, 0), "the step is still open");
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

/// Records into everything.
fn record_much(recorder: &mut Recorder, on: Handles) -> Step<'_> {
    let mut step = recorder.step();
    step.add(on.count, 1_000);
    step.add(on.amount, 0.1);
    step.set(on.level, 1_000);
    step.set(on.ratio, 0.1);
    // More than the log of touched words holds.
    (0..400).for_each(|tokens| step.observe(on.tokens, tokens));
    step.observe_all(on.seconds, &[0.1; 10]);
    step
}

#[test]
fn a_dropped_step_leaves_no_trace() {
    fn fails(recorder: &mut Recorder, on: Handles) -> Result<(), std::num::ParseIntError> {
        let step = record_much(recorder, on);
        "not a number".parse::<u8>()?;
        step.commit();
        Ok(())
    }
    let (rig, mut recorder) = one_engine();
    recorder.add(rig.handles.amount, 0.1);
    recorder.add(rig.handles.amount, 0.2);
    let before = rig.seen();
    drop(record_much(&mut recorder, rig.handles));
    fails(&mut recorder, rig.handles).unwrap_err();
    catch_unwind(AssertUnwindSafe(|| {
        let _step = record_much(&mut recorder, rig.handles);
        panic!("in the middle of a step");
    }))
    .unwrap_err();
    assert_eq!(rig.seen(), Seen { discarded: 3, ..before });
    recorder.inc(rig.handles.count);
    assert_eq!(rig.seen(), Seen { discarded: 3, step: 3, count: 1, amount: 0.1 + 0.2, ..NOTHING }, "to the bit");
}

#[test]
fn a_cancelled_future_leaves_no_trace() {
    let (rig, mut recorder) = one_engine();
    let mut iteration = Box::pin(async {
        let step = record_much(&mut recorder, rig.handles);
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
    let (rig, mut recorder) = one_engine();
    recorder.inc(rig.handles.count);
    std::mem::forget(record_much(&mut recorder, rig.handles));
    assert_eq!(rig.seen(), Seen { step: 1, count: 1, ..NOTHING });
    recorder.inc(rig.handles.count);
    assert_eq!(
        rig.seen(),
        Seen { step: 2, count: 2, discarded: 1, ..NOTHING },
        "in the copy that the leaked step was in"
    );
    recorder.inc(rig.handles.count);
    assert_eq!(rig.seen(), Seen { step: 3, count: 3, discarded: 1, ..NOTHING });
    // The recorder finds it too when it is dropped, and gives up its gauges in a step more.
    std::mem::forget(record_much(&mut recorder, rig.handles));
    drop(recorder);
    let mut recorder = rig.recorder();
    recorder.inc(rig.handles.count);
    assert_eq!(rig.seen(), Seen { step: 5, count: 4, discarded: 2, ..NOTHING });
}

#[test]
fn what_cannot_be_counted_is_rejected_and_changes_nothing_else() {
    let (rig, mut recorder) = one_engine();
    for half in [i64::MAX as u64; 2] {
        recorder.add(rig.handles.count, half);
        recorder.observe(rig.handles.tokens, half);
    }
    recorder.add(rig.handles.amount, f64::MAX);
    recorder.observe(rig.handles.seconds, f64::MAX);
    let before = rig.seen();
    let mut step = recorder.step();
    step.add(rig.handles.count, 2); // beyond u64
    for amount in [f64::NAN, f64::INFINITY, -0.1, f64::MAX] {
        step.add(rig.handles.amount, amount);
    }
    step.observe(rig.handles.tokens, 2); // the sum would be beyond u64
    step.observe_n(rig.handles.tokens, 1 << 60, 1 << 60);
    step.observe_n(rig.handles.tokens, 0, u64::MAX);
    for seconds in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1e-9, f64::MAX] {
        step.observe(rig.handles.seconds, seconds);
    }
    step.observe_n(rig.handles.seconds, f64::NAN, 3);
    step.observe_n(rig.handles.seconds, f64::NAN, 0);
    step.commit();
    let expected = 1 + 4 + 1_u64 + 5 + 3 + (1 << 60) + 1;
    assert_eq!(rig.seen(), Seen { step: 7, rejected: expected, ..before });
}

#[test]
fn a_batch_rejects_only_what_cannot_be_counted() {
    let (rig, mut recorder) = one_engine();
    let mut step = recorder.step();
    step.observe_all(rig.handles.seconds, &[0.5, f64::NAN, 0.5, -1.0, f64::INFINITY, 2.0]);
    step.observe_all(rig.handles.tokens, &[5, u64::MAX, 5]);
    step.observe_all(rig.handles.tokens, &[]);
    step.commit();
    let expected = Seen { step: 1, seconds: (3, 3.0), tokens: (2, 10), rejected: 4, ..NOTHING };
    assert_eq!(rig.seen(), expected);
}

#[test]
fn a_batch_whose_float_sum_overflows_goes_value_by_value() {
    let (rig, mut recorder) = one_engine();
    recorder.observe_all(rig.handles.seconds, &[f64::MAX, f64::MAX, 1.0]);
    assert_eq!(rig.seen(), Seen { step: 1, seconds: (2, f64::MAX), rejected: 1, ..NOTHING });
}

#[test]
fn rejections_stay_when_the_step_is_discarded() {
    let (rig, mut recorder) = one_engine();
    let mut step = recorder.step();
    step.observe(rig.handles.seconds, f64::NAN);
    step.reject(2);
    drop(step);
    assert_eq!(rig.seen(), Seen { rejected: 3, discarded: 1, ..NOTHING });
}

/// Calls every method with handles of another schema.
fn use_foreign_handles(recorder: &mut Recorder) {
    let (other, _) = one_engine();
    let mut step = recorder.step();
    step.add(other.handles.count, 1);
    step.inc(other.handles.amount);
    step.set(other.handles.level, 1);
    step.observe(other.handles.tokens, 1);
    step.observe_n(other.handles.seconds, 1.0, 2);
    step.observe_all(other.handles.seconds, &[1.0, 2.0]);
    assert_eq!(step.gauge(other.handles.level), 0);
    step.commit();
}

#[cfg(debug_assertions)]
#[test]
fn a_foreign_handle_panics_under_debug_assertions() {
    let (_rig, mut recorder) = one_engine();
    let panic = catch_unwind(AssertUnwindSafe(|| use_foreign_handles(&mut recorder))).unwrap_err();
    assert!(panic.downcast_ref::<String>().unwrap().contains("a handle of schema"));
}

#[cfg(debug_assertions)]
#[test]
#[should_panic(expected = "a handle of schema")]
fn a_foreign_gauge_panics_under_debug_assertions() {
    let ((_rig, mut recorder), (other, _)) = (one_engine(), one_engine());
    let _ = recorder.step().gauge(other.handles.level);
}

#[cfg(not(debug_assertions))]
#[test]
fn a_foreign_handle_is_ignored_and_counted_in_release() {
    let (rig, mut recorder) = one_engine();
    use_foreign_handles(&mut recorder);
    assert_eq!(rig.seen(), Seen { step: 1, foreign: 7, ..NOTHING });
}

#[test]
#[should_panic(expected = "handle of another schema")]
fn a_foreign_handle_panics_in_a_snapshot() {
    let ((rig, _), (other, _)) = (one_engine(), one_engine());
    _ = rig.read(|engine| engine.counter(other.handles.count));
}

#[test]
fn a_batch_that_spreads_over_many_buckets_is_counted_too() {
    let bounds: Vec<f64> = (0..1_000).map(f64::from).collect();
    let rig = OneEngine::new(|schema| schema.histogram::<f64>("wide", "", &bounds).declare().unwrap());
    rig.recorder().observe_all(rig.handles, &bounds);
    rig.read(|engine| {
        let view = engine.histogram(rig.handles);
        assert!(view.cumulative_buckets().enumerate().all(|(k, (_, count))| count == (k as u64 + 1).min(1_000)));
        assert_eq!((view.count(), view.sum()), (1_000, 499_500.0));
    });
}

proptest! {
    /// P5, and that the three ways to observe agree.
    #[test]
    fn a_histogram_counts_what_was_accepted(values in prop::collection::vec(prop_oneof![
        4 => 0.0..20.0f64,
        1 => prop::sample::select(vec![0.0, -0.0, 0.1, 1.0, 10.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
    ], 0..300)) {
        let (rig, mut recorder) = one_engine();
        recorder.observe_all(rig.handles.seconds, &values);
        let accepted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite() && *value >= 0.0).collect();
        let expected = [0.1, 1.0, 10.0, f64::INFINITY].map(|bound| accepted.iter().filter(|value| **value <= bound).count() as u64);
        let seen = rig.seen();
        prop_assert_eq!(&rig.buckets()[1], &expected);
        prop_assert_eq!(seen.seconds.0, accepted.len() as u64);
        prop_assert!((seen.seconds.1 - accepted.iter().sum::<f64>()).abs() <= 1e-9);
        prop_assert_eq!(seen.rejected, (values.len() - accepted.len()) as u64);

        let (one_by_one, mut singly) = one_engine();
        values.iter().for_each(|value| singly.observe(one_by_one.handles.seconds, *value));
        prop_assert_eq!(one_by_one.buckets(), rig.buckets());

        let integers: Vec<u64> = accepted.iter().map(|value| *value as u64).collect();
        recorder.observe_all(rig.handles.tokens, &integers);
        integers.iter().for_each(|value| singly.observe_n(one_by_one.handles.tokens, *value, 1));
        prop_assert_eq!(one_by_one.buckets(), rig.buckets());
        prop_assert_eq!(rig.seen().tokens, (integers.len() as u64, integers.iter().sum()));
    }
}
