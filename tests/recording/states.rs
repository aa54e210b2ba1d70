//! States of the engine: what one of its recorders set last, never a sum.

use crate::{one_engine::OneEngine, one_step::OneStep as _, shown::snapshot};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use tachometer::{Counter, Gauge, Registry, Schema, Snapshot, State, StateSet, View};

const STATES: [&str; 3] = ["awake", "asleep", "gone"];

#[derive(Clone, Copy)]
struct Handles {
    usage: State<f64>,
    limits: [State<i64>; 2],
    sleep: StateSet,
    lamps: [StateSet; 2],
    level: Gauge<i64>,
    count: Counter<u64>,
}

fn one_engine() -> OneEngine<Handles> {
    OneEngine::new(|schema| Handles {
        count: schema.counter("count", "").declare().unwrap(),
        usage: schema.gauge("usage", "").state().declare().unwrap(),
        limits: schema.gauge("limit", "").label("of", ["slots", "blocks"]).state().declare().unwrap(),
        sleep: schema.state_set("sleep", "", "state", &STATES).declare().unwrap(),
        lamps: schema.state_set("lamp", "", "lit", &["off", "on"]).label("at", ["door", "gate"]).declare().unwrap(),
        level: schema.gauge("level", "").declare().unwrap(),
    })
}

impl OneEngine<Handles> {
    fn sleep(&self) -> Vec<String> {
        self.samples("sleep").iter().map(|line| line.split(' ').next_back().unwrap().to_owned()).collect()
    }
}

#[test]
fn a_state_set_shows_exactly_one_state_whatever_recorders_do() {
    let rig = one_engine();
    let sleep = rig.handles.sleep;
    assert_eq!(rig.sleep(), ["1", "0", "0"], "the first one, before anything was recorded");
    let [mut one, mut other] = [rig.recorder(), rig.recorder()];
    one.record(|step| step.select_state(sleep, Some(0)));
    other.record(|step| step.select_state(sleep, Some(0)));
    assert_eq!(rig.sleep(), ["1", "0", "0"], "both say so");
    one.record(|step| step.select_state(sleep, Some(1)));
    assert_eq!(rig.sleep(), ["0", "1", "0"], "the later one");
    other.record(|step| step.select_state(sleep, Some(2)));
    assert_eq!(rig.sleep(), ["0", "0", "1"]);
    one.inc(rig.handles.count);
    assert_eq!(rig.sleep(), ["0", "0", "1"], "a step that doesn't set it changes nothing");
    drop(other);
    drop(one);
    assert_eq!(rig.sleep(), ["0", "0", "1"], "it is the engine's, not a recorder's");
    rig.recorder().record(|step| step.select_state(sleep, Some(1)));
    assert_eq!(rig.sleep(), ["0", "1", "0"]);
    rig.recorder().record(|step| step.select_state(sleep, None));
    assert_eq!(rig.sleep(), ["0", "0", "0"], "if the caller says so");
}

#[test]
fn a_state_set_is_printed_with_its_label_before_others() {
    let rig = one_engine();
    rig.recorder().record(|step| step.select_state(rig.handles.lamps[1], Some(1)));
    let expected = [
        r#"lit="off",at="door"} 1"#,
        r#"lit="off",at="gate"} 0"#,
        r#"lit="on",at="door"} 0"#,
        r#"lit="on",at="gate"} 1"#,
    ];
    assert_eq!(rig.samples("lamp"), expected);
}

#[test]
fn a_ratio_is_never_a_sum_of_ratios() {
    let rig = one_engine();
    let Handles { usage, level, limits, .. } = rig.handles;
    let mut recorders = [rig.recorder(), rig.recorder()];
    for (recorder, share) in [(0, 0.75), (1, 0.5), (0, 0.25), (0, 1.0)] {
        recorders[recorder].record(|step| {
            step.set_state(usage, share);
            step.set(level, 2);
        });
        assert_eq!(rig.samples("usage"), [format!("{share:?}")]);
    }
    assert_eq!(rig.samples("level"), ["4"], "a gauge is a sum");
    recorders[1].record(|step| step.set_state(limits[1], -7));
    assert_eq!(rig.samples("limit"), [r#"of="slots"} 0"#, r#"of="blocks"} -7"#], "each series is a state of its own");
    rig.engine.shared_recorder().inc(rig.handles.count); // shards are added
    drop(recorders);
    assert_eq!((rig.samples("usage"), rig.samples("level")), (vec!["1.0".into()], vec!["0".into()]));
}

#[test]
fn a_discarded_step_leaves_no_trace_in_a_state() {
    let rig = one_engine();
    let Handles { usage, sleep, .. } = rig.handles;
    let [mut one, mut other] = [rig.recorder(), rig.recorder()];
    one.record(|step| step.set_state(usage, 0.5));
    other.record(|step| step.set_state(usage, 0.25));
    for round in 0..4 {
        let mut step = one.step();
        step.set_state(usage, 9.0);
        step.select_state(sleep, Some(2));
        match round % 2 {
            0 => drop(step),
            _ => std::mem::forget(step),
        }
        assert_eq!(
            (rig.samples("usage"), rig.sleep()),
            (vec!["0.25".into()], vec!["1".into(), "0".into(), "0".into()])
        );
    }
    one.inc(rig.handles.count);
    assert_eq!(rig.samples("usage"), ["0.25"], "not with the next step either");
    other.record(|step| step.set_state(usage, 0.125));
    assert_eq!(rig.samples("usage"), ["0.125"]);
}

#[test]
fn a_view_has_the_same_states_as_a_snapshot() {
    let rig = one_engine();
    let Handles { usage, sleep, lamps, limits, count, .. } = rig.handles;
    let mut recorders = [rig.recorder(), rig.recorder(), rig.recorder()];
    let mut view = View::new((sleep, count, limits, usage, lamps[1]));
    let mut snapshot = Snapshot::new();
    for round in 0..100_usize {
        if round == 50 {
            rig.engine.shared_recorder().inc(count);
        }
        recorders[round * 7 % 3].record(|step| {
            step.inc(count);
            step.set_state(limits[round % 2], round as i64);
            step.select_state(sleep, Some(round % 3));
            step.select_state(lamps[round % 2], Some(round / 2 % 2));
            step.set_state(usage, round as f64);
        });
        rig.registry.view(&mut view);
        rig.registry.snapshot(&mut snapshot);
        let engine = snapshot.engine(&["0"]).unwrap();
        let all = (
            engine.selected_state(sleep),
            engine.counter(count),
            limits.map(|limit| engine.state(limit)),
            engine.state(usage),
            engine.selected_state(lamps[1]),
        );
        assert_eq!(view.engine(&["0"]).unwrap().get(), all, "round {round}");
        assert_eq!((all.0, all.3), (Some(round % 3), round as f64), "round {round}");
        assert_eq!(all.2[round % 2], round as i64, "round {round}");
    }
}

#[test]
fn a_state_that_is_not_there_is_rejected() {
    let rig = one_engine();
    let mut recorder = rig.recorder();
    recorder.record(|step| step.select_state(rig.handles.sleep, Some(1)));
    for index in [3, 4, usize::MAX] {
        recorder.record(|step| step.select_state(rig.handles.sleep, Some(index)));
    }
    assert_eq!(rig.sleep(), ["0", "1", "0"]);
    assert_eq!(rig.self_metric("rejected_observations"), 3);
}

#[test]
fn the_registry_has_states_too() {
    let mut schema = Schema::builder(&["engine"]);
    let role = schema.state_set("role", "", "role", &["leader", "follower"]).registry_wide().declare().unwrap();
    let share = schema.gauge::<f64>("share", "").registry_wide().state().declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let [mut one, mut other] = [(); 2].map(|()| registry.recorder().unwrap());
    one.record(|step| step.set_state(share, 0.5));
    other.record(|step| {
        step.set_state(share, 0.75);
        step.select_state(role, Some(1));
    });
    drop([one, other]);
    let snapshot = snapshot(&registry);
    let own = snapshot.registry().unwrap();
    assert_eq!((own.state(share), own.selected_state(role)), (0.75, Some(1)));
}

#[test]
fn a_foreign_state_panics_under_debug_assertions() {
    let (rig, other) = (one_engine(), one_engine().handles);
    let mut recorder = rig.recorder();
    let mut record = |f: fn(&mut tachometer::Step<'_>, Handles)| {
        let panics = catch_unwind(AssertUnwindSafe(|| recorder.record(|step| f(step, other)))).is_err();
        assert_eq!(panics, cfg!(debug_assertions));
    };
    record(|step, other| step.set_state(other.usage, 1.0));
    record(|step, other| step.select_state(other.sleep, Some(1)));
    assert_eq!((rig.samples("usage"), rig.sleep()), (vec!["0.0".into()], vec!["1".into(), "0".into(), "0".into()]));
}

/// A state is handed from recorder to recorder, each in a thread of its own, while others read:
/// what they see only goes forward.
#[test]
fn a_state_never_goes_back() {
    let rig = one_engine();
    let Handles { usage, limits, .. } = rig.handles;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let (mut snapshot, mut seen) = (Snapshot::new(), 0.0);
                while !done.load(Ordering::Relaxed) {
                    rig.registry.snapshot(&mut snapshot);
                    let now = snapshot.engine(&["0"]).unwrap().state(usage);
                    assert!(now >= seen, "{now} after {seen}");
                    seen = now;
                }
            });
        }
        let mut recorders = [rig.recorder(), rig.recorder(), rig.recorder()];
        for round in 1..3_000_usize {
            let recorder = &mut recorders[round * 5 % 3];
            let mut set = move || {
                recorder.record(|step| {
                    step.set_state(usage, round as f64);
                    step.set_state(limits[0], round as i64);
                });
            };
            match round % 100 {
                0 => thread::scope(|scope| scope.spawn(set).join().unwrap()),
                _ => set(),
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(rig.samples("usage"), ["2999.0"]);
}
