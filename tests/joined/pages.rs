//! What pages, snapshots and views show of schemas that joined.

use tachometer::{Counter, Format, PageOptions, Registry, Renderer, SampleValue, Schema, Snapshot, View};

use crate::{declared, one_step::OneStep as _, registry, schema, shown};

#[test]
fn a_page_has_the_families_in_joined_order_and_its_own_once_at_the_end() {
    let (registry, count) = registry();
    let engine = registry.attach(&["0"]).unwrap();
    engine.shared_recorder().inc(count);
    let (workers, works) = schema(&["worker", "zone"], "works");
    let (loads, load) = schema(&["engine"], "loads");
    let workers = registry.join(workers).unwrap();
    let loads = registry.join(loads).unwrap();
    let worker = workers.attach(&["a\"b", "z"]).unwrap();
    worker.shared_recorder().add(works, 2);
    let part = loads.attach_to(&engine).unwrap();
    part.recorder().unwrap().add(load, 3);
    let expected =
        ["count_total{engine=\"0\"} 1", "works_total{worker=\"a\\\"b\",zone=\"z\"} 2", "loads_total{engine=\"0\"} 3"];
    assert_eq!(declared(&registry), expected);
    let page = registry.page();
    let types: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    assert_eq!(types[..3], ["count_total counter", "works_total counter", "loads_total counter"]);
    assert!(types[3..].iter().all(|own| own.starts_with("tachometer_")), "{types:?}");
    assert_eq!(types.len(), 3 + 9, "each once: {types:?}");
    drop(workers);
    assert_eq!(declared(&registry), [expected[0], expected[2]]);
    drop(loads);
    assert_eq!(declared(&registry), expected[..1]);
}

/// As in the issue that asked for it: a descriptor says at run time which families there are.
#[test]
fn names_may_be_known_only_at_run_time() {
    let (registry, _) = registry();
    let engine = registry.attach(&["0"]).unwrap();
    let descriptor = [("kv:loads", "Loads.", None), ("kv:load_seconds", "Seconds.", Some(vec![0.5, 1.0]))];
    let mut builder = Schema::builder(&["engine"]);
    let (mut counters, mut histograms) = (Vec::new(), Vec::new());
    for (name, help, bounds) in &descriptor {
        match bounds {
            None => counters.push(builder.counter::<u64>(name, help).declare().unwrap()),
            Some(bounds) => histograms.push(builder.histogram::<f64>(name, help, bounds).declare().unwrap()),
        }
    }
    let connector = registry.join(builder.build().unwrap()).unwrap();
    let part = connector.attach_to(&engine).unwrap();
    let mut recorder = part.recorder().unwrap();
    recorder.record(|step| {
        step.inc(counters[0]);
        step.observe(histograms[0], 0.75);
    });
    let lines = declared(&registry);
    assert!(lines.contains(&"kv:loads_total{engine=\"0\"} 1".to_owned()), "{lines:?}");
    assert!(lines.contains(&"kv:load_seconds_bucket{engine=\"0\",le=\"1.0\"} 1".to_owned()), "{lines:?}");
}

/// What a snapshot has of a schema that joined: label and count of each engine.
fn joined(snapshot: &Snapshot, schema: &Schema, count: Counter<u64>) -> Option<Vec<(String, u64)>> {
    let engines = snapshot.joined(schema)?.engines();
    Some(engines.map(|engine| (engine.label_values().join(","), engine.counter(count))).collect())
}

#[test]
fn a_snapshot_has_each_schema_and_forgets_those_that_left() {
    let (registry, _) = registry();
    let schemas = ["a", "b", "c"].map(|family| schema(&["worker"], family));
    let mut snapshot = Snapshot::new();
    registry.snapshot(&mut snapshot);
    assert!(schemas.iter().all(|(schema, count)| joined(&snapshot, schema, *count).is_none()));
    let mut members: Vec<_> = schemas.iter().map(|(schema, _)| registry.join(schema.clone()).unwrap()).collect();
    let workers: Vec<_> = members.iter().map(|member| member.attach(&["w"])).collect();
    assert!(matches!(workers[..], [Ok(_), Err(_), Err(_)]), "two engines with the same labels");
    let others = ["x", "y"].map(|worker| members[1].attach(&[worker]).unwrap());
    others[1].shared_recorder().add(schemas[1].1, 7);
    registry.snapshot(&mut snapshot);
    let row = |label: &str, count| (label.to_owned(), count);
    let seen = |snapshot: &Snapshot| schemas.each_ref().map(|(schema, count)| joined(snapshot, schema, *count));
    assert_eq!(seen(&snapshot), [Some(vec![row("w", 0)]), Some(vec![row("x", 0), row("y", 7)]), Some(vec![])]);
    drop(members.remove(0));
    registry.snapshot(&mut snapshot);
    assert_eq!(seen(&snapshot), [None, Some(vec![row("x", 0), row("y", 7)]), Some(vec![])]);
    drop(members.remove(0));
    members.push(registry.join(schemas[0].0.clone()).unwrap());
    registry.snapshot(&mut snapshot);
    assert_eq!(seen(&snapshot), [Some(vec![]), None, Some(vec![])], "it joined anew");
}

#[test]
fn a_walk_has_the_families_of_the_page() {
    let (registry, _) = registry();
    let engine = registry.attach(&["0"]).unwrap();
    let (loads, load) = schema(&["engine"], "loads");
    let (workers, _) = schema(&["worker"], "works");
    let [loads, workers] = [loads, workers].map(|schema| registry.join(schema).unwrap());
    let part = loads.attach_to(&engine).unwrap();
    let _worker = workers.attach(&["w"]).unwrap();
    part.recorder().unwrap().add(load, 3);
    let snapshot = shown::snapshot(&registry);
    let names: Vec<_> = snapshot.families().map(|family| family.name()).collect();
    assert_eq!(names[..3], ["count", "loads", "works"]);
    assert!(names[3..].iter().all(|name| name.starts_with("tachometer_")), "{names:?}");
    let samples = |name: &str| {
        let family = snapshot.families().find(|family| family.name() == name).unwrap();
        let value = |sample: tachometer::SampleView<'_>| match sample.value() {
            SampleValue::U64(value) => value,
            value => panic!("{value:?}"),
        };
        let label = |sample: &tachometer::SampleView<'_>| {
            sample.labels().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
        };
        family.samples().map(|sample| (label(&sample), value(sample))).collect::<Vec<_>>()
    };
    assert_eq!(samples("loads"), [("engine=0".to_owned(), 3)]);
    assert_eq!(samples("tachometer_steps"), [("engine=0".to_owned(), 1), ("worker=w".to_owned(), 0)]);
}

#[test]
fn a_view_of_a_schema_that_joined_is_empty_once_it_has_left() {
    let (registry, count) = registry();
    let _engine = registry.attach(&["0"]).unwrap();
    let (workers, works) = schema(&["worker"], "works");
    let member = registry.join(workers.clone()).unwrap();
    let worker = member.attach(&["w"]).unwrap();
    worker.shared_recorder().add(works, 2);
    let mut view = View::new([works]);
    let mut seen = || {
        registry.view(&mut view);
        view.engines().map(|engine| (engine.label_values().join(","), engine.get()[0])).collect::<Vec<_>>()
    };
    assert_eq!(seen(), [("w".to_owned(), 2)]);
    drop(member);
    assert_eq!(seen(), []);
    let member = registry.join(workers).unwrap();
    assert_eq!(seen(), [], "the engine left with its schema");
    let _worker = member.attach(&["w"]).unwrap();
    assert_eq!(seen(), [("w".to_owned(), 0)]);
    let mut first = View::new(count);
    registry.view(&mut first);
    assert_eq!(first.engines().len(), 1, "the registry's first schema");
}

#[test]
#[should_panic(expected = "either all of engines or all of the registry")]
fn a_view_of_two_schemas_is_refused_even_if_one_may_have_left() {
    let (registry, count) = registry();
    let (workers, works) = schema(&["worker"], "works");
    let _member = registry.join(workers).unwrap();
    registry.view(&mut View::new([count, works]));
}

#[test]
fn a_renderer_prints_the_joined_schemas_of_any_snapshot() {
    let (first, count) = schema(&["engine"], "count");
    let renderer = Renderer::new(&first);
    let registry = Registry::new(first);
    let engine = registry.attach(&["0"]).unwrap();
    engine.shared_recorder().inc(count);
    let (workers, works) = schema(&["engine"], "works");
    let member = registry.join(workers.clone()).unwrap();
    let part = member.attach_to(&engine).unwrap();
    part.shared_recorder().add(works, 2);
    let with = shown::snapshot(&registry);
    drop(member);
    let without = shown::snapshot(&registry);
    let declared = |renderer: &Renderer, snapshot: &Snapshot| {
        let mut page = Vec::new();
        renderer.render(snapshot, Format::Text, &PageOptions::new(), &mut page);
        let page = String::from_utf8(page).unwrap();
        let lines = page.lines().filter(|line| !line.starts_with("# ") && !line.starts_with("tachometer_r"));
        lines.filter(|line| !line.contains("_seconds") && !line.ends_with(" 0")).map(str::to_owned).collect::<Vec<_>>()
    };
    let [count, works] = ["count_total{engine=\"0\"} 1", "works_total{engine=\"0\"} 2"];
    for _ in 0..2 {
        assert_eq!(declared(&renderer, &with), [count, works]);
        assert_eq!(declared(&renderer, &without), [count]);
    }
    let alone = Renderer::new(&workers);
    assert_eq!(declared(&alone, with.joined(&workers).unwrap()), [works], "as a registry of its own");
}
