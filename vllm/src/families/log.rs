//! The hidden families behind the log lines: what vLLM's loggers use and no page shows.

use tachometer::{Counter, Gauge, SchemaError, Step};

use crate::{
    Config, DeclareError, PerfStats, SpecDecodeStats,
    config::MAX_SPECULATIVE_TOKENS,
    families::{helpers::Declarer, hit_rate::HitRateFamilies},
};

/// What log lines need besides the families on pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogFamilies {
    pub(crate) hit_rates: HitRateFamilies,
    pub(crate) shared_hit_rates: Option<HitRateFamilies>,
    /// `None` if pages show the gauges.
    pub(crate) kv_fetch: Option<[Gauge<i64>; 3]>,
    pub(crate) drafts: DraftLogFamilies,
    /// Reports of estimated work that weren't all zeros. `None` if no line is about them.
    pub(crate) perf_reports: Option<Counter<u64>>,
}

/// What a line about drafts needs. vLLM prints as many positions as were reported, however many
/// were configured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DraftLogFamilies {
    /// Drafts, draft tokens and accepted tokens. `None` if pages show the counters.
    pub(crate) totals: Option<[Counter<u64>; 3]>,
    pub(crate) accepted_per_position: [Counter<u64>; MAX_SPECULATIVE_TOKENS],
    /// All reports, even those that say there were no drafts.
    pub(crate) reports: Counter<u64>,
    /// Reports by the last position that they contained. Positions beyond the last series count
    /// there.
    pub(crate) reports_by_last_position: [Counter<u64>; MAX_SPECULATIVE_TOKENS],
}

impl LogFamilies {
    pub(crate) fn declare(declarer: &mut Declarer<'_>, config: &Config) -> Result<Self, DeclareError> {
        let estimates = "Reports of estimated work, for log lines.";
        Ok(Self {
            hit_rates: HitRateFamilies::declare(declarer)?,
            shared_hit_rates: config.shared_hit_rates.then(|| HitRateFamilies::declare_shared(declarer)).transpose()?,
            kv_fetch: (!config.kv_consumer).then(|| declarer.hidden(Declarer::kv_fetch)).transpose()?,
            drafts: declarer.hidden(|declarer| DraftLogFamilies::declare(declarer, config))?,
            perf_reports: config
                .mfu
                .then(|| declarer.hidden(|declarer| declarer.counter("perf_reports", estimates)))
                .transpose()?,
        })
    }

    pub(crate) fn record_perf(&self, step: &mut Step<'_>, stats: &PerfStats) {
        let reported = [stats.flops, stats.read_bytes, stats.write_bytes].iter().any(|n| *n > 0.0 && n.is_finite());
        if let Some(reports) = self.perf_reports.filter(|_| reported) {
            step.inc(reports);
        }
    }
}

impl DraftLogFamilies {
    fn declare(declarer: &mut Declarer<'_>, config: &Config) -> Result<Self, SchemaError> {
        let on_pages = config.spec_decode.is_some() || config.diffusion;
        let accepted = "Tokens of drafts that were accepted, by their position in the draft, for log lines.";
        let widths = "Reports of drafts, by the last position that they contained, for log lines.";
        Ok(Self {
            totals: (!on_pages).then(|| declarer.draft_totals()).transpose()?,
            accepted_per_position: declarer.per_position(
                "reported_accepted_tokens_per_pos",
                accepted,
                MAX_SPECULATIVE_TOKENS,
            )?,
            reports: declarer.counter("draft_reports", "Reports of drafts, for log lines.")?,
            reports_by_last_position: declarer.per_position(
                "draft_reports_by_last_pos",
                widths,
                MAX_SPECULATIVE_TOKENS,
            )?,
        })
    }

    pub(crate) fn record(&self, step: &mut Step<'_>, stats: &SpecDecodeStats<'_>) {
        if let Some([drafts, draft_tokens, accepted_tokens]) = self.totals {
            step.add(drafts, stats.drafts);
            step.add(draft_tokens, stats.draft_tokens);
            step.add(accepted_tokens, stats.accepted_tokens);
        }
        let accepted = stats.accepted_per_position;
        for (position, accepted) in self.accepted_per_position.iter().zip(accepted) {
            step.add(*position, *accepted);
        }
        step.inc(self.reports);
        if let Some(last) = accepted.len().min(MAX_SPECULATIVE_TOKENS).checked_sub(1) {
            step.inc(self.reports_by_last_position[last]);
        }
    }
}
