//! vLLM's families: their names, labels and bounds, in the order in which vLLM exposes them.

use super::{Config, IterationTokensDefinition, buckets};
use crate::{Counter, Gauge, Histogram, SchemaBuilder, SchemaError};

/// The handles of vLLM's families. Copy it into each engine's thread.
///
/// The `vllm:` names that exposition prints are in each field's documentation; label values stand in the order of the array.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Families {
    /// What an iteration's observation counts.
    pub iteration_tokens_definition: IterationTokensDefinition,
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
    /// `vllm:num_requests_waiting_by_reason{reason}`: `capacity`, `deferred`
    pub requests_waiting_by_reason: [Gauge<i64>; 2],
    /// `vllm:engine_sleep_state{sleep_state}`: `awake`, `weights_offloaded`, `discard_all`
    pub sleep_state: [Gauge<i64>; 3],
    /// `vllm:kv_cache_usage_perc`, a ratio in 0..=1 for all its name
    pub kv_cache_usage: Gauge<f64>,
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
    /// `vllm:prompt_tokens_by_source_total{source}`: `local_compute`, `local_cache_hit`, `external_kv_transfer`
    pub prompt_tokens_by_source: [Counter<u64>; 3],
    /// `vllm:prompt_tokens_cached_total`
    pub prompt_tokens_cached: Counter<u64>,
    /// `vllm:prompt_tokens_cached_by_source_total{source}`: `device`, `host`, `p2p`, `disk`, `external_unspecified`
    pub prompt_tokens_cached_by_source: [Counter<u64>; 5],
    /// `vllm:generation_tokens_total`
    pub generation_tokens: Counter<u64>,
    /// `vllm:request_success_total{finished_reason}`: `stop`, `length`, `abort`, `error`, `repetition`
    pub request_success: [Counter<u64>; 5],
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
}

impl Families {
    /// Declares the families into `schema`, which the caller goes on with. vLLM's dashboards expect the engine labels `engine`
    /// and `model_name`.
    ///
    /// # Errors
    /// If `schema` already exposes one of the names, or is full.
    pub fn declare(schema: &mut SchemaBuilder, config: &Config) -> Result<Self, SchemaError> {
        let request_tokens = buckets::one_two_five(config.max_model_len);
        let mut set = Set { schema, request_tokens: &request_tokens };
        // A struct literal is evaluated in the order in which it is written: that of vLLM's page.
        Ok(Self {
            iteration_tokens_definition: config.iteration_tokens,
            estimated_flops: set
                .amount("estimated_flops_per_gpu", "Estimated floating-point operations, for each GPU.")?,
            estimated_read_bytes: set
                .amount("estimated_read_bytes_per_gpu", "Estimated bytes read from memory, for each GPU.")?,
            estimated_write_bytes: set
                .amount("estimated_write_bytes_per_gpu", "Estimated bytes written to memory, for each GPU.")?,
            requests_running: set.level("num_requests_running", "Requests in the running batch.")?,
            requests_waiting: set.level("num_requests_waiting", "Requests that wait to run.")?,
            requests_waiting_by_reason: set.waiting_by_reason()?,
            sleep_state: set.sleep_state()?,
            kv_cache_usage: set.ratio("kv_cache_usage_perc", "Used share of the KV cache: 1 means full.")?,
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
            prompt_tokens_by_source: set.prompt_tokens_by_source()?,
            prompt_tokens_cached: set.count("prompt_tokens_cached", "Prompt tokens that were not computed here.")?,
            prompt_tokens_cached_by_source: set.prompt_tokens_cached_by_source()?,
            generation_tokens: set.count("generation_tokens", "Tokens generated.")?,
            request_success: set.request_success()?,
            request_prompt_tokens: set.tokens("request_prompt_tokens", "Prompt tokens of a finished request.")?,
            request_generation_tokens: set
                .tokens("request_generation_tokens", "Tokens that a finished request generated.")?,
            iteration_tokens: set.numbers(
                "iteration_tokens_total",
                config.iteration_tokens.help(),
                &buckets::ITERATION_TOKENS,
            )?,
            request_max_generation_tokens: set.tokens(
                "request_max_num_generation_tokens",
                "Most tokens that one output of a finished request generated.",
            )?,
            request_params_n: set.numbers(
                "request_params_n",
                "Outputs asked for by a request.",
                &buckets::REQUEST_N,
            )?,
            request_params_max_tokens: set
                .tokens("request_params_max_tokens", "Limit of generated tokens asked for by a request.")?,
            time_to_first_token: set.seconds(
                "time_to_first_token_seconds",
                "From arrival to first token.",
                &buckets::TIME_TO_FIRST_TOKEN,
            )?,
            inter_token_latency: set.seconds(
                "inter_token_latency_seconds",
                "From one token to the next.",
                &buckets::INTER_TOKEN_LATENCY,
            )?,
            request_time_per_output_token: set.seconds(
                "request_time_per_output_token_seconds",
                "Mean time per output token of a finished request, after the first.",
                &buckets::INTER_TOKEN_LATENCY,
            )?,
            e2e_request_latency: set.phase("e2e_request_latency_seconds", "From arrival to end of a request.")?,
            request_queue_time: set
                .phase("request_queue_time_seconds", "From queueing to first scheduling of a request.")?,
            request_inference_time: set
                .phase("request_inference_time_seconds", "From first scheduling to end of a request.")?,
            request_prefill_time: set
                .phase("request_prefill_time_seconds", "From first scheduling to first token of a request.")?,
            request_decode_time: set.phase("request_decode_time_seconds", "From first to last token of a request.")?,
            request_preemptions: set.numbers(
                "request_num_preemptions",
                "Times that a finished request was preempted.",
                &buckets::REQUEST_PREEMPTIONS,
            )?,
            request_prefill_kv_computed_tokens: set.tokens(
                "request_prefill_kv_computed_tokens",
                "Prompt tokens of a finished request that were computed here.",
            )?,
        })
    }
}

/// Declares families of the kinds that recur.
struct Set<'b> {
    schema: &'b mut SchemaBuilder,
    request_tokens: &'b [f64],
}

impl Set<'_> {
    fn count(&mut self, name: &str, help: &str) -> Result<Counter<u64>, SchemaError> {
        self.schema.counter(&full(name), help).declare()
    }

    fn amount(&mut self, name: &str, help: &str) -> Result<Counter<f64>, SchemaError> {
        self.schema.counter(&full(name), help).declare()
    }

    fn level(&mut self, name: &str, help: &str) -> Result<Gauge<i64>, SchemaError> {
        self.schema.gauge(&full(name), help).declare()
    }

    fn ratio(&mut self, name: &str, help: &str) -> Result<Gauge<f64>, SchemaError> {
        self.schema.gauge(&full(name), help).declare()
    }

    fn numbers(&mut self, name: &str, help: &str, bounds: &[f64]) -> Result<Histogram<u64>, SchemaError> {
        self.schema.histogram(&full(name), help, bounds).declare()
    }

    fn tokens(&mut self, name: &str, help: &str) -> Result<Histogram<u64>, SchemaError> {
        self.numbers(name, help, self.request_tokens)
    }

    fn seconds(&mut self, name: &str, help: &str, bounds: &[f64]) -> Result<Histogram<f64>, SchemaError> {
        self.schema.histogram(&full(name), help, bounds).unit("seconds").declare()
    }

    fn phase(&mut self, name: &str, help: &str) -> Result<Histogram<f64>, SchemaError> {
        self.seconds(name, help, &buckets::REQUEST_LATENCY)
    }

    fn waiting_by_reason(&mut self) -> Result<[Gauge<i64>; 2], SchemaError> {
        let help = "Requests that wait to run, by what they wait for.";
        self.schema
            .gauge(&full("num_requests_waiting_by_reason"), help)
            .label("reason", ["capacity", "deferred"])
            .declare()
    }

    fn sleep_state(&mut self) -> Result<[Gauge<i64>; 3], SchemaError> {
        let states = ["awake", "weights_offloaded", "discard_all"];
        let help = "1 for the state that the engine is in: awake, or asleep at level 1 or 2.";
        self.schema.gauge(&full("engine_sleep_state"), help).label("sleep_state", states).declare()
    }

    fn prompt_tokens_by_source(&mut self) -> Result<[Counter<u64>; 3], SchemaError> {
        let sources = ["local_compute", "local_cache_hit", "external_kv_transfer"];
        let help = "Prompt tokens, by where they came from.";
        self.schema.counter(&full("prompt_tokens_by_source"), help).label("source", sources).declare()
    }

    fn prompt_tokens_cached_by_source(&mut self) -> Result<[Counter<u64>; 5], SchemaError> {
        let sources = ["device", "host", "p2p", "disk", "external_unspecified"];
        let help = "Prompt tokens found in a cache when they were scheduled, by where the cache is.";
        self.schema.counter(&full("prompt_tokens_cached_by_source"), help).label("source", sources).declare()
    }

    fn request_success(&mut self) -> Result<[Counter<u64>; 5], SchemaError> {
        let reasons = ["stop", "length", "abort", "error", "repetition"];
        let help = "Finished requests, by why they ended.";
        self.schema.counter(&full("request_success"), help).label("finished_reason", reasons).declare()
    }
}

fn full(name: &str) -> String {
    format!("vllm:{name}")
}
