//! Continuous batching in one engine: which requests run, and what a step does for each of them.
//!
//! * Requests are admitted first come, first served, once the KV pool has room for everything that
//!   they will ever need.
//! * A step has a budget of tokens. Requests whose prompt is done take one each and are served
//!   first. The rest goes to prompts in order of admission, so a long prompt is computed in chunks
//!   over several steps.
//! * The end of the prompt gives the request's first output, and each later step gives one more,
//!   until the output is complete. With speculative decoding a later step gives the accepted tokens
//!   of a draft besides.
//! * A prefill engine generates one token per request, even if the output is empty: the token is
//!   the proof that its KV is complete. Elsewhere a request with an empty output ends with its
//!   prompt and generates nothing.
//! * A decode engine has a prompt's whole KV at admission and computes nothing of it.

use std::collections::VecDeque;

use tachometer_vllm::{
    CacheStats, ConnectorCacheStats, FinishReason, FinishedRequest, PromptTokens, SchedulerStats, WatermarkStats,
};

use crate::kv_pool::KvPool;
use crate::layout::Role;
use crate::optional::{self, Drafts, ImageCache, Optional};
use crate::prefix_cache::PrefixCache;
use crate::timing::{Nanos, Work, seconds_between};
use crate::workload::{Request, Workload};

/// Tokens per step.
const TOKEN_BUDGET: u64 = 8_192;
/// Requests in a batch. Below the token budget, so that each running request can always generate.
const MAX_RUNNING: usize = 256;

/// A request that waits for admission.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived {
    pub(crate) request: usize,
    /// When it reached this engine.
    pub(crate) at: Nanos,
}

/// What the command line settles for all engines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Tokens per block hash of the workload.
    pub(crate) block_size: u64,
    pub(crate) optional: Option<Optional>,
}

#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) role: Role,
    settings: Settings,
    workload: Workload,
    pub(crate) waiting: VecDeque<Arrived>,
    running: Vec<Running>,
    pub(crate) pool: KvPool,
    pub(crate) cache: PrefixCache,
    pub(crate) images: ImageCache,
}

#[derive(Debug)]
struct Running {
    request: usize,
    arrived: Nanos,
    admitted: Nanos,
    cached_tokens: u64,
    /// Prompt tokens still to be computed.
    left: u64,
    to_generate: u64,
    generated: u64,
    /// In this step.
    drafted: u64,
    first_output: Option<Nanos>,
    last_output: Nanos,
    kv_blocks: u64,
}

/// The output of a step. Its vectors are reused from step to step.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) prompt_tokens: PromptTokens,
    pub(crate) generation_tokens: u64,
    pub(crate) drafts: Drafts,
    pub(crate) watermark: WatermarkStats,
    pub(crate) time_to_first_token: Vec<f64>,
    pub(crate) inter_token_latency: Vec<f64>,
    pub(crate) finished: Vec<FinishedRequest>,
    pub(crate) max_generation_tokens: Vec<u64>,
    /// For each finished request, its parameter `n`: always 1.
    pub(crate) n: Vec<u64>,
    /// The finished requests' indices.
    pub(crate) finished_requests: Vec<usize>,
}

impl Output {
    pub(crate) fn is_empty(&self) -> bool {
        self.generation_tokens == 0 && self.finished.is_empty()
    }

    fn clear(&mut self) {
        self.prompt_tokens = PromptTokens::default();
        self.generation_tokens = 0;
        self.drafts = Drafts::default();
        self.watermark = WatermarkStats::default();
        self.time_to_first_token.clear();
        self.inter_token_latency.clear();
        self.finished.clear();
        self.max_generation_tokens.clear();
        self.n.clear();
        self.finished_requests.clear();
    }
}

impl Batch {
    pub(crate) fn new(role: Role, workload: Workload, settings: Settings) -> Self {
        Self {
            role,
            settings,
            workload,
            waiting: VecDeque::new(),
            running: Vec::new(),
            pool: KvPool::new(),
            cache: PrefixCache::new(settings.block_size, settings.optional.is_some()),
            images: ImageCache::default(),
        }
    }

    pub(crate) const fn has_optional(&self) -> bool {
        self.settings.optional.is_some()
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty()
    }

    /// Decides what the step at `now` executes. Adds the lookups in the caches to `stats`.
    pub(crate) fn schedule(&mut self, now: Nanos, stats: &mut SchedulerStats) -> Work {
        let (mut work, drafts) = (Work::default(), self.has_optional());
        for running in self.running.iter_mut().filter(|running| running.left == 0) {
            if drafts {
                running.drafted = optional::draft_length(running.to_generate - running.generated);
            }
            work.generating += 1;
            work.drafted += running.drafted;
            work.context_tokens += self.workload[running.request].prompt_tokens + running.generated;
        }
        let mut budget = TOKEN_BUDGET - work.generating - work.drafted;
        for running in self.running.iter_mut().filter(|running| running.left > 0) {
            budget -= running.compute(budget, &mut work);
        }
        while budget > 0 && self.running.len() < MAX_RUNNING {
            let Some(mut running) = self.admit(now, stats) else { break };
            if running.left == 0 {
                work.generating += 1;
                work.context_tokens += self.workload[running.request].prompt_tokens;
                budget -= 1;
            } else {
                budget -= running.compute(budget, &mut work);
            }
            self.running.push(running);
        }
        work
    }

    /// Takes the first waiting request if there is room for it.
    fn admit(&mut self, now: Nanos, stats: &mut SchedulerStats) -> Option<Running> {
        let arrived = *self.waiting.front()?;
        let request = &self.workload[arrived.request];
        let to_generate = if self.role == Role::Prefill { 1 } else { request.output_tokens };
        let kv_blocks = self.pool.reserve(request.prompt_tokens + to_generate)?;
        self.waiting.pop_front();
        let cached_tokens = look_up(self.role, &mut self.cache, request, now, stats);
        if self.role.computes_prompts() {
            self.images.look_up(request);
        }
        Some(Running {
            request: arrived.request,
            arrived: arrived.at,
            admitted: now,
            cached_tokens,
            left: request.prompt_tokens - cached_tokens,
            to_generate,
            generated: 0,
            drafted: 0,
            first_output: None,
            last_output: now,
            kv_blocks,
        })
    }

    /// Emits the output of the step that ends at `end`, and releases the requests that are
    /// complete.
    pub(crate) fn finish_step(&mut self, end: Nanos, output: &mut Output) {
        output.clear();
        let Self { role, workload, running, pool, cache, .. } = self;
        running.retain_mut(|running| {
            if running.left > 0 {
                return true;
            }
            let request = &workload[running.request];
            if running.first_output.is_none() && role.computes_prompts() {
                cache.store(&request.hashes, request.prompt_tokens, end);
            }
            running.put_out(end, *role, request, output);
            if running.generated < running.to_generate {
                return true;
            }
            running.finish(*role, request, output);
            pool.release(running.kv_blocks);
            false
        });
    }

    /// The adapters of the requests that run, and of those that wait.
    pub(crate) fn adapters(&self) -> [Vec<&'static str>; 2] {
        let running = self.running.iter().map(|running| &self.workload[running.request]);
        let waiting = self.waiting.iter().map(|arrived| &self.workload[arrived.request]);
        [optional::adapters(running), optional::adapters(waiting)]
    }

    /// The state after a step.
    pub(crate) fn describe(&self, stats: &mut SchedulerStats) {
        stats.running = self.running.len() as u64;
        stats.waiting = self.waiting.len() as u64;
        stats.kv_cache_usage = self.pool.usage();
    }
}

/// Asks the caches at admission. Returns how many of the prompt's tokens needn't be computed.
fn look_up(role: Role, cache: &mut PrefixCache, request: &Request, now: Nanos, stats: &mut SchedulerStats) -> u64 {
    let queries = request.prompt_tokens;
    let local_hits = if role.computes_prompts() { cache.hit_tokens(&request.hashes, queries, now) } else { 0 };
    merge(&mut stats.prefix_cache, CacheStats { requests: 1, queries, hits: local_hits, ..CacheStats::default() });
    if role.computes_prompts() {
        return local_hits;
    }
    // The KV arrived before admission, so the connector finds the whole prompt, at another engine.
    let connector = stats.connector_prefix_cache.get_or_insert_with(ConnectorCacheStats::default);
    connector.requests += 1;
    connector.queries += queries;
    connector.hits += queries;
    connector.p2p_hits += queries;
    queries
}

fn merge(into: &mut CacheStats, lookup: CacheStats) {
    into.requests += lookup.requests;
    into.queries += lookup.queries;
    into.hits += lookup.hits;
}

fn merge_watermark(into: &mut WatermarkStats, ended: WatermarkStats) {
    into.watermarked += ended.watermarked;
    into.skipped += ended.skipped;
    into.not_watermarked += ended.not_watermarked;
}

impl Running {
    /// Computes a chunk of the prompt. Returns its size.
    fn compute(&mut self, budget: u64, work: &mut Work) -> u64 {
        let chunk = self.left.min(budget);
        self.left -= chunk;
        work.prompt_tokens += chunk;
        chunk
    }

    /// One output: the first adds the prompt to the statistics, and each adds a token, and those of
    /// its draft that are accepted, unless the output is empty.
    fn put_out(&mut self, end: Nanos, role: Role, request: &Request, output: &mut Output) {
        let first = self.first_output.is_none();
        if first {
            self.first_output = Some(end);
            output.prompt_tokens.merge(self.prompt_by_source(role, request));
        }
        if self.to_generate > 0 {
            let accepted = optional::accepted(self.request, self.generated, self.drafted);
            self.generated += 1 + accepted;
            output.generation_tokens += 1 + accepted;
            output.drafts.add(self.drafted, accepted);
            if first {
                output.time_to_first_token.push(seconds_between(self.arrived, end));
            } else {
                output.inter_token_latency.push(seconds_between(self.last_output, end));
            }
        }
        self.last_output = end;
    }

    fn prompt_by_source(&self, role: Role, request: &Request) -> PromptTokens {
        let computed = request.prompt_tokens - self.cached_tokens;
        if role.computes_prompts() {
            PromptTokens { computed, local_cache_hit: self.cached_tokens, ..PromptTokens::default() }
        } else {
            PromptTokens { computed, external_kv_transfer: self.cached_tokens, ..PromptTokens::default() }
        }
    }

    fn finish(&self, role: Role, request: &Request, output: &mut Output) {
        let (reason, limit) = match role {
            Role::Prefill => (FinishReason::Length, self.to_generate),
            _ if request.stops() => (FinishReason::Stop, request.limit()),
            _ => (FinishReason::Length, request.limit()),
        };
        merge_watermark(&mut output.watermark, optional::watermark(request, self.generated));
        let first_output = self.first_output.unwrap_or(self.last_output);
        let decode_time = seconds_between(first_output, self.last_output);
        output.finished_requests.push(self.request);
        output.max_generation_tokens.push(self.generated);
        output.n.push(1);
        output.finished.push(FinishedRequest {
            reason,
            prompt_tokens: request.prompt_tokens,
            cached_tokens: Some(self.cached_tokens as i64),
            generation_tokens: self.generated,
            max_tokens: Some(limit),
            e2e_latency: seconds_between(self.arrived, self.last_output),
            queue_time: Some(seconds_between(self.arrived, self.admitted)),
            prefill_time: Some(seconds_between(self.admitted, first_output)),
            inference_time: Some(seconds_between(self.admitted, self.last_output)),
            decode_time: Some(decode_time),
            // 0 with fewer than two tokens, as vLLM has it.
            time_per_output_token: Some(decode_time / self.generated.saturating_sub(1).max(1) as f64),
            ..FinishedRequest::default()
        });
    }
}
