//! All dynamic series with a label value are removed at once.

use crate::one_engine::OneEngine;
use tachometer::{Counter, DynamicFamily, Exactly};

type Requests = DynamicFamily<Counter<u64>, Exactly<2>>;

fn rig(capacity: usize) -> OneEngine<Requests> {
    OneEngine::new(|schema| {
        let requests = schema.counter("requests", "");
        requests.dynamic_labels(["worker", "model"], capacity).declare().unwrap()
    })
}

fn series(rig: &OneEngine<Requests>) -> Vec<String> {
    rig.read(|engine| {
        engine.counters(rig.handles).map(|([worker, model], n)| format!("{worker} {model} {n}")).collect()
    })
}

#[test]
fn what_has_the_value_in_that_label_goes_and_nothing_else() {
    let rig = rig(8);
    let shared = rig.engine.shared_recorder();
    for (worker, model) in [("1", "a"), ("1", "b"), ("10", "a"), ("2", "1"), ("1", "other"), ("other", "a")] {
        shared.with_label_values(rig.handles, [worker, model]).inc();
    }
    assert_eq!(shared.remove_where(rig.handles, "worker", "1"), 3);
    assert_eq!(series(&rig), ["10 a 1", "2 1 1", "other a 1", "other other 0"]);
    assert_eq!(shared.remove_where(rig.handles, "worker", "1"), 0);
    assert_eq!(shared.remove_where(rig.handles, "model", "a"), 2);
    assert_eq!(series(&rig), ["2 1 1", "other other 0"]);
    let found = shared.with_label_values(rig.handles, ["1", "a"]);
    assert_eq!(found.get(), 0, "it begins anew");
}

#[test]
fn the_overflow_series_stays_whatever_is_removed() {
    let rig = rig(1);
    let shared = rig.engine.shared_recorder();
    shared.with_label_values(rig.handles, ["1", "other"]).inc();
    shared.with_label_values(rig.handles, ["2", "other"]).inc();
    assert_eq!(shared.remove_where(rig.handles, "model", "other"), 1);
    assert_eq!(shared.remove_where(rig.handles, "worker", "other"), 0);
    assert_eq!(series(&rig), ["other other 1"]);
}

#[test]
fn a_thousand_workers_leave_one_by_one() {
    let rig = rig(10_000);
    let shared = rig.engine.shared_recorder();
    let names: Vec<String> = (0..1_000).map(|worker| format!("w{worker:03}")).collect();
    for model in 0..10 {
        names.iter().for_each(|worker| shared.with_label_values(rig.handles, [worker, &model.to_string()]).inc());
    }
    for (left, worker) in names.iter().enumerate() {
        assert_eq!(shared.remove_where(rig.handles, "worker", worker), 10);
        assert_eq!(shared.with_label_values(rig.handles, ["w999", "5"]).get(), u64::from(left < 999));
        shared.remove_where(rig.handles, "model", "none");
    }
    assert_eq!(series(&rig), ["other other 0", "w999 5 0"]);
}

#[test]
#[should_panic(expected = "no dynamic label \"engine\"")]
fn a_label_that_the_family_does_not_have_panics() {
    let rig = rig(1);
    rig.engine.shared_recorder().remove_where(rig.handles, "engine", "0");
}
