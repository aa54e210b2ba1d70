//! What a scheduler reports of one step: plain, borrowed data in vLLM's own division.
//!
//! Fill in what you have and take `..Default::default()` for the rest: fields may be added. Nothing here records anything. The parts
//! are independent, as in vLLM's `record`: a step may come with scheduler statistics only, with iteration statistics only, or with
//! all of them.

use crate::{MooncakeStats, NixlStats};

/// The prompt tokens of requests that reached their first output, by where the tokens came from.
///
/// No sum is stored: totals are derived, so no field can contradict another.
///
/// ```
/// use tachometer_vllm::PromptTokens;
///
/// let prompt = PromptTokens { computed: 16, local_cache_hit: 48, external_kv_transfer: 936 };
/// assert_eq!(prompt.total(), 1_000);
/// assert_eq!(prompt.cached(), 984);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PromptTokens {
    /// Computed by this engine.
    pub computed: u64,
    /// Found in this engine's own prefix cache.
    pub local_cache_hit: u64,
    /// Received from another engine by KV transfer.
    pub external_kv_transfer: u64,
}

impl PromptTokens {
    /// All prompt tokens, whatever their source. Saturates at `u64::MAX`.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.computed.saturating_add(self.cached())
    }

    /// Tokens that this engine didn't have to compute: local cache hits and KV transfer. Saturates at `u64::MAX`.
    #[must_use]
    pub const fn cached(&self) -> u64 {
        self.local_cache_hit.saturating_add(self.external_kv_transfer)
    }

    /// Adds another prompt's tokens, source by source. Each source saturates at `u64::MAX`.
    pub const fn merge(&mut self, other: Self) {
        self.computed = self.computed.saturating_add(other.computed);
        self.local_cache_hit = self.local_cache_hit.saturating_add(other.local_cache_hit);
        self.external_kv_transfer = self.external_kv_transfer.saturating_add(other.external_kv_transfer);
    }
}

/// Lookups in a cache, counted in the cache's own unit: tokens for prefix caches, items for the multi-modal cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// The cache was emptied before these lookups: the hit rate of log lines begins anew.
    pub reset: bool,
    /// Requests that looked something up: they make up the window of the log lines' hit rate.
    pub requests: u64,
    /// Tokens or items looked up.
    pub queries: u64,
    /// Tokens or items found.
    pub hits: u64,
}

/// Lookups in the prefix cache behind a KV connector, in tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectorCacheStats {
    /// Requests that looked something up: they make up the window of the log lines' hit rate.
    pub requests: u64,
    /// Tokens looked up.
    pub queries: u64,
    /// Tokens found.
    pub hits: u64,
    /// The tokens found in the memory of this machine's host.
    pub host_hits: u64,
    /// The tokens found at another engine.
    pub p2p_hits: u64,
    /// The tokens found on disk.
    pub disk_hits: u64,
    /// The tokens found at a place that the connector doesn't tell.
    pub unspecified_hits: u64,
    /// The tokens found on the accelerator itself (beside the local prefix cache's own hits).
    pub device_hits: u64,
}

/// Estimated work of one step on one accelerator.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PerfStats {
    /// Floating-point operations.
    pub flops: f64,
    /// Bytes read from device memory.
    pub read_bytes: f64,
    /// Bytes written to device memory.
    pub write_bytes: f64,
}

/// Requests whose KV comes from another engine, by how far it has come. Only recorded with
/// [`Config::kv_consumer`](crate::Config::kv_consumer).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KvFetchStats {
    /// The transfer hasn't begun.
    pub waiting_to_start: u64,
    /// The transfer is under way.
    pub in_progress: u64,
    /// The KV is here, and the request waits to run.
    pub completed_waiting: u64,
}

/// What speculative decoding did in a step. A diffusion model reports denoising steps as drafts, positions of its canvas as draft
/// tokens, and tokens that it committed as accepted ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpecDecodeStats<'a> {
    /// Drafts made.
    pub drafts: u64,
    /// Tokens of these drafts.
    pub draft_tokens: u64,
    /// Tokens of these drafts that were accepted.
    pub accepted_tokens: u64,
    /// The accepted ones by their position in the draft. Positions that are missing add nothing; those beyond the configured
    /// number are ignored.
    pub accepted_per_position: &'a [u64],
}

/// A KV block that was evicted. All durations are seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Eviction<'a> {
    /// From allocation to eviction.
    pub lifetime: f64,
    /// From last use to eviction.
    pub idle: f64,
    /// From each use to the next.
    pub reuse_gaps: &'a [f64],
}

/// The LoRA adapters of an engine's requests, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LoraStats<'a> {
    /// Adapters of requests that run.
    pub running: &'a [&'a str],
    /// Adapters of requests that wait.
    pub waiting: &'a [&'a str],
    /// The time of the step, seconds since 1970: the value of `vllm:lora_requests_info`, by which routers find the newest.
    pub wall_time: f64,
}

/// The scheduler's state after a step, and what it looked up while scheduling.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SchedulerStats<'a> {
    /// Requests in the running batch.
    pub running: u64,
    /// Requests that wait for capacity.
    pub waiting: u64,
    /// Requests that wait for something else (for example for their KV transfer) and were passed over.
    pub deferred: u64,
    /// Requests whose KV comes from another engine.
    pub kv_fetch: KvFetchStats,
    /// Used share of the KV cache, a ratio in 0..=1. Shown as given, also where it is NaN or infinite.
    pub kv_cache_usage: f64,
    /// Lookups in the engine's own prefix cache, in tokens.
    pub prefix_cache: CacheStats,
    /// Lookups behind the KV connector, if the engine has one and asked it in this step.
    pub connector_prefix_cache: Option<ConnectorCacheStats>,
    /// Drafts, if any were made.
    pub spec_decode: Option<SpecDecodeStats<'a>>,
    /// KV blocks that were evicted. Only recorded with [`Config::kv_cache_metrics`](crate::Config::kv_cache_metrics).
    pub evictions: &'a [Eviction<'a>],
    /// LoRA adapters. Only recorded with [`Config::lora`](crate::Config::lora).
    pub lora: Option<LoraStats<'a>>,
    /// Estimated work, if it is measured.
    pub perf: Option<PerfStats>,
    /// Tokens of this model execution: prompt chunks and generation. Only read under
    /// [`IterationTokensDefinition::Scheduled`](crate::IterationTokensDefinition::Scheduled).
    pub scheduled_tokens: u64,
}

/// Whether an engine is awake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SleepState {
    /// It serves requests.
    #[default]
    Awake,
    /// It has given memory back.
    Asleep {
        /// 1: its weights are in host memory. 2: its weights and KV cache are discarded. Other levels show as neither of the two, nor as
        /// awake.
        level: u64,
    },
}

/// Why a request ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FinishReason {
    /// A stop token or stop string.
    #[default]
    Stop,
    /// The token limit.
    Length,
    /// Cancelled.
    Abort,
    /// An internal error.
    Error,
    /// Repetition was detected.
    Repetition,
}

/// One request that ended in this step. All durations are seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FinishedRequest {
    /// Why it ended.
    pub reason: FinishReason,
    /// Length of its prompt, in tokens.
    pub prompt_tokens: u64,
    /// Prompt tokens that weren't computed here. May be negative where the engine doesn't know; counts as 0 then.
    pub cached_tokens: i64,
    /// Tokens generated.
    pub generation_tokens: u64,
    /// The request's own limit of generated tokens; `None` and 0 aren't observed.
    pub max_tokens: Option<u64>,
    /// How often it was preempted.
    pub preemptions: u64,
    /// From arrival to end.
    pub e2e_latency: f64,
    /// From arrival in the queue to first scheduling.
    pub queue_time: f64,
    /// From first scheduling to first token.
    pub prefill_time: f64,
    /// From first scheduling to last token.
    pub inference_time: f64,
    /// From first token to last token.
    pub decode_time: f64,
    /// Mean time per output token after the first (0 with fewer than two).
    pub time_per_output_token: f64,
}

/// Finished requests by whether their output bears a watermark. Only recorded with
/// [`Config::watermark`](crate::Config::watermark).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WatermarkStats {
    /// It bears one.
    pub watermarked: u64,
    /// It was to bear one, and doesn't.
    pub skipped: u64,
    /// It wasn't to bear one.
    pub not_watermarked: u64,
}

/// What a step put out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct IterationStats<'a> {
    /// Prompt tokens of the requests whose first output this is.
    pub prompt_tokens: PromptTokens,
    /// Tokens generated.
    pub generation_tokens: u64,
    /// Requests preempted.
    pub preemptions: u64,
    /// Requests whose logits held NaN. Only recorded with [`Config::nan_check`](crate::Config::nan_check).
    pub corrupted: u64,
    /// Requests by whether their output bears a watermark.
    pub watermark: WatermarkStats,
    /// Time to first token (TTFT) of each request whose first output this is, seconds.
    pub time_to_first_token: &'a [f64],
    /// Inter-token latency (ITL) of each request that had an output before, seconds.
    pub inter_token_latency: &'a [f64],
    /// Requests that ended.
    pub finished: &'a [FinishedRequest],
    /// For each parent request whose last child ended: the most tokens that a child generated.
    pub max_generation_tokens: &'a [u64],
    /// For each parent request whose last child ended: its number of children (the `n` parameter).
    pub n: &'a [u64],
}

/// All that one step reports; each part may be missing.
#[derive(Clone, Copy, Debug, Default)]
pub struct StepStats<'a> {
    /// Absent when the scheduler didn't report.
    pub scheduler: Option<&'a SchedulerStats<'a>>,
    /// Absent when the step had no output.
    pub iteration: Option<&'a IterationStats<'a>>,
    /// Lookups in the multi-modal cache, in items.
    pub mm_cache: Option<CacheStats>,
    /// KV transfers by NIXL. Only recorded with [`Config::nixl`](crate::Config::nixl).
    pub nixl: Option<&'a NixlStats<'a>>,
    /// KV transfers by Mooncake. Only recorded with [`Config::mooncake`](crate::Config::mooncake).
    pub mooncake: Option<&'a MooncakeStats<'a>>,
}

/// A number of requests as a gauge holds it.
pub(crate) fn clamp(requests: u64) -> i64 {
    i64::try_from(requests).unwrap_or(i64::MAX)
}
