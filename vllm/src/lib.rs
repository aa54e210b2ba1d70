//! A ready-made metric set for [`tachometer`], compatible with vLLM's: same names, labels, bounds and meanings.
//!
//! [`Families::declare`] puts it into your schema, and [`Families::recording`] begins to record an engine. [`Recording::record`] records
//! all that a step reports, into an open [`Step`](tachometer::Step), so your own families share the step.
//!
//! [`Families::log_lines`] says in vLLM's words what happened from one snapshot to the next.
//!
//! [`Config`] switches on what is optional, all at start-up. The repository's `docs/vllm-families.md` lists
//! every family with its labels, what switches it on and what is added to it when; `docs/from-vllm.md` says
//! what takes the place of what in vLLM, and lists every deliberate difference.
//!
//! ```
//! use tachometer::{Registry, Schema};
//! use tachometer_vllm::{AdmissionRejection, CacheConfig, Config, Families, SleepState};
//!
//! let mut schema = Schema::builder(&["engine", "model_name"]);
//! let config = Config::new().model_name("llama").spec_decode(3).kv_consumer(true).nixl(true);
//! let families = Families::declare(&mut schema, &config)?;
//! let registry = Registry::new(schema.build()?);
//! let engine = registry.attach(&["0", "llama"])?;
//! let mut recorder = engine.recorder()?;
//! let mut recording = families.recording(&mut recorder);
//!
//! let mut cache_config = CacheConfig::default();
//! cache_config.set("num_gpu_blocks", 4096)?;                       // known once the engine has started
//! let mut step = recorder.step();
//! recording.cache_config(&mut step, &cache_config);
//! recording.sleep_state(&mut step, SleepState::Asleep { level: 1 });
//! step.commit();
//!
//! let mut front = registry.recorder()?;                            // where requests are admitted, or not
//! let mut step = front.step();
//! families.admission_rejected(&mut step, AdmissionRejection::QueuedRequests);
//! step.commit();
//! # let mut page = Vec::new();
//! # registry.render(&mut page);
//! # assert!(String::from_utf8(page)?.contains("reason=\"max_num_queued_reqs\"} 1\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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
//! Three identities hold in every scrape for what one exclusive recorder recorded (under `Computed`), and so for the sum of several, as
//! long as `tachometer_rejected_observations_total` is 0: prompt tokens = the sum over sources; the sum of iteration tokens = tokens from
//! `local_compute` + generation tokens; `request_success` summed over reasons = the count of `e2e_request_latency_seconds`. (NaN,
//! infinite and negative durations are rejected, and what would overflow: such a number is missing on one side only.) What request
//! handlers record from any thread ([`SharedRecording`]) is no step: of it the third identity holds only while no call is under way.
//!
//! The gauges of several exclusive recorders of an engine add up. One of them, with one [`Recording`], should record the scheduler.
//!
//! # Threads
//!
//! | | `Send` | `Sync` | `Clone` | `Copy` | `UnwindSafe` |
//! |---|---|---|---|---|---|
//! | [`Iteration`] | yes | no | no | no | no |
//! | [`Recording`], [`SharedHitRates`], [`LogLines`] | yes | yes | no | no | yes |
//! | [`SharedRecording`]; [`Config`], [`CacheConfig`], [`DeclareError`], [`UnknownField`], [`FieldValue`], [`LogLine`] | yes | yes | yes | no | yes |
//! | [`Families`] and its parts: [`SpecDecodeFamilies`], [`PerPosition`], [`DiffusionFamilies`], [`KvBlockFamilies`], [`LoraFamilies`], [`NixlFamilies`], [`MooncakeFamilies`] | yes | yes | yes | yes | yes |
//! | [`BucketFamily`], [`IterationTokensDefinition`], [`AdmissionRejection`], [`SleepState`], [`LogStyle`], [`LogLevel`], [`StepStats`] and its parts: [`SchedulerStats`], [`CacheStats`], [`ConnectorCacheStats`], [`KvFetchStats`], [`SpecDecodeStats`], [`Eviction`], [`LoraStats`], [`PerfStats`], [`IterationStats`], [`PromptTokens`], [`WatermarkStats`], [`FinishedRequest`], [`FinishReason`], [`NixlStats`], [`NixlTransfer`], [`MooncakeStats`], [`MooncakeTransfer`] | yes | yes | yes | yes | yes |
//!
//! `UnwindSafe` stands for `RefUnwindSafe` too. All are `Unpin`.
#![forbid(unsafe_code)]

// First: its macro is known to what follows.
#[macro_use]
mod mutants;

mod config;
mod error;
mod families;
mod log;
mod record;
mod stats;

pub use self::{
    config::{BucketFamily, CacheConfig, Config, FieldValue, IterationTokensDefinition, UnknownField},
    error::DeclareError,
    families::{
        AdmissionRejection, DiffusionFamilies, Families, KvBlockFamilies, LoraFamilies, PerPosition, SpecDecodeFamilies,
    },
    log::{LogLevel, LogLine, LogLines, LogStyle},
    record::{
        Iteration, MooncakeFamilies, MooncakeStats, MooncakeTransfer, NixlFamilies, NixlStats, NixlTransfer, Recording,
        SharedHitRates, SharedRecording,
    },
    stats::{
        CacheStats, ConnectorCacheStats, Eviction, FinishReason, FinishedRequest, IterationStats, KvFetchStats,
        LoraStats, PerfStats, PromptTokens, SchedulerStats, SleepState, SpecDecodeStats, StepStats, WatermarkStats,
    },
};
