//! What log lines are made of: how much counters grew in an interval, and gauges at its end.

use std::array;

use tachometer::{Counter, EngineView, Gauge, Snapshot};

use crate::{
    Families,
    config::MAX_SPECULATIVE_TOKENS,
    families::{hit_rate::HitRateFamilies, log::LogFamilies},
};

/// An engine's counters, or how much they grew.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counters {
    pub(crate) computed_tokens: u64,
    pub(crate) generation_tokens: u64,
    pub(crate) preemptions: u64,
    pub(crate) corrupted: u64,
    pub(crate) drafts: u64,
    pub(crate) draft_tokens: u64,
    pub(crate) accepted_tokens: u64,
    accepted_per_position: [u64; MAX_SPECULATIVE_TOKENS],
    pub(crate) draft_reports: u64,
    /// Reports of drafts, by the last position that they contained.
    draft_reports_by_last_position: [u64; MAX_SPECULATIVE_TOKENS],
    pub(crate) perf_reports: u64,
    pub(crate) flops: f64,
    pub(crate) bytes: f64,
}

impl Counters {
    pub(crate) fn read(families: &Families, log: &LogFamilies, engine: &EngineView<'_>) -> Self {
        let [drafts, draft_tokens, accepted_tokens] =
            draft_totals(families, log).map_or([0; 3], |totals| totals.map(|total| engine.counter(total)));
        Self {
            computed_tokens: engine.counter(families.prompt_tokens_by_source[0]),
            generation_tokens: engine.counter(families.generation_tokens),
            preemptions: engine.counter(families.preemptions),
            corrupted: families.corrupted_requests.map_or(0, |corrupted| engine.counter(corrupted)),
            accepted_per_position: log.drafts.accepted_per_position.map(|position| engine.counter(position)),
            draft_reports: engine.counter(log.drafts.reports),
            draft_reports_by_last_position: log.drafts.reports_by_last_position.map(|reports| engine.counter(reports)),
            perf_reports: log.perf_reports.map_or(0, |reports| engine.counter(reports)),
            flops: engine.counter(families.estimated_flops),
            bytes: sum(engine.counter(families.estimated_read_bytes), engine.counter(families.estimated_write_bytes)),
            drafts,
            draft_tokens,
            accepted_tokens,
        }
    }

    /// Accepted tokens by position, up to the last position of the longest report.
    pub(crate) fn accepted_by_position(&self) -> &[u64] {
        let widest = self.draft_reports_by_last_position.iter().rposition(|reports| *reports > 0);
        &self.accepted_per_position[..widest.map_or(0, |last| last + 1)]
    }

    /// How much they grew since `before`, which is of the same engine. Nothing, if `before` is
    /// newer.
    pub(crate) fn since(&self, before: &Self) -> Self {
        self.zip(before, u64::saturating_sub, |now, before| (now - before).max(0.0))
    }

    pub(crate) fn plus(&self, other: &Self) -> Self {
        self.zip(other, u64::saturating_add, sum)
    }

    fn zip(&self, other: &Self, integer: impl Fn(u64, u64) -> u64, float: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            computed_tokens: integer(self.computed_tokens, other.computed_tokens),
            generation_tokens: integer(self.generation_tokens, other.generation_tokens),
            preemptions: integer(self.preemptions, other.preemptions),
            corrupted: integer(self.corrupted, other.corrupted),
            drafts: integer(self.drafts, other.drafts),
            draft_tokens: integer(self.draft_tokens, other.draft_tokens),
            accepted_tokens: integer(self.accepted_tokens, other.accepted_tokens),
            accepted_per_position: each(self.accepted_per_position, other.accepted_per_position, &integer),
            draft_reports: integer(self.draft_reports, other.draft_reports),
            draft_reports_by_last_position: each(
                self.draft_reports_by_last_position,
                other.draft_reports_by_last_position,
                &integer,
            ),
            perf_reports: integer(self.perf_reports, other.perf_reports),
            flops: float(self.flops, other.flops),
            bytes: float(self.bytes, other.bytes),
        }
    }
}

/// A sum that stops at the greatest finite value, as totals on a page do.
fn sum(a: f64, b: f64) -> f64 {
    finite_if(a.is_finite() && b.is_finite(), a + b)
}

/// The number; the greatest finite one if it is an infinity that finite numbers led to.
pub(crate) fn finite_if(from_finite: bool, number: f64) -> f64 {
    if from_finite { number.clamp(f64::MIN, f64::MAX) } else { number }
}

fn each<const N: usize>(a: [u64; N], b: [u64; N], integer: impl Fn(u64, u64) -> u64) -> [u64; N] {
    array::from_fn(|index| integer(a[index], b[index]))
}

/// The counters of drafts, draft tokens and accepted tokens, wherever they are.
fn draft_totals(families: &Families, log: &LogFamilies) -> Option<[Counter<u64>; 3]> {
    if let Some(families) = &families.spec_decode {
        return Some([families.drafts, families.draft_tokens, families.accepted_tokens]);
    }
    if let Some(families) = &families.diffusion {
        return Some([families.denoising_steps, families.canvas_positions, families.committed_tokens]);
    }
    log.drafts.totals
}

/// The engines that weren't dropped.
pub(crate) fn living(snapshot: &Snapshot) -> impl Iterator<Item = EngineView<'_>> {
    snapshot.engines().filter(|engine| !engine.lingers())
}

/// The gauges of one engine, or of all together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) running: i64,
    pub(crate) waiting: i64,
    pub(crate) deferred: i64,
    /// Waiting to start, in progress, completed and waiting.
    pub(crate) kv_fetch: [i64; 3],
    pub(crate) kv_cache_usage: f64,
    /// Prefix cache, cache behind the KV connector, multi-modal cache.
    pub(crate) lookups: [Lookups; 3],
}

/// A window's totals.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lookups {
    requests: i64,
    queries: i64,
    hits: i64,
}

impl Lookups {
    /// The share of queries that were hits; 0 without queries, `None` without requests.
    pub(crate) fn hit_rate(&self) -> Option<f64> {
        let rate = if self.queries == 0 { 0.0 } else { self.hits as f64 / self.queries as f64 };
        (self.requests > 0).then_some(rate)
    }

    fn read(families: &HitRateFamilies, view: &EngineView<'_>) -> [Self; 3] {
        families.0.map(|[_, _, requests, queries, hits]| Self {
            requests: view.gauge(requests),
            queries: view.gauge(queries),
            hits: view.gauge(hits),
        })
    }

    fn add(&mut self, other: Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.queries = self.queries.saturating_add(other.queries);
        self.hits = self.hits.saturating_add(other.hits);
    }
}

impl Gauges {
    pub(crate) fn read(families: &Families, log: &LogFamilies, engine: &EngineView<'_>) -> Self {
        let gauge = |gauge: Gauge<i64>| engine.gauge(gauge);
        Self {
            running: gauge(families.requests_running),
            waiting: gauge(families.requests_waiting),
            deferred: gauge(families.requests_waiting_by_reason[1]),
            kv_fetch: families.requests_kv_fetch_by_stage.or(log.kv_fetch).map_or([0; 3], |stages| stages.map(gauge)),
            kv_cache_usage: engine.state(families.kv_cache_usage),
            lookups: Lookups::read(&log.hit_rates, engine),
        }
    }

    /// All engines that weren't dropped, together: sums, and the mean KV cache usage.
    pub(crate) fn of_all(families: &Families, log: &LogFamilies, snapshot: &Snapshot) -> Self {
        let mut all = Self::default();
        for engine in living(snapshot) {
            all.add(&Self::read(families, log, &engine));
        }
        all.kv_cache_usage /= living(snapshot).count().max(1) as f64;
        if let (Some(families), Some(registry)) = (&log.shared_hit_rates, snapshot.registry()) {
            all.lookups = Lookups::read(families, &registry);
        }
        all
    }

    fn add(&mut self, other: &Self) {
        self.running = self.running.saturating_add(other.running);
        self.waiting = self.waiting.saturating_add(other.waiting);
        self.deferred = self.deferred.saturating_add(other.deferred);
        self.kv_cache_usage = sum(self.kv_cache_usage, other.kv_cache_usage);
        for (stage, other) in self.kv_fetch.iter_mut().zip(other.kv_fetch) {
            *stage = stage.saturating_add(other);
        }
        for (lookups, other) in self.lookups.iter_mut().zip(other.lookups) {
            lookups.add(other);
        }
    }
}
