//! A ready-made metric set, compatible with vLLM's: same names, labels, bounds and meanings.
//!
//! [`Families::declare`] puts it into your schema, and [`Families::recording`] begins to record an engine. [`Recording::record`] records
//! all that a step reports, into an open [`Step`](crate::Step), so your own families share the step.
//!
//! [`Families::log_lines`] says in vLLM's words what happened from one snapshot to the next.
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
mod cache_config;
mod config;
mod connector;
mod declare;
mod error;
mod families;
mod hit_rate;
mod interval;
mod iteration;
mod log_families;
mod log_line;
mod recording;
mod stats;

pub use self::{
    cache_config::{CacheConfig, FieldValue, UnknownField},
    config::{BucketFamily, Config, IterationTokensDefinition},
    connector::{MooncakeFamilies, MooncakeStats, MooncakeTransfer, NixlFamilies, NixlStats, NixlTransfer},
    error::DeclareError,
    families::{
        AdmissionRejection, DiffusionFamilies, Families, KvBlockFamilies, LoraFamilies, PerPosition, SpecDecodeFamilies,
    },
    hit_rate::SharedHitRates,
    iteration::Iteration,
    log_line::{LogLevel, LogLine, LogLines, LogStyle},
    recording::Recording,
    stats::{
        CacheStats, ConnectorCacheStats, Eviction, FinishReason, FinishedRequest, IterationStats, KvFetchStats,
        LoraStats, PerfStats, PromptTokens, SchedulerStats, SleepState, SpecDecodeStats, StepStats, WatermarkStats,
    },
};
