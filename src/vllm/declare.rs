//! Declares the families: names, labels and help texts, in the order in which vLLM exposes them.

use std::array;

use super::{
    BucketFamily::{self, *},
    CacheConfig, Config, DeclareError, Families, MooncakeFamilies, NixlFamilies,
    families::{
        DiffusionFamilies, KvBlockFamilies, LoraFamilies, MAX_SPECULATIVE_TOKENS, PerPosition, SpecDecodeFamilies,
    },
    log_families::LogFamilies,
};
use crate::{Counter, Gauge, Histogram, SchemaBuilder, SchemaError};

impl Families {
    /// Declares the families into `schema`, which the caller goes on with. It must have the engine label
    /// `engine`, and vLLM's dashboards expect `model_name` beside it.
    ///
    /// # Errors
    /// If `schema` already exposes one of the names, or is full; if the configuration's bounds are no upper bounds, or are
    /// below zero; if there are more than 32 speculative tokens.
    pub fn declare(schema: &mut SchemaBuilder, config: &Config) -> Result<Self, DeclareError> {
        if let Some((family, bound)) = config.negative_bound() {
            return Err(DeclareError::NegativeBound { family, bound });
        }
        let spec_decode = config.spec_decode.filter(|_| !config.diffusion);
        let mut set = Set { schema, config, hidden: false };
        // A struct literal is evaluated in the order in which it is written: that of vLLM's page.
        Ok(Self {
            iteration_tokens_definition: config.iteration_tokens,
            spec_decode: spec_decode.map(|tokens| set.spec_decode(tokens)).transpose()?,
            diffusion: config.diffusion.then(|| set.diffusion()).transpose()?,
            estimated_flops: set
                .amount("estimated_flops_per_gpu", "Estimated floating-point operations, for each GPU.")?,
            estimated_read_bytes: set
                .amount("estimated_read_bytes_per_gpu", "Estimated bytes read from memory, for each GPU.")?,
            estimated_write_bytes: set
                .amount("estimated_write_bytes_per_gpu", "Estimated bytes written to memory, for each GPU.")?,
            requests_running: set.level("num_requests_running", "Requests in the running batch.")?,
            requests_waiting: set.level("num_requests_waiting", "Requests that wait to run.")?,
            requests_waiting_by_reason: set.levels(
                "num_requests_waiting_by_reason",
                "Requests that wait to run, by what they wait for.",
                ("reason", ["capacity", "deferred"]),
            )?,
            requests_kv_fetch_by_stage: config.kv_consumer.then(|| set.kv_fetch()).transpose()?,
            sleep_state: set.levels(
                "engine_sleep_state",
                "1 for the state that the engine is in: awake, or asleep at level 1 or 2.",
                ("sleep_state", ["awake", "weights_offloaded", "discard_all"]),
            )?,
            kv_cache_usage: set.ratio("kv_cache_usage_perc", "Used share of the KV cache: 1 means full.")?,
            corrupted_requests: config
                .nan_check
                .then(|| set.count("corrupted_requests", "Requests whose logits held NaN."))
                .transpose()?,
            watermark_requests: config.watermark.then(|| set.watermark()).transpose()?,
            prefix_cache_queries: set.count("prefix_cache_queries", "Tokens looked up in the prefix cache.")?,
            prefix_cache_hits: set.count("prefix_cache_hits", "Tokens found in the prefix cache.")?,
            external_prefix_cache_queries: set
                .count("external_prefix_cache_queries", "Tokens looked up behind the KV connector.")?,
            external_prefix_cache_hits: set
                .count("external_prefix_cache_hits", "Tokens found behind the KV connector.")?,
            mm_cache_queries: set.count("mm_cache_queries", "Items looked up in the multi-modal cache.")?,
            mm_cache_hits: set.count("mm_cache_hits", "Items found in the multi-modal cache.")?,
            preemptions: set.count("num_preemptions", "Times that a running request was preempted.")?,
            prompt_tokens: set.count("prompt_tokens", "Prompt tokens, whether computed here, cached or received.")?,
            prompt_tokens_by_source: set.counts(
                "prompt_tokens_by_source",
                "Prompt tokens, by where they came from.",
                ("source", ["local_compute", "local_cache_hit", "external_kv_transfer"]),
            )?,
            prompt_tokens_cached: set.count("prompt_tokens_cached", "Prompt tokens that were not computed here.")?,
            prompt_tokens_cached_by_source: set.counts(
                "prompt_tokens_cached_by_source",
                "Prompt tokens found in a cache when they were scheduled, by where the cache is.",
                ("source", ["device", "host", "p2p", "disk", "external_unspecified"]),
            )?,
            generation_tokens: set.count("generation_tokens", "Tokens generated.")?,
            request_success: set.counts(
                "request_success",
                "Finished requests, by why they ended.",
                ("finished_reason", ["stop", "length", "abort", "error", "repetition"]),
            )?,
            admission_rejections: set.admission_rejections()?,
            request_prompt_tokens: set.numbers(
                "request_prompt_tokens",
                "Prompt tokens of a finished request.",
                RequestTokens,
            )?,
            request_generation_tokens: set.numbers(
                "request_generation_tokens",
                "Tokens that a finished request generated.",
                RequestTokens,
            )?,
            iteration_tokens: set.numbers("iteration_tokens_total", config.iteration_tokens.help(), IterationTokens)?,
            request_max_generation_tokens: set.numbers(
                "request_max_num_generation_tokens",
                "Most tokens that one output of a finished request generated.",
                RequestTokens,
            )?,
            request_params_n: set.numbers("request_params_n", "Outputs asked for by a request.", RequestN)?,
            request_params_max_tokens: set.numbers(
                "request_params_max_tokens",
                "Limit of generated tokens asked for by a request.",
                RequestTokens,
            )?,
            time_to_first_token: set.seconds(
                "time_to_first_token_seconds",
                "From arrival to first token.",
                TimeToFirstToken,
            )?,
            inter_token_latency: set.seconds(
                "inter_token_latency_seconds",
                "From one token to the next.",
                InterTokenLatency,
            )?,
            request_time_per_output_token: set.seconds(
                "request_time_per_output_token_seconds",
                "Mean time per output token of a finished request, after the first.",
                InterTokenLatency,
            )?,
            e2e_request_latency: set.seconds(
                "e2e_request_latency_seconds",
                "From arrival to end of a request.",
                RequestLatency,
            )?,
            request_queue_time: set.seconds(
                "request_queue_time_seconds",
                "From queueing to first scheduling of a request.",
                RequestLatency,
            )?,
            request_inference_time: set.seconds(
                "request_inference_time_seconds",
                "From first scheduling to end of a request.",
                RequestLatency,
            )?,
            request_prefill_time: set.seconds(
                "request_prefill_time_seconds",
                "From first scheduling to first token of a request.",
                RequestLatency,
            )?,
            request_decode_time: set.seconds(
                "request_decode_time_seconds",
                "From first to last token of a request.",
                RequestLatency,
            )?,
            request_preemptions: set.numbers(
                "request_num_preemptions",
                "Times that a finished request was preempted.",
                RequestPreemptions,
            )?,
            request_prefill_kv_computed_tokens: set.numbers(
                "request_prefill_kv_computed_tokens",
                "Prompt tokens of a finished request that were computed here.",
                RequestTokens,
            )?,
            kv_blocks: config.kv_cache_metrics.then(|| set.kv_blocks()).transpose()?,
            lora: config.max_loras.map(|max_loras| set.lora(max_loras)).transpose()?,
            cache_config: set
                .schema
                .info(&full("cache_config_info"), "The cache configuration.", CacheConfig::fields())
                .engine_labels(["engine"])
                .declare()?,
            nixl: config.nixl.then(|| NixlFamilies::declare(&mut set)).transpose()?,
            mooncake: config.mooncake.then(|| MooncakeFamilies::declare(&mut set)).transpose()?,
            log: config.log_lines.then(|| LogFamilies::declare(&mut set, config)).transpose()?,
        })
    }
}

/// Declares families of the kinds that recur.
pub(super) struct Set<'b> {
    pub(super) schema: &'b mut SchemaBuilder,
    config: &'b Config,
    /// Whether counts and levels are hidden.
    hidden: bool,
}

impl Set<'_> {
    /// Declares counts and levels that no page shows.
    pub(super) fn hidden<T>(&mut self, declare: impl FnOnce(&mut Self) -> T) -> T {
        self.hidden = true;
        let declared = declare(self);
        self.hidden = false;
        declared
    }

    pub(super) fn count(&mut self, name: &str, help: &str) -> Result<Counter<u64>, SchemaError> {
        let family = self.schema.counter(&full(name), help);
        if self.hidden { family.hidden().declare() } else { family.declare() }
    }

    fn counts<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        (label, values): (&str, [&str; N]),
    ) -> Result<[Counter<u64>; N], SchemaError> {
        let family = self.schema.counter(&full(name), help).label(label, values);
        if self.hidden { family.hidden().declare() } else { family.declare() }
    }

    fn amount(&mut self, name: &str, help: &str) -> Result<Counter<f64>, SchemaError> {
        self.schema.counter(&full(name), help).declare()
    }

    fn level(&mut self, name: &str, help: &str) -> Result<Gauge<i64>, SchemaError> {
        self.schema.gauge(&full(name), help).declare()
    }

    fn levels<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        (label, values): (&str, [&str; N]),
    ) -> Result<[Gauge<i64>; N], SchemaError> {
        let family = self.schema.gauge(&full(name), help).label(label, values);
        if self.hidden { family.hidden().declare() } else { family.declare() }
    }

    fn ratio(&mut self, name: &str, help: &str) -> Result<Gauge<f64>, SchemaError> {
        self.schema.gauge(&full(name), help).declare()
    }

    fn numbers(&mut self, name: &str, help: &str, bounds: BucketFamily) -> Result<Histogram<u64>, DeclareError> {
        let upper = self.config.bounds_of(bounds);
        self.integers(name, help, &upper).map_err(|error| of_bounds(bounds, error))
    }

    fn seconds(&mut self, name: &str, help: &str, bounds: BucketFamily) -> Result<Histogram<f64>, DeclareError> {
        let upper = self.config.bounds_of(bounds);
        self.durations(name, help, &upper).map_err(|error| of_bounds(bounds, error))
    }

    pub(super) fn integers(&mut self, name: &str, help: &str, bounds: &[f64]) -> Result<Histogram<u64>, SchemaError> {
        self.schema.histogram(&full(name), help, bounds).declare()
    }

    pub(super) fn durations(&mut self, name: &str, help: &str, bounds: &[f64]) -> Result<Histogram<f64>, SchemaError> {
        self.schema.histogram(&full(name), help, bounds).unit("seconds").declare()
    }

    fn admission_rejections(&mut self) -> Result<Option<[Counter<u64>; 2]>, SchemaError> {
        let Some(model) = &self.config.model_name else { return Ok(None) };
        let family =
            self.schema.counter(&full("admission_rejections"), "Requests that weren't admitted, by what was full.");
        let family =
            family.label("model_name", [model]).label("reason", ["max_num_queued_reqs", "max_num_queued_tokens"]);
        let [rejections] = family.registry_wide().declare()?;
        Ok(Some(rejections))
    }

    fn lora(&mut self, max_loras: u64) -> Result<LoraFamilies, SchemaError> {
        let labels = ["max_lora", "running_lora_adapters", "waiting_lora_adapters"];
        let help = "LoRA adapters of running and of waiting requests; the value is when that was so.";
        let requests_info =
            self.schema.info(&full("lora_requests_info"), help, labels).engine_labels::<&str>([]).declare()?;
        Ok(LoraFamilies { requests_info, max_loras })
    }

    pub(super) fn spec_decode(&mut self, tokens: usize) -> Result<SpecDecodeFamilies, DeclareError> {
        let drafts = self.count("spec_decode_num_drafts", "Drafts of speculative decoding.")?;
        let draft_tokens = self.count("spec_decode_num_draft_tokens", "Tokens of drafts.")?;
        let accepted_tokens = self.count("spec_decode_num_accepted_tokens", "Tokens of drafts that were accepted.")?;
        // An array's length is part of its type, so there is an arm for each number of positions.
        macro_rules! positions {
            ($($n:literal)*) => {
                match tokens {
                    0 => PerPosition { counters: [accepted_tokens; MAX_SPECULATIVE_TOKENS], positions: 0 },
                    $($n => self.positions::<$n>()?,)*
                    _ => return Err(DeclareError::TooManySpeculativeTokens { tokens }),
                }
            };
        }
        let accepted_tokens_per_position =
            positions!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
        Ok(SpecDecodeFamilies { drafts, draft_tokens, accepted_tokens, accepted_tokens_per_position })
    }

    fn diffusion(&mut self) -> Result<DiffusionFamilies, SchemaError> {
        Ok(DiffusionFamilies {
            denoising_steps: self.count("diffusion_num_denoising_steps", "Denoising steps of a diffusion model.")?,
            canvas_positions: self.count("diffusion_num_canvas_positions", "Positions of the canvases denoised.")?,
            committed_tokens: self.count("diffusion_num_committed_tokens", "Tokens that denoising settled.")?,
        })
    }

    pub(super) fn kv_fetch(&mut self) -> Result<[Gauge<i64>; 3], SchemaError> {
        let stages = ["waiting_to_start", "in_progress", "completed_waiting"];
        let help = "Requests whose KV comes from another engine, by how far it has come.";
        self.levels("num_requests_kv_fetch_by_stage", help, ("stage", stages))
    }

    fn watermark(&mut self) -> Result<[Counter<u64>; 3], SchemaError> {
        let statuses = ["watermarked", "skipped", "not_watermarked"];
        self.counts("watermark_requests", "Requests, by whether their output bears a watermark.", ("status", statuses))
    }

    fn kv_blocks(&mut self) -> Result<KvBlockFamilies, DeclareError> {
        Ok(KvBlockFamilies {
            lifetime: self.seconds(
                "kv_block_lifetime_seconds",
                "From allocation to eviction of a KV block.",
                KvCacheResidency,
            )?,
            idle_before_evict: self.seconds(
                "kv_block_idle_before_evict_seconds",
                "From last use to eviction of a KV block.",
                KvCacheResidency,
            )?,
            reuse_gap: self.seconds(
                "kv_block_reuse_gap_seconds",
                "From one use of a KV block to the next.",
                KvCacheResidency,
            )?,
        })
    }

    fn positions<const N: usize>(&mut self) -> Result<PerPosition, SchemaError> {
        let numbers: [String; N] = array::from_fn(|position| position.to_string());
        let counters = self.counts(
            "spec_decode_num_accepted_tokens_per_pos",
            "Tokens of drafts that were accepted, by their position in the draft.",
            ("position", numbers.each_ref().map(String::as_str)),
        )?;
        Ok(PerPosition { counters: array::from_fn(|position| counters[position.min(N - 1)]), positions: N })
    }
}

/// Says whose bounds they are, if it is bounds that were refused.
fn of_bounds(family: BucketFamily, error: SchemaError) -> DeclareError {
    match error {
        SchemaError::NoBounds { .. } | SchemaError::BoundNotFinite { .. } | SchemaError::BoundNotIncreasing { .. } => {
            DeclareError::Bounds { family, reason: error }
        }
        error => DeclareError::Schema(error),
    }
}

fn full(name: &str) -> String {
    format!("vllm:{name}")
}
