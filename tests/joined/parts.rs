//! Parts of engines: what they show, and when they leave.

use std::time::Duration;

use tachometer::{Counter, Engine, Registry, Schema, Snapshot};

use crate::{declared, one_step::OneStep as _, registry, schema, shown::snapshot};

struct Rig {
    registry: Registry,
    engine: Engine,
    count: Counter<u64>,
    loads: Schema,
    load: Counter<u64>,
}

impl Rig {
    fn new() -> Self {
        let (registry, count) = registry();
        let engine = registry.attach(&["0"]).unwrap();
        let (loads, load) = schema(&["engine"], "loads");
        Self { registry, engine, count, loads, load }
    }
}

#[test]
fn a_part_has_steps_of_its_own() {
    let Rig { registry, engine, count, loads, load } = Rig::new();
    let member = registry.join(loads.clone()).unwrap();
    let part = member.attach_to(&engine).unwrap();
    let (mut recorder, mut parts) = (engine.recorder().unwrap(), part.recorder().unwrap());
    recorder.inc(count);
    let mut step = parts.step();
    step.add(load, 5);
    assert_eq!(declared(&registry), ["count_total{engine=\"0\"} 1", "loads_total{engine=\"0\"} 0"]);
    recorder.inc(count); // while the part's step is open
    step.commit();
    assert_eq!(declared(&registry), ["count_total{engine=\"0\"} 2", "loads_total{engine=\"0\"} 5"]);
    let snapshot = snapshot(&registry);
    let steps = [&snapshot, snapshot.joined(&loads).unwrap()].map(|of| of.engine(&["0"]).unwrap().step());
    assert_eq!(steps, [2, 1]);
}

#[test]
fn a_part_leaves_by_itself_or_with_its_engine() {
    let Rig { registry, engine, loads, load, .. } = Rig::new();
    let member = registry.join(loads).unwrap();
    let part = member.attach_to(&engine).unwrap();
    let mut recorder = part.recorder().unwrap();
    recorder.inc(load);
    drop(part);
    assert_eq!(declared(&registry), ["count_total{engine=\"0\"} 0"], "by itself");
    recorder.inc(load);
    let part = member.attach_to(&engine).unwrap();
    part.shared_recorder().add(load, 2);
    assert_eq!(declared(&registry)[1], "loads_total{engine=\"0\"} 2", "it began anew");
    drop(engine);
    assert_eq!(declared(&registry), [""; 0], "with its engine");
    part.shared_recorder().add(load, 2);
    part.recorder().unwrap().inc(load);
    assert_eq!(declared(&registry), [""; 0], "nothing shows");
    let _engine = registry.attach(&["0"]).unwrap();
    assert_eq!(declared(&registry), ["count_total{engine=\"0\"} 0"], "the labels are free");
    drop(part);
}

#[test]
fn a_part_leaves_with_the_last_handle_of_its_engine_or_of_its_own() {
    let Rig { registry, engine, loads, .. } = Rig::new();
    let member = registry.join(loads).unwrap();
    let part = member.attach_to(&engine).unwrap();
    let (others, parts) = (engine.clone(), part.clone());
    drop((engine, part));
    assert_eq!(declared(&registry).len(), 2);
    drop(parts);
    assert_eq!(declared(&registry).len(), 1);
    let _part = member.attach_to(&others).unwrap();
    assert_eq!(declared(&registry).len(), 2);
    drop(others);
    assert_eq!(declared(&registry), [""; 0]);
}

#[test]
fn a_part_lingers_with_its_engine_and_is_replaced_with_it() {
    let Rig { registry, engine, count, loads, load } = Rig::new();
    let member = registry.join(loads.clone()).unwrap();
    let part = member.attach_to(&engine).unwrap();
    engine.shared_recorder().add(count, 1);
    part.shared_recorder().add(load, 2);
    drop(engine.linger(Duration::from_secs(100_000)));
    let lines = ["count_total{engine=\"0\"} 1", "loads_total{engine=\"0\"} 2"];
    assert_eq!(declared(&registry), lines);
    let seen = snapshot(&registry);
    assert!(seen.joined(&loads).unwrap().engine(&["0"]).unwrap().lingers());
    drop(part);
    assert_eq!(declared(&registry), lines, "it lingers already");
    let engine = registry.attach(&["0"]).unwrap();
    assert_eq!(declared(&registry), ["count_total{engine=\"0\"} 0"]);
    let _part = member.attach_to(&engine).unwrap();
    let seen = snapshot(&registry);
    let replaced = |of: &Snapshot, count| of.replaced().map(|engine| engine.counter(count)).collect::<Vec<_>>();
    assert_eq!((replaced(&seen, count), replaced(seen.joined(&loads).unwrap(), load)), (vec![1], vec![2]));
}

#[test]
fn a_part_that_lingers_by_itself_ends_at_the_latest_with_its_engine() {
    let Rig { registry, engine, loads, load, .. } = Rig::new();
    let member = registry.join(loads).unwrap();
    let linger = || {
        let part = member.attach_to(&engine).unwrap().linger(Duration::from_secs(100_000));
        part.shared_recorder().add(load, 2);
    };
    linger();
    assert_eq!(declared(&registry)[1], "loads_total{engine=\"0\"} 2");
    drop(member.attach_to(&engine).unwrap());
    assert_eq!(declared(&registry).len(), 1, "another part ended it");
    linger();
    drop(engine);
    assert_eq!(declared(&registry), [""; 0]);
}

#[test]
fn a_part_shows_nothing_of_the_one_before_it() {
    let (registry, _) = registry();
    let engine = registry.attach(&["0"]).unwrap();
    let mut builder = Schema::builder(&["engine"]);
    let info = builder.info("adapters_info", "", ["name"]).declare().unwrap();
    let schema = builder.build().unwrap();
    let member = registry.join(schema.clone()).unwrap();
    let mut snapshot = Snapshot::new();
    let mut seen = || {
        registry.snapshot(&mut snapshot);
        let part = snapshot.joined(&schema).unwrap().engine(&["0"]).unwrap();
        part.info(info).map(|info| info.values()[0].to_owned())
    };
    let part = member.attach_to(&engine).unwrap();
    part.recorder().unwrap().record(|step| step.set_info(info, ["before"], 1.0));
    assert_eq!(seen().as_deref(), Some("before"));
    drop(part);
    let part = member.attach_to(&engine).unwrap();
    assert_eq!(seen(), None);
    part.recorder().unwrap().record(|step| step.set_info(info, ["after"], 1.0));
    assert_eq!(seen().as_deref(), Some("after"));
}

/// As engines of the first schema: a program needs no map of its workers, or of parts.
#[test]
fn a_part_or_an_engine_of_a_joined_schema_is_found_by_its_labels() {
    let Rig { registry, engine, loads, load, .. } = Rig::new();
    let member = registry.join(loads).unwrap();
    let part = member.attach_to(&engine).unwrap();
    let [found, new] = ["0", "1"].map(|name| member.get_or_attach(&[name]).unwrap());
    let again = member.get_or_attach(&["1"]).unwrap();
    [&part, &found, &new, &again].iter().for_each(|engine| engine.shared_recorder().inc(load));
    let lines = |numbers: [u64; 2]| [0, 1].map(|name| format!("loads_total{{engine=\"{name}\"}} {}", numbers[name]));
    assert_eq!(declared(&registry)[1..], lines([2, 2]));
    drop((part, new));
    assert_eq!(declared(&registry)[1..], lines([2, 2]), "a handle of each is left");
    drop((found, again));
    assert_eq!(declared(&registry).len(), 1);
    assert_eq!(member.get_or_attach(&[]).unwrap_err().to_string(), member.attach(&[]).unwrap_err().to_string());
    let refused = member.get_or_attach(&["0"]).unwrap_err();
    assert!(matches!(refused, tachometer::AttachError::AttachedToAnotherSchema { .. }), "{refused}");
}
