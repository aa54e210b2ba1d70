//! What is measured: vLLM's metric set, and one family of the fleet that shares its steps.

use anyhow::Result;
use tachometer::{Counter, Registry, Schema};
use tachometer_vllm as vllm;

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
}

impl Meters {
    pub(crate) fn declare(
        definition: vllm::IterationTokensDefinition,
        connector: Connector,
        layout: Layout,
        optional: Option<Optional>,
    ) -> Result<(Self, Registry)> {
        let mut schema = Schema::builder(&["engine", "model_name"]);
        let disaggregated = matches!(layout, Layout::Disaggregated { .. });
        let config = vllm::Config::new().max_model_len(MAX_MODEL_LEN).iteration_tokens(definition);
        let config = config.model_name(MODEL).kv_consumer(disaggregated);
        let config = optional.map_or(config.clone(), |optional| optional.switch_on(config));
        let config = match connector {
            Connector::Nixl => config.nixl(disaggregated),
            Connector::Mooncake => config.mooncake(disaggregated),
        };
        let vllm = vllm::Families::declare(&mut schema, &config)?;
        let transferred = schema
            .counter("fleet:kv_transferred_tokens", "Prompt tokens whose KV this engine sent to another.")
            .declare()?;
        Ok((Self { vllm, transferred }, Registry::new(schema.build()?)))
    }
}
