//! Any payload, in JSON and in MessagePack: it is recorded, or refused without a trace.

use tachometer::{Registry, Schema};
use tachometer_vllm::{
    Config, LogLevel,
    connectors::{ConnectorFamilies, KvConnector, Offloading, OffloadingSpec, Value},
};

/// The first byte chooses the connector.
pub(crate) fn run(data: &[u8]) {
    let Some((choice, payload)) = data.split_first() else { return };
    let tiers =
        Offloading { spec: OffloadingSpec::Tiering { kvcr: true, info_labels: &["example_info"] }, store_threshold: 2 };
    let all = [
        KvConnector::NixlPull,
        KvConnector::Mooncake,
        KvConnector::MooncakeStore,
        KvConnector::Offloading(tiers),
        KvConnector::SimpleCpuOffload,
        KvConnector::Hf3fs,
        KvConnector::HiSparse { kv_cache_metrics: true },
        KvConnector::Umbp,
    ];
    let chosen = usize::from(*choice) % (all.len() + 1);
    let several = || {
        let (outer, inner) = all.split_at(all.len() / 2);
        KvConnector::Multi([outer, &[KvConnector::Multi(inner.to_vec())]].concat())
    };
    let connector = all.get(chosen).cloned().unwrap_or_else(several);
    for read in [Value::from_json(payload), Value::from_msgpack(payload)] {
        match read {
            Ok(payload) => record(&connector, &payload),
            Err(error) => assert!(error.to_string().len() > 5),
        }
    }
}

fn record(connector: &KvConnector<'_>, payload: &Value<'_>) {
    let mut schema = Schema::builder(&["engine"]);
    let families = ConnectorFamilies::declare(&mut schema, connector, &Config::new()).expect("vLLM's");
    let registry = Registry::new(schema.build().expect("each family was checked"));
    let engine = registry.attach(&["0"]).expect("the first engine");
    let mut recorder = engine.recorder().expect("the first recorder");
    let (mut metrics, mut log) = (families.metrics(&engine), families.transfer_log());
    let before = samples(&registry);
    let mut step = recorder.step();
    let recorded = metrics.record(&mut step, payload);
    step.commit();
    if recorded.is_err() {
        assert_eq!((samples(&registry), metrics.refused()), (before, 1));
    } else {
        for payloads in [1, 2] {
            (0..payloads).for_each(|_| log.add(payload).expect("it fits"));
            log.line(LogLevel::Info);
        }
    }
}

fn samples(registry: &Registry) -> Vec<String> {
    registry.page().lines().filter(|line| line.starts_with("vllm:")).map(str::to_owned).collect()
}
