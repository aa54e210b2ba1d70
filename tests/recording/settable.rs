//! Settable gauges: what any thread sets and changes, outside of steps.

use std::{sync::mpsc, thread};

use crate::{one_engine::OneEngine, one_step::OneStep as _};
use tachometer::{Counter, GaugeValue, SettableGauge, SharedRecorder, View};

#[derive(Clone, Copy)]
struct Handles {
    level: SettableGauge<f64>,
    queues: [SettableGauge<i64>; 2],
    wide: SettableGauge<i64>,
    count: Counter<u64>,
}

/// With two shards.
fn one_engine() -> OneEngine<Handles> {
    OneEngine::new(|schema| {
        schema.shards(2);
        Handles {
            level: schema.gauge("level", "").settable().declare().unwrap(),
            queues: schema.gauge("queue", "").settable().label("of", ["prefill", "decode"]).declare().unwrap(),
            wide: schema.gauge("wide", "").registry_wide().settable().declare().unwrap(),
            count: schema.counter("count", "").declare().unwrap(),
        }
    })
}

impl OneEngine<Handles> {
    fn shown<T: GaugeValue>(&self, gauge: SettableGauge<T>) -> T {
        self.read(|engine| engine.settable(gauge))
    }
}

#[test]
fn what_was_set_last_shows_at_once_whoever_set_it() {
    let rig = one_engine();
    let Handles { level, queues: [prefill, decode], wide, count } = rig.handles;
    assert_eq!(rig.samples("level"), ["0.0"], "before there is a shared recorder");
    let mut recorder = rig.recorder();
    recorder.inc(count);
    let [one, other] = [rig.engine.shared_recorder(), rig.engine.shared_recorder()];
    one.set_gauge(level, 2.5);
    thread::scope(|scope| scope.spawn(|| other.set_gauge(level, 0.5)).join().unwrap());
    assert_eq!(rig.samples("level"), ["0.5"]);
    one.sub_gauge(level, 0.75);
    assert_eq!(rig.shown(level), -0.25);
    one.add_gauge(prefill, 7);
    other.dec_gauge(prefill);
    other.inc_gauge(decode);
    rig.registry.shared_recorder().set_gauge(wide, -3);
    drop((recorder, one, other));
    let queues = [r#"of="prefill"} 6"#, r#"of="decode"} 1"#];
    assert_eq!(rig.samples("queue"), queues, "they stay without recorders");
    assert_eq!(rig.lines("wide"), ["wide -3"]);
    let mut view = View::new((decode, count, level, [prefill, decode]));
    rig.registry.view(&mut view);
    assert_eq!(view.engine(&["0"]).unwrap().get(), (1, 1, -0.25, [6, 1]));
    let mut wide_view = View::new(wide);
    rig.registry.view(&mut wide_view);
    assert_eq!(wide_view.registry().unwrap().get(), -3);
}

#[test]
fn a_sum_that_is_not_finite_is_rejected_and_an_integer_wraps_around() {
    let rig = one_engine();
    let Handles { level, queues: [queue, _], .. } = rig.handles;
    let shared = rig.engine.shared_recorder();
    shared.set_gauge(level, f64::MAX);
    for n in [f64::MAX, f64::NAN, f64::INFINITY] {
        shared.add_gauge(level, n);
    }
    assert_eq!(rig.shown(level), f64::MAX);
    shared.set_gauge(level, f64::INFINITY);
    shared.sub_gauge(level, 1.0);
    assert_eq!(rig.shown(level), f64::INFINITY, "what was set so");
    assert_eq!(rig.self_metric("rejected_observations"), 4);
    shared.set_gauge(queue, i64::MAX);
    shared.inc_gauge(queue);
    assert_eq!(rig.shown(queue), i64::MIN);
    shared.sub_gauge(queue, i64::MIN);
    assert_eq!(rig.shown(queue), 0);
}

/// One thread adds 10^9 at a time, another one takes it away in parts, and at most nine are in
/// flight. All numbers are whole and small, so the end is exactly 0.
fn one_adds_and_another_takes_away<T: GaugeValue + Send>(
    shared: &SharedRecorder,
    gauge: SettableGauge<T>,
    parts: [T; 4],
) {
    const ROUNDS: usize = 200_000;
    let (added, taken) = mpsc::sync_channel(8);
    let [all, parts @ ..] = parts;
    thread::scope(|scope| {
        scope.spawn(move || {
            for _ in 0..ROUNDS {
                shared.add_gauge(gauge, all);
                added.send(()).unwrap();
            }
        });
        scope.spawn(move || {
            for () in taken {
                parts.into_iter().for_each(|part| shared.sub_gauge(gauge, part));
            }
        });
    });
}

#[test]
fn a_gauge_that_is_changed_for_long_ends_at_exactly_zero() {
    let rig = one_engine();
    let Handles { level, queues: [queue, _], .. } = rig.handles;
    let shared = rig.engine.shared_recorder();
    one_adds_and_another_takes_away(&shared, level, [1e9, 3e8, 6e8, 1e8]);
    one_adds_and_another_takes_away(&shared, queue, [1_000_000_000, 1, 999_999_998, 1]);
    assert_eq!((rig.shown(level), rig.shown(queue)), (0.0, 0));
}
