//! Replays the inputs under `fuzz/regressions` on the bodies of the fuzz targets, and random ones
//! besides.

mod common;
mod model;

#[path = "../fuzz/bodies/declarations.rs"]
mod declarations;
#[path = "../fuzz/bodies/descriptors.rs"]
mod descriptors;
#[path = "../fuzz/bodies/observations.rs"]
mod observations;
#[path = "../fuzz/bodies/page_round_trip.rs"]
mod page_round_trip;
#[path = "../fuzz/bodies/payloads.rs"]
mod payloads;
#[path = "../fuzz/bodies/requests.rs"]
mod requests;
#[path = "../fuzz/bodies/steps.rs"]
mod steps;

use std::{fs, path::Path};

use proptest::prelude::*;
use serde_json::{Value, json};

/// Runs every file of a target.
fn replay(target: &str, run: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/regressions").join(target);
    let files: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty(), "{} is empty", directory.display());
    for file in files {
        println!("{}", file.display()); // shown on a failure
        run(&fs::read(&file).unwrap());
    }
}

/// One test for each target, which replays it, and the list of them.
macro_rules! targets {
    ($($target:ident),*) => {
        const TARGETS: &[&str] = &[$(stringify!($target)),*];

        mod known_inputs_of {
            $(
                #[test]
                fn $target() {
                    super::replay(stringify!($target), super::$target::run);
                }
            )*
        }
    };
}

targets!(declarations, descriptors, observations, page_round_trip, payloads, requests, steps);

#[test]
fn every_target_is_replayed() {
    let manifest = include_str!("../fuzz/Cargo.toml");
    let names = manifest.split("[[bin]]").skip(1).map(|bin| bin.split('"').nth(1).unwrap());
    assert_eq!(names.collect::<Vec<_>>(), TARGETS);
}

/// A metric of a descriptor, mostly a valid one.
fn metric() -> impl Strategy<Value = Value> {
    let kinds = prop::sample::select(vec![
        ("counter", "inc_by_u64"),
        ("counter", "inc_by_sum_u64"),
        ("counter", "inc_by_f64"),
        ("gauge", "set_u64"),
        ("gauge", "set_f64"),
        ("histogram", "observe_each_f64"),
        ("histogram", "observe_each_u64_as_f64"),
        ("gauge", "inc_by_u64"),
    ]);
    let labels = prop::collection::btree_map("[a-c_é]{0,2}", "[a-b\"\n]{0,60}", 0..3);
    let buckets = prop::collection::vec(-1.0..5.0, 0..4);
    ("[a-b1_]{0,2}", kinds, "[a-c.]{0,3}", labels, buckets, -2.0..2.0).prop_map(
        |(name, (metric_type, kind), path, labels, mut buckets, scale)| {
            buckets.sort_by(f64::total_cmp);
            json!({
                "name": name, "type": metric_type, "sample_kind": kind, "samples_path": path,
                "const_labels": labels, "buckets": buckets, "scale": scale,
            })
        },
    )
}

proptest! {
    #[test]
    fn random_inputs_of_payloads(choice in 0_u8..8, bytes in prop::collection::vec(any::<u8>(), 0..60), text in "[a-c0-9.\"{}:,\\[\\]-]{0,40}") {
        payloads::run(&[&[choice], &bytes[..]].concat());
        payloads::run(&[&[choice], text.as_bytes()].concat());
    }

    #[test]
    fn random_inputs_of_page_round_trip(bits in any::<u64>(), text in "[ -~\\n\\r\\t|\"\\\\é🦀]{0,60}") {
        page_round_trip::run(&[&bits.to_le_bytes(), text.as_bytes()].concat());
    }

    #[test]
    fn random_inputs_of_descriptors(metrics in prop::collection::vec(metric(), 0..6), payload in "[a-c0-9.\"{}:,\\[\\]-]{0,40}") {
        let document = json!({ "descriptor_version": 1, "connector_id": "C", "metrics": metrics });
        let payloads = r#"{"a": {"b": 1.5, "[]": [2, -1]}, "c": {"[\"x\"]": 3}}"#;
        descriptors::run(format!("{document}\0{payloads}\n{payload}").as_bytes());
    }

    #[test]
    fn random_inputs_of_requests(
        query in "((name\\[\\]|%6eame%5b%5D|x)=(a:b|a%3ab|tokens_total|seconds_(sum|created)|exact|[a-z%+]{0,4})&?){0,3}",
        accept in "((text/plain|application/openmetrics-text|\\*/\\*)(;(q=[0-9.]{1,3}|version=(1\\.0\\.0|0\\.0\\.4)|[a-z\"=]{0,5})){0,3},?){0,3}",
    ) {
        requests::run(format!("GET\n/metrics\n{query}\n{accept}").as_bytes());
    }

    #[test]
    fn random_inputs_of_declarations(data in prop::collection::vec(any::<u8>(), 0..200)) {
        declarations::run(&data);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_inputs_of_observations(data in prop::collection::vec(any::<u8>(), 0..600)) {
        observations::run(&data);
    }
}
