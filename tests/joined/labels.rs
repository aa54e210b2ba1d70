//! Engine labels of schemas that joined: their own, or those of an engine that is there.

use tachometer::{AttachError, Registry, Schema, SchemaError};

use crate::{declared, registry, schema};

fn values(values: &[&str]) -> Vec<String> {
    values.iter().copied().map(str::to_owned).collect()
}

#[test]
fn no_two_engines_have_the_same_labels_whatever_their_schema() {
    let (first, _) = schema(&["engine", "model"], "count");
    let registry = Registry::new(first);
    let [swapped, fewer, none] =
        [(&["model", "engine"][..], "a"), (&["engine"], "b"), (&[], "c")].map(|(labels, name)| schema(labels, name).0);
    let [swapped, fewer, none] = [swapped, fewer, none].map(|schema| registry.join(schema).unwrap());
    let already = |given: &[&str]| Err(AttachError::AttachedToAnotherSchema { values: values(given) });
    let engine = registry.attach(&["0", "m"]).unwrap();
    assert_eq!(swapped.attach(&["m", "0"]).map(drop), already(&["m", "0"]), "in another order");
    assert!(swapped.attach(&["0", "m"]).is_ok());
    drop(engine);
    assert!(swapped.attach(&["m", "0"]).is_ok(), "it is gone");
    // An empty label is the same to Prometheus as none.
    let engine = fewer.attach(&["0"]).unwrap();
    assert_eq!(registry.attach(&["0", ""]).map(drop), already(&["0", ""]));
    assert_eq!(registry.get_or_attach(&["0", ""]).map(drop), already(&["0", ""]));
    assert!(registry.attach(&["0", "m"]).is_ok());
    drop(engine);
    let _empty = registry.attach(&["", ""]).unwrap();
    assert_eq!(none.attach(&[]).map(drop), already(&[]));
    assert_eq!(fewer.attach(&[""]).map(drop), already(&[""]));
    let count = AttachError::LabelCount { labels: values(&["engine"]), values: values(&["0", "m"]) };
    assert_eq!(fewer.attach(&["0", "m"]).map(drop), Err(count), "its own labels");
}

#[test]
fn a_part_has_the_labels_of_its_engine_by_name() {
    let (first, _) = schema(&["engine", "model"], "count");
    let registry = Registry::new(first);
    let engine = registry.attach(&["0", "m"]).unwrap();
    let (swapped, _) = schema(&["model", "engine"], "loads");
    let swapped = registry.join(swapped).unwrap();
    let part = swapped.attach_to(&engine).unwrap();
    assert_eq!(declared(&registry)[1], "loads_total{model=\"m\",engine=\"0\"} 0");
    let again = swapped.attach_to(&engine).unwrap_err();
    assert_eq!(again, AttachError::AlreadyAttached { values: values(&["m", "0"]) });
    let (third, _) = schema(&["engine", "model"], "stores");
    let third = registry.join(third).unwrap();
    let _part_of_the_same = third.attach_to(&part).unwrap();
    assert_eq!(declared(&registry)[2], "stores_total{engine=\"0\",model=\"m\"} 0");
}

#[test]
fn a_part_needs_an_engine_that_is_there_and_has_the_same_labels() {
    let (registry, _) = registry();
    let engine = registry.attach(&["0"]).unwrap();
    for labels in [&["worker"][..], &[], &["engine", "model"]] {
        let member = registry.join(schema(labels, "loads").0).unwrap();
        let error = AttachError::OtherLabels { labels: values(labels), engine: values(&["engine"]) };
        assert!(error.to_string().contains("\"engine\""));
        assert_eq!(member.attach_to(&engine).map(drop), Err(error));
    }
    let member = registry.join(schema(&["engine"], "loads").0).unwrap();
    let not_attached = Err(AttachError::NotAttached { values: values(&["0"]) });
    let other = crate::registry().0;
    let foreign = other.attach(&["0"]).unwrap();
    assert_eq!(member.attach_to(&foreign).map(drop), not_attached, "of another registry");
    let workers = registry.join(schema(&["engine"], "works").0).unwrap();
    drop(engine);
    let gone = workers.attach(&["0"]).unwrap();
    drop(workers);
    assert_eq!(member.attach_to(&gone).map(drop), not_attached, "its schema has left");
}

#[test]
fn constant_labels_of_the_first_schema_are_those_of_the_page() {
    let build = |labels: &[&str], constant: &[(&str, &str)], name: &str| {
        let mut builder = Schema::builder(labels);
        constant.iter().for_each(|(label, value)| _ = builder.const_label(label, value));
        builder.counter::<u64>(name, "").label("kind", ["a"]).declare().unwrap();
        builder.counter::<u64>(&format!("{name}_wide"), "").registry_wide().declare().unwrap();
        builder.build().unwrap()
    };
    let registry = Registry::new(build(&["engine"], &[("cluster", "x")], "count"));
    let engine = registry.attach(&["0"]).unwrap();
    let loads = registry.join(build(&["engine"], &[("kv", "y")], "loads")).unwrap();
    let _part = loads.attach_to(&engine).unwrap();
    let expected = [
        "count_total{cluster=\"x\",engine=\"0\",kind=\"a\"} 0",
        "count_wide_total{cluster=\"x\"} 0",
        "loads_total{cluster=\"x\",kv=\"y\",engine=\"0\",kind=\"a\"} 0",
        "loads_wide_total{cluster=\"x\",kv=\"y\"} 0",
    ];
    assert_eq!(declared(&registry), expected);
    assert_eq!(crate::own(&registry, "steps_total"), ["{cluster=\"x\",engine=\"0\",kv=\"\"} 0"]);
    for schema in [build(&["cluster"], &[], "a"), build(&[], &[("cluster", "other")], "b")] {
        let clash = SchemaError::DuplicateLabel { family: None, label: "cluster".to_owned() };
        assert_eq!(registry.join(schema).map(drop), Err(clash));
    }
    let mut own = Schema::builder(&[]);
    own.counter::<u64>("d", "").label("cluster", ["a"]).declare().unwrap();
    let clash = SchemaError::DuplicateLabel { family: Some("d".to_owned()), label: "cluster".to_owned() };
    assert_eq!(registry.join(own.build().unwrap()).map(drop), Err(clash));
}

#[test]
fn label_values_are_any_utf8() {
    let (registry, _) = registry();
    let odd = "a\"b\\c\nd\u{85}é🦀";
    let engine = registry.attach(&[odd]).unwrap();
    let (workers, _) = schema(&["zone", "worker"], "works");
    let member = registry.join(workers).unwrap();
    let _worker = member.attach(&[odd, ""]).unwrap();
    let (loads, _) = schema(&["engine"], "loads");
    let loads = registry.join(loads).unwrap();
    let _part = loads.attach_to(&engine).unwrap();
    let shown = "\"a\\\"b\\\\c\\nd\u{85}é🦀\"";
    let expected = [
        format!("count_total{{engine={shown}}} 0"),
        format!("works_total{{zone={shown},worker=\"\"}} 0"),
        format!("loads_total{{engine={shown}}} 0"),
    ];
    assert_eq!(declared(&registry), expected);
}

#[test]
fn a_joined_schema_has_limits_of_its_own() {
    let (registry, _) = registry();
    let mut builder = Schema::builder(&["worker"]);
    builder.max_recorders(1).max_samples(1);
    builder.counter::<u64>("works", "").declare().unwrap();
    let more = builder.counter::<u64>("more", "").declare().unwrap_err();
    assert_eq!(more.family(), Some("more"));
    let member = registry.join(builder.build().unwrap()).unwrap();
    let worker = member.attach(&["w"]).unwrap();
    let _recorder = worker.recorder().unwrap();
    assert!(worker.recorder().unwrap_err().to_string().contains("all 1 recorders of engine [\"w\"]"));
}

/// A constant label of a schema that joins and an engine label of another may have the same name.
/// What they give must not be one label set, since the crate's own families have a line for each.
#[test]
fn constant_labels_count_when_engines_are_compared() {
    let build = |labels: &[&str], constant: &[(&str, &str)], name: &str| {
        let mut builder = Schema::builder(labels);
        constant.iter().for_each(|(label, value)| _ = builder.const_label(label, value));
        builder.counter::<u64>(name, "").declare().unwrap();
        builder.build().unwrap()
    };
    let registry = Registry::new(build(&["engine"], &[("cluster", "x")], "count"));
    let always = registry.join(build(&[], &[("engine", "kv")], "loads")).unwrap();
    let by_kind = registry.join(build(&["engine"], &[("kind", "a")], "stores")).unwrap();
    let already = |given: &[&str]| Err(AttachError::AttachedToAnotherSchema { values: values(given) });

    let engine = registry.attach(&["kv"]).unwrap();
    assert_eq!(always.attach(&[]).map(drop), already(&[]));
    drop(engine);
    let _always = always.attach(&[]).unwrap();
    assert_eq!(registry.attach(&["kv"]).map(drop), already(&["kv"]));
    let _other = registry.attach(&["0"]).unwrap();
    let steps = [
        "{cluster=\"x\",engine=\"0\",kind=\"\"} 0",
        "{cluster=\"x\",engine=\"kv\",kind=\"\"} 0",
        "{cluster=\"x\",engine=\"kv\",kind=\"a\"} 0",
    ];
    assert_eq!(crate::own(&registry, "steps_total"), steps[..2]);
    let _of_a_kind = by_kind.attach(&["kv"]).unwrap();
    assert_eq!(crate::own(&registry, "steps_total"), steps);
}
