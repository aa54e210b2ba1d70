//! Nothing is allocated while a payload of any connector is recorded. Series whose label values
//! come with the payload are there by then.

#[path = "../../tests/common/allocator.rs"]
mod allocator;
#[path = "../../tests/common/one_step.rs"]
mod one_step;

use std::borrow::Cow;

use one_step::OneStep as _;
use tachometer::{Registry, Schema};
use tachometer_vllm::{
    Config,
    connectors::{
        ConnectorFamilies, Key, KvConnector, MooncakeStats, MooncakeTransfer, NixlStats, NixlTransfer, Offloading,
        OffloadingSpec, Payload, Value,
    },
};

fn assert_none(connector: &KvConnector<'_>, payload: &impl Payload) {
    let mut schema = Schema::builder(&["engine"]);
    let families = ConnectorFamilies::declare(&mut schema, connector, &Config::new()).unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&["0"]).unwrap();
    let (mut recorder, mut metrics) = (engine.recorder().unwrap(), families.metrics(&engine));
    let mut record = || recorder.record(|step| metrics.record(step, payload).unwrap());
    record(); // warms up
    assert_eq!(allocator::calls(record), 0, "{connector:?}: the allocator was called");
}

fn map(entries: Vec<(Key<'static>, Value<'static>)>) -> Value<'static> {
    Value::Map(Cow::Owned(entries))
}

fn columns(names: &[&'static str]) -> Value<'static> {
    map(names.iter().map(|name| ((*name).into(), Value::Floats(&[1.0, 2.0]))).collect())
}

/// A payload that tags its numbers: name, tag, label values, and number or numbers of each.
fn tagged(entries: &[(&'static str, &'static str, &[&'static str], &Value<'static>)]) -> Value<'static> {
    let types = entries.iter().map(|(name, tag, ..)| ((*name).into(), (*tag).into())).collect();
    let series = |labels: &[&'static str], value: &Value<'static>| {
        let labels = labels.iter().map(|label| Cow::Borrowed(*label)).collect();
        map(vec![(Key::Labels(Cow::Owned(labels)), value.clone())])
    };
    let data = entries.iter().map(|(name, _, labels, value)| ((*name).into(), series(labels, value))).collect();
    map(vec![("types".into(), map(types)), ("data".into(), map(data))])
}

fn offloaded() -> Value<'static> {
    let (number, numbers) = (Value::from(3), Value::Floats(&[0.5, 4.0]));
    tagged(&[
        ("vllm:kv_offload_load_bytes", "counter", &[], &number),
        ("vllm:kv_offload_load_time", "counter", &[], &number),
        ("vllm:kv_offload_load_size", "histogram", &[], &numbers),
        ("vllm:kv_offload_cpu_cache_usage_perc", "gauge", &[], &number),
    ])
}

fn offloading(spec: OffloadingSpec<'_>) -> KvConnector<'_> {
    KvConnector::Offloading(Offloading { spec, store_threshold: 2 })
}

#[test]
fn of_connectors_whose_series_are_fixed() {
    let nixl = NixlStats { transfers: &[NixlTransfer::default(); 64], failed_transfers: 1, ..Default::default() };
    assert_none(&KvConnector::NixlPull, &nixl);
    assert_none(&KvConnector::NixlPush, &nixl);
    let mooncake = MooncakeStats { transfers: &[MooncakeTransfer::default(); 64], ..Default::default() };
    assert_none(&KvConnector::Mooncake, &mooncake);
    let mut files = vec![("save_duration".into(), Value::Floats(&[0.5])), ("load_duration".into(), Value::Floats(&[]))];
    files.extend(["num_failed_save", "num_failed_load", "num_transfer_task"].map(|name| (name.into(), 1.into())));
    let files = map(files);
    assert_none(&KvConnector::Hf3fs, &files);
    let hisparse = columns(&[
        "cache_hits",
        "cache_misses",
        "host_to_device_bytes",
        "host_cache_usage_perc",
        "pending_page_transfers",
        "host_block_lifetime_seconds",
        "host_block_idle_before_evict_seconds",
        "host_block_reuse_gap_seconds",
    ]);
    for kv_cache_metrics in [false, true] {
        assert_none(&KvConnector::HiSparse { kv_cache_metrics }, &hisparse);
    }
    assert_none(&offloading(OffloadingSpec::Cpu), &offloaded());
    let several = KvConnector::Multi(vec![KvConnector::Hf3fs, offloading(OffloadingSpec::Cpu)]);
    let parts = map(vec![("HF3FSKVConnector".into(), files), ("OffloadingConnector".into(), offloaded())]);
    assert_none(&several, &parts);
}

#[test]
fn of_connectors_whose_label_values_come_with_the_payload() {
    let (number, numbers) = (Value::from(3), Value::Floats(&[0.5, 4.0]));
    let tiers = tagged(&[
        ("vllm:kv_offload_tiering_read_bytes", "counter", &["1:fs"], &number),
        ("vllm:kv_offload_tiering_read_time", "counter", &["1:fs"], &number),
        ("vllm:kv_offload_tiering_active_cascade_jobs", "gauge", &["1:fs"], &number),
        ("vllm:kv_offload_tiering_promotion_latency_seconds", "histogram", &["1:fs", "success"], &numbers),
    ]);
    assert_none(&offloading(OffloadingSpec::Tiering { kvcr: false, info_labels: &[] }), &tiers);
    let outcomes = tagged(&[("vllm:simple_kv_offload_save_outcomes_total", "counter", &["stored"], &number)]);
    assert_none(&KvConnector::SimpleCpuOffload, &outcomes);
    assert_none(&KvConnector::Umbp, &map(vec![("load".into(), map(vec![("submitted".into(), 3.into())]))]));
    let mut record = vec![("status".into(), "ok".into()), ("duration_seconds".into(), 0.5.into())];
    record.extend(["num_keys", "num_bytes", "num_failed_keys"].map(|name| (name.into(), 3.into())));
    let records = Value::List(Cow::Owned(vec![map(record)]));
    assert_none(&KvConnector::MooncakeStore, &map(vec![("save_put".into(), records)]));
}
