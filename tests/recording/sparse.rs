//! Sparse families: a series is shown once something was recorded into it.

use crate::{one_engine::OneEngine, one_step::OneStep as _};

use proptest::prelude::*;
use tachometer::{
    Counter, DynamicFamily, Exactly, Gauge, Histogram, SchemaBuilder, SettableGauge, State, StateSet, Step, View,
};

/// One handle of each kind, sparse, with two label values each where that makes a difference.
#[derive(Clone, Copy)]
struct Handles {
    count: [Counter<u64>; 2],
    amount: [Counter<f64>; 2],
    level: [Gauge<i64>; 2],
    ratio: [SettableGauge<f64>; 2],
    open: SettableGauge<u64>,
    share: State<f64>,
    mode: StateSet,
    seconds: [Histogram<f64>; 2],
    by_tenant: DynamicFamily<Counter<u64>, Exactly<1>>,
    level_by_tenant: DynamicFamily<Gauge<f64>, Exactly<1>>,
    seconds_by_tenant: DynamicFamily<Histogram<f64>, Exactly<1>>,
    /// Not sparse.
    plain: Counter<u64>,
}

fn declare(schema: &mut SchemaBuilder) -> Handles {
    const AB: [&str; 2] = ["a", "b"];
    Handles {
        count: schema.counter("count", "").sparse().label("l", AB).declare().unwrap(),
        amount: schema.counter("amount", "").sparse().label("l", AB).declare().unwrap(),
        level: schema.gauge("level", "").label("l", AB).sparse().declare().unwrap(),
        ratio: schema.gauge("ratio", "").settable().sparse().label("l", AB).declare().unwrap(),
        open: schema.gauge("open", "").sparse().settable().declare().unwrap(),
        share: schema.gauge("share", "").state().sparse().declare().unwrap(),
        mode: schema.state_set("mode", "", "mode", &["on", "off"]).sparse().declare().unwrap(),
        seconds: schema.histogram("seconds", "", &[1.0]).sparse().label("l", AB).declare().unwrap(),
        by_tenant: schema.counter("by_tenant", "").sparse().dynamic_labels(["t"], 1).declare().unwrap(),
        level_by_tenant: schema.gauge("level_by_tenant", "").sparse().dynamic_labels(["t"], 1).declare().unwrap(),
        seconds_by_tenant: schema
            .histogram("seconds_by_tenant", "", &[1.0])
            .sparse()
            .dynamic_labels(["t"], 1)
            .declare()
            .unwrap(),
        plain: schema.counter("plain", "").declare().unwrap(),
    }
}

/// The samples of the page, except for the crate's own, and of histograms the counts only.
fn shown(rig: &OneEngine<Handles>) -> Vec<String> {
    let page = rig.page();
    crate::common::parse(&page);
    let left_out = ["#", "tachometer_", "plain_total{engine=\"0\"} 0"];
    let lines = page.lines().filter(|line| !left_out.iter().any(|begin| line.starts_with(begin)));
    let lines = lines.filter(|line| !line.contains("_bucket{") && !line.contains("_sum{"));
    lines.map(|line| line.replace("engine=\"0\",", "").replace("{engine=\"0\"}", "")).collect()
}

#[test]
fn nothing_is_shown_before_something_was_recorded_except_for_families_that_are_not_sparse() {
    let rig = OneEngine::new(declare);
    assert!(rig.page().contains("plain_total{engine=\"0\"} 0\n"));
    let (mut recorder, shared) = (rig.recorder(), rig.engine.shared_recorder());
    recorder.step().commit();
    shared.add(rig.handles.amount[0], f64::NAN);
    shared.add_gauge(rig.handles.ratio[0], f64::NAN);
    recorder.record(|step| {
        step.add(rig.handles.amount[0], -1.0);
        step.raise_to(rig.handles.amount[0], f64::NAN);
        step.observe(rig.handles.seconds[0], f64::NAN);
    });
    let _ = ["x", "no room"].map(|tenant| shared.with_label_values(rig.handles.by_tenant, [tenant]));
    assert_eq!(shown(&rig), Vec::<String>::new(), "nor by what was rejected, or only looked up");
    let page = rig.page();
    assert!(!page.contains("# TYPE count"), "{page}");
}

#[test]
fn a_zero_is_something() {
    let rig = OneEngine::new(declare);
    let (handles, mut recorder) = (rig.handles, rig.recorder());
    recorder.record(|step| {
        step.add(handles.count[1], 0);
        step.raise_to(handles.amount[1], 0.0);
        step.set(handles.level[1], 0);
        step.set_state(handles.share, 0.0);
        step.select_state(handles.mode, None);
        step.observe(handles.seconds[1], 0.0);
    });
    let zeros = [
        "count_total{l=\"b\"} 0",
        "amount_total{l=\"b\"} 0.0",
        "level{l=\"b\"} 0",
        "share 0.0",
        "mode{mode=\"on\"} 0",
        "mode{mode=\"off\"} 0",
        "seconds_count{l=\"b\"} 1",
    ];
    assert_eq!(shown(&rig), zeros);
    drop(recorder);
    assert_eq!(shown(&rig), zeros, "they stay");
}

#[test]
fn a_zero_from_any_thread_is_something() {
    let rig = OneEngine::new(declare);
    let (handles, shared) = (rig.handles, rig.engine.shared_recorder());
    shared.add(handles.count[0], 0);
    shared.add(handles.amount[0], 0.0);
    shared.set_gauge(handles.ratio[0], 0.0);
    shared.add_gauge(handles.ratio[1], 0.0);
    drop(shared.in_flight(handles.open));
    shared.observe(handles.seconds[0], 0.0);
    shared.with_label_values(handles.by_tenant, ["x"]).add(0);
    shared.with_label_values(handles.level_by_tenant, ["x"]).set(0.0);
    shared.with_label_values(handles.seconds_by_tenant, ["x"]).observe(0.0);
    let zeros = [
        "count_total{l=\"a\"} 0",
        "amount_total{l=\"a\"} 0.0",
        "ratio{l=\"a\"} 0.0",
        "ratio{l=\"b\"} 0.0",
        "open 0",
        "seconds_count{l=\"a\"} 1",
        "by_tenant_total{t=\"x\"} 0",
        "level_by_tenant{t=\"x\"} 0.0",
        "seconds_by_tenant_count{t=\"x\"} 1",
    ];
    assert_eq!(shown(&rig), zeros);
}

#[test]
fn a_discarded_step_shows_nothing() {
    let rig = OneEngine::new(declare);
    let (handles, mut recorder) = (rig.handles, rig.recorder());
    for leak in [false, true] {
        let mut step = recorder.step();
        step.inc(handles.count[0]);
        step.set(handles.level[0], 3);
        step.add(handles.count[1], 0);
        step.set_state(handles.share, 0.5);
        step.select_state(handles.mode, Some(1));
        step.observe(handles.seconds[0], 0.5);
        match leak {
            true => std::mem::forget(step),
            false => drop(step),
        }
        assert_eq!(shown(&rig), Vec::<String>::new());
    }
    recorder.record(|step| step.inc(handles.count[1]));
    assert_eq!(rig.samples("count_total"), ["l=\"b\"} 1"]);
}

#[test]
fn the_overflow_series_is_shown_once_it_overflowed() {
    let rig = OneEngine::new(declare);
    let (handles, shared) = (rig.handles, rig.engine.shared_recorder());
    shared.with_label_values(handles.by_tenant, ["x"]).inc();
    assert_eq!(rig.samples("by_tenant_total"), ["t=\"x\"} 1"]);
    shared.with_label_values(handles.by_tenant, ["y"]).add(2);
    assert_eq!(rig.samples("by_tenant_total"), ["t=\"other\"} 2", "t=\"x\"} 1"]);
    shared.remove(handles.by_tenant, ["x"]);
    let _again = shared.with_label_values(handles.by_tenant, ["x"]);
    assert_eq!(rig.samples("by_tenant_total"), ["t=\"other\"} 2"], "it began anew");
}

#[test]
fn values_add_up_and_are_read_as_those_of_other_families() {
    let rig = OneEngine::new(declare);
    let (handles, shared) = (rig.handles, rig.engine.shared_recorder());
    let mut recorders = [rig.recorder(), rig.recorder()];
    for recorder in &mut recorders {
        recorder.record(|step| {
            step.add(handles.count[0], 2);
            step.raise_to(handles.amount[0], 0.5);
            step.set(handles.level[0], 5);
            assert_eq!(step.gauge(handles.level[0]), 5);
        });
    }
    shared.add(handles.count[0], 3);
    shared.set_gauge(handles.ratio[1], 0.25);
    let choice = (handles.count, handles.amount, handles.level, handles.ratio, handles.plain);
    assert_eq!(rig.engine.read(choice, |all| all), ([7, 0], [1.0, 0.0], [10, 0], [0.0, 0.25], 0));
    rig.read(|engine| {
        assert_eq!((engine.counter(handles.count[0]), engine.counter(handles.count[1])), (7, 0));
        assert_eq!((engine.gauge(handles.level[0]), engine.settable(handles.ratio[1])), (10, 0.25));
    });
    drop(recorders);
    assert_eq!(rig.samples("level"), ["l=\"a\"} 0"], "given up, and still shown");
    let mut view = View::new(handles.count);
    rig.registry.view(&mut view);
    assert_eq!(view.engines().next().unwrap().get(), [7, 0]);
}

#[test]
fn a_sparse_handle_of_another_schema_is_refused() {
    let [rig, other] = [(); 2].map(|()| OneEngine::new(declare));
    let foreign = other.handles;
    let refused = |f: &dyn Fn()| {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
        assert_eq!(result.is_err(), cfg!(debug_assertions));
    };
    let shared = rig.engine.shared_recorder();
    refused(&|| shared.inc(foreign.count[0]));
    refused(&|| shared.set_gauge(foreign.ratio[0], 1.0));
    refused(&|| rig.recorder().step().inc(foreign.count[0]));
    assert_eq!(shown(&rig), Vec::<String>::new());
}

/// Something that is recorded: one of nine series, and the value.
type Call = (usize, u8);

#[derive(Clone, Debug)]
enum Op {
    /// By one of two recorders; published or discarded.
    Step(usize, Vec<Call>, bool),
    Share(Call),
    ReplaceRecorders,
}

fn op() -> impl Strategy<Value = Op> {
    let call = || (0..9_usize, 0..3_u8);
    let step = (0..2_usize, prop::collection::vec(call(), 0..4), any::<bool>());
    prop_oneof![
        4 => step.prop_map(|(recorder, calls, commit)| Op::Step(recorder, calls, commit)),
        2 => call().prop_map(Op::Share),
        1 => Just(Op::ReplaceRecorders),
    ]
}

/// What each of the nine series begins with on a page.
const SERIES: [&str; 9] = [
    "count_total{engine=\"0\",l=\"a\"}",
    "count_total{engine=\"0\",l=\"b\"}",
    "amount_total{engine=\"0\",l=\"a\"}",
    "seconds_count{engine=\"0\",l=\"a\"}",
    "seconds_count{engine=\"0\",l=\"b\"}",
    "level{engine=\"0\",l=\"a\"}",
    "level{engine=\"0\",l=\"b\"}",
    "share{engine=\"0\"}",
    "mode{engine=\"0\",mode=\"off\"}",
];

fn record(handles: Handles, step: &mut Step<'_>, (series, value): Call) {
    match series {
        0 | 1 => step.add(handles.count[series], value.into()),
        2 => step.add(handles.amount[0], value.into()),
        3 | 4 => step.observe(handles.seconds[series - 3], value.into()),
        5 | 6 => step.set(handles.level[series - 5], value.into()),
        7 => step.set_state(handles.share, value.into()),
        _ => step.select_state(handles.mode, Some(usize::from(value % 2))),
    }
}

proptest! {
    #[test]
    fn a_series_is_shown_if_and_only_if_something_was_recorded(ops in prop::collection::vec(op(), 0..40)) {
        let rig = OneEngine::new(declare);
        let (handles, shared) = (rig.handles, rig.engine.shared_recorder());
        let mut recorders = [rig.recorder(), rig.recorder()];
        let mut recorded = [false; 9];
        for op in ops {
            match op {
                Op::Step(recorder, ref calls, commit) => {
                    let mut step = recorders[recorder].step();
                    calls.iter().for_each(|call| record(handles, &mut step, *call));
                    if commit {
                        step.commit();
                        calls.iter().for_each(|(series, _)| recorded[*series] = true);
                    }
                }
                Op::Share((series @ 0..2, value)) => shared.add(handles.count[series], value.into()),
                Op::Share((2, value)) => shared.add(handles.amount[0], value.into()),
                Op::Share((series @ 3..5, value)) => shared.observe(handles.seconds[series - 3], value.into()),
                Op::Share(_) => {}
                Op::ReplaceRecorders => {
                    drop(recorders);
                    recorders = [rig.recorder(), rig.recorder()];
                }
            }
            if let Op::Share((series @ 0..5, _)) = op {
                recorded[series] = true;
            }
            let page = rig.page();
            prop_assert_eq!(SERIES.map(|series| page.contains(series)), recorded, "{}", page);
        }
    }
}
