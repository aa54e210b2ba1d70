//! Descriptors: what is read, what is declared, and a descriptor that arrives while the server is
//! scraped.

#[path = "../../tests/common/golden.rs"]
mod golden;
#[path = "../../tests/common/samples.rs"]
mod samples;

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use serde::Deserialize;
use serde_json::{Value, json};
use tachometer::{Engine, Joined, Recorder, Registry, Schema};
use tachometer_vllm::descriptors::{Descriptor, DescriptorError, DescriptorFamilies, DescriptorMetrics, Limits};

#[derive(Deserialize)]
struct Case {
    accepted: bool,
    about: String,
    document: Value,
}

fn read(document: &Value) -> Result<Descriptor, DescriptorError> {
    Descriptor::from_json(document.to_string().as_bytes())
}

#[test]
fn documents_are_accepted_or_refused_as_by_the_proposals_parser() {
    let cases = include_str!("data/descriptors/cases.jsonl").lines().map(|line| serde_json::from_str(line).unwrap());
    let cases: Vec<Case> = cases.collect();
    assert_eq!(cases.len(), 37);
    for Case { accepted, about, document } in cases {
        let read = read(&document);
        assert_eq!(read.is_ok(), accepted, "{about}: {read:?}");
    }
}

fn metric(name: &str, kind: &str) -> Value {
    let metric_type = match kind {
        "set_f64" | "set_u64" => "gauge",
        kind if kind.starts_with("inc") => "counter",
        _ => "histogram",
    };
    json!({ "name": name, "type": metric_type, "samples_path": name, "sample_kind": kind, "buckets": [1.0, 2.0] })
}

fn with(mut metric: Value, field: &str, value: Value) -> Value {
    metric[field] = value;
    metric
}

fn document(metrics: &[Value]) -> Value {
    json!({ "descriptor_version": 1, "connector_id": "Disk", "metrics": metrics })
}

fn declare(metrics: &[Value], limits: Limits) -> Result<(Schema, DescriptorFamilies), DescriptorError> {
    let mut schema = Schema::builder(&["engine"]);
    let families = read(&document(metrics)).unwrap().declare(&mut schema, limits);
    if families.is_err() {
        assert!(schema.counter::<u64>("x", "").declare().is_ok(), "the schema is unchanged");
    }
    Ok((schema.build().unwrap(), families?))
}

#[test]
fn what_no_page_may_hold_is_refused_by_name() {
    let (counter, histogram) = (metric("x", "inc_by_u64"), metric("h", "observe_each_f64"));
    for (metrics, named) in [
        (vec![metric("1 x", "inc_by_u64")], "\"1 x\""),
        (vec![metric("tachometer_x", "set_f64")], "\"tachometer_x\""),
        (vec![with(counter.clone(), "const_labels", json!({"engine": "7"}))], "\"engine\""),
        (vec![with(counter.clone(), "const_labels", json!({"a b": "7"}))], "\"a b\""),
        (vec![with(histogram.clone(), "const_labels", json!({"le": "7"}))], "\"le\""),
        (vec![with(histogram.clone(), "buckets", json!([2.0, 1.0]))], "\"h\""),
        (vec![with(histogram.clone(), "buckets", json!([1.0, 1.0]))], "\"h\""),
        (vec![with(histogram.clone(), "buckets", json!([]))], "\"h\""),
        (vec![counter.clone(), metric("x", "observe_each_f64")], "\"x\""),
        (vec![counter, metric("x", "set_u64")], "\"x\""),
        (vec![histogram.clone(), with(histogram.clone(), "buckets", json!([3.0]))], "\"h\""),
        (vec![histogram, metric("h_count", "set_u64")], "\"h_count\""),
    ] {
        let error = declare(&metrics, Limits::default()).map(drop).unwrap_err();
        assert!(matches!(error, DescriptorError::Schema(_)), "{error}");
        assert!(error.to_string().contains(named), "{error}");
    }
}

#[test]
fn a_descriptor_has_limits() {
    let counters: Vec<_> = (0..5).map(|n| metric(&format!("x{n}"), "inc_by_u64")).collect();
    let labelled = |n: usize| with(metric("y", "inc_by_u64"), "const_labels", json!({"n": n.to_string()}));
    let labelled: Vec<_> = (0..10).map(labelled).collect();
    let histogram = [metric("h", "observe_each_f64")]; // two buckets, +Inf, sum and count
    let limits = |families, samples| Limits { families, samples, ..Default::default() };
    assert!(declare(&counters, limits(5, 5)).is_ok());
    assert!(declare(&labelled, limits(1, 10)).is_ok());
    assert!(declare(&histogram, limits(1, 5)).is_ok());
    let refused = |metrics: &[Value], limits| declare(metrics, limits).map(drop).unwrap_err();
    let too_many = |what, found, limit| DescriptorError::TooMany { what, found, limit };
    assert_eq!(refused(&counters, limits(4, 9)), too_many("families", 5, 4));
    assert_eq!(refused(&labelled, limits(1, 9)), too_many("samples", 10, 9));
    assert_eq!(refused(&histogram, limits(1, 4)), too_many("samples", 5, 4));
    let long = [with(metric("x", "set_f64"), "documentation", "long".repeat(70_000).into())];
    assert_eq!(refused(&long, Limits::default()), too_many("text", 280_002, 262_144));
    let long = with(histogram[0].clone(), "const_labels", json!({"x": "y".repeat(60_000)}));
    assert_eq!(refused(&[long], Limits::default()), too_many("text", 300_011, 262_144));
    let many: BTreeMap<String, String> = (0..9).map(|n| (format!("l{n}"), String::new())).collect();
    let many = with(histogram[0].clone(), "const_labels", json!(many));
    assert_eq!(refused(&[many], Limits::default()), too_many("labels", 9, 8));
    // As many labels as entries would take memory by the square of the document.
    let label = |n: usize| with(metric("y", "inc_by_u64"), "const_labels", json!({format!("l{n}"): ""}));
    let many: Vec<_> = (0..5_000).map(label).collect();
    assert_eq!(refused(&many, Limits::default()), too_many("labels", 9, 8));
}

/// A registry with one engine, and a schema that joined it.
struct Rig {
    registry: Registry,
    _engine: Engine,
    _joined: Joined,
    metrics: DescriptorMetrics,
    recorder: Recorder,
    _part: Engine,
}

impl Rig {
    fn new(metrics: &[Value]) -> Self {
        let registry = Registry::new(Schema::builder(&["engine"]).build().unwrap());
        let engine = registry.attach(&["0"]).unwrap();
        let (schema, families) = declare(metrics, Limits::default()).unwrap();
        let joined = registry.join(schema).unwrap();
        let part = joined.attach_to(&engine).unwrap();
        let (metrics, recorder) = (families.metrics(&part.shared_recorder()), part.recorder().unwrap());
        Self { registry, _engine: engine, _joined: joined, metrics, recorder, _part: part }
    }

    fn record(&mut self, payload: &Value) {
        let mut step = self.recorder.step();
        self.metrics.record_json(&mut step, payload.to_string().as_bytes()).unwrap();
        step.commit();
    }

    fn shows(&self, samples: &[&str]) {
        let page = page(&self.registry);
        for sample in samples {
            assert!(page.contains(&format!("\n{sample}\n")), "{sample}: {page}");
        }
    }
}

fn page(registry: &Registry) -> String {
    let mut page = Vec::new();
    registry.render(&mut page);
    String::from_utf8(page).unwrap()
}

#[test]
fn numbers_are_taken_as_the_proposal_does() {
    let mut rig = Rig::new(&[
        with(metric("x", "inc_by_u64"), "samples_path", "a.b".into()),
        metric("sum", "inc_by_sum_u64"),
        metric("float", "inc_by_f64"),
        metric("set", "set_u64"),
        metric("level", "set_f64"),
        with(metric("h", "observe_each_f64"), "scale", 0.5.into()),
        metric("whole", "observe_each_u64_as_f64"),
    ]);
    rig.shows(&["x_total{engine=\"0\"} 0", "level{engine=\"0\"} 0.0", "h_count{engine=\"0\"} 0"]);
    rig.record(&json!({
        "a": { "b": { "[]": 2, "[\"gone\"]": 9 } }, "sum": [1, 2.9, "3", -4, [5]], "float": 0.5, "set": 7.9,
        "level": -1.5, "h": [1, 4.0, null], "whole": [1.9, -3], "unknown": 1,
    }));
    let after = [
        "x_total{engine=\"0\"} 2",
        "sum_total{engine=\"0\"} 3",
        "float_total{engine=\"0\"} 0.5",
        "set{engine=\"0\"} 7.0",
        "level{engine=\"0\"} -1.5",
        "h_sum{engine=\"0\"} 2.5",
        "h_count{engine=\"0\"} 2",
        "whole_sum{engine=\"0\"} 1.0",
    ];
    rig.shows(&after);
    // Nothing of this counts.
    for payload in [json!({}), json!([]), json!({ "a": 1, "sum": "x", "float": -1, "set": -1, "level": [5] })] {
        rig.record(&payload);
    }
    rig.record(&json!({ "a": { "b": { "[\"s\"]": 5, "[\"t\"]": 5 } }, "sum": { "x": 1 }, "whole": [] }));
    rig.shows(&after);
    rig.record(&json!({ "a": { "b": { "[\"only\"]": 5.5 } }, "sum": 4, "h": 2 }));
    rig.shows(&["x_total{engine=\"0\"} 7", "sum_total{engine=\"0\"} 7", "h_sum{engine=\"0\"} 3.5"]);
    let mut step = rig.recorder.step();
    let error = rig.metrics.record_json(&mut step, b"{\"sum\": 1").unwrap_err();
    assert!(matches!(&error, DescriptorError::Unreadable { .. }), "{error}");
}

#[test]
fn entries_of_one_name_and_type_share_a_family() {
    let labels = |kind: &str, path: &str, labels: Value| {
        with(with(metric("x_total", kind), "samples_path", path.into()), "const_labels", labels)
    };
    let mut rig = Rig::new(&[
        labels("inc_by_u64", "a", json!({"path": "local"})),
        labels("inc_by_u64", "b", json!({"path": "remote", "tier": "1"})),
        labels("inc_by_f64", "c", json!({"path": "local"})),
        with(metric("h", "observe_each_f64"), "const_labels", json!({"why": "y".repeat(300)})),
        with(metric("g", "set_f64"), "const_labels", json!({"path": "other"})),
        metric("plain", "inc_by_u64"),
        with(metric("plain_total", "inc_by_u64"), "samples_path", "a".into()),
    ]);
    rig.shows(&[
        "x_total{engine=\"0\",path=\"local\",tier=\"\"} 0.0",
        "x_total{engine=\"0\",path=\"remote\",tier=\"1\"} 0.0",
        "g{engine=\"0\",path=\"other\"} 0.0",
    ]);
    rig.record(&json!({ "a": 1, "b": 2, "c": 0.5, "h": [0.5], "g": 4, "plain": 10 }));
    let long = format!("h_count{{engine=\"0\",why=\"{}\"}} 1", "y".repeat(300));
    rig.shows(&[
        "x_total{engine=\"0\",path=\"local\",tier=\"\"} 1.5",
        "x_total{engine=\"0\",path=\"remote\",tier=\"1\"} 2.0",
        "g{engine=\"0\",path=\"other\"} 4.0",
        "plain_total{engine=\"0\"} 11",
        &long,
    ]);
    let page = page(&rig.registry);
    assert_eq!(page.lines().filter(|line| line.starts_with("x_total{")).count(), 2, "{page}");
    assert!(page.contains("tachometer_overflowed_label_values_total{engine=\"0\"} 0\n"), "{page}");
}

#[test]
fn a_descriptor_of_nixl_gives_vllms_page() {
    let nixl = Descriptor::from_json(include_bytes!("data/descriptors/nixl.json")).unwrap();
    assert_eq!(nixl.connector_id(), "NixlPullConnector");
    let mut schema = Schema::builder(&["engine", "model_name"]);
    let families = nixl.declare(&mut schema, Limits::default()).unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let scenario = golden::read("connectors/nixl/scenario.jsonl");
    let mut events = scenario.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let header = events.next().unwrap();
    let model = header["model_name"].as_str().unwrap();
    let mut engines = BTreeMap::new();
    for engine in header["engines"].as_array().unwrap() {
        let attached = registry.attach(&[&engine.to_string(), model]).unwrap();
        let (metrics, recorder) = (families.metrics(&attached.shared_recorder()), attached.recorder().unwrap());
        engines.insert(engine.to_string(), (attached, metrics, recorder));
    }
    for event in events.filter(|event| event["type"] == "stats") {
        let (_, metrics, recorder) = engines.get_mut(&event["engine"].to_string()).unwrap();
        let mut step = recorder.step();
        metrics.record_json(&mut step, event["payload"].to_string().as_bytes()).unwrap();
        step.commit();
    }
    let (ours, vllms) = (page(&registry), golden::read("connectors/nixl/page.prom"));
    assert_eq!(samples::samples(&ours, "vllm:"), samples::samples(&vllms, "vllm:"));
}

#[test]
fn a_descriptor_arrives_and_leaves_while_the_server_is_scraped() {
    let mut schema = Schema::builder(&["engine"]);
    let steps = schema.counter::<u64>("steps", "Steps.").declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&["0"]).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let scraper = scope.spawn(|| {
            let mut pages = 0_u64;
            while !done.load(Ordering::Relaxed) || pages == 0 {
                let page = page(&registry);
                assert!(page.contains("\nsteps_total{engine=\"0\"} "), "{page}");
                pages += 1;
                // Both families of the descriptor, or none.
                assert_eq!(page.contains("disk_reads_total{"), page.contains("disk_seconds_count{"), "{page}");
            }
        });
        for arrival in 1..=20_u64 {
            let metrics = [metric("disk_reads", "inc_by_u64"), metric("disk_seconds", "observe_each_f64")];
            let (schema, families) = declare(&metrics, Limits::default()).unwrap();
            let joined = registry.join(schema).unwrap();
            let part = joined.attach_to(&engine).unwrap();
            let metrics = families.metrics(&part.shared_recorder());
            let mut recorder = part.recorder().unwrap();
            engine.shared_recorder().inc(steps);
            let mut step = recorder.step();
            let payload = json!({ "disk_reads": arrival, "disk_seconds": [0.5, 3.0] }).to_string();
            metrics.record_json(&mut step, payload.as_bytes()).unwrap();
            step.commit();
            let shown = page(&registry);
            assert!(shown.contains(&format!("\ndisk_reads_total{{engine=\"0\"}} {arrival}\n")), "{shown}");
            assert!(shown.contains("\ndisk_seconds_sum{engine=\"0\"} 3.5\n"), "{shown}");
            drop(joined);
            assert!(!page(&registry).contains("disk_"));
        }
        done.store(true, Ordering::Relaxed);
        scraper.join().unwrap();
    });
    assert!(page(&registry).contains("\nsteps_total{engine=\"0\"} 20\n"));
}
