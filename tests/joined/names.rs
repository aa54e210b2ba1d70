//! Names that a schema of the registry exposes already are refused.

use tachometer::{CollectorError, Registry, Schema, SchemaBuilder, SchemaError};

fn build(declare: impl FnOnce(&mut SchemaBuilder)) -> Schema {
    let mut schema = Schema::builder(&["worker"]);
    declare(&mut schema);
    schema.build().unwrap()
}

fn counter(name: &str) -> Schema {
    build(|schema| _ = schema.counter::<u64>(name, "").declare().unwrap())
}

fn gauge(name: &str) -> Schema {
    build(|schema| _ = schema.gauge::<i64>(name, "").declare().unwrap())
}

fn registry() -> Registry {
    Registry::new(build(|schema| {
        schema.counter::<u64>("requests", "").declare().unwrap();
        schema.histogram::<f64>("seconds", "", &[1.0]).declare().unwrap();
        schema.gauge::<i64>("hidden", "").hidden().declare().unwrap();
        schema.gauge::<i64>("wide", "").registry_wide().declare().unwrap();
        schema.info("adapters_info", "", ["name"]).declare().unwrap();
    }))
}

fn duplicate(family: &str) -> SchemaError {
    SchemaError::DuplicateFamily { family: family.to_owned() }
}

fn clash(family: &str, other: &str, exposed: &str) -> SchemaError {
    let [family, other, exposed] = [family, other, exposed].map(str::to_owned);
    SchemaError::ExposedNameClash { family, other, exposed }
}

#[test]
fn a_family_that_is_exposed_already_is_refused_by_name() {
    let registry = registry();
    for (name, error) in [
        ("requests", duplicate("requests")),
        ("hidden", duplicate("hidden")),
        ("wide", duplicate("wide")),
        ("adapters_info", duplicate("adapters_info")),
        ("requests_total", clash("requests_total", "requests", "requests_total")),
        ("requests_created", clash("requests_created", "requests", "requests_created")),
        ("seconds_bucket", clash("seconds_bucket", "seconds", "seconds_bucket")),
        ("seconds_sum", clash("seconds_sum", "seconds", "seconds_sum")),
        ("seconds_count", clash("seconds_count", "seconds", "seconds_count")),
    ] {
        let refused = registry.join(gauge(name)).map(drop);
        assert_eq!(refused, Err(error), "{name}");
        assert!(refused.unwrap_err().to_string().contains(name));
    }
    // The other way round: what joins would expose the name of a family that is there.
    let gauges = Registry::new(gauge("x_count"));
    let histogram = build(|schema| _ = schema.histogram::<f64>("x", "", &[1.0]).declare().unwrap());
    assert_eq!(gauges.join(histogram).map(drop), Err(clash("x", "x_count", "x_count")));
    assert!(registry.join(gauge("tokens")).is_ok(), "a name that is free");
}

#[test]
fn the_crates_own_names_cant_be_declared_to_join() {
    let declare = |name| Schema::builder(&[]).counter::<u64>(name, "").declare().map(drop);
    let family = "tachometer_steps".to_owned();
    assert_eq!(declare("tachometer_steps"), Err(SchemaError::ReservedFamilyName { family }));
}

#[test]
fn a_schema_that_is_there_cant_join_again_until_it_has_left() {
    let (first, worker) = (gauge("first"), counter("works"));
    let registry = Registry::new(first.clone());
    assert_eq!(registry.join(first).map(drop), Err(duplicate("first")));
    let joined = registry.join(worker.clone()).unwrap();
    assert_eq!(registry.join(worker.clone()).map(drop), Err(duplicate("works")));
    assert_eq!(registry.join(gauge("works_total")).map(drop), Err(clash("works_total", "works", "works_total")));
    drop(joined);
    drop(registry.join(worker.clone()).unwrap());
    let _other = registry.join(gauge("works_total")).unwrap();
    assert_eq!(registry.join(worker).map(drop), Err(clash("works", "works_total", "works_total")));
}

#[test]
fn of_several_names_that_clash_the_family_declared_first_is_named() {
    let registry = registry();
    let both = build(|schema| {
        schema.gauge::<i64>("free", "").declare().unwrap();
        schema.gauge::<i64>("wide", "").declare().unwrap();
        schema.gauge::<i64>("hidden", "").declare().unwrap();
    });
    assert_eq!(registry.join(both).map(drop), Err(duplicate("wide")));
}

#[test]
fn collectors_and_joined_schemas_refuse_each_others_names() {
    let registry = registry();
    let without_labels = |name: &str| {
        let mut schema = Schema::builder(&[]);
        schema.counter::<u64>(name, "").declare().unwrap();
        schema.build().unwrap()
    };
    let joined = registry.join(without_labels("works")).unwrap();
    let collector = |name| registry.collector(without_labels(name), |_| Ok(()));
    assert_eq!(collector("works").map(drop), Err(CollectorError::Clash(duplicate("works"))));
    let collected = collector("tokens").unwrap();
    assert_eq!(registry.join(without_labels("tokens")).map(drop), Err(duplicate("tokens")));
    assert_eq!(crate::declared(&registry).last().map(String::as_str), Some("tokens_total 0"));
    drop(joined);
    let _works = collector("works").unwrap();
    drop(collected);
    let _tokens = registry.join(without_labels("tokens")).unwrap();
}

/// Without families there is no name to clash, and engines are told apart by their labels.
#[test]
fn a_schema_without_families_may_join_twice() {
    let empty = Schema::builder(&["worker"]).build().unwrap();
    let registry = Registry::new(empty.clone());
    let [first, second] = [(); 2].map(|()| registry.join(empty.clone()).unwrap());
    let _engines = [registry.attach(&["0"]), first.attach(&["1"]), second.attach(&["2"])].map(Result::unwrap);
    assert!(first.attach(&["2"]).is_err() && second.attach(&["0"]).is_err() && registry.attach(&["1"]).is_err());
    assert_eq!(
        crate::own(&registry, "steps_total"),
        ["0", "1", "2"].map(|worker| format!("{{worker=\"{worker}\"}} 0"))
    );
    drop(first);
    assert_eq!(crate::own(&registry, "steps_total"), ["0", "2"].map(|worker| format!("{{worker=\"{worker}\"}} 0")));
}
