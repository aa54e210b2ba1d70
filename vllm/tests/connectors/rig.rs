//! An engine whose connector reports.

use tachometer::{Engine, Recorder, Registry, Schema};
use tachometer_vllm::{
    Config,
    connectors::{ConnectorFamilies, ConnectorMetrics, KvConnector, Offloading, OffloadingSpec, Payload, PayloadError},
};

pub(crate) struct Rig {
    pub(crate) registry: Registry,
    pub(crate) families: ConnectorFamilies,
    pub(crate) recorder: Recorder,
    pub(crate) metrics: ConnectorMetrics,
    _engine: Engine,
}

impl Rig {
    pub(crate) fn new(connector: &KvConnector<'_>) -> Self {
        let mut schema = Schema::builder(&["engine"]);
        let families = ConnectorFamilies::declare(&mut schema, connector, &Config::new()).unwrap();
        let registry = Registry::new(schema.build().unwrap());
        let engine = registry.attach(&["0"]).unwrap();
        let (recorder, metrics) = (engine.recorder().unwrap(), families.metrics(&engine));
        Self { registry, families, recorder, metrics, _engine: engine }
    }

    pub(crate) fn record(&mut self, payload: &impl Payload) -> Result<(), PayloadError> {
        let mut step = self.recorder.step();
        let recorded = self.metrics.record(&mut step, payload);
        step.commit();
        recorded
    }

    /// The connector's samples.
    pub(crate) fn samples(&self) -> Vec<String> {
        let page = self.registry.page();
        let own = page.lines().filter(|line| !line.starts_with('#') && !line.starts_with("tachometer_"));
        own.map(str::to_owned).collect()
    }

    pub(crate) fn sample(&self, name: &str) -> Option<f64> {
        let samples = self.samples();
        let line = samples.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map(|value| value.parse().unwrap())
    }
}

pub(crate) fn offloading(spec: OffloadingSpec<'_>) -> KvConnector<'_> {
    KvConnector::Offloading(Offloading { spec, store_threshold: 0 })
}
