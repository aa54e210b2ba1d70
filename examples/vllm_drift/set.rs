//! The families of this crate's set, read from its own pages.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use tachometer::{Registry, Schema};
use tachometer_vllm::connectors::{Exists, FamilyRow, KvConnector, Metric, Offloading, OffloadingSpec};
use tachometer_vllm::{
    ApiServerMetrics, CacheConfig, Config, Families, LoraStats, SchedulerStats, SleepOperation, WeightOperation,
};

use crate::page::{Family, Page, without_total};

/// The set with every option.
pub(crate) struct Set {
    /// By name, counters without `_total`.
    pub(crate) families: BTreeMap<String, Known>,
}

pub(crate) struct Known {
    pub(crate) family: Family,
    /// The option that it needs.
    pub(crate) with: Option<&'static str>,
    /// Whether its bounds end at the longest context.
    pub(crate) grows: bool,
}

/// A length beyond every model's.
const LONGEST: u64 = 1_000_000_000_000;

impl Set {
    pub(crate) fn new() -> Result<Self> {
        let base = || Config::new().max_model_len(LONGEST);
        let options = [
            (None, base()),
            (Some("model_name"), base().model_name("m")),
            (Some("spec_decode"), base().spec_decode(1)),
            (Some("diffusion"), base().diffusion(true)),
            (Some("kv_cache_metrics"), base().kv_cache_metrics(true)),
            (Some("kv_consumer"), base().kv_consumer(true)),
            (Some("lora"), base().lora(1)),
            (Some("watermark"), base().watermark(true)),
            (Some("nan_check"), base().nan_check(true)),
            (Some("sleep_mode"), base().sleep_mode(true)),
            (Some("weight_updates"), base().weight_updates(true)),
            (Some("websockets"), base().websockets(true)),
            (Some("tool_calls"), base().model_name("m").tool_calls(true)),
            (Some("http"), base().http(true)),
        ];
        let short = page(&Config::new().max_model_len(1))?.families;
        let mut families = BTreeMap::new();
        for (with, config) in options {
            for (name, family) in page(&config)?.families {
                let grows = short.get(&name).is_some_and(|short| short.bounds != family.bounds);
                families.entry(name).or_insert(Known { family, with, grows });
            }
        }
        families.retain(|name, _| !name.starts_with("tachometer_"));
        for (with, connector) in connectors() {
            connector.with_table(&base(), |table| {
                for row in table.families {
                    let known = Known { family: of_row(row), with: Some(with), grows: false };
                    families.entry(without_total(row.name).to_owned()).or_insert(known);
                }
            });
        }
        Ok(Self { families })
    }

    /// The family that has samples of this name.
    pub(crate) fn with_sample(&self, sample: &str) -> Option<&Known> {
        self.families.values().find(|known| known.family.samples.contains(sample))
    }
}

/// Whether the values of a label are fixed, and all of them are there from the start.
pub(crate) fn is_fixed(label: &str, metric: &str) -> bool {
    let open = [
        "engine",
        "model_name",
        "position",
        "operation",
        "method",
        "status",
        "handler",
        "tier",
        "result",
        "scope",
        "resource",
        "outcome",
    ];
    !metric.ends_with("_info") && !open.contains(&label)
}

/// Gives each family of the API server a sample.
fn record_api_server(server: &ApiServerMetrics) {
    drop((server.sleep_mode(SleepOperation::Sleep), server.weight_update(WeightOperation::Init)));
    server.http_request("GET", "/", 200, 0.0);
}

/// KV connectors, those with more families after those with fewer.
fn connectors() -> [(&'static str, KvConnector<'static>); 12] {
    let offloading = |spec, store_threshold| KvConnector::Offloading(Offloading { spec, store_threshold });
    [
        ("NixlConnector", KvConnector::NixlPull),
        ("MooncakeConnector", KvConnector::Mooncake),
        ("MooncakeStoreConnector", KvConnector::MooncakeStore),
        ("OffloadingConnector", offloading(OffloadingSpec::Cpu, 0)),
        ("OffloadingConnector with store_threshold", offloading(OffloadingSpec::Cpu, 2)),
        ("OffloadingConnector with tiers", offloading(OffloadingSpec::Tiering { kvcr: false, info_labels: &[] }, 0)),
        (
            "OffloadingConnector with a kvcr tier",
            offloading(OffloadingSpec::Tiering { kvcr: true, info_labels: &[] }, 0),
        ),
        ("SimpleCPUOffloadConnector", KvConnector::SimpleCpuOffload),
        ("HF3FSKVConnector", KvConnector::Hf3fs),
        ("HiSparseConnector", KvConnector::HiSparse { kv_cache_metrics: false }),
        ("HiSparseConnector with kv_cache_metrics", KvConnector::HiSparse { kv_cache_metrics: true }),
        ("UMBPStoreConnector", KvConnector::Umbp),
    ]
}

/// A family that may have no sample before the connector reports something. The values of its own
/// labels are free, unless they are listed.
fn of_row(row: &FamilyRow<'_>) -> Family {
    let own = row.labels.iter().map(|label| ((*label).to_owned(), BTreeSet::new()));
    let listed = match row.exists {
        Exists::StartBy { label, values } => {
            Some((label.to_owned(), values.iter().map(|value| (*value).to_owned()).collect()))
        }
        _ => None,
    };
    let engine = ["engine", "model_name"].map(|label| (label.to_owned(), BTreeSet::new()));
    let (bounds, suffixes) = match row.metric {
        Metric::Histogram(bounds) => (bounds.to_vec(), &["_bucket", "_count", "_sum"][..]),
        _ => (Vec::new(), &[""][..]),
    };
    let samples = suffixes.iter().map(|suffix| format!("{}{suffix}", row.name)).collect();
    let labels = own.chain(listed).chain(engine).collect();
    Family { kind: row.metric.type_name().to_owned(), labels, bounds, samples }
}

/// A page of the set on which each family has a sample.
fn page(config: &Config) -> Result<Page> {
    let mut schema = Schema::builder(&["engine", "model_name"]);
    let families = Families::declare(&mut schema, config)?;
    let registry = Registry::new(schema.build()?);
    let engine = registry.attach(&["0", "m"])?;
    let mut recorder = engine.recorder()?;
    let mut metrics = families.engine_metrics(&mut recorder);
    let mut step = recorder.step();
    metrics.cache_config(&mut step, &CacheConfig::default());
    metrics.scheduler(&mut step, &SchedulerStats { lora: Some(LoraStats::default()), ..Default::default() });
    step.commit();
    record_api_server(&families.api_server_metrics(&registry.shared_recorder()));
    let mut text = Vec::new();
    registry.render(&mut text);
    Page::parse(&String::from_utf8(text)?)
}
