//! Log lines in cases that the scenarios don't reach, as vLLM's own code printed them.

use tachometer_vllm::{
    LogLevel,
    connectors::{KvConnector, OffloadingSpec, Value},
};

use crate::rig::{Rig, offloading};

/// The lines about payloads in JSON. An empty text is the end of an interval, as is the end.
pub(crate) fn lines(connector: &KvConnector<'_>, payloads: &[&str]) -> Vec<String> {
    let mut log = Rig::new(connector).families.transfer_log();
    let mut lines = Vec::new();
    for payload in payloads.iter().chain([&""]) {
        if payload.is_empty() {
            lines.extend(log.line(LogLevel::Info).map(|line| line.text));
        } else {
            log.add(&Value::from_json(payload.as_bytes()).unwrap()).unwrap();
        }
    }
    let text = |line: String| line.strip_prefix("KV Transfer metrics: ").unwrap().to_owned();
    lines.into_iter().map(text).collect()
}

#[test]
fn of_several_connectors_each_that_reported_has_its_part() {
    let connector = KvConnector::Multi(vec![
        offloading(OffloadingSpec::Cpu),
        KvConnector::Hf3fs,
        KvConnector::MooncakeStore,
        KvConnector::Without("LMCacheConnectorV1"),
        KvConnector::Multi(vec![KvConnector::SimpleCpuOffload]),
    ]);
    let nothing = r#"{"OffloadingConnector": {"types": {}, "data": {}, "info": null}, "LMCacheConnectorV1": {"a": 1}}"#;
    let zeros = r#"{"HF3FSKVConnector": {"save_duration": [], "load_duration": [], "num_failed_save": 0,
        "num_failed_load": 0, "num_transfer_task": 0}}"#;
    let name = "vllm:simple_kv_offload_used_blocks";
    let inner = format!(
        r#"{{"MultiConnector": {{"SimpleCPUOffloadConnector":
            {{"types": {{"{name}": "gauge"}}, "data": {{"{name}": {{"[]": 3}}}}}}}}}}"#
    );
    let no_records = r#"{"MooncakeStoreConnector": {"save_put": []}}"#;
    let info = r#"{"OffloadingConnector": {"types": {}, "data": {}, "info": [{}]}}"#;
    let payloads = [nothing, "", zeros, "", &inner, "", zeros, "", no_records, "", info, nothing];
    let hf3fs = "HF3FSKVConnector={'Num transfers task': 0, 'Num save task success': 0, 'Num save task failed': 0, \
        'Num load task success': 0, 'Num load task failed': 0, 'Avg save duration (ms)': 0, \
        'P90 save duration (ms)': 0, 'Avg load duration (ms)': 0, 'P90 load duration (ms)': 0}";
    let expected = [
        // Intervals without a line are no end: their connectors have a part of the next line.
        format!("OffloadingConnector={{}}, {hf3fs}, MultiConnector={{'SimpleCPUOffloadConnector': {{'{name}': 3}}}}"),
        format!("{hf3fs}, MooncakeStoreConnector={{}}"),
        "OffloadingConnector={}".to_owned(),
    ];
    assert_eq!(lines(&connector, &payloads), expected);
}

#[test]
fn of_a_single_payload_of_umbp_the_line_has_its_numbers_in_its_order() {
    let one = r#"{"store": {"failed": 1, "submitted": 3}, "load": {}}"#;
    let (store, load) = (r#"{"store": {"failed": 1}}"#, r#"{"load": {"submitted": 3}}"#);
    let expected = [
        "store_failed=1, store_submitted=3",
        "store_submitted=0, store_completed=0, store_failed=1, store_num_bytes=0, \
            load_submitted=3, load_completed=0, load_failed=0, load_num_bytes=0",
    ];
    assert_eq!(lines(&KvConnector::Umbp, &[one, "", store, load, "", r#"{"load": {}}"#]), expected);
}

#[test]
fn a_usage_that_is_an_integer_stays_one() {
    let payload = |usage: &str| format!(r#"{{"host_cache_usage_perc": [{usage}]}}"#);
    let payloads = ["0.5, 0", "0.12345", "1"].map(payload);
    let [a, b, c] = &payloads;
    let usages: Vec<_> = lines(&KvConnector::HiSparse { kv_cache_metrics: false }, &[a, "", b, "", c])
        .iter()
        .map(|line| line.rsplit_once('=').unwrap().1.to_owned())
        .collect();
    assert_eq!(usages, ["0", "12.3", "100"]);
}

#[test]
fn combining_characters_are_printable_and_invisible_ones_are_not() {
    let name = "vllm:simple_kv_offload_save_outcomes_total";
    for (value, shown) in [("e\u{301}", "e\u{301}"), ("\u{301}", "\u{301}"), ("\u{200b}", "\\u200b")] {
        let payload = format!(r#"{{"types": {{"{name}": "counter"}}, "data": {{"{name}": {{"[\"{value}\"]": 1}}}}}}"#);
        assert_eq!(lines(&KvConnector::SimpleCpuOffload, &[&payload]), [format!("{name}:('{shown}',)=1")]);
    }
}

#[test]
fn integers_of_a_line_end_at_the_greatest_signed_one() {
    let line = |numbers: &[i128]| {
        let payloads: Vec<_> =
            numbers.iter().map(|number| format!(r#"{{"load": {{"num_bytes": {number}}}}}"#)).collect();
        let payloads: Vec<&str> = payloads.iter().map(String::as_str).collect();
        lines(&KvConnector::Umbp, &payloads)[0].rsplit_once('=').unwrap().1.to_owned()
    };
    let greatest = i128::from(i64::MAX);
    assert_eq!(line(&[greatest]), "9223372036854775807");
    assert_eq!(line(&[greatest, 1]), "9223372036854775807");
    assert_eq!(line(&[greatest + 1]), "9.223372036854776e+18");
}
