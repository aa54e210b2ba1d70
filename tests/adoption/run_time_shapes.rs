//! A descriptor that arrives at start-up: how many labels and label values its families have isn't
//! known to the compiler.

use tachometer::{AtRunTime, Counter, DynamicFamily, Gauge, Histogram, Info, Registry, Schema, SchemaError, Snapshot};

/// Families with one to three labels, in one loop.
#[test]
fn dynamic_labels_are_as_many_as_a_descriptor_says() {
    let described = [
        ("transfers", &["backend"][..]),
        ("failures", &["backend", "reason"]),
        ("retries", &["backend", "reason", "peer"]),
    ];
    let mut schema = Schema::builder(&["engine"]);
    let families: Vec<DynamicFamily<Counter<u64>, AtRunTime>> = described
        .iter()
        .map(|(name, labels)| schema.counter(name, "").dynamic_labels(*labels, 4).declare().unwrap())
        .collect();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&["0"]).unwrap();
    let recorder = engine.shared_recorder();
    for (family, (_, labels)) in families.iter().zip(described) {
        let values: Vec<_> = labels.iter().map(|label| format!("a {label}")).collect();
        let values: Vec<_> = values.iter().map(String::as_str).collect();
        recorder.with_label_values(*family, &values).add(2);
    }
    let page = registry.page();
    assert!(page.contains("\ntransfers_total{engine=\"0\",backend=\"a backend\"} 2\n"), "{page}");
    let retries = "\nretries_total{engine=\"0\",backend=\"a backend\",reason=\"a reason\",peer=\"a peer\"} 2\n";
    assert!(page.contains(retries), "{page}");

    let mut snapshot = Snapshot::new();
    registry.snapshot(&mut snapshot);
    let series: Vec<_> = snapshot.engine(&["0"]).unwrap().counters(families[1]).collect();
    assert_eq!(series, [(vec!["a backend", "a reason"], 2), (vec!["other", "other"], 0)]);
    assert!(recorder.remove(families[1], &["a backend", "a reason"]));
    assert!(!recorder.remove(families[1], &["a backend", "a reason"]));
}

#[test]
fn closed_labels_have_the_values_of_a_descriptor() {
    let devices: Vec<_> = (0..3).map(|device| format!("gpu{device}")).collect();
    let devices = &devices.iter().map(String::as_str).collect::<Vec<_>>()[..];
    let mut schema = Schema::builder(&[]);
    let copies = schema.counter::<u64>("copies", "").label("device", devices).label("direction", &["in", "out"][..]);
    let copies: Vec<Vec<Counter<u64>>> = copies.declare().unwrap();
    let both = schema.gauge::<i64>("slots", "").label("device", devices).label("of", ["read", "write"]);
    let both: Vec<[Gauge<i64>; 2]> = both.declare().unwrap();
    let mixed = schema.histogram::<f64>("seconds", "", &[1.0]).label("of", ["read", "write"]).label("device", devices);
    let mixed: [Vec<Histogram<f64>>; 2] = mixed.declare().unwrap();
    let sets = schema.state_set("health", "", "state", &["up", "down"]).label("device", devices).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&[]).unwrap();
    let mut recorder = engine.recorder().unwrap();
    let mut step = recorder.step();
    for (device, handles) in copies.iter().enumerate() {
        for (direction, handle) in handles.iter().enumerate() {
            step.add(*handle, (10 * device + direction) as u64);
        }
    }
    step.set(both[1][0], 7);
    step.observe(mixed[1][2], 0.5);
    step.select_state(sets[2], Some(1));
    step.commit();
    let page = registry.page();
    for line in [
        "copies_total{device=\"gpu0\",direction=\"out\"} 1",
        "copies_total{device=\"gpu2\",direction=\"in\"} 20",
        "slots{device=\"gpu1\",of=\"read\"} 7",
        "seconds_bucket{of=\"write\",device=\"gpu2\",le=\"1.0\"} 1",
        "health{state=\"down\",device=\"gpu2\"} 1",
        "health{state=\"down\",device=\"gpu1\"} 0",
    ] {
        assert!(page.contains(&format!("\n{line}\n")), "{line} in {page}");
    }
}

#[test]
fn an_info_has_the_labels_of_a_configuration() {
    let configuration = [("block_size", "16"), ("dtype", "auto"), ("2nd\n", "\"")];
    let names: Vec<_> = configuration[..2].iter().map(|(name, _)| *name).collect();
    let values: Vec<_> = configuration[..2].iter().map(|(_, value)| *value).collect();
    let mut schema = Schema::builder(&[]);
    let info: Info<AtRunTime> = schema.info("config_info", "", &names[..]).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&[]).unwrap();
    let mut recorder = engine.recorder().unwrap();
    let mut step = recorder.step();
    step.set_info(info, &values, 1.0);
    step.commit();
    assert!(registry.page().contains("\nconfig_info{block_size=\"16\",dtype=\"auto\"} 1.0\n"));
    let mut snapshot = Snapshot::new();
    registry.snapshot(&mut snapshot);
    assert_eq!(snapshot.engine(&[]).unwrap().info(info).unwrap().values(), ["16", "auto"]);

    let wrong_name: Vec<_> = configuration.iter().map(|(name, _)| *name).collect();
    let error = Schema::builder(&[]).info("config_info", "", &wrong_name[..]).declare().unwrap_err();
    let (family, label) = (Some("config_info".to_owned()), "2nd\n".to_owned());
    assert_eq!(error, SchemaError::InvalidLabelName { family, label });
}

/// What a descriptor announces has any number of labels, and one type of handle.
#[test]
fn a_family_with_no_dynamic_labels_is_one_series() {
    for labels in [&[][..], &["0"]] {
        let mut schema = Schema::builder(&["engine"][..labels.len()]);
        let loads = schema.counter::<u64>("loads", "").dynamic_labels(&[][..], 4).declare().unwrap();
        let level = schema.gauge::<i64>("level", "").sparse().dynamic_labels([], 4).declare().unwrap();
        let seconds = schema.histogram::<f64>("seconds", "", &[1.0]).dynamic_labels([], 4).declare().unwrap();
        let registry = Registry::new(schema.build().unwrap());
        let engine = registry.attach(labels).unwrap();
        let shared = engine.shared_recorder();
        let lines = |begin: &str| crate::shown::lines(&registry, begin);
        let own = if labels.is_empty() { "" } else { "{engine=\"0\"}" };
        assert_eq!((loads.label_count(), level.label_count()), (0, 0));
        assert_eq!(lines("loads_total"), [format!("loads_total{own} 0")]);
        assert!(lines("level").is_empty(), "sparse");
        shared.with_label_values(loads, &[]).add(2);
        shared.with_label_values(loads, &[]).inc();
        shared.with_label_values(level, []).set(-1);
        shared.with_label_values(seconds, []).observe(0.5);
        assert!(!shared.remove(loads, &[]), "it stays");
        assert_eq!(lines("loads_total"), [format!("loads_total{own} 3")]);
        assert_eq!(lines("level"), [format!("level{own} -1")]);
        assert_eq!(lines("seconds_count"), [format!("seconds_count{own} 1")]);
        assert_eq!(lines("tachometer_overflowed_"), [format!("tachometer_overflowed_label_values_total{own} 0")]);
        crate::common::parse(&registry.page());
        let mut snapshot = Snapshot::new();
        registry.snapshot(&mut snapshot);
        assert!(snapshot.engine(labels).unwrap().counters(loads).eq([(vec![], 3)]));
        assert!(snapshot.engine(labels).unwrap().gauges(level).eq([([], -1)]));
    }
}

#[test]
fn lists_that_are_empty_are_refused_by_name() {
    let mut schema = Schema::builder(&[]);
    let error = schema.counter::<u64>("hits", "").label("result", &[][..]).declare().unwrap_err();
    assert_eq!(error, SchemaError::LabelWithoutValues { family: "hits".into(), label: "result".into() });
    let error = schema.counter::<u64>("hits", "").label("result", &["a", "b", "a"][..]).declare().unwrap_err();
    let (family, label, value) = ("hits".into(), "result".into(), "a".into());
    assert_eq!(error, SchemaError::DuplicateLabelValue { family, label, value });
    schema.info("hits", "", &[][..]).declare().unwrap(); // one sample without labels of its own
}

#[test]
#[should_panic = "label values [\"a\"] don't match the family's labels [\"backend\", \"reason\"]: give one value per label"]
fn too_few_label_values_of_a_series_panic() {
    let mut schema = Schema::builder(&[]);
    let failures = schema.counter::<u64>("failures", "").dynamic_labels(&["backend", "reason"][..], 4);
    let failures = failures.declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&[]).unwrap();
    let _series = engine.shared_recorder().with_label_values(failures, &["a"]);
}

/// A serving process must not go down because of an info, so a wrong number panics in tests only.
#[test]
#[cfg_attr(debug_assertions, should_panic = "don't match the info's labels [\"dtype\"]: give one per label")]
fn too_many_label_values_of_an_info_are_rejected() {
    let mut schema = Schema::builder(&[]);
    let info = schema.info("config_info", "", &["dtype"][..]).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&[]).unwrap();
    let mut recorder = engine.recorder().unwrap();
    let mut step = recorder.step();
    step.set_info(info, &["auto", "16"], 1.0);
    step.commit();
    let page = registry.page();
    assert!(page.contains("\ntachometer_rejected_observations_total 1\n") && !page.contains("config_info"), "{page}");
}
