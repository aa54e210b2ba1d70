//! What the Rust types of NIXL and Mooncake record, and what log lines say in cases that the
//! scenarios don't reach.

use tachometer_vllm::{
    LogLevel,
    connectors::{
        KvConnector, MooncakeStats, MooncakeTransfer, NixlStats, NixlTransfer, OffloadingSpec, Payload, TransferLog,
        Value,
    },
};

use crate::{
    lines::lines,
    rig::{Rig, offloading},
};

const TRANSFERS: [NixlTransfer; 2] = [
    NixlTransfer { seconds: 0.25, post_seconds: 0.001, bytes: 4096, descriptors: 30, _non_exhaustive: () },
    NixlTransfer { seconds: 0.5, post_seconds: 0.002, bytes: 1 << 34, descriptors: 31, _non_exhaustive: () },
];

#[test]
fn transfers_by_nixl() {
    let stats = NixlStats {
        transfers: &TRANSFERS,
        failed_transfers: 1,
        failed_handshakes: 10,
        failed_notifications: 100,
        kv_expired_requests: 5,
        notifications_after_expiry: 6,
        ..Default::default()
    };
    for connector in [KvConnector::NixlPull, KvConnector::NixlPush] {
        let mut rig = Rig::new(&connector);
        rig.record(&stats).unwrap();
        let sample = |name: &str| rig.sample(&format!("vllm:nixl_{name}{{engine=\"0\"}}")).unwrap();
        let sums = ["xfer_time_seconds", "post_time_seconds", "bytes_transferred", "num_descriptors"];
        assert_eq!(sums.map(|name| sample(&format!("{name}_sum"))), [0.75, 0.003, 4096.0 + (1_u64 << 34) as f64, 61.0]);
        assert_eq!(sums.map(|name| sample(&format!("{name}_count"))), [2.0; 4]);
        let counters = ["failed_transfers", "failed_notifications", "kv_expired_reqs", "notifications_after_expiry"];
        let counted = counters.map(|name| sample(&format!("num_{name}_total")));
        assert_eq!(counted, [111.0, 100.0, 5.0, 6.0], "handshakes and notifications are failed transfers too");
    }
}

#[test]
fn transfers_by_mooncake() {
    let mut rig = Rig::new(&KvConnector::Mooncake);
    let stats = MooncakeStats {
        transfers: &[MooncakeTransfer { seconds: 0.125, bytes: 2048, descriptors: 3, ..Default::default() }],
        failed_transfers: 1,
        failed_receives: 2,
        kv_expired_requests: 3,
        ..Default::default()
    };
    rig.record(&stats).unwrap();
    let sample = |name: &str| rig.sample(&format!("vllm:mooncake_{name}{{engine=\"0\"}}")).unwrap();
    let names = ["xfer_time_seconds_sum", "bytes_transferred_sum", "num_descriptors_sum"];
    assert_eq!(names.map(sample), [0.125, 2048.0, 3.0]);
    let names = ["num_failed_transfers_total", "num_failed_recvs_total", "num_kv_expired_reqs_total"];
    assert_eq!(names.map(sample), [1.0, 2.0, 3.0]);
    let histogram = rig.families.histogram("vllm:mooncake_bytes_transferred").unwrap();
    let counter = rig.families.counter("vllm:mooncake_num_failed_recvs_total").unwrap();
    let mut snapshot = tachometer::Snapshot::new();
    rig.registry.snapshot(&mut snapshot);
    let engine = snapshot.engines().next().unwrap();
    assert_eq!(engine.histogram(histogram).cumulative_buckets().next(), Some((2048.0, 1)));
    assert_eq!(engine.counter(counter), 2);
    assert!(rig.families.counter("vllm:mooncake_bytes_transferred").is_none());
}

#[test]
fn a_float_beyond_2_to_the_53_is_an_integer() {
    let mut rig = Rig::new(&KvConnector::Umbp);
    let mut record = |number: &str| {
        let payload = format!(r#"{{"load": {{"num_bytes": {number}}}}}"#);
        rig.record(&Value::from_json(payload.as_bytes()).unwrap()).is_ok()
    };
    assert_eq!(["1e16", "3.0", "18446744073709551616", "0.5"].map(&mut record), [true, true, false, false]);
    let bytes = rig.sample("vllm:umbp_transfer_bytes_total{engine=\"0\",operation=\"load\"}");
    assert_eq!(bytes, Some(10_000_000_000_000_003.0));
}

fn line(log: &mut TransferLog) -> Option<String> {
    log.line(LogLevel::Debug).map(|line| {
        assert_eq!(line.level, LogLevel::Debug);
        line.text.strip_prefix("KV Transfer metrics: ").unwrap().to_owned()
    })
}

/// The line about payloads in JSON.
fn line_about(connector: &KvConnector<'_>, payloads: &[&str]) -> Option<String> {
    lines(connector, payloads).pop()
}

#[test]
fn a_log_line_covers_what_was_added_since_the_one_before() {
    let mut log = Rig::new(&KvConnector::NixlPull).families.transfer_log();
    assert_eq!(line(&mut log), None);
    log.add(&NixlStats::default()).unwrap();
    assert_eq!(line(&mut log), None, "zeros are nothing to say");
    let failed = NixlStats { failed_handshakes: 2, ..Default::default() };
    log.add(&failed).unwrap();
    failed.with_value(|value| log.add(value)).unwrap();
    let expected = "Num successful transfers=0, Avg xfer time (ms)=0, P90 xfer time (ms)=0, Avg post time (ms)=0, \
        P90 post time (ms)=0, Avg MB per transfer=0, Throughput (MB/s)=0, Avg number of descriptors=0, \
        Num failed transfers=4, Num KV expired reqs=0, Num notifs after expiry=0";
    assert_eq!(line(&mut log).as_deref(), Some(expected));
    assert_eq!(line(&mut log), None);
    log.add(&NixlStats { transfers: &TRANSFERS, ..Default::default() }).unwrap();
    let text = line(&mut log).unwrap();
    assert!(
        text.starts_with("Num successful transfers=2, Avg xfer time (ms)=375.0, P90 xfer time (ms)=475.0, "),
        "{text}"
    );
    assert!(text.contains("Avg MB per transfer=8192.002, Throughput (MB/s)=21845.339, "), "{text}");
}

#[test]
fn two_logs_of_the_same_payloads_say_the_same() {
    let families = Rig::new(&KvConnector::Multi(vec![KvConnector::Umbp, KvConnector::NixlPull])).families;
    let mut logs = [families.transfer_log(), families.transfer_log()];
    for submitted in [1, 2, 4] {
        let payload = format!(r#"{{"UMBPStoreConnector": {{"load": {{"submitted": {submitted}}}}}}}"#);
        let payload = Value::from_json(payload.as_bytes()).unwrap();
        logs.iter_mut().for_each(|log| log.add(&payload).unwrap());
    }
    let expected =
        "UMBPStoreConnector={'load_submitted': 7, 'load_completed': 0, 'load_failed': 0, 'load_num_bytes': 0}";
    assert_eq!(logs.each_mut().map(line), [Some(expected.to_owned()), Some(expected.to_owned())]);
}

#[test]
fn a_transfer_that_took_no_time_has_each_connectors_throughput() {
    let nixl = |bytes| {
        format!(
            r#"{{"transfer_duration": [0], "post_duration": [0], "bytes_transferred": [{bytes}], "num_descriptors": [1],
            "num_failed_transfers": [], "num_failed_handshakes": [], "num_failed_notifications": [],
            "num_kv_expired_reqs": [], "num_notifications_after_expiry": []}}"#
        )
    };
    for (bytes, throughput) in [("4096", "inf"), ("0", "nan")] {
        let text = line_about(&KvConnector::NixlPull, &[&nixl(bytes)]).unwrap();
        assert!(text.contains(&format!("Throughput (MB/s)={throughput}, ")), "{text}");
    }
    let mooncake = r#"{"transfer_duration": [0], "bytes_transferred": [4096], "num_descriptors": [1],
        "num_failed_transfers": [], "num_failed_recvs": [], "num_kv_expired_reqs": []}"#;
    let text = line_about(&KvConnector::Mooncake, &[mooncake]).unwrap();
    assert!(text.contains("Throughput (MB/s)=0.0, "), "{text}");
}

#[test]
fn names_and_label_values_are_written_as_python_does() {
    let name = "vllm:kv_offload_tiering_active_promotion_jobs";
    let payload = format!(
        r#"{{"types": {{"{name}": "gauge"}}, "data": {{"{name}": {{"[\"it's\"]": 1, "[\"a\\n\\\"\\u0007\"]": 2.0}}}}, "info": null}}"#
    );
    let tiering = offloading(OffloadingSpec::Tiering { kvcr: false, info_labels: &[] });
    let text = line_about(&tiering, &[&payload, &payload]).unwrap();
    assert_eq!(text, format!(r#"{name}:("it's",)=1, {name}:('a\n"\x07',)=2.0"#));
    let several = KvConnector::Multi(vec![KvConnector::Umbp, tiering]);
    let text = line_about(&several, &[&format!(r#"{{"OffloadingConnector": {payload}}}"#)]).unwrap();
    let figures = format!(r#"'{name}:("it\'s",)': 1, '{name}:(\'a\\n"\\x07\',)': 2.0"#);
    assert_eq!(text, format!("OffloadingConnector={{{figures}}}"));
}
