//! Payloads that don't fit their table: nothing of them is recorded.

use tachometer::Schema;
use tachometer_vllm::{
    Config, DeclareError,
    connectors::{
        Absent, At, ConnectorFamilies, Exists, FamilyRow, KvConnector, Metric, NixlStats, OffloadingSpec, Sample,
        Summary, Table, Take, Value,
    },
};

use crate::rig::{Rig, offloading};

/// The payload is refused with this message, changes no sample, and is counted.
fn assert_refused(connector: &KvConnector<'_>, json: &str, message: &str) {
    let mut rig = Rig::new(connector);
    let before = rig.samples();
    let payload = Value::from_json(json.as_bytes()).unwrap();
    let error = rig.record(&payload).expect_err(json).to_string();
    assert_eq!((&*error, rig.samples(), rig.metrics.refused()), (message, before, 1), "{json}");
    let counted = "tachometer_rejected_observations_total{engine=\"0\"} 1\n";
    assert!(rig.registry.page().contains(counted), "{json}");
    let mut log = rig.families.transfer_log();
    let added = log.add(&payload).map_err(|error| error.to_string());
    // An empty payload is left out of the log.
    assert_eq!(added, if json == "{}" { Ok(()) } else { Err(message.to_owned()) });
    assert_eq!(log.line(tachometer_vllm::LogLevel::Info), None);
}

#[test]
fn a_payload_that_does_not_fit_is_refused_whole() {
    let hf3fs = |durations: &str, failed: &str| {
        format!(
            r#"{{"save_duration": [0.5], "load_duration": {durations}, "num_failed_save": {failed}, "num_failed_load": 0,
            "num_transfer_task": 1}}"#
        )
    };
    let connector = KvConnector::Hf3fs;
    assert_refused(&connector, "{}", "the payload lacks the key \"save_duration\"");
    assert_refused(&connector, "[]", "the payload isn't a map");
    assert_refused(&connector, &hf3fs("[]", "-1"), "\"num_failed_save\": it is negative, but adds to a counter");
    assert_refused(
        &connector,
        &hf3fs("[]", "0.5"),
        "\"num_failed_save\": it isn't an integer, but adds to a counter of integers",
    );
    assert_refused(&connector, &hf3fs("[0.5, null]", "1"), "\"load_duration\": it isn't a number");
    assert_refused(&connector, &hf3fs("0.5", "[1]"), "\"num_failed_save\": it isn't a number");
    let unknown = hf3fs("[]", "0").replace("num_transfer_task", "num_tasks");
    assert_refused(&connector, &unknown, "\"num_tasks\": it isn't a name that the connector declared");
}

#[test]
fn label_values_and_tags_must_fit() {
    let connector = offloading(OffloadingSpec::Tiering { kvcr: false, info_labels: &[] });
    let payload = |name: &str, series: &str, tag: &str| {
        format!(r#"{{"types": {{"{name}": "{tag}"}}, "data": {{"{name}": {series}}}, "info": null}}"#)
    };
    let reads = "vllm:kv_offload_tiering_read_bytes";
    let place = format!("\"data\" > {reads:?}");
    let refused = |json: &str, message: &str| assert_refused(&connector, json, message);
    refused(
        &payload(reads, r#"{"[\"1:fs\"]": 3, "[\"1:fs\", \"x\"]": 2}"#, "counter"),
        &format!("{place} > [\"1:fs\", \"x\"]: it has 2 label values instead of 1"),
    );
    refused(&payload(reads, "{\"[]\": 3}", "counter"), &format!("{place} > []: it has 0 label values instead of 1"));
    refused(
        &payload(reads, "{\"1:fs\": 3}", "counter"),
        &format!("{place} > \"1:fs\": it isn't a tuple of label values"),
    );
    refused(&payload(reads, "{}", "gauge"), &format!("{place}: it isn't tagged as counter in \"types\""));
    refused(
        &payload("vllm:kvcr_state", "{\"[\\\"completed\\\"]\": 3}", "gauge"),
        "\"data\" > \"vllm:kvcr_state\": it isn't a name that the connector declared",
    );
    refused(&format!(r#"{{"data": {{"{reads}": {{}}}}}}"#), "the payload lacks the key \"types\"");
    refused(r#"{"types": {}, "data": {}, "info": [1]}"#, "\"info\": it isn't a map");
}

#[test]
fn of_several_connectors_one_bad_part_refuses_the_whole() {
    let connector =
        KvConnector::Multi(vec![KvConnector::Umbp, KvConnector::MooncakeStore, KvConnector::Without("Own")]);
    let good = r#""UMBPStoreConnector": {"load": {"submitted": 3}}"#;
    let bad = r#""MooncakeStoreConnector": {"save_put": [{"status": "ok", "duration_seconds": 0.5}]}"#;
    assert_refused(
        &connector,
        &format!("{{{good}, {bad}}}"),
        "\"MooncakeStoreConnector\" > \"save_put\" > [0]: it lacks the key \"num_keys\"",
    );
    assert_refused(
        &connector,
        &format!("{{{good}, \"Other\": {{}}}}"),
        "\"Other\": it isn't a name that the connector declared",
    );
    let mut rig = Rig::new(&connector);
    rig.record(&Value::from_json(format!("{{{good}, \"Own\": {{\"any\": [1]}}}}").as_bytes()).unwrap()).unwrap();
    assert_eq!(rig.sample("vllm:umbp_transfer_failed_total{engine=\"0\",operation=\"load\"}"), Some(0.0));
}

#[test]
fn a_table_that_contradicts_itself_is_refused() {
    let sample = Sample { path: &[At::Key("a"), At::Labels], take: Take::Count, absent: Absent::Nothing, value: 0 };
    let row = FamilyRow {
        name: "own:a_total",
        help: "A.",
        metric: Metric::Counter,
        labels: &[],
        exists: Exists::Start,
        samples: &[sample],
    };
    let refused = |rows: &[FamilyRow<'_>]| {
        let table = Table { name: "Own", families: rows, known: &[], tagged: false, summary: Summary::None };
        let mut schema = Schema::builder(&["engine"]);
        let declared = ConnectorFamilies::declare(&mut schema, &KvConnector::Own(table), &Config::new());
        assert!(!format!("{schema:?}").contains("own:a"), "nothing is declared");
        declared.unwrap_err()
    };
    let gauge = FamilyRow { name: "own:a", metric: Metric::Gauge, ..row };
    assert_eq!(
        refused(&[gauge]).to_string(),
        "own:a has a type that can't take its numbers this way: mend the row of the table"
    );
    let labelled = FamilyRow { name: "own:b_total", labels: &["tier"], ..row };
    let error = refused(&[row, labelled]);
    assert!(matches!(&error, DeclareError::Table { family, .. } if family == "own:b_total"), "{error}");
    let indexed = [Sample { value: 1, ..sample }];
    assert!(matches!(refused(&[FamilyRow { samples: &indexed, ..row }]), DeclareError::Table { .. }));
    assert!(matches!(refused(&[row, row]), DeclareError::Schema(_)));
}

#[test]
fn numbers_that_cannot_be_added_up_are_refused() {
    let mut rig = Rig::new(&KvConnector::Hf3fs);
    for number in [f64::NAN, f64::INFINITY] {
        let durations = [0.5, number];
        let payload = [
            ("save_duration".into(), Value::Floats(&durations)),
            ("load_duration".into(), Value::Floats(&[])),
            ("num_failed_save".into(), 1.into()),
            ("num_failed_load".into(), 0.into()),
            ("num_transfer_task".into(), 1.into()),
        ];
        let error = rig.record(&Value::map(&payload)).unwrap_err().to_string();
        assert_eq!(error, "\"save_duration\": it isn't a number that can be added up");
    }
    assert_eq!((rig.sample("vllm:hf3fs_num_failed_save_total{engine=\"0\"}"), rig.metrics.refused()), (Some(0.0), 2));
}

#[test]
fn a_discarded_step_takes_the_series_of_fixed_labels_along() {
    let mut rig = Rig::new(&KvConnector::NixlPull);
    let mut step = rig.recorder.step();
    rig.metrics.record(&mut step, &NixlStats { failed_transfers: 3, ..Default::default() }).unwrap();
    drop(step);
    assert_eq!(rig.sample("vllm:nixl_num_failed_transfers_total{engine=\"0\"}"), Some(0.0));
    let mut rig = Rig::new(&KvConnector::Umbp);
    let mut step = rig.recorder.step();
    rig.metrics.record(&mut step, &Value::from_json(br#"{"load": {"submitted": 3}}"#).unwrap()).unwrap();
    drop(step);
    let submitted = rig.sample("vllm:umbp_transfer_submitted_total{engine=\"0\",operation=\"load\"}");
    assert_eq!(submitted, Some(3.0), "label values of the payload aren't part of steps");
}

#[test]
fn there_are_at_most_128_series_and_one_more() {
    let mut rig = Rig::new(&KvConnector::Umbp);
    for operation in 0..200 {
        let payload = format!("{{\"{operation}\": {{\"submitted\": 1}}}}");
        rig.record(&Value::from_json(payload.as_bytes()).unwrap()).unwrap();
    }
    let submitted = |line: &&String| line.starts_with("vllm:umbp_transfer_submitted_total");
    assert_eq!(rig.samples().iter().filter(submitted).count(), 129);
    let rest = rig.sample("vllm:umbp_transfer_submitted_total{engine=\"0\",operation=\"(other)\"}");
    assert_eq!(rest, Some(72.0));
}

#[test]
fn a_list_without_observations_makes_no_series() {
    let name = "vllm:kv_offload_lookup_sync_delay_seconds";
    let payload = format!(r#"{{"types": {{"{name}": "histogram"}}, "data": {{"{name}": {{"[]": []}}}}}}"#);
    let mut rig = Rig::new(&offloading(OffloadingSpec::Cpu));
    rig.record(&Value::from_json(payload.as_bytes()).unwrap()).unwrap();
    assert_eq!(rig.sample(&format!("{name}_count{{engine=\"0\"}}")), None);
}
