//! A descriptor that arrives in a running server.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use serde_json::{Value, json};
use tachometer::{Registry, Schema};
use tachometer_vllm::{
    connectors as payload,
    descriptors::{Descriptor, Limits},
};

use crate::{
    golden,
    rig::{declare, metric},
    samples,
};

#[test]
fn a_descriptor_of_nixl_gives_vllms_page() {
    let nixl = Descriptor::from_json(include_bytes!("../data/descriptors/nixl.json")).unwrap();
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
        let (metrics, recorder) = (families.metrics(&attached), attached.recorder().unwrap());
        engines.insert(engine.to_string(), (attached, metrics, recorder));
    }
    for event in events.filter(|event| event["type"] == "stats") {
        let (_, metrics, recorder) = engines.get_mut(&event["engine"].to_string()).unwrap();
        let mut step = recorder.step();
        let payload = event["payload"].to_string();
        metrics.record(&mut step, &payload::Value::from_json(payload.as_bytes()).unwrap());
        step.commit();
    }
    let (ours, vllms) = (registry.page(), golden::read("connectors/nixl/page.prom"));
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
                let page = registry.page();
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
            let metrics = families.metrics(&part);
            let mut recorder = part.recorder().unwrap();
            engine.shared_recorder().inc(steps);
            let mut step = recorder.step();
            let payload = json!({ "disk_reads": arrival, "disk_seconds": [0.5, 3.0] }).to_string();
            metrics.record(&mut step, &payload::Value::from_json(payload.as_bytes()).unwrap());
            step.commit();
            let shown = registry.page();
            assert!(shown.contains(&format!("\ndisk_reads_total{{engine=\"0\"}} {arrival}\n")), "{shown}");
            assert!(shown.contains("\ndisk_seconds_sum{engine=\"0\"} 3.5\n"), "{shown}");
            drop(joined);
            assert!(!registry.page().contains("disk_"));
        }
        done.store(true, Ordering::Relaxed);
        scraper.join().unwrap();
    });
    assert!(registry.page().contains("\nsteps_total{engine=\"0\"} 20\n"));
}
