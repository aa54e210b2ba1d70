//! The crate's own families, once for all schemas.

use tachometer::{Counter, Engine, Histogram, Joined, Registry, Schema};

use crate::{one_step::OneStep as _, own, registry, schema};

/// A histogram that rejects what isn't a number.
fn seconds(labels: &[&str]) -> (Schema, Histogram<f64>) {
    let mut builder = Schema::builder(labels);
    let seconds = builder.histogram("seconds", "", &[1.0]).declare().unwrap();
    (builder.build().unwrap(), seconds)
}

fn with_part() -> (Registry, Counter<u64>, Engine, Joined, Histogram<f64>) {
    let (registry, count) = registry();
    let engine = registry.attach(&["0"]).unwrap();
    let (schema, seconds) = seconds(&["engine"]);
    let member = registry.join(schema).unwrap();
    (registry, count, engine, member, seconds)
}

/// Rejections, steps, recorders and open steps.
fn all(registry: &Registry) -> [Vec<String>; 4] {
    ["rejected_observations_total", "steps_total", "recorders", "open_steps"].map(|family| own(registry, family))
}

fn of_engine(counts: [u64; 4]) -> [Vec<String>; 4] {
    counts.map(|count| vec![format!("{{engine=\"0\"}} {count}")])
}

#[test]
fn an_engine_counts_for_its_parts_too() {
    let (registry, count, engine, member, seconds) = with_part();
    let part = member.attach_to(&engine).unwrap();
    let (mut recorder, mut parts) = (engine.recorder().unwrap(), part.recorder().unwrap());
    recorder.inc(count);
    parts.observe(seconds, f64::NAN);
    part.shared_recorder().observe(seconds, f64::NAN);
    let step = parts.step();
    assert_eq!(all(&registry), of_engine([2, 2, 2, 1]));
    drop(step);
    assert_eq!(own(&registry, "discarded_steps_total"), ["{engine=\"0\"} 1"]);
}

#[test]
fn what_a_part_counted_stays_with_its_engine_when_it_leaves() {
    let (registry, count, engine, member, seconds) = with_part();
    let mut recorder = engine.recorder().unwrap();
    recorder.inc(count);
    let part = member.attach_to(&engine).unwrap();
    let mut parts = part.recorder().unwrap();
    parts.observe(seconds, f64::NAN);
    part.shared_recorder().observe(seconds, f64::NAN);
    drop(part);
    assert_eq!(all(&registry), of_engine([2, 2, 1, 0]), "a part that left");
    parts.observe(seconds, f64::NAN);
    assert_eq!(all(&registry), of_engine([2, 2, 1, 0]), "what it records now goes nowhere");
    let part = member.attach_to(&engine).unwrap();
    part.recorder().unwrap().observe(seconds, f64::NAN);
    assert_eq!(all(&registry), of_engine([3, 3, 1, 0]));
    drop(member);
    assert_eq!(all(&registry), of_engine([3, 3, 1, 0]), "a schema that left");
    drop(engine);
    assert_eq!(all(&registry), [const { Vec::<String>::new() }; 4]);
}

#[test]
fn engines_with_other_labels_have_lines_in_the_same_families() {
    let (registry, count) = registry();
    let engine = registry.attach(&["0"]).unwrap();
    let (schema, seconds) = seconds(&["worker", "engine"]);
    let member = registry.join(schema).unwrap();
    let worker = member.attach(&["w", "1"]).unwrap();
    engine.recorder().unwrap().inc(count);
    worker.recorder().unwrap().observe(seconds, f64::NAN);
    let lines = |[engine, worker]: [u64; 2]| {
        vec![format!("{{engine=\"0\",worker=\"\"}} {engine}"), format!("{{engine=\"1\",worker=\"w\"}} {worker}")]
    };
    assert_eq!(all(&registry), [[0, 1], [1, 1], [0, 0], [0, 0]].map(lines));
    drop(member);
    assert_eq!(all(&registry), of_engine([0, 1, 0, 0]), "only the labels that are needed");
}

#[test]
fn engines_and_parts_of_a_joined_schema_take_each_others_places() {
    let (registry, _, engine, member, _) = with_part();
    let steps = |engines: &[&str]| {
        let lines: Vec<_> = engines.iter().map(|engine| format!("{{engine=\"{engine}\"}} 0")).collect();
        assert_eq!(own(&registry, "steps_total"), lines);
    };
    let other = member.attach(&["1"]).unwrap();
    steps(&["0", "1"]);
    drop(other);
    let part = member.attach_to(&engine).unwrap();
    steps(&["0"]);
    drop(part);
    let _other = member.attach(&["2"]).unwrap();
    steps(&["0", "2"]);
}

#[test]
fn a_family_is_there_if_any_schema_needs_it() {
    let (registry, _) = registry();
    let _engine = registry.attach(&["0"]).unwrap();
    let mut builder = Schema::builder(&["engine"]);
    let tenants = builder.counter::<u64>("tokens", "").dynamic_labels(["tenant"], 1).declare().unwrap();
    let load = builder.counter::<f64>("load", "").registry_wide().declare().unwrap();
    let member = registry.join(builder.build().unwrap()).unwrap();
    let worker = member.attach(&["1"]).unwrap();
    let shared = worker.shared_recorder();
    ["a", "b", "c"].iter().for_each(|tenant| shared.with_label_values(tenants, [tenant]).inc());
    member.recorder().unwrap().add(load, f64::NAN);
    member.shared_recorder().add(load, -1.0);
    let overflowed = ["{engine=\"0\"} 0", "{engine=\"1\"} 2"];
    assert_eq!(own(&registry, "overflowed_label_values_total"), overflowed);
    let rejected = || own(&registry, "registry_rejected_observations_total");
    assert_eq!(rejected(), [" 2"]);
    let (other, _) = schema(&[], "other");
    let _other = registry.join(other).unwrap();
    drop(member);
    assert_eq!(rejected(), [""; 0], "no schema has families of the registry");
}
