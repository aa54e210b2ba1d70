//! A ready-made metric set, compatible with vLLM's: same names, labels, bounds and meanings.
//!
//! [`Families::declare`] puts it into your schema, and [`Families::recording`] begins to record an engine. [`Recording::record`] records
//! all that a step reports, into an open [`Step`](crate::Step), so your own families share the step.
//!
//! # What an iteration counts
//!
//! | series | value added in a step |
//! |---|---|
//! | `vllm:iteration_tokens_total` (a histogram, for all its name) | one observation: **computed** prompt tokens + generation tokens |
//! | `vllm:prompt_tokens_total` | all prompt tokens, whatever their source |
//! | `vllm:prompt_tokens_by_source_total{source}` | each source |
//! | `vllm:prompt_tokens_cached_total` | local cache hits + KV transfer |
//!
//! A token that arrived by KV transfer or was found in a cache wasn't computed in the iteration, so the histogram doesn't
//! count it. vLLM once did, and reported iterations far larger than what the GPU did;
//! [`IterationTokensDefinition::AllSources`] brings that definition back for dashboards that were made for it.
//!
//! Three identities hold in every scrape for what one recorder recorded (under `Computed`):
//! prompt tokens = the sum over sources; the sum of iteration tokens = tokens from `local_compute` + generation tokens;
//! `request_success` summed over reasons = the count of `e2e_request_latency_seconds`. (As long as nothing is rejected: NaN,
//! infinite or negative durations are, and counted in `tachometer_rejected_observations_total`.)

mod buckets;
mod families;
mod recording;
mod stats;

pub use self::{
    families::Families,
    recording::{Iteration, Recording},
    stats::{
        CacheStats, ConnectorCacheStats, FinishReason, FinishedRequest, IterationStats, PerfStats, PromptTokens,
        SchedulerStats, SleepState, StepStats,
    },
};

/// How the families are set up.
///
/// ```
/// use tachometer::vllm::{Config, IterationTokensDefinition};
///
/// let config = Config::new().max_model_len(8192).iteration_tokens(IterationTokensDefinition::Computed);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Config {
    max_model_len: u64,
    iteration_tokens: IterationTokensDefinition,
}

impl Config {
    /// A context of 131,072 tokens; iteration tokens are computed tokens.
    #[must_use]
    pub const fn new() -> Self {
        Self { max_model_len: 131_072, iteration_tokens: IterationTokensDefinition::Computed }
    }

    /// The longest context, in tokens: how far the bounds of the histograms of request tokens go (1, 2, 5, 10, …).
    #[must_use]
    pub const fn max_model_len(mut self, tokens: u64) -> Self {
        self.max_model_len = tokens;
        self
    }

    /// What `vllm:iteration_tokens_total` counts.
    #[must_use]
    pub const fn iteration_tokens(mut self, definition: IterationTokensDefinition) -> Self {
        self.iteration_tokens = definition;
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// What `vllm:iteration_tokens_total` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IterationTokensDefinition {
    /// Computed prompt tokens + generation tokens, once an iteration with output. vLLM's repaired meaning.
    #[default]
    Computed,
    /// All prompt tokens, whatever their source, + generation tokens, once an iteration with output. vLLM's earlier meaning: in a
    /// P/D deployment a decode engine's iterations look as large as the prompts that it received.
    AllSources,
    /// The tokens of each model execution, as the scheduler reports them ([`SchedulerStats::scheduled_tokens`]): the chunks of a
    /// chunked prefill show where they were computed, not at the prompt's first output.
    Scheduled,
}

impl IterationTokensDefinition {
    const fn help(self) -> &'static str {
        match self {
            Self::Computed => {
                "Tokens computed in an iteration: prompt tokens (neither cached nor received) and generated ones."
            }
            Self::AllSources => "Prompt tokens of all sources and generated tokens of an iteration.",
            Self::Scheduled => "Tokens scheduled in a model execution.",
        }
    }
}
