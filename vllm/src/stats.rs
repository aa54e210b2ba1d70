//! What a scheduler reports for one step: plain, borrowed data, divided as in vLLM.
//!
//! Fill in the fields that you have, and end each literal with `..Default::default()`. The compiler
//! insists on it (each struct has a hidden field), so that minor versions can add fields.
//!
//! Nothing here records anything. The parts are independent, as in vLLM's `record`: a step may come
//! with scheduler statistics only, with iteration statistics only, or with everything.

/// The prompt tokens of requests that reached their first output, by where the tokens came from.
///
/// No sum is stored. Totals are derived, so no field can contradict another.
///
/// ```
/// use tachometer_vllm::PromptTokens;
///
/// let mut prompt = PromptTokens { computed: 16, ..Default::default() };
/// let of_another = PromptTokens { local_cache_hit: 48, ..Default::default() };
/// prompt.merge(PromptTokens { external_kv_transfer: 936, ..of_another });
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
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

impl PromptTokens {
    /// All prompt tokens, whatever their source. Saturates at `u64::MAX`.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.computed.saturating_add(self.cached())
    }

    /// Tokens that this engine didn't compute: local cache hits and KV transfer. Saturates at
    /// `u64::MAX`.
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

/// Lookups in a cache, in the cache's own unit: tokens for prefix caches, items for the multi-modal
/// cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// The cache was emptied before these lookups: the hit rate of the log lines starts anew.
    pub reset: bool,
    /// Requests that looked something up: they make up the window of the log lines' hit rate.
    pub requests: u64,
    /// Tokens or items looked up.
    pub queries: u64,
    /// Tokens or items found.
    pub hits: u64,
    #[doc(hidden)]
    pub _non_exhaustive: (),
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
    /// The tokens found somewhere that the connector doesn't report.
    pub unspecified_hits: u64,
    /// The tokens found on the accelerator itself, besides the hits of the local prefix cache.
    pub device_hits: u64,
    #[doc(hidden)]
    pub _non_exhaustive: (),
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
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

/// Requests whose KV comes from another engine, by the stage of the transfer. Recorded only with
/// [`Config::kv_consumer`](crate::Config::kv_consumer).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KvFetchStats {
    /// The transfer hasn't begun.
    pub waiting_to_start: u64,
    /// The transfer is under way.
    pub in_progress: u64,
    /// The KV is here, and the request waits to run.
    pub completed_waiting: u64,
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

/// What speculative decoding did in a step. A diffusion model reports denoising steps as drafts,
/// canvas positions as draft tokens, and committed tokens as accepted tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpecDecodeStats<'a> {
    /// Drafts made.
    pub drafts: u64,
    /// Draft tokens: the tokens in these drafts.
    pub draft_tokens: u64,
    /// Draft tokens that were accepted.
    pub accepted_tokens: u64,
    /// Accepted tokens by their position in the draft. Missing positions add nothing. Positions
    /// beyond the configured number are ignored.
    pub accepted_per_position: &'a [u64],
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

/// A KV block that was evicted. All durations are in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Eviction<'a> {
    /// From allocation to eviction.
    pub lifetime: f64,
    /// From last use to eviction.
    pub idle: f64,
    /// From each use to the next.
    pub reuse_gaps: &'a [f64],
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

/// The LoRA adapters of an engine's requests, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LoraStats<'a> {
    /// Adapters of running requests.
    pub running: &'a [&'a str],
    /// Adapters of waiting requests.
    pub waiting: &'a [&'a str],
    /// The time of the step, in seconds since 1970. It is the value of `vllm:lora_requests_info`,
    /// by which routers find the newest sample.
    pub wall_time: f64,
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

/// The scheduler's state after a step, and what it looked up while scheduling.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SchedulerStats<'a> {
    /// Requests in the running batch.
    pub running: u64,
    /// Requests that wait for capacity.
    pub waiting: u64,
    /// Requests that wait for something else, for example for their KV transfer, and were passed
    /// over.
    pub deferred: u64,
    /// Requests whose KV comes from another engine.
    pub kv_fetch: KvFetchStats,
    /// Used share of the KV cache, a ratio in 0..=1. Shown as given, even if it is NaN or infinite.
    pub kv_cache_usage: f64,
    /// Lookups in the engine's own prefix cache, in tokens.
    pub prefix_cache: CacheStats,
    /// Lookups behind the KV connector, if the engine has one and asked it in this step.
    pub connector_prefix_cache: Option<ConnectorCacheStats>,
    /// Speculative decoding, if there were any drafts.
    pub spec_decode: Option<SpecDecodeStats<'a>>,
    /// KV blocks that were evicted. Recorded only with
    /// [`Config::kv_cache_metrics`](crate::Config::kv_cache_metrics).
    pub evictions: &'a [Eviction<'a>],
    /// LoRA adapters. Recorded only with [`Config::lora`](crate::Config::lora).
    pub lora: Option<LoraStats<'a>>,
    /// Estimated work, if it is measured.
    pub perf: Option<PerfStats>,
    /// Tokens in this model execution: prompt chunks, and one for each request that continues a
    /// generation. A request's first generated token comes out of its last chunk, so nothing is
    /// added for it. Read only under
    /// [`IterationTokensDefinition::Scheduled`](crate::IterationTokensDefinition::Scheduled).
    pub scheduled_tokens: u64,
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

/// Whether an engine is awake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SleepState {
    /// It serves requests.
    #[default]
    Awake,
    /// It has released memory.
    Asleep {
        /// 1: the weights are in host memory. 2: the weights and the KV cache are discarded. Any
        /// other level shows as neither of these, nor as awake.
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
    /// The engine detected repetition.
    Repetition,
}

impl FinishReason {
    /// All reasons, in the order of their label values.
    pub const ALL: &'static [Self] = &[Self::Stop, Self::Length, Self::Abort, Self::Error, Self::Repetition];
}

/// One request that ended in this step. All durations are in seconds.
///
/// An optional field is `None` if the request never got that far, or if the caller doesn't know:
/// nothing is observed, and nothing is rejected. A request that is aborted in the queue has none of
/// them, but still counts in `vllm:request_success_total` and `vllm:e2e_request_latency_seconds`.
/// vLLM observes a zero for each phase that wasn't reached: give `Some(0.0)` for that.
///
/// ```
/// use tachometer_vllm::{FinishReason, FinishedRequest};
///
/// // Aborted while its prompt was computed.
/// let request = FinishedRequest {
///     reason: FinishReason::Abort,
///     prompt_tokens: 1_000,
///     e2e_latency: 3.0,
///     queue_time: Some(2.0),
///     ..Default::default()
/// };
/// assert_eq!(request.decode_time, None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FinishedRequest {
    /// Why it ended.
    pub reason: FinishReason,
    /// Length of its prompt, in tokens.
    pub prompt_tokens: u64,
    /// Prompt tokens that weren't computed here; `None` if the prompt was never scheduled. Negative
    /// if the engine doesn't know; that counts as 0.
    pub cached_tokens: Option<i64>,
    /// Tokens generated.
    pub generation_tokens: u64,
    /// The request's limit of generated tokens. `None` and 0 aren't observed.
    pub max_tokens: Option<u64>,
    /// Number of times that it was preempted.
    pub preemptions: u64,
    /// From arrival to end.
    pub e2e_latency: f64,
    /// From arrival in the queue to first scheduling.
    pub queue_time: Option<f64>,
    /// From first scheduling to first token.
    pub prefill_time: Option<f64>,
    /// From first scheduling to last token.
    pub inference_time: Option<f64>,
    /// From first token to last token.
    pub decode_time: Option<f64>,
    /// Mean time per output token after the first. vLLM has 0 with fewer than two tokens.
    pub time_per_output_token: Option<f64>,
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

/// Finished requests, by whether their output has a watermark. Recorded only with
/// [`Config::watermark`](crate::Config::watermark).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WatermarkStats {
    /// The output has a watermark.
    pub watermarked: u64,
    /// The output should have a watermark, but doesn't.
    pub skipped: u64,
    /// No watermark was requested.
    pub not_watermarked: u64,
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

/// The output of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct IterationStats<'a> {
    /// Prompt tokens of the requests whose first output is in this step.
    pub prompt_tokens: PromptTokens,
    /// Tokens generated.
    pub generation_tokens: u64,
    /// Requests preempted.
    pub preemptions: u64,
    /// Requests whose logits contained NaN. Recorded only with
    /// [`Config::nan_check`](crate::Config::nan_check).
    pub corrupted: u64,
    /// Finished requests, by whether their output has a watermark.
    pub watermark: WatermarkStats,
    /// Time to first token (TTFT) of each request whose first output is in this step, in seconds.
    pub time_to_first_token: &'a [f64],
    /// Inter-token latency (ITL) of each request that already had an output, in seconds.
    pub inter_token_latency: &'a [f64],
    /// Requests that ended.
    pub finished: &'a [FinishedRequest],
    /// For each parent request whose last child ended: the largest number of tokens that one child
    /// generated.
    pub max_generation_tokens: &'a [u64],
    /// For each parent request whose last child ended: its number of children (the `n` parameter).
    pub n: &'a [u64],
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

/// Everything that one step reports. Each part may be missing.
#[derive(Clone, Copy, Debug, Default)]
pub struct StepStats<'a> {
    /// Absent when the scheduler didn't report.
    pub scheduler: Option<&'a SchedulerStats<'a>>,
    /// Absent when the step had no output.
    pub iteration: Option<&'a IterationStats<'a>>,
    /// Lookups in the multi-modal cache, in items.
    pub mm_cache: Option<CacheStats>,
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

/// The number of requests as a gauge value: at most `i64::MAX`.
pub(crate) fn clamp(requests: u64) -> i64 {
    i64::try_from(requests).unwrap_or(i64::MAX)
}
