//! Payloads, recorded by a descriptor.

use serde_json::json;
use tachometer::{Registry, Schema};
use tachometer_vllm::{
    connectors::{Key, Value},
    descriptors::{Descriptor, Limits},
};

use crate::{
    rig::{Rig, metric, with},
    wire::Wire,
};

fn one_of_each_kind(wire: Wire) -> Rig {
    let metrics = [
        with(metric("x", "inc_by_u64"), "samples_path", "a.b"),
        metric("sum", "inc_by_sum_u64"),
        metric("float", "inc_by_f64"),
        metric("set", "set_u64"),
        metric("level", "set_f64"),
        with(metric("h", "observe_each_f64"), "scale", 0.5),
        metric("whole", "observe_each_u64_as_f64"),
    ];
    let mut rig = Rig::new(&metrics, wire);
    rig.shows(&["x_total{engine=\"0\"} 0", "level{engine=\"0\"} 0.0", "h_count{engine=\"0\"} 0"]);
    rig.record(&json!({
        "a": { "b": { "[]": 2, "[\"gone\"]": 9 } }, "sum": [1, "3", 2.9, -4, [5]], "float": 0.5, "set": 7.9,
        "level": -1.5, "h": [1, 4.0, null], "whole": [-3.5, 1.9, -3], "unknown": 1,
    }));
    rig
}

const AFTER_ONE_OF_EACH: [&str; 9] = [
    "x_total{engine=\"0\"} 2",
    "sum_total{engine=\"0\"} 3",
    "float_total{engine=\"0\"} 0.5",
    "set{engine=\"0\"} 7.0",
    "level{engine=\"0\"} -1.5",
    "h_sum{engine=\"0\"} 2.5",
    "h_count{engine=\"0\"} 2",
    "whole_sum{engine=\"0\"} 1.0",
    "whole_count{engine=\"0\"} 1",
];

#[test]
fn numbers_are_taken_as_the_proposal_does() {
    for wire in Wire::ALL {
        let mut rig = one_of_each_kind(wire);
        rig.shows(&AFTER_ONE_OF_EACH);
        rig.record(&json!({ "a": { "b": { "[\"only\"]": 5.5 } }, "sum": 4, "h": 2 }));
        rig.shows(&["x_total{engine=\"0\"} 7", "sum_total{engine=\"0\"} 7", "h_sum{engine=\"0\"} 3.5"]);
    }
}

#[test]
fn what_the_proposal_skips_counts_nothing() {
    for wire in Wire::ALL {
        let mut rig = one_of_each_kind(wire);
        for payload in [
            json!({}),
            json!([]),
            json!(7),
            json!({ "a": 1, "sum": "x", "float": -1, "set": -1.5, "level": [5] }),
            json!({ "a": { "b": [5] }, "float": [5], "set": [5], "level": true, "h": "5", "whole": { "x": 5 } }),
            json!({ "a": { "b": { "[\"s\"]": 5, "[\"t\"]": 5 } }, "sum": { "x": 1 }, "whole": [] }),
            json!({ "a": { "b": { "[]": [5], "[\"t\"]": 5 } }, "sum": { "[]": { "[]": 5 } }, "h": {} }),
            json!({ "a": { "b": { "[]": 5, "t": 5 } }, "a.b": 5 }),
        ] {
            rig.record(&payload);
            rig.shows(&AFTER_ONE_OF_EACH);
        }
    }
}

/// From Rust code, there are columns too.
#[test]
fn columns_are_lists() {
    let mut rig = Rig::new(&[metric("sum", "inc_by_sum_u64"), metric("h", "observe_each_f64")], Wire::Json);
    let rows = [(1.0, 2.0), (3.0, 4.0)];
    let column = (&rows[..], |row: &(f64, f64)| row.1);
    for integers in [true, false] {
        let (floats, integers) = ([1.5, f64::NAN, -1.0, 2.0], integers.then_some([1, 2]));
        let sum = integers.as_ref().map_or(Value::Floats(&floats), |integers| Value::Integers(integers));
        let payload = [("sum".into(), sum), ("h".into(), Value::Column(&column))];
        let mut step = rig.recorder.step();
        rig.metrics.record(&mut step, &Value::map(&payload));
        step.commit();
    }
    rig.shows(&["sum_total{engine=\"0\"} 6", "h_sum{engine=\"0\"} 12.0", "h_count{engine=\"0\"} 4"]);
}

#[test]
fn what_cannot_be_counted_is_rejected() {
    let mut rig =
        Rig::new(&[metric("n", "inc_by_u64"), metric("f", "inc_by_f64"), metric("h", "observe_each_f64")], Wire::Json);
    for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
        let payload = [("n".into(), Value::Float(odd)), ("h".into(), Value::Float(odd)), ("f".into(), odd.into())];
        let mut step = rig.recorder.step();
        rig.metrics.record(&mut step, &Value::map(&payload));
        step.commit();
    }
    // Skipped: the first and the third n, the third f.
    rig.shows(&[
        "n_total{engine=\"0\"} 0",
        "f_total{engine=\"0\"} 1e+300",
        "h_count{engine=\"0\"} 1",
        "tachometer_rejected_observations_total{engine=\"0\"} 7",
    ]);
}

/// The proposal removes them before it takes samples.
#[test]
fn the_descriptor_and_the_number_of_steps_are_no_samples() {
    for wire in Wire::ALL {
        let path = |name: &str, path: &str| with(metric(name, "inc_by_u64"), "samples_path", path);
        let metrics = [path("a", "_n_steps"), path("b", "_metrics_descriptor.n"), path("c", "c._n_steps")];
        let mut rig = Rig::new(&metrics, wire);
        rig.record(&json!({ "_n_steps": 5, "_metrics_descriptor": { "n": 5 }, "c": { "_n_steps": 5 } }));
        rig.shows(&["a_total{engine=\"0\"} 0", "b_total{engine=\"0\"} 0", "c_total{engine=\"0\"} 5"]);
    }
}

#[test]
fn each_of_several_connectors_has_its_part() {
    for wire in Wire::ALL {
        let described = |id: &str| {
            let metrics = [with(metric(&format!("{id}_reads"), "inc_by_u64"), "samples_path", "reads")];
            let document = json!({ "descriptor_version": 1, "connector_id": id, "metrics": metrics });
            json!({ "_metrics_descriptor": document, "reads": 3 })
        };
        let payload = wire.bytes(&json!({ "disk": described("Disk"), "net": described("Net"), "_n_steps": 2 }));
        let payload = wire.read(&payload);
        let Value::Map(parts) = &payload else { panic!("a map") };
        let mut schema = Schema::builder(&["engine"]);
        let declared: Vec<_> = parts
            .iter()
            .filter_map(|(key, part)| {
                let descriptor = Descriptor::of_payload(part)?.unwrap();
                Some((key.clone(), descriptor.declare(&mut schema, Limits::default()).unwrap()))
            })
            .collect();
        let registry = Registry::new(schema.build().unwrap());
        let engine = registry.attach(&["0"]).unwrap();
        let mut recorder = engine.recorder().unwrap();
        let mut step = recorder.step();
        for (key, families) in &declared {
            let Key::Name(name) = key else { panic!("a name") };
            families.metrics(&engine).record(&mut step, payload.get(name).unwrap());
        }
        step.commit();
        for sample in ["Disk_reads_total{engine=\"0\"} 3", "Net_reads_total{engine=\"0\"} 3"] {
            assert!(registry.page().contains(&format!("\n{sample}\n")), "{}", registry.page());
        }
    }
}

#[test]
fn entries_of_one_name_and_type_share_a_family() {
    let labels = |kind: &str, path: &str, labels: serde_json::Value| {
        with(with(metric("x_total", kind), "samples_path", path), "const_labels", labels)
    };
    let metrics = [
        labels("inc_by_u64", "a", json!({"path": "local"})),
        labels("inc_by_u64", "b", json!({"path": "remote", "tier": "1"})),
        labels("inc_by_f64", "c", json!({"path": "local"})),
        with(metric("h", "observe_each_f64"), "const_labels", json!({"why": "y".repeat(300)})),
        with(metric("g", "set_f64"), "const_labels", json!({"path": "other"})),
        metric("plain", "inc_by_u64"),
        with(metric("plain_total", "inc_by_u64"), "samples_path", "a"),
    ];
    let mut rig = Rig::new(&metrics, Wire::MessagePack);
    rig.shows(&[
        "x_total{engine=\"0\",path=\"local\",tier=\"\"} 0.0",
        "x_total{engine=\"0\",path=\"remote\",tier=\"1\"} 0.0",
        "g{engine=\"0\",path=\"other\"} 0.0",
    ]);
    assert!(!rig.registry.page().contains("h_count{"), "only with its first observation");
    rig.record(&json!({ "a": 1, "b": 2, "c": 0.5, "h": [0.5], "g": 4, "plain": 10 }));
    let long = format!("h_count{{engine=\"0\",why=\"{}\"}} 1", "y".repeat(300));
    rig.shows(&[
        "x_total{engine=\"0\",path=\"local\",tier=\"\"} 1.5",
        "x_total{engine=\"0\",path=\"remote\",tier=\"1\"} 2.0",
        "g{engine=\"0\",path=\"other\"} 4.0",
        "plain_total{engine=\"0\"} 11",
        &long,
    ]);
    let page = rig.registry.page();
    assert_eq!(page.lines().filter(|line| line.starts_with("x_total{")).count(), 2, "{page}");
    assert!(page.contains("tachometer_overflowed_label_values_total{engine=\"0\"} 0\n"), "{page}");
}
