//! The example `otlp` on values of every type, to the byte. `tests/parse_otlp.py` has Google's
//! protobuf and the published messages read the same file.
//!
//! `TACHOMETER_UPDATE_GOLDEN=1 cargo test --test adoption` writes it anew.

#[path = "../../examples/otlp.rs"]
mod example;

use std::{
    fs,
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use crate::{shown, walk::Rig};
use serde_json::{Value, json};

/// The request without the crate's own families, some of which change from run to run.
fn request() -> Value {
    let rig = Rig::new();
    let time = UNIX_EPOCH + Duration::from_nanos(1_700_000_000_000_000_001);
    let mut request = example::request(&shown::snapshot(&rig.registry), time, &[("service.name", "test")]);
    let metrics = request["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array_mut().unwrap();
    metrics.retain(|metric| !metric["name"].as_str().unwrap().starts_with("tachometer_"));
    request
}

#[test]
fn a_request_is_that_of_the_golden_file() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/otlp.json");
    let request = format!("{:#}\n", request());
    if std::env::var_os("TACHOMETER_UPDATE_GOLDEN").is_some() {
        fs::write(&path, &request).unwrap();
    }
    assert_eq!(request, fs::read_to_string(&path).unwrap());
}

#[test]
fn numbers_are_as_the_json_mapping_has_them() {
    let request = request();
    let metrics = request["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap();
    let metric = |name: &str| metrics.iter().find(|metric| metric["name"] == name).unwrap();
    let requests = &metric("requests")["sum"];
    assert_eq!((&requests["aggregationTemporality"], &requests["isMonotonic"]), (&json!(2), &json!(true)));
    let points = requests["dataPoints"].as_array().unwrap();
    let numbers = |field| points.iter().filter_map(|point| point.get(field)).cloned().collect::<Vec<_>>();
    assert_eq!(numbers("asInt"), [json!("0"), json!("0"), json!("5"), json!("5"), json!("0"), json!("0")]);
    assert_eq!(numbers("asDouble"), vec![json!(1.844_674_407_370_955_2e19); 2]);
    assert!(points.iter().all(|point| point["timeUnixNano"] == "1700000000000000001"));
    assert_eq!(metric("odd")["gauge"]["dataPoints"][0]["asDouble"], "-Infinity");
    let tokens = &metric("tokens")["histogram"]["dataPoints"][0];
    assert_eq!((&tokens["count"], &tokens["sum"]), (&json!("2"), &json!(6.0)));
    assert_eq!((&tokens["bucketCounts"], &tokens["explicitBounds"]), (&json!(["0", "2", "0"]), &json!([1.0, 8.0])));
    assert!(metric("change")["histogram"]["dataPoints"][0].get("sum").is_none(), "it can fall");
    assert_eq!(metric("ttft_seconds")["unit"], "s");
    assert!(metrics.iter().all(|metric| metric["name"] != "never_set_info"), "it has no sample");
}
