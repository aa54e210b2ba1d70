//! The configurations that scenarios may have.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::goldens::{run, temp_file::TempFile};

static SCENARIOS: AtomicUsize = AtomicUsize::new(0);

/// The page of a scenario of one payload.
fn page(connector: &str, configuration: &str, payload: &str) -> String {
    let header = format!(
        r#"{{"type": "header", "format": 1, "connector": "{connector}", "configuration": {configuration},
            "engines": [7, 3], "model_name": "a\"b\\c\nd"}}"#
    );
    let stats = format!(r#"{{"type": "stats", "t": 1, "engine": 3, "payload": {payload}}}"#);
    let scenario = [header, stats].map(|line| line.replace('\n', "") + "\n").concat();
    let file = TempFile::new(&format!("configuration-{}", SCENARIOS.fetch_add(1, Relaxed)), scenario);
    run(&file, &[])
}

fn tagged(names: &[(&str, &str, &str)]) -> String {
    let types: Vec<_> = names.iter().map(|(name, tag, _)| format!("\"{name}\": \"{tag}\"")).collect();
    let data: Vec<_> = names.iter().map(|(name, _, series)| format!("\"{name}\": {series}")).collect();
    format!("{{\"types\": {{{}}}, \"data\": {{{}}}}}", types.join(", "), data.join(", "))
}

#[test]
fn a_threshold_is_read_as_python_reads_it() {
    let payload = tagged(&[("vllm:kv_offload_stores_skipped", "counter", r#"{"[]": 5}"#)]);
    for threshold in ["2", "\"3\"", "2.9"] {
        let configuration = format!(r#"{{"kv_connector_extra_config": {{"store_threshold": {threshold}}}}}"#);
        let page = page("OffloadingConnector", &configuration, &payload);
        let sample = "vllm:kv_offload_stores_skipped_total{engine=\"3\",model_name=\"a\\\"b\\\\c\\nd\"} 5\n";
        assert!(page.contains(sample), "{page}");
    }
}

#[test]
fn tiers_bring_families_and_labels() {
    let payload = tagged(&[("vllm:kvcr_transfer_blocks", "counter", r#"{"[\"load\"]": 5}"#)]);
    let info = r#""info": [{"tier": "2:example", "example_info": 4, "cpu_num_chunks": 10, "unknown": 1}]"#;
    let payload = format!("{}, {info}}}", payload.strip_suffix('}').unwrap());
    for telemetry in ["true", "1", "\"yes\""] {
        let tiers = format!(r#"[{{"type": "kvcr", "enable_telemetry": {telemetry}}}, {{"type": "example"}}]"#);
        let configuration = format!(
            r#"{{"kv_connector_extra_config": {{"spec_name": "TieringOffloadingSpec", "secondary_tiers": {tiers}}}}}"#
        );
        let page = page("OffloadingConnector", &configuration, &payload);
        assert!(page.contains("operation=\"load\"} 5\n"), "{page}");
        let labels = "cpu_num_chunks=\"10\",cpu_blocks_per_chunk=\"\",cpu_kv_cache_size_bytes=\"\",\
            cpu_kv_cache_size_tokens=\"\",tier=\"2:example\",example_info=\"4\"} 1";
        assert!(page.contains(labels), "{page}");
    }
}

#[test]
fn options_may_be_null() {
    let nothing = r#"{"kv_connector_extra_config": null, "kv_connector_module_path": null, "kv_cache_metrics": null,
        "custom_histogram_buckets": null}"#;
    let plain = page("HiSparseConnector", nothing, r#"{"cache_hits": [4]}"#);
    assert!(plain.contains("vllm:hisparse_cache_hits_total{engine=\"3\"") && !plain.contains("lifetime"), "{plain}");
    let own = r#"{"kv_cache_metrics": true, "custom_histogram_buckets": {"kv_cache_residency": [1, 2.5]}}"#;
    let page = page("HiSparseConnector", own, r#"{"host_block_lifetime_seconds": [2.5]}"#);
    let buckets =
        page.lines().filter(|line| line.starts_with("vllm:hisparse_host_block_lifetime_seconds_bucket{engine=\"3\""));
    let counts: Vec<_> = buckets.map(|line| line.split_once("le=").unwrap().1).collect();
    assert_eq!(counts, ["\"1.0\"} 0", "\"2.5\"} 1", "\"+Inf\"} 1"]);
}
