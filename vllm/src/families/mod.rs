//! The handles of vLLM's families.

use tachometer::{AtRunTime, Counter, Exactly, Gauge, Histogram, Info, State, StateSet, Step};

use self::{api_server::ApiServerFamilies, log::LogFamilies};
use crate::{
    FinishReason, IterationTokensDefinition,
    config::{FieldNames, MAX_SPECULATIVE_TOKENS},
};

pub(crate) mod api_server;
mod declare;
pub(crate) mod helpers;
pub(crate) mod hit_rate;
pub(crate) mod log;

/// The handles of vLLM's families. Copy them into each engine's thread.
///
/// Each field's documentation gives the `vllm:` name that the exposition prints, and its labels.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Families {
    /// What an iteration's observation counts.
    pub iteration_tokens_definition: IterationTokensDefinition,
    /// With [`Config::spec_decode`](crate::Config::spec_decode).
    pub spec_decode: Option<SpecDecodeFamilies>,
    /// With [`Config::diffusion`](crate::Config::diffusion).
    pub diffusion: Option<DiffusionFamilies>,
    /// `vllm:estimated_flops_per_gpu_total`
    pub estimated_flops: Counter<f64>,
    /// `vllm:estimated_read_bytes_per_gpu_total`
    pub estimated_read_bytes: Counter<f64>,
    /// `vllm:estimated_write_bytes_per_gpu_total`
    pub estimated_write_bytes: Counter<f64>,
    /// `vllm:num_requests_running`
    pub requests_running: Gauge<i64>,
    /// `vllm:num_requests_waiting`
    pub requests_waiting: Gauge<i64>,
    pub(crate) requests_waiting_by_reason: [Gauge<i64>; 2],
    pub(crate) requests_kv_fetch_by_stage: Option<[Gauge<i64>; 3]>,
    pub(crate) sleep_state: StateSet,
    /// `vllm:kv_cache_usage_perc`, a ratio in 0..=1 despite its name
    pub kv_cache_usage: State<f64>,
    /// `vllm:corrupted_requests_total`; with [`Config::nan_check`](crate::Config::nan_check)
    pub corrupted_requests: Option<Counter<u64>>,
    pub(crate) watermark_requests: Option<[Counter<u64>; 3]>,
    /// `vllm:prefix_cache_queries_total`, tokens
    pub prefix_cache_queries: Counter<u64>,
    /// `vllm:prefix_cache_hits_total`, tokens
    pub prefix_cache_hits: Counter<u64>,
    /// `vllm:external_prefix_cache_queries_total`, tokens
    pub external_prefix_cache_queries: Counter<u64>,
    /// `vllm:external_prefix_cache_hits_total`, tokens
    pub external_prefix_cache_hits: Counter<u64>,
    /// `vllm:mm_cache_queries_total`, items
    pub mm_cache_queries: Counter<u64>,
    /// `vllm:mm_cache_hits_total`, items
    pub mm_cache_hits: Counter<u64>,
    /// `vllm:num_preemptions_total`
    pub preemptions: Counter<u64>,
    /// `vllm:prompt_tokens_total`
    pub prompt_tokens: Counter<u64>,
    pub(crate) prompt_tokens_by_source: [Counter<u64>; 3],
    /// `vllm:prompt_tokens_cached_total`
    pub prompt_tokens_cached: Counter<u64>,
    pub(crate) prompt_tokens_cached_by_source: [Counter<u64>; 5],
    /// `vllm:generation_tokens_total`
    pub generation_tokens: Counter<u64>,
    pub(crate) request_success: [Counter<u64>; 5],
    pub(crate) admission_rejections: Option<[Counter<u64>; 2]>,
    /// `vllm:request_prompt_tokens`
    pub request_prompt_tokens: Histogram<u64>,
    /// `vllm:request_generation_tokens`
    pub request_generation_tokens: Histogram<u64>,
    /// `vllm:iteration_tokens_total`: see [`IterationTokensDefinition`]
    pub iteration_tokens: Histogram<u64>,
    /// `vllm:request_max_num_generation_tokens`
    pub request_max_generation_tokens: Histogram<u64>,
    /// `vllm:request_params_n`
    pub request_params_n: Histogram<u64>,
    /// `vllm:request_params_max_tokens`
    pub request_params_max_tokens: Histogram<u64>,
    /// `vllm:time_to_first_token_seconds`
    pub time_to_first_token: Histogram<f64>,
    /// `vllm:inter_token_latency_seconds`
    pub inter_token_latency: Histogram<f64>,
    /// `vllm:request_time_per_output_token_seconds`
    pub request_time_per_output_token: Histogram<f64>,
    /// `vllm:e2e_request_latency_seconds`
    pub e2e_request_latency: Histogram<f64>,
    /// `vllm:request_queue_time_seconds`
    pub request_queue_time: Histogram<f64>,
    /// `vllm:request_inference_time_seconds`
    pub request_inference_time: Histogram<f64>,
    /// `vllm:request_prefill_time_seconds`
    pub request_prefill_time: Histogram<f64>,
    /// `vllm:request_decode_time_seconds`
    pub request_decode_time: Histogram<f64>,
    /// `vllm:request_num_preemptions`
    pub request_preemptions: Histogram<u64>,
    /// `vllm:request_prefill_kv_computed_tokens`
    pub request_prefill_kv_computed_tokens: Histogram<u64>,
    /// With [`Config::kv_cache_metrics`](crate::Config::kv_cache_metrics).
    pub kv_blocks: Option<KvBlockFamilies>,
    /// With [`Config::lora`](crate::Config::lora).
    pub lora: Option<LoraFamilies>,
    /// `vllm:cache_config_info`: one label per field
    pub cache_config: Info<AtRunTime>,
    pub(crate) cache_config_fields: FieldNames,
    pub(crate) api_server: ApiServerFamilies,
    /// With [`Config::log_lines`](crate::Config::log_lines).
    pub(crate) log: Option<LogFamilies>,
}

/// Families with one label whose values are fixed. Where no enum names the values, the handles are
/// in the order of the values; minor versions may append some.
impl Families {
    /// `vllm:num_requests_waiting_by_reason{reason}`: `capacity`, `deferred`
    #[must_use]
    pub fn requests_waiting_by_reason(&self) -> &[Gauge<i64>] {
        &self.requests_waiting_by_reason
    }

    /// `vllm:num_requests_kv_fetch_by_stage{stage}`: `waiting_to_start`, `in_progress`,
    /// `completed_waiting`. `None` without [`Config::kv_consumer`](crate::Config::kv_consumer).
    #[must_use]
    pub fn requests_kv_fetch_by_stage(&self) -> Option<&[Gauge<i64>]> {
        self.requests_kv_fetch_by_stage.as_ref().map(<[_; 3]>::as_slice)
    }

    /// `vllm:engine_sleep_state{sleep_state}`: `awake`, `weights_offloaded`, `discard_all`
    #[must_use]
    pub fn sleep_state(&self) -> StateSet {
        self.sleep_state
    }

    /// `vllm:watermark_requests_total{status}`: `watermarked`, `skipped`, `not_watermarked`. `None`
    /// without [`Config::watermark`](crate::Config::watermark).
    #[must_use]
    pub fn watermark_requests(&self) -> Option<&[Counter<u64>]> {
        self.watermark_requests.as_ref().map(<[_; 3]>::as_slice)
    }

    /// `vllm:prompt_tokens_by_source_total{source}`: `local_compute`, `local_cache_hit`,
    /// `external_kv_transfer`
    #[must_use]
    pub fn prompt_tokens_by_source(&self) -> &[Counter<u64>] {
        &self.prompt_tokens_by_source
    }

    /// `vllm:prompt_tokens_cached_by_source_total{source}`: `device`, `host`, `p2p`, `disk`,
    /// `external_unspecified`
    #[must_use]
    pub fn prompt_tokens_cached_by_source(&self) -> &[Counter<u64>] {
        &self.prompt_tokens_cached_by_source
    }

    /// `vllm:request_success_total{finished_reason}`
    #[must_use]
    pub fn request_success(&self, reason: FinishReason) -> Counter<u64> {
        self.request_success[reason as usize]
    }

    /// `vllm:admission_rejections_total{reason}`: a family of the registry, without engine labels.
    /// `None` without [`Config::model_name`](crate::Config::model_name).
    #[must_use]
    pub fn admission_rejections(&self, reason: AdmissionRejection) -> Option<Counter<u64>> {
        self.admission_rejections.map(|rejections| rejections[reason as usize])
    }

    /// Counts a request that was refused at admission, so that no engine got it. `step` must be of
    /// a [registry's recorder](tachometer::Registry::recorder). Does nothing without
    /// [`Config::model_name`](crate::Config::model_name).
    pub fn admission_rejected(&self, step: &mut Step<'_>, reason: AdmissionRejection) {
        if let Some(rejections) = self.admission_rejections(reason) {
            step.inc(rejections);
        }
    }
}

/// Why a request was refused at admission, by its label value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdmissionRejection {
    /// `max_num_queued_reqs`: too many requests are waiting.
    QueuedRequests,
    /// `max_num_queued_tokens`: the waiting requests have too many tokens.
    QueuedTokens,
}

impl AdmissionRejection {
    /// All reasons, in the order of their label values.
    pub const ALL: &'static [Self] = &[Self::QueuedRequests, Self::QueuedTokens];
}

/// The family of LoRA adapters.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LoraFamilies {
    /// `vllm:lora_requests_info`: `max_lora`, `running_lora_adapters`, `waiting_lora_adapters`. Its
    /// value is the time of the step, in seconds since 1970.
    pub requests_info: Info<Exactly<3>>,
    /// The largest number of adapters in a batch.
    pub max_loras: u64,
    /// See [`Config::clear_unused_lora`](crate::Config::clear_unused_lora).
    pub clear_unused: bool,
}

/// The families of speculative decoding: drafts, and what became of their tokens.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SpecDecodeFamilies {
    /// `vllm:spec_decode_num_drafts_total`
    pub drafts: Counter<u64>,
    /// `vllm:spec_decode_num_draft_tokens_total`
    pub draft_tokens: Counter<u64>,
    /// `vllm:spec_decode_num_accepted_tokens_total`
    pub accepted_tokens: Counter<u64>,
    /// `vllm:spec_decode_num_accepted_tokens_per_pos_total{position}`
    pub accepted_tokens_per_position: PerPosition,
}

/// One counter per position in a draft.
#[derive(Clone, Copy, Debug)]
pub struct PerPosition {
    pub(crate) counters: [Counter<u64>; MAX_SPECULATIVE_TOKENS],
    pub(crate) positions: usize,
}

impl PerPosition {
    /// The counters, starting at position 0.
    #[must_use]
    pub fn as_slice(&self) -> &[Counter<u64>] {
        &self.counters[..self.positions]
    }
}

/// The families of diffusion models: what speculative decoding counts, under different names.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct DiffusionFamilies {
    /// `vllm:diffusion_num_denoising_steps_total`
    pub denoising_steps: Counter<u64>,
    /// `vllm:diffusion_num_canvas_positions_total`
    pub canvas_positions: Counter<u64>,
    /// `vllm:diffusion_num_committed_tokens_total`
    pub committed_tokens: Counter<u64>,
}

/// The families of evicted KV blocks.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct KvBlockFamilies {
    /// `vllm:kv_block_lifetime_seconds`
    pub lifetime: Histogram<f64>,
    /// `vllm:kv_block_idle_before_evict_seconds`
    pub idle_before_evict: Histogram<f64>,
    /// `vllm:kv_block_reuse_gap_seconds`
    pub reuse_gap: Histogram<f64>,
}
