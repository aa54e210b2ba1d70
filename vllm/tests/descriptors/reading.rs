//! What is read, and what is refused.

use serde::Deserialize;
use serde_json::{Value, json};
use tachometer_vllm::descriptors::{Descriptor, DescriptorError};

use crate::{
    rig::{document, metric, read, with},
    wire::Wire,
};

#[derive(Deserialize)]
struct Case {
    accepted: bool,
    about: String,
    document: Value,
}

/// The document behind a payload's key, in JSON and in MessagePack.
fn of_payloads(document: &Value) -> [Result<Descriptor, DescriptorError>; 2] {
    Wire::ALL.map(|wire| {
        let payload = wire.bytes(&json!({ "_n_steps": 1, "_metrics_descriptor": document }));
        Descriptor::of_payload(&wire.read(&payload)).unwrap()
    })
}

fn check(document: &Value, accepted: bool, about: &str) {
    let read = read(document);
    assert_eq!(read.is_ok(), accepted, "{about}: {read:?}");
    for of_payload in of_payloads(document) {
        assert_eq!(of_payload, read, "{about}");
    }
}

#[test]
fn documents_are_accepted_or_refused_as_by_the_proposals_parser() {
    let cases = include_str!("../data/descriptors/cases.jsonl").lines();
    let cases: Vec<Case> = cases.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(cases.len(), 37);
    for Case { accepted, about, document } in cases {
        check(&document, accepted, &about);
    }
}

#[test]
fn documents_that_neighbour_these_are_accepted() {
    let (counter, histogram) = (metric("x", "inc_by_u64"), metric("h", "observe_each_f64"));
    for metrics in [
        vec![with(counter.clone(), "samples_path", ".")],
        vec![with(counter.clone(), "name", " ")],
        vec![with(counter.clone(), "buckets", Value::Null)],
        vec![with(counter.clone(), "const_labels", json!({}))],
        vec![with(counter.clone(), "const_labels", json!({"": "", "[]": "x"}))],
        vec![with(counter.clone(), "documentation", "")],
        vec![with(counter.clone(), "scale", 2)],
        vec![with(counter.clone(), "unknown", json!({"name": [null]}))],
        vec![with(histogram.clone(), "buckets", json!([1, 2.5, 1e300, 0, -1]))],
        vec![with(histogram.clone(), "scale", -0.0)],
        vec![with(histogram, "const_labels", json!({"le": "1"}))],
        vec![metric("x", "inc_by_sum_u64"), metric("x", "inc_by_f64"), metric("x", "set_f64"), counter],
    ] {
        check(&document(&metrics), true, &format!("{metrics:?}"));
    }
    let both_names = with(document(&[]), "schema_version", 7);
    check(&both_names, true, "the other name besides");
}

#[test]
fn metrics_that_neighbour_these_are_refused() {
    let (counter, histogram) = (metric("x", "inc_by_u64"), metric("h", "observe_each_f64"));
    for (field, value) in [
        ("name", Value::Null),
        ("name", json!(["x"])),
        ("type", json!("Counter")),
        ("type", json!(["counter"])),
        ("type", json!({"counter": null})),
        ("samples_path", json!(["a", "b"])),
        ("sample_kind", json!("inc_by_u64 ")),
        ("sample_kind", json!("observe_each_f64")),
        ("sample_kind", json!("observe_each_u64_as_f64")),
        ("sample_kind", json!("set_u64")),
        ("documentation", Value::Null),
        ("buckets", json!(1.0)),
        ("buckets", json!(["1.0"])),
        ("buckets", json!([null])),
        ("scale", Value::Null),
        ("scale", json!("1")),
        ("const_labels", Value::Null),
        ("const_labels", json!([["a", "b"]])),
        ("const_labels", json!({"a": null})),
    ] {
        let metric = with(counter.clone(), field, value);
        check(&document(&[histogram.clone(), metric.clone()]), false, &metric.to_string());
        let error = read(&document(&[histogram.clone(), metric])).unwrap_err().to_string();
        assert!(error.contains("metric 1") || error.contains("\"x\""), "{error}");
    }
    for (kind, metric_type) in [("inc_by_sum_u64", "gauge"), ("inc_by_f64", "histogram"), ("set_u64", "histogram")] {
        check(&document(&[with(metric("y", kind), "type", metric_type)]), false, kind);
    }
}

#[test]
fn documents_that_neighbour_these_are_refused() {
    for (field, value) in [
        ("descriptor_version", json!(0)),
        ("descriptor_version", json!(-1)),
        ("descriptor_version", json!(1.0)),
        ("descriptor_version", json!(true)),
        ("descriptor_version", Value::Null),
        ("descriptor_version", json!(u64::MAX)),
        ("connector_id", json!(1)),
        ("connector_id", Value::Null),
        ("metrics", Value::Null),
        ("metrics", json!({})),
        ("metrics", json!([[]])),
        ("metrics", json!([null])),
        // The values of the fields, in order.
        ("metrics", json!([["x", "counter", "x", "inc_by_u64", "", null, 1.0, {}]])),
    ] {
        check(&with(document(&[]), field, value.clone()), false, &format!("{field}: {value}"));
    }
    for document in [json!([1, "C", []]), json!(null), json!("{}"), json!({}), json!([])] {
        check(&document, false, &document.to_string());
    }
}

#[test]
fn what_is_no_json_is_refused() {
    let deep = [b"{\"descriptor_version\": ".as_slice(), &b"[".repeat(1_000_000)].concat();
    let twice = br#"{"descriptor_version": 1, "connector_id": "C", "connector_id": "D", "metrics": []}"#;
    let infinite = br#"{"descriptor_version": 1, "connector_id": "C", "metrics": [{"name": "h", "type": "histogram",
        "samples_path": "l", "sample_kind": "observe_each_f64", "buckets": [1e999]}]}"#;
    let behind = br#"{"descriptor_version": 1, "connector_id": "C", "metrics": []} {}"#;
    for (bytes, reason) in [
        (&b""[..], "EOF"),
        (b"\xff", "expected value"),
        (b"{\"a\": \"\xff\"}", "unicode"),
        (&deep, "recursion limit"),
        (twice, "twice"),
        (infinite, "out of range"),
        (behind, "trailing"),
    ] {
        let error = Descriptor::from_json(bytes).unwrap_err();
        assert!(matches!(&error, DescriptorError::Unreadable { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn a_payload_without_a_descriptor_has_none() {
    for payload in [json!({}), json!([]), json!(null), json!({ "a": { "_metrics_descriptor": {} } })] {
        for wire in Wire::ALL {
            assert!(Descriptor::of_payload(&wire.read(&wire.bytes(&payload))).is_none());
        }
    }
}
