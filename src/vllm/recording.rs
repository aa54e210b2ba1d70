//! Recording into an open step: all at once from a step's stats, or piece by piece.

use super::{
    CacheStats, ConnectorCacheStats, Families, FinishedRequest, IterationStats, IterationTokensDefinition,
    PromptTokens, SchedulerStats, SleepState, StepStats,
};
use crate::{Recorder, Step};

/// Records an engine's steps: the handles, and what must be remembered from one step to the next. Moves into the engine's
/// thread, beside its [`Recorder`].
///
/// [`record`](Self::record) takes all that a step reports; the other methods take parts of it. All write into an open
/// [`Step`], so your own families share the step.
///
/// # Progress
/// As [`Step`]: wait-free, and nothing is allocated.
#[derive(Debug)]
pub struct Recording {
    families: Families,
}

impl Families {
    /// Begins to record an engine. `recorder` must be of the schema into which the families were declared; a step of it says
    /// that the engine is awake.
    pub fn recording(&self, recorder: &mut Recorder) -> Recording {
        let recording = Recording { families: *self };
        recorder.record(|step| recording.sleep_state(step, SleepState::Awake));
        recording
    }
}

impl Recording {
    /// Records all that a step reports, in vLLM's order: scheduler, multi-modal cache, iteration. Parts that are absent
    /// change nothing.
    pub fn record(&mut self, step: &mut Step<'_>, stats: &StepStats<'_>) {
        if let Some(scheduler) = stats.scheduler {
            self.scheduler(step, scheduler);
        }
        if let Some(cache) = stats.mm_cache {
            self.mm_cache(step, cache);
        }
        if let Some(stats) = stats.iteration {
            self.iteration(step).record(stats);
        }
    }

    /// Records the scheduler's state and lookups. Once a step.
    pub fn scheduler(&mut self, step: &mut Step<'_>, stats: &SchedulerStats) {
        let set = &self.families;
        step.set(set.requests_running, clamp(stats.running));
        step.set(set.requests_waiting, clamp(stats.waiting.saturating_add(stats.deferred)));
        let [capacity, deferred] = set.requests_waiting_by_reason;
        step.set(capacity, clamp(stats.waiting));
        step.set(deferred, clamp(stats.deferred));
        step.set(set.kv_cache_usage, stats.kv_cache_usage);
        step.add(set.prefix_cache_queries, stats.prefix_cache.queries);
        step.add(set.prefix_cache_hits, stats.prefix_cache.hits);
        step.add(set.prompt_tokens_cached_by_source[0], stats.prefix_cache.hits);
        if let Some(connector) = &stats.connector_prefix_cache {
            record_connector(set, step, connector);
        }
        if let Some(perf) = &stats.perf {
            step.add(set.estimated_flops, perf.flops);
            step.add(set.estimated_read_bytes, perf.read_bytes);
            step.add(set.estimated_write_bytes, perf.write_bytes);
        }
        if set.iteration_tokens_definition == IterationTokensDefinition::Scheduled {
            step.observe(set.iteration_tokens, stats.scheduled_tokens);
        }
    }

    /// Records lookups in the multi-modal cache.
    pub fn mm_cache(&mut self, step: &mut Step<'_>, stats: CacheStats) {
        step.add(self.families.mm_cache_queries, stats.queries);
        step.add(self.families.mm_cache_hits, stats.hits);
    }

    /// Says whether the engine is awake. An engine is until this says otherwise.
    pub fn sleep_state(&self, step: &mut Step<'_>, state: SleepState) {
        let shown = match state {
            SleepState::Awake => [1, 0, 0],
            SleepState::Asleep { level: 1 } => [0, 1, 0],
            SleepState::Asleep { level: 2 } => [0, 0, 1],
            SleepState::Asleep { .. } => [0, 0, 0],
        };
        for (gauge, shown) in self.families.sleep_state.into_iter().zip(shown) {
            step.set(gauge, shown);
        }
    }

    /// Begins to record an iteration's output piece by piece. When the [`Iteration`] is dropped it adds the tokens and makes the
    /// one observation of `vllm:iteration_tokens_total`. At most once a step, and only if the iteration had an output.
    ///
    /// ```
    /// # use tachometer::{Step, vllm::{PromptTokens, Recording}};
    /// # fn example(recording: &mut Recording, step: &mut Step<'_>) {
    /// let mut iteration = recording.iteration(step);
    /// iteration.prefill(PromptTokens { external_kv_transfer: 1_000, ..Default::default() });
    /// iteration.generated(1);
    /// iteration.first_token(0.25);
    /// # }
    /// ```
    pub fn iteration<'s, 'r>(&'s mut self, step: &'s mut Step<'r>) -> Iteration<'s, 'r> {
        Iteration { families: &self.families, step, prompt_tokens: PromptTokens::default(), generation_tokens: 0 }
    }
}

/// An iteration's output on its way into a step: see [`Recording::iteration`].
#[derive(Debug)]
#[must_use = "an iteration is recorded when it is dropped: call its methods, or don't begin it"]
pub struct Iteration<'s, 'r> {
    families: &'s Families,
    step: &'s mut Step<'r>,
    prompt_tokens: PromptTokens,
    generation_tokens: u64,
}

impl Iteration<'_, '_> {
    /// A prompt whose first output this is. Once a prompt and engine, also when it was computed in chunks.
    pub fn prefill(&mut self, prompt: PromptTokens) -> &mut Self {
        self.prompt_tokens.merge(prompt);
        self
    }

    /// Tokens that were generated.
    pub fn generated(&mut self, tokens: u64) -> &mut Self {
        self.generation_tokens = self.generation_tokens.saturating_add(tokens);
        self
    }

    /// The time to first token of a request, seconds.
    pub fn first_token(&mut self, seconds: f64) -> &mut Self {
        self.step.observe(self.families.time_to_first_token, seconds);
        self
    }

    /// The inter-token latencies of all requests that had an output before, seconds.
    pub fn inter_token(&mut self, seconds: &[f64]) -> &mut Self {
        self.step.observe_all(self.families.inter_token_latency, seconds);
        self
    }

    /// Requests that were preempted.
    pub fn preempted(&mut self, requests: u64) -> &mut Self {
        self.step.add(self.families.preemptions, requests);
        self
    }

    /// The last child of a parent request ended: the most tokens that a child generated, and the number of children (1 for a
    /// request without children).
    pub fn parent_finished(&mut self, max_generation_tokens: u64, n: u64) -> &mut Self {
        self.step.observe(self.families.request_max_generation_tokens, max_generation_tokens);
        self.step.observe(self.families.request_params_n, n);
        self
    }

    /// A request ended.
    pub fn finished(&mut self, request: &FinishedRequest) -> &mut Self {
        let (set, step) = (self.families, &mut *self.step);
        step.inc(set.request_success[request.reason as usize]);
        step.observe(set.request_prompt_tokens, request.prompt_tokens);
        step.observe(set.request_generation_tokens, request.generation_tokens);
        if let Some(limit) = request.max_tokens.filter(|limit| *limit > 0) {
            step.observe(set.request_params_max_tokens, limit);
        }
        step.observe(set.request_time_per_output_token, request.time_per_output_token);
        step.observe(set.e2e_request_latency, request.e2e_latency);
        step.observe(set.request_queue_time, request.queue_time);
        step.observe(set.request_inference_time, request.inference_time);
        step.observe(set.request_prefill_time, request.prefill_time);
        step.observe(set.request_decode_time, request.decode_time);
        step.observe(set.request_preemptions, request.preemptions);
        match request.prompt_tokens.checked_sub(request.cached_tokens.max(0).unsigned_abs()) {
            Some(computed) => step.observe(set.request_prefill_kv_computed_tokens, computed),
            None => step.reject(1), // more cached than there were: a negative number of computed tokens
        }
        self
    }

    /// All at once.
    fn record(&mut self, stats: &IterationStats<'_>) {
        self.prefill(stats.prompt_tokens).generated(stats.generation_tokens).preempted(stats.preemptions);
        self.step.observe_all(self.families.time_to_first_token, stats.time_to_first_token);
        self.inter_token(stats.inter_token_latency);
        self.step.observe_all(self.families.request_max_generation_tokens, stats.max_generation_tokens);
        self.step.observe_all(self.families.request_params_n, stats.n);
        for request in stats.finished {
            self.finished(request);
        }
    }
}

impl Drop for Iteration<'_, '_> {
    fn drop(&mut self) {
        let (set, step, prompt) = (self.families, &mut *self.step, self.prompt_tokens);
        step.add(set.prompt_tokens, prompt.total());
        let [computed, local_cache_hit, external_kv_transfer] = set.prompt_tokens_by_source;
        step.add(computed, prompt.computed);
        step.add(local_cache_hit, prompt.local_cache_hit);
        step.add(external_kv_transfer, prompt.external_kv_transfer);
        step.add(set.prompt_tokens_cached, prompt.cached());
        step.add(set.generation_tokens, self.generation_tokens);
        let prompt_tokens = match set.iteration_tokens_definition {
            IterationTokensDefinition::Computed => prompt.computed,
            IterationTokensDefinition::AllSources => prompt.total(),
            IterationTokensDefinition::Scheduled => return, // observed with the scheduler's stats
        };
        step.observe(set.iteration_tokens, prompt_tokens.saturating_add(self.generation_tokens));
    }
}

fn record_connector(set: &Families, step: &mut Step<'_>, stats: &ConnectorCacheStats) {
    step.add(set.external_prefix_cache_queries, stats.queries);
    step.add(set.external_prefix_cache_hits, stats.hits);
    let ConnectorCacheStats { device_hits, host_hits, p2p_hits, disk_hits, unspecified_hits, .. } = *stats;
    let hits = [device_hits, host_hits, p2p_hits, disk_hits, unspecified_hits];
    for (counter, hits) in set.prompt_tokens_cached_by_source.into_iter().zip(hits) {
        step.add(counter, hits);
    }
}

/// A number of requests as a gauge holds it.
fn clamp(requests: u64) -> i64 {
    i64::try_from(requests).unwrap_or(i64::MAX)
}
