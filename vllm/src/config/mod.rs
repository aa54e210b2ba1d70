//! How the set is configured: which optional families it has, and with which bounds.

use std::{borrow::Cow, fmt};

pub(crate) use self::cache_config::FieldNames;
pub use self::cache_config::{CacheConfig, FieldValue, UnknownField};

pub(crate) mod buckets;
mod cache_config;

/// The largest number of draft positions that have a series each.
pub(crate) const MAX_SPECULATIVE_TOKENS: usize = 32;

/// Which of vLLM's families the set has, and how they count. As in vLLM, everything optional is off
/// by default.
///
/// All of it is decided when the families are declared. A step checks no option again.
///
/// ```
/// use tachometer_vllm::{BucketFamily, Config, IterationTokensDefinition};
///
/// let config = Config::new()
///     .max_model_len(8192)
///     .spec_decode(3)
///     .bounds(BucketFamily::TimeToFirstToken, [0.05, 0.1, 0.5, 2.0])
///     .iteration_tokens(IterationTokensDefinition::Computed);
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) max_model_len: u64,
    pub(crate) iteration_tokens: IterationTokensDefinition,
    pub(crate) model_name: Option<String>,
    pub(crate) spec_decode: Option<usize>,
    pub(crate) diffusion: bool,
    pub(crate) kv_cache_metrics: bool,
    pub(crate) kv_consumer: bool,
    pub(crate) max_loras: Option<u64>,
    pub(crate) clear_unused_lora: bool,
    pub(crate) watermark: bool,
    pub(crate) nan_check: bool,
    pub(crate) log_lines: bool,
    pub(crate) shared_hit_rates: bool,
    pub(crate) mfu: bool,
    pub(crate) sleep_mode: bool,
    pub(crate) weight_updates: bool,
    pub(crate) websockets: bool,
    pub(crate) tool_calls: bool,
    pub(crate) http: bool,
    pub(crate) cache_config: CacheConfig,
    bounds: [Option<Vec<f64>>; BucketFamily::ALL.len()],
}

impl Config {
    /// A context of 131,072 tokens. Iteration tokens are computed tokens. Nothing optional.
    #[must_use]
    pub fn new() -> Self {
        Self {
            max_model_len: 131_072,
            iteration_tokens: IterationTokensDefinition::Computed,
            model_name: None,
            spec_decode: None,
            diffusion: false,
            kv_cache_metrics: false,
            kv_consumer: false,
            max_loras: None,
            clear_unused_lora: false,
            watermark: false,
            nan_check: false,
            log_lines: false,
            shared_hit_rates: false,
            mfu: false,
            sleep_mode: false,
            weight_updates: false,
            websockets: false,
            tool_calls: false,
            http: false,
            cache_config: CacheConfig::default(),
            bounds: Default::default(),
        }
    }

    /// The longest context, in tokens. The bounds of [`BucketFamily::RequestTokens`] (1, 2, 5, 10,
    /// …) go up to it.
    #[must_use]
    pub fn max_model_len(mut self, tokens: u64) -> Self {
        self.max_model_len = tokens;
        self
    }

    /// What `vllm:iteration_tokens_total` counts.
    #[must_use]
    pub fn iteration_tokens(mut self, definition: IterationTokensDefinition) -> Self {
        self.iteration_tokens = definition;
        self
    }

    /// Adds [`Families::admission_rejections`](crate::Families::admission_rejections), labelled
    /// with this model name.
    #[must_use]
    pub fn model_name(mut self, name: impl Into<String>) -> Self {
        self.model_name = Some(name.into());
        self
    }

    /// Adds [`Families::spec_decode`](crate::Families::spec_decode): speculative decoding with
    /// drafts of at most this many tokens, up to 32.
    #[must_use]
    pub fn spec_decode(mut self, speculative_tokens: usize) -> Self {
        self.spec_decode = Some(speculative_tokens);
        self
    }

    /// Adds [`Families::diffusion`](crate::Families::diffusion), for a diffusion model. It replaces
    /// the families of speculative decoding.
    #[must_use]
    pub fn diffusion(mut self, on: bool) -> Self {
        self.diffusion = on;
        self
    }

    /// Adds [`Families::kv_blocks`](crate::Families::kv_blocks): how long KV blocks live.
    #[must_use]
    pub fn kv_cache_metrics(mut self, on: bool) -> Self {
        self.kv_cache_metrics = on;
        self
    }

    /// Adds [`Families::requests_kv_fetch_by_stage`](crate::Families::requests_kv_fetch_by_stage),
    /// for engines that receive KV from others.
    #[must_use]
    pub fn kv_consumer(mut self, on: bool) -> Self {
        self.kv_consumer = on;
        self
    }

    /// Adds [`Families::lora`](crate::Families::lora): LoRA adapters, at most this many per batch.
    #[must_use]
    pub fn lora(mut self, max_loras: u64) -> Self {
        self.max_loras = Some(max_loras);
        self
    }

    /// Lets `vllm:lora_requests_info` vanish when no request of the engine uses an adapter any
    /// more, as with vLLM's Rust front end. By default the sample stays, with empty lists of
    /// adapters, as with its Python front end.
    #[must_use]
    pub fn clear_unused_lora(mut self, on: bool) -> Self {
        self.clear_unused_lora = on;
        self
    }

    /// Adds [`Families::watermark_requests`](crate::Families::watermark_requests), for output with
    /// watermarks.
    #[must_use]
    pub fn watermark(mut self, on: bool) -> Self {
        self.watermark = on;
        self
    }

    /// Adds [`Families::corrupted_requests`](crate::Families::corrupted_requests), for engines that
    /// check their logits for NaN.
    #[must_use]
    pub fn nan_check(mut self, on: bool) -> Self {
        self.nan_check = on;
        self
    }

    /// Enables log lines as vLLM writes them: [`Families::log_lines`](crate::Families::log_lines).
    /// They need some hidden families (2 KB per engine), and about 150 KB per engine for the
    /// windows of their hit rates.
    #[must_use]
    pub fn log_lines(mut self, on: bool) -> Self {
        self.log_lines = on;
        self
    }

    /// With log lines: one window of hit rates over the lookups of all engines, in the order of
    /// [`SharedHitRates::record`](crate::SharedHitRates::record), as in vLLM's front end. It suits
    /// servers where one thread records all engines. Without it, the aggregated line adds up the
    /// engines' own windows.
    #[must_use]
    pub fn shared_hit_rates(mut self, on: bool) -> Self {
        self.shared_hit_rates = on;
        self
    }

    /// With log lines: one line per engine about its estimated work
    /// ([`SchedulerStats::perf`](crate::SchedulerStats::perf)).
    #[must_use]
    pub fn mfu(mut self, on: bool) -> Self {
        self.mfu = on;
        self
    }

    /// Adds `vllm:sleep_mode_*`: operations that put engines to sleep and wake them, recorded by
    /// [`ApiServerMetrics`](crate::ApiServerMetrics).
    #[must_use]
    pub fn sleep_mode(mut self, on: bool) -> Self {
        self.sleep_mode = on;
        self
    }

    /// Adds `vllm:rl_weight_update_*`: operations on the weights in reinforcement learning,
    /// recorded by [`ApiServerMetrics`](crate::ApiServerMetrics).
    #[must_use]
    pub fn weight_updates(mut self, on: bool) -> Self {
        self.weight_updates = on;
        self
    }

    /// Adds `vllm:websocket_*`: connections of the realtime API, recorded by
    /// [`ApiServerMetrics`](crate::ApiServerMetrics).
    #[must_use]
    pub fn websockets(mut self, on: bool) -> Self {
        self.websockets = on;
        self
    }

    /// Adds `vllm:tool_call_parser_invocations`, recorded by
    /// [`ApiServerMetrics`](crate::ApiServerMetrics). It needs [`model_name`](Self::model_name),
    /// which is one of its labels.
    #[must_use]
    pub fn tool_calls(mut self, on: bool) -> Self {
        self.tool_calls = on;
        self
    }

    /// Adds the HTTP families of vLLM's two front ends: `http_requests`,
    /// `http_request_duration_seconds` and `http_request_duration_highr_seconds`, recorded by
    /// [`ApiServerMetrics`](crate::ApiServerMetrics).
    #[must_use]
    pub fn http(mut self, on: bool) -> Self {
        self.http = on;
        self
    }

    /// Replaces the fields of `vllm:cache_config_info`: its labels are those of this configuration,
    /// in its order. The values are ignored:
    /// [`EngineMetrics::cache_config`](crate::EngineMetrics::cache_config) records an engine's.
    #[must_use]
    pub fn cache_config(mut self, fields: CacheConfig) -> Self {
        self.cache_config = fields;
        self
    }

    /// Replaces the upper bounds of a bucket family. They must be finite, strictly increasing and
    /// not below zero, without `+Inf`. [`Families::declare`](crate::Families::declare) checks them.
    #[must_use]
    pub fn bounds(mut self, family: BucketFamily, upper_bounds: impl Into<Vec<f64>>) -> Self {
        self.bounds[family as usize] = Some(upper_bounds.into());
        self
    }

    /// The upper bounds of a bucket family: the user's, or vLLM's.
    pub(crate) fn bounds_of(&self, family: BucketFamily) -> Cow<'_, [f64]> {
        if let Some(bounds) = &self.bounds[family as usize] {
            return Cow::Borrowed(bounds);
        }
        Cow::Borrowed(match family {
            BucketFamily::RequestTokens => return Cow::Owned(buckets::one_two_five(self.max_model_len)),
            BucketFamily::IterationTokens => &buckets::ITERATION_TOKENS,
            BucketFamily::TimeToFirstToken => &buckets::TIME_TO_FIRST_TOKEN,
            BucketFamily::InterTokenLatency => &buckets::INTER_TOKEN_LATENCY,
            BucketFamily::RequestLatency => &buckets::REQUEST_LATENCY,
            BucketFamily::RequestPreemptions => &buckets::REQUEST_PREEMPTIONS,
            BucketFamily::RequestN => &buckets::REQUEST_N,
            BucketFamily::KvCacheResidency => &buckets::KV_CACHE_RESIDENCY,
        })
    }

    /// The first bound below zero that the user gave.
    pub(crate) fn negative_bound(&self) -> Option<(BucketFamily, f64)> {
        BucketFamily::ALL.iter().find_map(|&family| {
            let bounds = self.bounds[family as usize].as_deref()?;
            bounds.iter().find(|bound| **bound < 0.0).map(|bound| (family, *bound))
        })
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// A group of histograms that share their upper bounds. It is displayed under vLLM's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BucketFamily {
    /// `request_tokens`: tokens of a request. Five histograms.
    RequestTokens,
    /// `iteration_tokens`: `vllm:iteration_tokens_total`.
    IterationTokens,
    /// `time_to_first_token`, in seconds.
    TimeToFirstToken,
    /// `inter_token_latency`: the latency, and the mean time per output token, in seconds.
    InterTokenLatency,
    /// `request_latency`: a request's life and its phases, in seconds. Five histograms.
    RequestLatency,
    /// `request_num_preemptions`: `vllm:request_num_preemptions`.
    RequestPreemptions,
    /// `request_params_n`: `vllm:request_params_n`.
    RequestN,
    /// `kv_cache_residency`: lifetimes, idle times and reuse gaps of KV blocks, in seconds. Three
    /// histograms.
    KvCacheResidency,
}

impl BucketFamily {
    /// All bucket families, in the order of their declaration.
    pub const ALL: &'static [Self] = &[
        Self::RequestTokens,
        Self::IterationTokens,
        Self::TimeToFirstToken,
        Self::InterTokenLatency,
        Self::RequestLatency,
        Self::RequestPreemptions,
        Self::RequestN,
        Self::KvCacheResidency,
    ];
}

impl fmt::Display for BucketFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RequestTokens => "request_tokens",
            Self::IterationTokens => "iteration_tokens",
            Self::TimeToFirstToken => "time_to_first_token",
            Self::InterTokenLatency => "inter_token_latency",
            Self::RequestLatency => "request_latency",
            Self::RequestPreemptions => "request_num_preemptions",
            Self::RequestN => "request_params_n",
            Self::KvCacheResidency => "kv_cache_residency",
        })
    }
}

/// What `vllm:iteration_tokens_total` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IterationTokensDefinition {
    /// Computed prompt tokens + generated tokens, once per iteration with output. This is vLLM's
    /// corrected definition.
    #[default]
    Computed,
    /// All prompt tokens, whatever their source, + generated tokens, once per iteration with
    /// output. This is vLLM's earlier definition: in a P/D deployment a decode engine's iterations
    /// look as large as the prompts that it received.
    AllSources,
    /// The tokens of each model execution, as the scheduler reports them
    /// ([`SchedulerStats::scheduled_tokens`](crate::SchedulerStats::scheduled_tokens)). The chunks
    /// of a chunked prefill then count where they were computed, not at the prompt's first output.
    /// Their sum isn't computed + generated tokens: the last chunk gives the first generated token,
    /// so a request with p computed and g generated tokens has p + g - 1 scheduled ones.
    Scheduled,
}

impl IterationTokensDefinition {
    pub(crate) const fn help(self) -> &'static str {
        match self {
            Self::Computed => {
                "Tokens computed in an iteration: prompt tokens (neither cached nor received) and generated ones."
            }
            Self::AllSources => "Prompt tokens of all sources and generated tokens of an iteration.",
            Self::Scheduled => "Tokens scheduled in a model execution.",
        }
    }
}
