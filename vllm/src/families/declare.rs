//! Declares the families: names, labels and help texts, in the order in which vLLM exposes them.

use tachometer::{AtRunTime, Counter, Gauge, Histogram, Info, SchemaBuilder, SchemaError, StateSet};

use crate::{
    BucketFamily::*,
    Config, DeclareError, Families,
    config::MAX_SPECULATIVE_TOKENS,
    families::{
        DiffusionFamilies, KvBlockFamilies, LoraFamilies, PerPosition, SpecDecodeFamilies,
        helpers::{Declarer, full},
        log::LogFamilies,
    },
};

/// `Families` whose fields have the names that the statements bind, in the order of the statements.
macro_rules! in_order {
    ($(
        let $($one:ident)? $([$($several:ident),+])? $(($($mixed:ident),+))? = $declared:expr;
    )+) => {{
        $(let $($one)? $([$($several),+])? $(($($mixed),+))? = $declared;)+
        Families { $($($one,)? $($($several,)+)? $($($mixed,)+)?)+ }
    }};
}

impl Families {
    /// Declares the families in `schema`, which remains the caller's. It must have the engine label
    /// `engine`; vLLM's dashboards also expect `model_name`.
    ///
    /// # Errors
    /// If `schema` already has one of the names, or is full; if the configuration's bounds aren't
    /// valid upper bounds, or are below zero; if there are more than 32 speculative tokens; if a
    /// field of the cache configuration can't be a label. `schema` is then unchanged.
    pub fn declare(schema: &mut SchemaBuilder, config: &Config) -> Result<Self, DeclareError> {
        if let Some((family, bound)) = config.negative_bound() {
            return Err(DeclareError::NegativeBound { family, bound });
        }
        schema.all_or_nothing(|schema| Self::of(&mut Declarer::new(schema, config), config))
    }

    /// Declares the families in the order of vLLM's page.
    fn of(declarer: &mut Declarer<'_>, config: &Config) -> Result<Self, DeclareError> {
        Ok(in_order! {
            let iteration_tokens_definition = config.iteration_tokens;
            let (spec_decode, diffusion) = declarer.drafts()?;
            let [estimated_flops, estimated_read_bytes, estimated_write_bytes] = declarer.estimates()?;
            let [requests_running, requests_waiting] = declarer.queues()?;
            let requests_waiting_by_reason = declarer.queues_by_reason()?;
            let requests_kv_fetch_by_stage = config.kv_consumer.then(|| declarer.kv_fetch()).transpose()?;
            let sleep_state = declarer.sleep_state()?;
            let kv_cache_usage = declarer.ratio("kv_cache_usage_perc", "Used share of the KV cache: 1 means full.")?;
            let corrupted_requests = config.nan_check.then(|| declarer.corrupted_requests()).transpose()?;
            let watermark_requests = config.watermark.then(|| declarer.watermark()).transpose()?;
            let [prefix_cache_queries, prefix_cache_hits] = declarer.prefix_cache()?;
            let [external_prefix_cache_queries, external_prefix_cache_hits] = declarer.external_prefix_cache()?;
            let [mm_cache_queries, mm_cache_hits] = declarer.mm_cache()?;
            let preemptions = declarer.counter("num_preemptions", "Times that a running request was preempted.")?;
            let (prompt_tokens, prompt_tokens_by_source) = declarer.prompt_tokens()?;
            let (prompt_tokens_cached, prompt_tokens_cached_by_source) = declarer.cached_tokens()?;
            let generation_tokens = declarer.counter("generation_tokens", "Tokens generated.")?;
            let request_success = declarer.request_success()?;
            let admission_rejections = declarer.admission_rejections()?;
            let [request_prompt_tokens, request_generation_tokens] = declarer.request_tokens()?;
            let iteration_tokens =
                declarer.histogram_u64("iteration_tokens_total", config.iteration_tokens.help(), IterationTokens)?;
            let [request_max_generation_tokens, request_params_n, request_params_max_tokens] = declarer.request_params()?;
            let [time_to_first_token, inter_token_latency, request_time_per_output_token] = declarer.token_latencies()?;
            let [e2e_request_latency, request_queue_time, request_inference_time, request_prefill_time, request_decode_time]
                = declarer.request_times()?;
            let [request_preemptions, request_prefill_kv_computed_tokens] = declarer.request_work()?;
            let kv_blocks = config.kv_cache_metrics.then(|| declarer.kv_blocks()).transpose()?;
            let lora = config.max_loras.map(|max_loras| declarer.lora(max_loras, config.clear_unused_lora)).transpose()?;
            let cache_config = declarer.cache_config()?;
            let cache_config_fields = config.cache_config.field_names();
            let api_server = declarer.api_server()?;
            let log = config.log_lines.then(|| LogFamilies::declare(declarer, config)).transpose()?;
        })
    }
}

/// Groups of families, each in the order of vLLM's page.
impl Declarer<'_> {
    /// The families of speculative decoding, or of a diffusion model.
    fn drafts(&mut self) -> Result<(Option<SpecDecodeFamilies>, Option<DiffusionFamilies>), DeclareError> {
        if self.config.diffusion {
            return Ok((None, Some(self.diffusion()?)));
        }
        Ok((self.config.spec_decode.map(|tokens| self.spec_decode(tokens)).transpose()?, None))
    }

    fn estimates(&mut self) -> Result<[Counter<f64>; 3], SchemaError> {
        Ok([
            self.counter_f64("estimated_flops_per_gpu", "Estimated floating-point operations, for each GPU.")?,
            self.counter_f64("estimated_read_bytes_per_gpu", "Estimated bytes read from memory, for each GPU.")?,
            self.counter_f64("estimated_write_bytes_per_gpu", "Estimated bytes written to memory, for each GPU.")?,
        ])
    }

    fn queues(&mut self) -> Result<[Gauge<i64>; 2], SchemaError> {
        Ok([
            self.gauge("num_requests_running", "Requests in the running batch.")?,
            self.gauge("num_requests_waiting", "Requests that wait to run.")?,
        ])
    }

    fn queues_by_reason(&mut self) -> Result<[Gauge<i64>; 2], SchemaError> {
        let help = "Requests that wait to run, by what they wait for.";
        self.labelled_gauges("num_requests_waiting_by_reason", help, ("reason", ["capacity", "deferred"]))
    }

    fn sleep_state(&mut self) -> Result<StateSet, SchemaError> {
        let help = "1 for the state that the engine is in: awake, or asleep at level 1 or 2.";
        let states = ["awake", "weights_offloaded", "discard_all"];
        self.schema.state_set(&full("engine_sleep_state"), help, "sleep_state", &states).declare()
    }

    fn corrupted_requests(&mut self) -> Result<Counter<u64>, SchemaError> {
        self.counter("corrupted_requests", "Requests whose logits contained NaN.")
    }

    fn prefix_cache(&mut self) -> Result<[Counter<u64>; 2], SchemaError> {
        Ok([
            self.counter("prefix_cache_queries", "Tokens looked up in the prefix cache.")?,
            self.counter("prefix_cache_hits", "Tokens found in the prefix cache.")?,
        ])
    }

    fn external_prefix_cache(&mut self) -> Result<[Counter<u64>; 2], SchemaError> {
        Ok([
            self.counter("external_prefix_cache_queries", "Tokens looked up behind the KV connector.")?,
            self.counter("external_prefix_cache_hits", "Tokens found behind the KV connector.")?,
        ])
    }

    fn mm_cache(&mut self) -> Result<[Counter<u64>; 2], SchemaError> {
        Ok([
            self.counter("mm_cache_queries", "Items looked up in the multi-modal cache.")?,
            self.counter("mm_cache_hits", "Items found in the multi-modal cache.")?,
        ])
    }

    /// The total, and by source.
    fn prompt_tokens(&mut self) -> Result<(Counter<u64>, [Counter<u64>; 3]), SchemaError> {
        let all = self.counter("prompt_tokens", "Prompt tokens, whether computed here, cached or received.")?;
        let sources = ("source", ["local_compute", "local_cache_hit", "external_kv_transfer"]);
        Ok((
            all,
            self.labelled_counters("prompt_tokens_by_source", "Prompt tokens, by where they came from.", sources)?,
        ))
    }

    /// The total, and by source.
    fn cached_tokens(&mut self) -> Result<(Counter<u64>, [Counter<u64>; 5]), SchemaError> {
        let all = self.counter("prompt_tokens_cached", "Prompt tokens that were not computed here.")?;
        let help = "Prompt tokens found in a cache when they were scheduled, by where the cache is.";
        let sources = ("source", ["device", "host", "p2p", "disk", "external_unspecified"]);
        Ok((all, self.labelled_counters("prompt_tokens_cached_by_source", help, sources)?))
    }

    fn request_success(&mut self) -> Result<[Counter<u64>; 5], SchemaError> {
        let reasons = ("finished_reason", ["stop", "length", "abort", "error", "repetition"]);
        self.labelled_counters("request_success", "Finished requests, by why they ended.", reasons)
    }

    fn request_tokens(&mut self) -> Result<[Histogram<u64>; 2], DeclareError> {
        let generated = "Tokens that a finished request generated.";
        Ok([
            self.histogram_u64("request_prompt_tokens", "Prompt tokens of a finished request.", RequestTokens)?,
            self.histogram_u64("request_generation_tokens", generated, RequestTokens)?,
        ])
    }

    fn request_params(&mut self) -> Result<[Histogram<u64>; 3], DeclareError> {
        let most = "Most tokens that one output of a finished request generated.";
        let limit = "Limit of generated tokens asked for by a request.";
        Ok([
            self.histogram_u64("request_max_num_generation_tokens", most, RequestTokens)?,
            self.histogram_u64("request_params_n", "Outputs asked for by a request.", RequestN)?,
            self.histogram_u64("request_params_max_tokens", limit, RequestTokens)?,
        ])
    }

    fn token_latencies(&mut self) -> Result<[Histogram<f64>; 3], DeclareError> {
        let mean = "Mean time per output token of a finished request, after the first.";
        Ok([
            self.histogram_seconds("time_to_first_token_seconds", "From arrival to first token.", TimeToFirstToken)?,
            self.histogram_seconds("inter_token_latency_seconds", "From one token to the next.", InterTokenLatency)?,
            self.histogram_seconds("request_time_per_output_token_seconds", mean, InterTokenLatency)?,
        ])
    }

    /// The request's life and its phases.
    fn request_times(&mut self) -> Result<[Histogram<f64>; 5], DeclareError> {
        let mut seconds = |name, help| self.histogram_seconds(name, help, RequestLatency);
        Ok([
            seconds("e2e_request_latency_seconds", "From arrival to end of a request.")?,
            seconds("request_queue_time_seconds", "From queueing to first scheduling of a request.")?,
            seconds("request_inference_time_seconds", "From first scheduling to end of a request.")?,
            seconds("request_prefill_time_seconds", "From first scheduling to first token of a request.")?,
            seconds("request_decode_time_seconds", "From first to last token of a request.")?,
        ])
    }

    fn request_work(&mut self) -> Result<[Histogram<u64>; 2], DeclareError> {
        let preempted = "Times that a finished request was preempted.";
        let computed = "Prompt tokens of a finished request that were computed here.";
        Ok([
            self.histogram_u64("request_num_preemptions", preempted, RequestPreemptions)?,
            self.histogram_u64("request_prefill_kv_computed_tokens", computed, RequestTokens)?,
        ])
    }

    fn cache_config(&mut self) -> Result<Info<AtRunTime>, SchemaError> {
        let fields: Vec<_> = self.config.cache_config.fields().collect();
        let info = self.schema.info(&full("cache_config_info"), "The cache configuration.", &fields[..]);
        info.engine_labels(&["engine"]).declare()
    }

    fn admission_rejections(&mut self) -> Result<Option<[Counter<u64>; 2]>, SchemaError> {
        let Some(model) = &self.config.model_name else { return Ok(None) };
        let family =
            self.schema.counter(&full("admission_rejections"), "Requests refused at admission, by what was full.");
        let family = family
            .label("model_name", [model.as_str()])
            .label("reason", ["max_num_queued_reqs", "max_num_queued_tokens"]);
        let [rejections] = family.registry_wide().declare()?;
        Ok(Some(rejections))
    }

    fn lora(&mut self, max_loras: u64, clear_unused: bool) -> Result<LoraFamilies, SchemaError> {
        let labels = ["max_lora", "running_lora_adapters", "waiting_lora_adapters"];
        let help = "LoRA adapters of running and of waiting requests; the value is when that was so.";
        let requests_info = self.schema.info(&full("lora_requests_info"), help, labels).engine_labels(&[]).declare()?;
        Ok(LoraFamilies { requests_info, max_loras, clear_unused })
    }

    fn spec_decode(&mut self, tokens: usize) -> Result<SpecDecodeFamilies, DeclareError> {
        let [drafts, draft_tokens, accepted_tokens] = self.draft_totals()?;
        let accepted_tokens_per_position = match tokens {
            0 => PerPosition { counters: [accepted_tokens; MAX_SPECULATIVE_TOKENS], positions: 0 },
            1..=MAX_SPECULATIVE_TOKENS => {
                let help = "Tokens of drafts that were accepted, by their position in the draft.";
                let counters = self.per_position("spec_decode_num_accepted_tokens_per_pos", help, tokens)?;
                PerPosition { counters, positions: tokens }
            }
            _ => return Err(DeclareError::TooManySpeculativeTokens { tokens }),
        };
        Ok(SpecDecodeFamilies { drafts, draft_tokens, accepted_tokens, accepted_tokens_per_position })
    }

    /// Drafts, draft tokens and accepted tokens.
    pub(crate) fn draft_totals(&mut self) -> Result<[Counter<u64>; 3], SchemaError> {
        Ok([
            self.counter("spec_decode_num_drafts", "Drafts of speculative decoding.")?,
            self.counter("spec_decode_num_draft_tokens", "Tokens of drafts.")?,
            self.counter("spec_decode_num_accepted_tokens", "Tokens of drafts that were accepted.")?,
        ])
    }

    fn diffusion(&mut self) -> Result<DiffusionFamilies, SchemaError> {
        Ok(DiffusionFamilies {
            denoising_steps: self.counter("diffusion_num_denoising_steps", "Denoising steps of a diffusion model.")?,
            canvas_positions: self.counter("diffusion_num_canvas_positions", "Positions of the canvases denoised.")?,
            committed_tokens: self.counter("diffusion_num_committed_tokens", "Tokens that denoising settled.")?,
        })
    }

    pub(crate) fn kv_fetch(&mut self) -> Result<[Gauge<i64>; 3], SchemaError> {
        let stages = ["waiting_to_start", "in_progress", "completed_waiting"];
        let help = "Requests whose KV comes from another engine, by how far it has come.";
        self.labelled_gauges("num_requests_kv_fetch_by_stage", help, ("stage", stages))
    }

    fn watermark(&mut self) -> Result<[Counter<u64>; 3], SchemaError> {
        let statuses = ["watermarked", "skipped", "not_watermarked"];
        self.labelled_counters(
            "watermark_requests",
            "Requests, by whether their output has a watermark.",
            ("status", statuses),
        )
    }

    fn kv_blocks(&mut self) -> Result<KvBlockFamilies, DeclareError> {
        Ok(KvBlockFamilies {
            lifetime: self.histogram_seconds(
                "kv_block_lifetime_seconds",
                "From allocation to eviction of a KV block.",
                KvCacheResidency,
            )?,
            idle_before_evict: self.histogram_seconds(
                "kv_block_idle_before_evict_seconds",
                "From last use to eviction of a KV block.",
                KvCacheResidency,
            )?,
            reuse_gap: self.histogram_seconds(
                "kv_block_reuse_gap_seconds",
                "From one use of a KV block to the next.",
                KvCacheResidency,
            )?,
        })
    }
}
