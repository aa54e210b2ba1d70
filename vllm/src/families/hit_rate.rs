//! The hidden families behind the hit rates of log lines.

use tachometer::{Gauge, SchemaError};

use crate::families::helpers::Declarer;

/// The cache that was asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cache {
    Prefix,
    External,
    MultiModal,
}

/// Per [`Cache`]: the window's position (epoch and updates), requests, queries and hits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HitRateFamilies(pub(crate) [[Gauge<i64>; 5]; 3]);

impl HitRateFamilies {
    const CACHES: [&'static str; 3] = ["prefix", "external", "multi_modal"];
    const TOTALS: [&'static str; 5] = ["epoch", "updates", "requests", "queries", "hits"];

    /// The windows of one engine.
    pub(crate) fn declare(declarer: &mut Declarer<'_>) -> Result<Self, SchemaError> {
        let gauges =
            declarer.schema.gauge("vllm:hit_rate_window", "Lookups of the last requests, for log lines.").hidden();
        gauges.label("cache", Self::CACHES).label("total", Self::TOTALS).declare().map(Self)
    }

    /// The windows of all engines together.
    pub(crate) fn declare_shared(declarer: &mut Declarer<'_>) -> Result<Self, SchemaError> {
        let help = "Lookups of the last requests of all engines, for log lines.";
        let gauges = declarer.schema.gauge("vllm:shared_hit_rate_window", help).hidden().registry_wide();
        gauges.label("cache", Self::CACHES).label("total", Self::TOTALS).declare().map(Self)
    }
}
