//! Infos that are cleared, that belong to the registry, and that any thread sets.

use crate::{one_engine::OneEngine, one_step::OneStep as _, shown};
use tachometer::{Exactly, Info, Registry, Schema, SchemaError, Snapshot};

fn rig() -> OneEngine<Info<Exactly<1>>> {
    OneEngine::new(|schema| schema.info("adapters_info", "Adapters.", ["running"]).declare().unwrap())
}

/// The sample of a reused snapshot, and the lines of a page: both show the same.
fn seen(rig: &OneEngine<Info<Exactly<1>>>, snapshot: &mut Snapshot) -> Option<(String, f64)> {
    rig.registry.snapshot(snapshot);
    let info = snapshot.engines().next().unwrap().info(rig.handles);
    let seen = info.map(|info| (info.values()[0].to_owned(), info.value()));
    let lines = seen.iter().map(|(values, value)| format!("running=\"{values}\"}} {value:?}"));
    assert_eq!(rig.samples("adapters_info"), lines.collect::<Vec<_>>());
    seen
}

#[test]
fn an_info_is_cleared_and_set_again() {
    let (rig, mut snapshot) = (rig(), Snapshot::new());
    let mut recorder = rig.recorder();
    recorder.record(|step| step.clear_info(rig.handles));
    assert_eq!(seen(&rig, &mut snapshot), None, "there was none");
    for value in [1.0, 2.0] {
        recorder.record(|step| step.set_info(rig.handles, ["sql"], value));
        assert_eq!(seen(&rig, &mut snapshot), Some(("sql".to_owned(), value)), "the same label values again");
        for _ in 0..2 {
            recorder.record(|step| step.clear_info(rig.handles));
            assert_eq!(seen(&rig, &mut snapshot), None);
        }
        assert!(!rig.page().contains("adapters_info"), "no HELP and no TYPE");
    }
}

#[test]
fn an_info_without_labels_is_cleared_too() {
    let rig = OneEngine::new(|schema| schema.info("limit_info", "", []).declare().unwrap());
    let shared = rig.engine.shared_recorder();
    shared.set_info(rig.handles, [], 4.0);
    assert_eq!(rig.samples("limit_info"), ["4.0"]);
    shared.clear_info(rig.handles);
    assert!(rig.samples("limit_info").is_empty());
    shared.set_info(rig.handles, [], 5.0);
    assert_eq!(rig.samples("limit_info"), ["5.0"]);
}

#[test]
fn what_any_thread_sets_or_clears_last_shows() {
    let (rig, mut snapshot) = (rig(), Snapshot::new());
    let (mut recorder, shared) = (rig.recorder(), rig.engine.shared_recorder());
    recorder.record(|step| step.set_info(rig.handles, ["sql"], 1.0));
    std::thread::scope(|scope| scope.spawn(|| shared.set_info(rig.handles, ["chat"], 2.0)).join().unwrap());
    assert_eq!(seen(&rig, &mut snapshot), Some(("chat".to_owned(), 2.0)));
    recorder.record(|step| step.set_info(rig.handles, ["sql"], 3.0));
    assert_eq!(seen(&rig, &mut snapshot), Some(("sql".to_owned(), 3.0)), "the labels that this recorder set before");
    shared.clear_info(rig.handles);
    assert_eq!(seen(&rig, &mut snapshot), None);
    recorder.record(|step| step.set_info(rig.handles, ["sql"], 4.0));
    assert_eq!(seen(&rig, &mut snapshot), Some(("sql".to_owned(), 4.0)));
    recorder.record(|step| step.clear_info(rig.handles));
    shared.set_info(rig.handles, ["sql"], 5.0);
    recorder.record(|step| step.clear_info(rig.handles));
    assert_eq!(seen(&rig, &mut snapshot), None, "cleared again, after another thread set it");
    shared.set_info(rig.handles, ["sql"], f64::NAN);
    assert_eq!((seen(&rig, &mut snapshot), rig.self_metric("rejected_observations")), (None, 1));
}

/// The last adapter of a server goes: its exporter has no engine.
#[test]
fn an_info_of_the_registry_has_one_sample() {
    let mut schema = Schema::builder(&["engine"]);
    let adapters = schema.info("lora_requests_info", "", ["running"]).registry_wide().declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let _engines = ["0", "1"].map(|engine| registry.attach(&[engine]).unwrap());
    let lines = || shown::lines(&registry, "lora_requests_info");
    registry.shared_recorder().set_info(adapters, ["sql"], 1.0);
    assert_eq!(lines(), ["lora_requests_info{running=\"sql\"} 1.0"]);
    let snapshot = shown::snapshot(&registry);
    assert_eq!(snapshot.registry().unwrap().info(adapters).unwrap().values(), ["sql"]);
    let mut recorder = registry.recorder().unwrap();
    recorder.record(|step| step.set_info(adapters, ["sql,chat"], 2.0));
    assert_eq!(lines(), ["lora_requests_info{running=\"sql,chat\"} 2.0"]);
    recorder.record(|step| step.clear_info(adapters));
    assert!(lines().is_empty());
}

#[test]
fn an_info_of_the_registry_has_no_engine_labels() {
    let mut schema = Schema::builder(&["engine"]);
    let refused = schema.info("build_info", "", ["version"]).engine_labels(&["engine"]).registry_wide().declare();
    let expected = SchemaError::UnknownEngineLabel { family: "build_info".into(), label: "engine".into() };
    assert_eq!(refused.unwrap_err(), expected);
    let none = schema.info("build_info", "", ["engine"]).engine_labels(&[]).registry_wide().declare();
    assert!(none.is_ok(), "and its own may be called as an engine label");
}
