//! The families that every crate declares: vLLM's, as far as one step touches them.

/// Bounds of the number of tokens in a step.
pub(crate) const STEP_TOKENS: [f64; 13] =
    [1.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0, 16384.0];
/// Bounds of latencies per token.
pub(crate) const PER_TOKEN: [f64; 19] =
    [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0];
const FIRST_TOKEN: [f64; 22] = [
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0,
    160.0, 640.0, 2560.0,
];
const PHASE: [f64; 21] = [
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0, 960.0,
    1920.0, 7680.0,
];
const REQUEST_TOKENS: [f64; 16] =
    [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10000.0, 20000.0, 50000.0, 100000.0];

/// The labels of an engine. Its number is the first label's value.
pub(crate) const ENGINE: &str = "engine";
pub(crate) const MODEL_NAME: &str = "model_name";
pub(crate) const MODEL: &str = "meta-llama/Llama-3.1-8B-Instruct";
pub(crate) const HELP: &str = "A help text of about the usual length for this family.";

pub(crate) const GAUGES: [&str; 3] = ["vllm_num_requests_running", "vllm_num_requests_waiting", "vllm_kv_cache_usage"];

pub(crate) const SOURCE: &str = "source";
pub(crate) const SOURCES: [&str; 3] = ["local_compute", "local_cache_hit", "external_kv_transfer"];
pub(crate) const REASON: &str = "finished_reason";
pub(crate) const REASONS: [&str; 5] = ["stop", "length", "abort", "error", "repetition"];

/// What distinguishes the series of a counter family, besides the engine.
#[derive(Clone, Copy)]
pub(crate) enum Labels {
    None,
    Source,
    Reason,
}

impl Labels {
    /// The label's name and values, if there is one.
    pub(crate) fn label(self) -> Option<(&'static str, &'static [&'static str])> {
        match self {
            Self::None => None,
            Self::Source => Some((SOURCE, &SOURCES)),
            Self::Reason => Some((REASON, &REASONS)),
        }
    }
}

/// Families of counters, without the suffix `_total`.
pub(crate) const COUNTERS: [(&str, Labels); 11] = [
    ("vllm_prompt_tokens", Labels::None),
    ("vllm_prompt_tokens_by_source", Labels::Source),
    ("vllm_prompt_tokens_cached", Labels::None),
    ("vllm_generation_tokens", Labels::None),
    ("vllm_prefix_cache_queries", Labels::None),
    ("vllm_prefix_cache_hits", Labels::None),
    ("vllm_external_prefix_cache_queries", Labels::None),
    ("vllm_external_prefix_cache_hits", Labels::None),
    ("vllm_num_preemptions", Labels::None),
    ("vllm_mm_cache_queries", Labels::None),
    ("vllm_request_success", Labels::Reason),
];

/// Counters in their families' order: those of a step first, then one per reason.
pub(crate) const STEP_COUNTERS: usize = 12;
pub(crate) const ALL_COUNTERS: usize = STEP_COUNTERS + REASONS.len();

/// Families of histograms. Whether they count seconds or tokens decides how integers stand for
/// them (see `values.rs`).
pub(crate) const HISTOGRAMS: [Histogram; 14] = [
    tokens("vllm_iteration_tokens", &STEP_TOKENS),
    seconds("vllm_inter_token_latency_seconds", &PER_TOKEN),
    seconds("vllm_time_to_first_token_seconds", &FIRST_TOKEN),
    seconds("vllm_e2e_request_latency_seconds", &PHASE),
    seconds("vllm_request_queue_time_seconds", &PHASE),
    seconds("vllm_request_inference_time_seconds", &PHASE),
    seconds("vllm_request_prefill_time_seconds", &PHASE),
    seconds("vllm_request_decode_time_seconds", &PHASE),
    seconds("vllm_request_time_per_output_token_seconds", &PER_TOKEN),
    tokens("vllm_request_prompt_tokens", &REQUEST_TOKENS),
    tokens("vllm_request_generation_tokens", &REQUEST_TOKENS),
    tokens("vllm_request_max_num_generation_tokens", &REQUEST_TOKENS),
    tokens("vllm_request_params_max_tokens", &REQUEST_TOKENS),
    tokens("vllm_request_prefill_kv_computed_tokens", &REQUEST_TOKENS),
];
/// The histograms of a step. Those of a finished request follow.
pub(crate) const ITERATION_TOKENS: usize = 0;
pub(crate) const INTER_TOKEN_LATENCY: usize = 1;
pub(crate) const FIRST_OF_FINISHED: usize = 2;
/// Observations of a finished request, one in each of its histograms.
pub(crate) const OF_FINISHED: usize = HISTOGRAMS.len() - FIRST_OF_FINISHED;

#[derive(Clone, Copy)]
pub(crate) struct Histogram {
    pub(crate) name: &'static str,
    pub(crate) bounds: &'static [f64],
    pub(crate) seconds: bool,
}

const fn seconds(name: &'static str, bounds: &'static [f64]) -> Histogram {
    Histogram { name, bounds, seconds: true }
}

const fn tokens(name: &'static str, bounds: &'static [f64]) -> Histogram {
    Histogram { name, bounds, seconds: false }
}

/// The family of dynamic labels for the works that look series up.
pub(crate) const LOOKUP: &str = "vllm_requests_by_tenant";
pub(crate) const LOOKUP_LABELS: [&str; 3] = ["tenant", "adapter", "region"];

/// A series of a counter family: the family's number and name, and its label besides the engine.
pub(crate) struct CounterSeries {
    pub(crate) family: usize,
    pub(crate) name: &'static str,
    pub(crate) label: Option<(&'static str, &'static str)>,
}

/// The series of all counters of an engine, in the order of a step.
pub(crate) fn counter_series() -> impl Iterator<Item = CounterSeries> {
    COUNTERS.into_iter().enumerate().flat_map(|(family, (name, labels))| {
        let with = move |label| CounterSeries { family, name, label };
        let series: Vec<_> = match labels.label() {
            None => vec![with(None)],
            Some((label, values)) => values.iter().map(|value| with(Some((label, *value)))).collect(),
        };
        series
    })
}

/// The text of an engine's number, for crates whose labels are static.
pub(crate) fn engine_name(engine: usize) -> &'static str {
    engine.to_string().leak()
}
