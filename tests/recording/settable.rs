//! Settable gauges: what any thread sets and changes, outside of steps.

use std::{sync::mpsc, thread};

use crate::one_step::OneStep as _;
use tachometer::{Counter, Engine, GaugeValue, Registry, Schema, SettableGauge, SharedRecorder, Snapshot, View};

#[derive(Clone, Copy)]
struct Handles {
    level: SettableGauge<f64>,
    queues: [SettableGauge<i64>; 2],
    wide: SettableGauge<i64>,
    count: Counter<u64>,
}

struct Rig {
    registry: Registry,
    engine: Engine,
    handles: Handles,
}

impl Rig {
    /// With two shards.
    fn new() -> Self {
        let mut schema = Schema::builder(&["engine"]);
        schema.shards(2);
        let handles = Handles {
            level: schema.gauge("level", "").settable().declare().unwrap(),
            queues: schema.gauge("queue", "").settable().label("of", ["prefill", "decode"]).declare().unwrap(),
            wide: schema.gauge("wide", "").registry_wide().settable().declare().unwrap(),
            count: schema.counter("count", "").declare().unwrap(),
        };
        let registry = Registry::new(schema.build().unwrap());
        let engine = registry.attach(&["0"]).unwrap();
        Self { registry, engine, handles }
    }

    /// The samples of a family on a page, with their labels.
    fn samples(&self, family: &str) -> Vec<String> {
        let mut page = Vec::new();
        self.registry.render(&mut page);
        let page = String::from_utf8(page).unwrap();
        let lines =
            page.lines().filter_map(|line| line.strip_prefix(family)).filter(|rest| rest.starts_with(['{', ' ']));
        lines.map(str::to_owned).collect()
    }

    fn shown<T: GaugeValue>(&self, gauge: SettableGauge<T>) -> T {
        let mut snapshot = Snapshot::new();
        self.registry.snapshot(&mut snapshot);
        snapshot.engine(&["0"]).unwrap().settable(gauge)
    }
}

#[test]
fn what_was_set_last_shows_at_once_whoever_set_it() {
    let rig = Rig::new();
    let Handles { level, queues: [prefill, decode], wide, count } = rig.handles;
    assert_eq!(rig.samples("level"), [r#"{engine="0"} 0.0"#], "before there is a shared recorder");
    let mut recorder = rig.engine.recorder().unwrap();
    recorder.inc(count);
    let [one, other] = [rig.engine.shared_recorder(), rig.engine.shared_recorder()];
    one.set_gauge(level, 2.5);
    thread::scope(|scope| scope.spawn(|| other.set_gauge(level, 0.5)).join().unwrap());
    assert_eq!(rig.samples("level"), [r#"{engine="0"} 0.5"#]);
    one.sub_gauge(level, 0.75);
    assert_eq!(rig.shown(level), -0.25);
    one.add_gauge(prefill, 7);
    other.dec_gauge(prefill);
    other.inc_gauge(decode);
    rig.registry.shared_recorder().set_gauge(wide, -3);
    drop((recorder, one, other));
    let queues = [r#"{engine="0",of="prefill"} 6"#, r#"{engine="0",of="decode"} 1"#];
    assert_eq!(rig.samples("queue"), queues, "they stay without recorders");
    assert_eq!(rig.samples("wide"), [" -3"]);
    let mut view = View::new((decode, count, level, [prefill, decode]));
    rig.registry.view(&mut view);
    assert_eq!(view.engine(&["0"]).unwrap().get(), (1, 1, -0.25, [6, 1]));
    let mut wide_view = View::new(wide);
    rig.registry.view(&mut wide_view);
    assert_eq!(wide_view.registry().unwrap().get(), -3);
}

#[test]
fn a_sum_that_is_not_finite_is_rejected_and_an_integer_wraps_around() {
    let rig = Rig::new();
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
    assert_eq!(rig.samples("tachometer_rejected_observations_total"), [r#"{engine="0"} 4"#]);
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
    let rig = Rig::new();
    let Handles { level, queues: [queue, _], .. } = rig.handles;
    let shared = rig.engine.shared_recorder();
    one_adds_and_another_takes_away(&shared, level, [1e9, 3e8, 6e8, 1e8]);
    one_adds_and_another_takes_away(&shared, queue, [1_000_000_000, 1, 999_999_998, 1]);
    assert_eq!((rig.shown(level), rig.shown(queue)), (0.0, 0));
}
