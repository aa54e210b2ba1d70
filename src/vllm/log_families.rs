//! The hidden families behind the log lines: what vLLM's loggers know and no page shows.

use super::{Config, DeclareError, SpecDecodeFamilies, declare::Set, hit_rate::HitRateFamilies};
use crate::{Counter, Gauge};

/// What log lines need beside the families of pages.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogFamilies {
    pub(super) hit_rates: HitRateFamilies,
    pub(super) shared_hit_rates: Option<HitRateFamilies>,
    /// Unless pages show them.
    pub(super) kv_fetch: Option<[Gauge<i64>; 3]>,
    /// Unless pages show them.
    pub(super) spec_decode: Option<SpecDecodeFamilies>,
    /// How often drafts were reported, if only to say that there were none.
    pub(super) draft_reports: Counter<u64>,
    /// Whether there is a line about estimated work.
    pub(super) mfu: bool,
}

impl LogFamilies {
    pub(super) fn declare(set: &mut Set<'_>, config: &Config) -> Result<Self, DeclareError> {
        let drafts = config.log_drafts.filter(|_| config.spec_decode.is_none() && !config.diffusion);
        Ok(Self {
            hit_rates: HitRateFamilies::declare(set)?,
            shared_hit_rates: config.shared_hit_rates.then(|| HitRateFamilies::declare_shared(set)).transpose()?,
            kv_fetch: (!config.kv_consumer).then(|| set.hidden(Set::kv_fetch)).transpose()?,
            spec_decode: drafts.map(|tokens| set.hidden(|set| set.spec_decode(tokens))).transpose()?,
            draft_reports: set.hidden(|set| set.count("draft_reports", "Reports of drafts, for log lines."))?,
            mfu: config.mfu,
        })
    }
}
