//! Records what a step reports into an open step.

use tachometer::{Recorder, Step};

use self::hit_rate::HitRates;
use crate::{
    CacheConfig, CacheStats, ConnectorCacheStats, Eviction, Families, IterationTokensDefinition, KvBlockFamilies,
    LoraFamilies, LoraStats, PerfStats, SchedulerStats, SleepState, SpecDecodeStats, StepStats, stats::clamp,
};

pub use self::{
    api_server::{ApiServerMetrics, Ongoing, SleepOperation, ToolRequest, WeightOperation},
    hit_rate::SharedHitRates,
    iteration::Iteration,
    shared::SharedMetrics,
};

mod api_server;
mod finished;
mod hit_rate;
mod iteration;
mod shared;
mod window;

/// Records an engine's steps. It holds the handles, and the state that must be kept from one step
/// to the next. Move it into the engine's thread, together with the engine's [`Recorder`].
///
/// The hit rates in log lines cover the last lookups with one `EngineMetrics` and one recorder;
/// replacing either starts them anew. A discarded step leaves no trace in them, unless it had more
/// than 1,000 reports of lookups in a cache. Beyond that, the oldest lookups may be missing.
///
/// [`record`](Self::record) takes everything that a step reports; the other methods take parts of
/// it. All of them write into an open [`Step`], so your own families share the step.
///
/// # Progress
/// As [`Step`]: wait-free. Nothing is allocated, except for new label values of an info (the LoRA
/// adapters changed since the step before, or the cache configuration did). Infos aren't part of
/// the step: they show at once, and stay if the step is discarded.
#[derive(Debug)]
pub struct EngineMetrics {
    families: Families,
    lora_labels: LoraLabels,
    /// Only with log lines.
    hit_rates: Option<HitRates>,
}

/// Label values of `vllm:lora_requests_info`, in reused buffers.
#[derive(Debug, Default)]
struct LoraLabels {
    max_loras: String,
    running: String,
    waiting: String,
}

impl Families {
    /// Starts recording for one engine. `recorder` must be of the schema in which the families were
    /// declared. Commits one step, which changes nothing: a recorder of another schema panics here
    /// under debug assertions.
    pub fn engine_metrics(&self, recorder: &mut Recorder) -> EngineMetrics {
        let max_loras = self.lora.map(|lora| lora.max_loras.to_string()).unwrap_or_default();
        let lora_labels = LoraLabels { max_loras, ..LoraLabels::default() };
        let hit_rates = self.log.map(|log| HitRates::new(log.hit_rates));
        let metrics = EngineMetrics { families: *self, lora_labels, hit_rates };
        let mut step = recorder.step();
        step.add(self.preemptions, 0);
        step.commit();
        metrics
    }
}

impl EngineMetrics {
    /// Records everything that a step reports, in vLLM's order: scheduler, multi-modal cache,
    /// iteration. Absent parts change nothing. What a KV connector reports is recorded by its own
    /// [`ConnectorMetrics`](crate::connectors::ConnectorMetrics), in the same step.
    pub fn record(&mut self, step: &mut Step<'_>, stats: &StepStats<'_>) {
        if let Some(scheduler) = stats.scheduler {
            self.scheduler(step, scheduler);
        }
        if let Some(cache) = stats.mm_cache {
            self.mm_cache(step, cache);
        }
        if let Some(stats) = stats.iteration {
            self.iteration(step, |iteration| iteration.record(stats));
        }
    }

    /// Records one eviction of a KV block, for callers whose events own their gaps, so that a slice
    /// of [`SchedulerStats::evictions`] would have to be made for each step. Record each eviction
    /// in one way only. Does nothing without
    /// [`Config::kv_cache_metrics`](crate::Config::kv_cache_metrics).
    pub fn eviction(&mut self, step: &mut Step<'_>, eviction: &Eviction<'_>) {
        if let Some(families) = &self.families.kv_blocks {
            record_eviction(families, step, eviction);
        }
    }

    /// Records the scheduler's state and lookups. Call it once per step.
    pub fn scheduler(&mut self, step: &mut Step<'_>, stats: &SchedulerStats<'_>) {
        let families = &self.families;
        record_state(families, step, stats);
        step.add(families.prefix_cache_queries, stats.prefix_cache.queries);
        step.add(families.prefix_cache_hits, stats.prefix_cache.hits);
        step.add(families.prompt_tokens_cached_by_source[0], stats.prefix_cache.hits);
        if let Some(connector) = &stats.connector_prefix_cache {
            record_connector(families, step, connector);
        }
        if let Some(hit_rates) = &mut self.hit_rates {
            hit_rates.scheduler(step, stats);
        }
        if let Some(drafts) = &stats.spec_decode {
            record_drafts(families, step, drafts);
        }
        if let Some(families) = &families.kv_blocks {
            stats.evictions.iter().for_each(|eviction| record_eviction(families, step, eviction));
        }
        if let (Some(families), Some(lora)) = (&families.lora, &stats.lora) {
            self.lora_labels.record(families, step, lora);
        }
        if let Some(perf) = &stats.perf {
            record_perf(families, step, perf);
        }
        if families.iteration_tokens_definition == IterationTokensDefinition::Scheduled {
            step.observe(families.iteration_tokens, stats.scheduled_tokens);
        }
    }

    /// Records lookups in the multi-modal cache.
    pub fn mm_cache(&mut self, step: &mut Step<'_>, stats: CacheStats) {
        step.add(self.families.mm_cache_queries, stats.queries);
        step.add(self.families.mm_cache_hits, stats.hits);
        if let Some(hit_rates) = &mut self.hit_rates {
            hit_rates.mm_cache(step, stats);
        }
    }

    /// Records whether the engine is awake. An engine counts as awake until this says otherwise. It
    /// is the engine's state: what was recorded last holds, whichever of its recorders recorded it,
    /// and outlives them.
    pub fn sleep_state(&self, step: &mut Step<'_>, state: SleepState) {
        let index = match state {
            SleepState::Awake => Some(0),
            SleepState::Asleep { level: 1 } => Some(1),
            SleepState::Asleep { level: 2 } => Some(2),
            SleepState::Asleep { .. } => None,
        };
        step.select_state(self.families.sleep_state, index);
    }

    /// Shows an engine's cache configuration, which replaces the previous one. It isn't part of the
    /// step: it shows at once. Allocates if the configuration has changed, or has more than 64
    /// fields.
    ///
    /// The fields must be those of [`Config::cache_config`](crate::Config::cache_config), in the
    /// same order. Otherwise this panics under debug assertions; in a release build it changes
    /// nothing, and counts in `tachometer_rejected_observations_total`.
    pub fn cache_config(&self, step: &mut Step<'_>, config: &CacheConfig) {
        let declared = config.field_names() == self.families.cache_config_fields;
        debug_assert!(declared, "the cache configuration has other fields than Config::cache_config");
        if declared {
            config.with_label_values(|values| step.set_info(self.families.cache_config, values, 1.0));
        } else {
            step.reject(1);
        }
    }

    /// Records an iteration's output piece by piece. When `pieces` returns, the tokens are added,
    /// and `vllm:iteration_tokens_total` gets its one observation. Call it at most once per step,
    /// and only if the iteration had output.
    ///
    /// If `pieces` panics, the step contains only part of the iteration. Unwinding discards the
    /// step, so nothing of it shows. The compiler refuses to catch the panic while the step stays
    /// open:
    ///
    /// ```compile_fail,E0277
    /// # fn example(metrics: &mut tachometer_vllm::EngineMetrics, step: &mut tachometer::Step) {
    /// let caught = std::panic::catch_unwind(|| metrics.iteration(step, |_| ()));
    /// # }
    /// ```
    ///
    /// If you overrule the compiler ([`AssertUnwindSafe`](std::panic::AssertUnwindSafe)), drop the
    /// step; don't commit it:
    ///
    /// ```
    /// # use std::panic::AssertUnwindSafe;
    /// # fn example(metrics: &mut tachometer_vllm::EngineMetrics, step: &mut tachometer::Step) {
    /// let caught = std::panic::catch_unwind(AssertUnwindSafe(|| metrics.iteration(step, |_| ())));
    /// # }
    /// ```
    ///
    /// ```
    /// # use tachometer::Step;
    /// # use tachometer_vllm::{PromptTokens, EngineMetrics};
    /// # fn example(metrics: &mut EngineMetrics, step: &mut Step<'_>) {
    /// metrics.iteration(step, |iteration| {
    ///     iteration.prefill(PromptTokens { external_kv_transfer: 1_000, ..Default::default() });
    ///     iteration.generated(1);
    ///     iteration.first_token(0.25);
    /// });
    /// # }
    /// ```
    pub fn iteration(&mut self, step: &mut Step<'_>, pieces: impl FnOnce(&mut Iteration<'_, '_>)) {
        let mut iteration = Iteration::new(&self.families, step);
        pieces(&mut iteration);
        iteration.finish();
    }
}

impl LoraLabels {
    fn record(&mut self, families: &LoraFamilies, step: &mut Step<'_>, stats: &LoraStats<'_>) {
        if families.clear_unused && stats.running.is_empty() && stats.waiting.is_empty() {
            return step.clear_info(families.requests_info);
        }
        join(stats.running, &mut self.running);
        join(stats.waiting, &mut self.waiting);
        step.set_info(families.requests_info, [&self.max_loras, &self.running, &self.waiting], stats.wall_time);
    }
}

/// Writes the names into `joined`, separated by commas. Doesn't allocate once `joined` is large
/// enough.
fn join(names: &[&str], joined: &mut String) {
    joined.clear();
    for (index, name) in names.iter().enumerate() {
        joined.push_str(if index > 0 { "," } else { "" });
        joined.push_str(name);
    }
}

/// The state of the queues and of the KV cache.
fn record_state(families: &Families, step: &mut Step<'_>, stats: &SchedulerStats<'_>) {
    step.set(families.requests_running, clamp(stats.running));
    step.set(families.requests_waiting, clamp(stats.waiting.saturating_add(stats.deferred)));
    let [capacity, deferred] = families.requests_waiting_by_reason;
    step.set(capacity, clamp(stats.waiting));
    step.set(deferred, clamp(stats.deferred));
    step.set_state(families.kv_cache_usage, stats.kv_cache_usage);
    let stages = families.requests_kv_fetch_by_stage.or(families.log.and_then(|log| log.kv_fetch));
    if let Some([waiting_to_start, in_progress, completed_waiting]) = stages {
        step.set(waiting_to_start, clamp(stats.kv_fetch.waiting_to_start));
        step.set(in_progress, clamp(stats.kv_fetch.in_progress));
        step.set(completed_waiting, clamp(stats.kv_fetch.completed_waiting));
    }
}

fn record_connector(families: &Families, step: &mut Step<'_>, stats: &ConnectorCacheStats) {
    step.add(families.external_prefix_cache_queries, stats.queries);
    step.add(families.external_prefix_cache_hits, stats.hits);
    let ConnectorCacheStats { device_hits, host_hits, p2p_hits, disk_hits, unspecified_hits, .. } = *stats;
    let hits = [device_hits, host_hits, p2p_hits, disk_hits, unspecified_hits];
    for (counter, hits) in families.prompt_tokens_cached_by_source.into_iter().zip(hits) {
        step.add(counter, hits);
    }
}

fn record_drafts(families: &Families, step: &mut Step<'_>, stats: &SpecDecodeStats<'_>) {
    if let Some(families) = &families.spec_decode {
        step.add(families.drafts, stats.drafts);
        step.add(families.draft_tokens, stats.draft_tokens);
        step.add(families.accepted_tokens, stats.accepted_tokens);
        let positions = families.accepted_tokens_per_position.as_slice();
        for (position, accepted) in positions.iter().zip(stats.accepted_per_position) {
            step.add(*position, *accepted);
        }
    }
    if let Some(families) = &families.diffusion {
        step.add(families.denoising_steps, stats.drafts);
        step.add(families.canvas_positions, stats.draft_tokens);
        step.add(families.committed_tokens, stats.accepted_tokens);
    }
    if let Some(log) = &families.log {
        log.drafts.record(step, stats);
    }
}

fn record_perf(families: &Families, step: &mut Step<'_>, stats: &PerfStats) {
    step.add(families.estimated_flops, stats.flops);
    step.add(families.estimated_read_bytes, stats.read_bytes);
    step.add(families.estimated_write_bytes, stats.write_bytes);
    if let Some(log) = &families.log {
        log.record_perf(step, stats);
    }
}

fn record_eviction(families: &KvBlockFamilies, step: &mut Step<'_>, eviction: &Eviction<'_>) {
    step.observe(families.lifetime, eviction.lifetime);
    step.observe(families.idle_before_evict, eviction.idle);
    step.observe_all(families.reuse_gap, eviction.reuse_gaps);
}
