//! Which connector there is, and how it is configured.

use super::{
    declare::{Declared, Said},
    table::Table,
    tables::{self, hisparse, offloading, offloading::Offloading},
    walk::{Entry, Node},
};
use crate::{BucketFamily, Config, DeclareError};
use tachometer::SchemaBuilder;

/// A KV connector, configured. The variants are vLLM 0.33.0's connectors with metrics.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum KvConnector<'a> {
    /// NIXL, as vLLM configures it by the name `NixlConnector` too: the receiving engine fetches.
    NixlPull,
    /// NIXL: the sending engine pushes.
    NixlPush,
    /// Mooncake.
    Mooncake,
    /// Mooncake's store.
    MooncakeStore,
    /// vLLM's own offloading connector.
    Offloading(Offloading<'a>),
    /// Its simple one.
    SimpleCpuOffload,
    /// 3FS.
    Hf3fs,
    /// HiSparse, with histograms of evicted blocks if vLLM's `kv_cache_metrics` is on. They have
    /// the bounds of [`BucketFamily::KvCacheResidency`].
    HiSparse {
        /// vLLM's `kv_cache_metrics`.
        kv_cache_metrics: bool,
    },
    /// UMBP.
    Umbp,
    /// One that has no families, by the name of its class. Its part of a payload is left alone.
    Without(&'a str),
    /// One of your own.
    Own(Table<'a>),
    /// Several together. Each has its part of a payload, under the name of its class. Of two with
    /// one name, the first one's configuration holds for both, as in vLLM.
    Multi(Vec<KvConnector<'a>>),
}

impl KvConnector<'_> {
    /// The name of its class. Empty for several together.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::NixlPull => tables::NIXL_PULL.name,
            Self::NixlPush => tables::NIXL_PUSH.name,
            Self::Mooncake => tables::MOONCAKE.name,
            Self::MooncakeStore => tables::MOONCAKE_STORE.name,
            Self::Offloading(_) => "OffloadingConnector",
            Self::SimpleCpuOffload => tables::SIMPLE_CPU_OFFLOAD.name,
            Self::Hf3fs => tables::HF3FS.name,
            Self::HiSparse { .. } => "HiSparseConnector",
            Self::Umbp => tables::UMBP.name,
            Self::Without(name) => name,
            Self::Own(table) => table.name,
            Self::Multi(_) => "MultiConnector",
        }
    }

    /// Calls `f` with its table. `None` if it has none of its own. `config` is as for
    /// [`ConnectorFamilies::declare`](super::ConnectorFamilies::declare).
    pub fn with_table<R>(&self, config: &Config, f: impl FnOnce(&Table<'_>) -> R) -> Option<R> {
        Some(match self {
            Self::NixlPull => f(&tables::NIXL_PULL),
            Self::NixlPush => f(&tables::NIXL_PUSH),
            Self::Mooncake => f(&tables::MOONCAKE),
            Self::MooncakeStore => f(&tables::MOONCAKE_STORE),
            Self::Offloading(offloading) => offloading::with_table(offloading, f),
            Self::SimpleCpuOffload => f(&tables::SIMPLE_CPU_OFFLOAD),
            Self::Hf3fs => f(&tables::HF3FS),
            Self::HiSparse { kv_cache_metrics } => {
                let bounds = config.bounds_of(BucketFamily::KvCacheResidency);
                hisparse::with_table(kv_cache_metrics.then_some(&bounds[..]), f)
            }
            Self::Umbp => f(&tables::UMBP),
            Self::Own(table) => f(table),
            Self::Without(_) | Self::Multi(_) => return None,
        })
    }

    /// Declares the families, and makes `node` the place where the payloads are. Returns what the
    /// log line says of them.
    pub(super) fn declare(
        &self,
        schema: &mut SchemaBuilder,
        config: &Config,
        declared: &mut Declared,
        node: &mut Node,
    ) -> Result<Said, DeclareError> {
        let Self::Multi(members) = self else {
            let added = self.with_table(config, |table| declared.add(schema, table, node));
            node.any |= added.is_none();
            return added.unwrap_or(Ok(Said::Nothing));
        };
        let mut said = Vec::new();
        for member in members {
            if node.keys.iter().any(|entry| *entry.name == *member.name()) {
                continue;
            }
            let mut part = Node::default();
            said.push((member.name().into(), member.declare(schema, config, declared, &mut part)?));
            node.keys.push(Entry::optional(member.name(), part));
        }
        Ok(Said::OfEach(said))
    }
}
