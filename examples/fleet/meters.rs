//! What is measured: vLLM's metric set, and one family of the fleet that shares its steps.

use anyhow::Result;
use tachometer::{Counter, Histogram, Registry, Schema};
use tachometer_vllm as vllm;
use tachometer_vllm::connectors::ConnectorFamilies;

use crate::connector::Connector;
use crate::layout::Layout;
use crate::optional::Optional;

/// The longest prompt that vLLM's length buckets are made for. Longer ones count in the overflow
/// bucket.
pub(crate) const MAX_MODEL_LEN: u64 = 262_144;

pub(crate) const MODEL: &str = "simulated";

#[derive(Clone, Copy, Debug)]
pub(crate) struct Meters {
    pub(crate) vllm: vllm::Families,
    /// Prompt tokens whose KV this engine sent to another.
    pub(crate) transferred: Counter<u64>,
    pub(crate) connector: Connector,
    /// What the connector reports, if KV is transferred.
    pub(crate) reported: Option<Reported>,
}

/// The histograms of a connector that the report reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reported {
    pub(crate) time: Histogram<f64>,
    pub(crate) bytes: Histogram<f64>,
    pub(crate) descriptors: Histogram<f64>,
}

/// What is declared once.
pub(crate) struct Declared {
    pub(crate) meters: Meters,
    /// If KV is transferred.
    pub(crate) connector: Option<ConnectorFamilies>,
    pub(crate) registry: Registry,
}

impl Meters {
    pub(crate) fn declare(
        definition: vllm::IterationTokensDefinition,
        connector: Connector,
        layout: Layout,
        optional: Option<Optional>,
    ) -> Result<Declared> {
        let mut schema = Schema::builder(&["engine", "model_name"]);
        let disaggregated = matches!(layout, Layout::Disaggregated { .. });
        let config = vllm::Config::new().max_model_len(MAX_MODEL_LEN).iteration_tokens(definition);
        let config = config.model_name(MODEL).kv_consumer(disaggregated);
        let config = optional.map_or(config.clone(), |optional| optional.switch_on(config));
        let vllm = vllm::Families::declare(&mut schema, &config)?;
        let families = disaggregated.then(|| ConnectorFamilies::declare(&mut schema, &connector.of_vllm(), &config));
        let families = families.transpose()?;
        let reported = families.as_ref().and_then(|families| Reported::find(families, connector));
        let transferred = schema
            .counter("fleet:kv_transferred_tokens", "Prompt tokens whose KV this engine sent to another.")
            .declare()?;
        let meters = Self { vllm, transferred, connector, reported };
        Ok(Declared { meters, connector: families, registry: Registry::new(schema.build()?) })
    }
}

impl Reported {
    fn find(families: &ConnectorFamilies, connector: Connector) -> Option<Self> {
        let histogram = |name| families.histogram(&format!("vllm:{}_{name}", connector.prefix()));
        Some(Self {
            time: histogram("xfer_time_seconds")?,
            bytes: histogram("bytes_transferred")?,
            descriptors: histogram("num_descriptors")?,
        })
    }
}
