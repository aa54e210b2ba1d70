//! A ready-made metric set for [`tachometer`], compatible with vLLM's: the same names, labels,
//! bounds and meanings.
//!
//! [`Families::declare`] declares the set in your schema. [`Families::engine_metrics`] starts
//! recording for one engine. [`EngineMetrics::record`] takes everything that an engine's step
//! reports, and records it in an open [`Step`](tachometer::Step), so your own families share it.
//!
//! [`Families::log_lines`] writes vLLM's log lines about what happened between two snapshots.
//!
//! [`connectors`] has the families of KV connectors, and records what they report.
//!
//! [`Config`] enables what is optional, all at start-up. In the repository, `docs/vllm-families.md`
//! lists every family with its labels, the option that enables it and when it changes;
//! `docs/from-vllm.md` maps vLLM's concepts to this crate's and lists every deliberate difference.
//!
//! ```
//! use tachometer::{Registry, Schema};
//! use tachometer_vllm::{AdmissionRejection, CacheConfig, Config, Families, SleepState};
//!
//! let mut schema = Schema::builder(&["engine", "model_name"]);
//! let config = Config::new().model_name("llama").spec_decode(3).kv_consumer(true);
//! let families = Families::declare(&mut schema, &config)?;
//! let registry = Registry::new(schema.build()?);
//! let engine = registry.attach(&["0", "llama"])?;
//! let mut recorder = engine.recorder()?;
//! let mut metrics = families.engine_metrics(&mut recorder);
//!
//! let mut cache_config = CacheConfig::default();
//! cache_config.set("num_gpu_blocks", 4096)?; // known once the engine has started
//! let mut step = recorder.step();
//! metrics.cache_config(&mut step, &cache_config);
//! metrics.sleep_state(&mut step, SleepState::Asleep { level: 1 });
//! step.commit();
//!
//! let mut front = registry.recorder()?; // where requests are admitted, or not
//! let mut step = front.step();
//! families.admission_rejected(&mut step, AdmissionRejection::QueuedRequests);
//! step.commit();
//! # assert!(registry.page().contains("reason=\"max_num_queued_reqs\"} 1\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What an iteration counts
//!
//! | series | value added in a step |
//! |---|---|
//! | `vllm:iteration_tokens_total` (a histogram, despite its name) | one observation per iteration with output: **computed** prompt tokens + generated tokens |
//! | `vllm:prompt_tokens_total` | all prompt tokens, whatever their source |
//! | `vllm:prompt_tokens_by_source_total{source}` | each source |
//! | `vllm:prompt_tokens_cached_total` | local cache hits + KV transfer |
//!
//! A token that arrived by KV transfer, or was found in a cache, wasn't computed in the iteration,
//! so the histogram doesn't count it. vLLM once did, and reported iterations far larger than what
//! the GPU computed. [`IterationTokensDefinition::AllSources`] restores that definition for
//! dashboards that were made for it.
//!
//! Three identities hold in every scrape of what exclusive recorders recorded, as long as
//! `tachometer_rejected_observations_total` is 0:
//!
//! * prompt tokens = the sum over sources;
//! * the sum of iteration tokens = tokens from `local_compute` + generated tokens, under `Computed`
//!   only;
//! * `request_success` summed over reasons = the count of `e2e_request_latency_seconds`.
//!
//! Durations that are NaN, infinite or negative are rejected, and so is whatever would overflow.
//! Then one side of an identity lacks a value that the other side has. Request handlers that record
//! from any thread ([`SharedMetrics`]) have no step. For their values the third identity holds only
//! while no call is in progress.
//!
//! A gauge is summed over the exclusive recorders of an engine. So record
//! [`StepStats::scheduler`] through one recorder of the engine only, with one [`EngineMetrics`].
//!
//! # Stability
//!
//! Minor versions may add fields to the structs that you fill ([`StepStats`] and its parts) and
//! variants to the enums. So end each struct literal with `..Default::default()`, as all examples
//! do: the compiler refuses a literal without it.
//!
//! ```compile_fail,E0063
//! use tachometer_vllm::PerfStats;
//!
//! let stats = PerfStats { flops: 1.0, read_bytes: 2.0, write_bytes: 3.0 };
//! ```
//!
//! ```
//! use tachometer_vllm::PerfStats;
//!
//! let stats = PerfStats { flops: 1.0, read_bytes: 2.0, write_bytes: 3.0, ..Default::default() };
//! ```
//!
//! # Threads
//!
//! | | `Send` | `Sync` | `Clone` | `Copy` | `UnwindSafe` |
//! |---|---|---|---|---|---|
//! | [`Iteration`] | yes | no | no | no | no |
//! | [`EngineMetrics`], [`SharedHitRates`], [`LogLines`] | yes | yes | no | no | yes |
//! | [`Ongoing`] | yes | yes | no | no | yes |
//! | [`SharedMetrics`], [`ApiServerMetrics`]; [`Config`], [`CacheConfig`], [`DeclareError`], [`UnknownField`], [`FieldValue`], [`LogLine`] | yes | yes | yes | no | yes |
//! | [`Families`] and its parts: [`SpecDecodeFamilies`], [`PerPosition`], [`DiffusionFamilies`], [`KvBlockFamilies`], [`LoraFamilies`] | yes | yes | yes | yes | yes |
//! | [`BucketFamily`], [`IterationTokensDefinition`], [`AdmissionRejection`], [`SleepState`], [`SleepOperation`], [`WeightOperation`], [`ToolRequest`], [`LogStyle`], [`LogLevel`], [`StepStats`] and its parts: [`SchedulerStats`], [`CacheStats`], [`ConnectorCacheStats`], [`KvFetchStats`], [`SpecDecodeStats`], [`Eviction`], [`LoraStats`], [`PerfStats`], [`IterationStats`], [`PromptTokens`], [`WatermarkStats`], [`FinishedRequest`], [`FinishReason`] | yes | yes | yes | yes | yes |
//! | [`DescriptorMetrics`](descriptors::DescriptorMetrics) | yes | yes | no | no | yes |
//! | [`Descriptor`](descriptors::Descriptor), [`DescriptorFamilies`](descriptors::DescriptorFamilies), [`DescriptorError`](descriptors::DescriptorError) | yes | yes | yes | no | yes |
//! | [`Limits`](descriptors::Limits) | yes | yes | yes | yes | yes |
//! | [`ConnectorMetrics`](connectors::ConnectorMetrics), [`TransferLog`](connectors::TransferLog) | yes | yes | no | no | yes |
//! | [`Value`](connectors::Value) | yes | yes | yes | no | no |
//! | [`ConnectorFamilies`](connectors::ConnectorFamilies), [`PayloadError`](connectors::PayloadError), [`Key`](connectors::Key); [`KvConnector`](connectors::KvConnector), [`Offloading`](connectors::Offloading), [`OffloadingSpec`](connectors::OffloadingSpec) | yes | yes | yes | no | yes |
//! | [`Table`](connectors::Table) and its parts: [`FamilyRow`](connectors::FamilyRow), [`Metric`](connectors::Metric), [`Exists`](connectors::Exists), [`Sample`](connectors::Sample), [`Known`](connectors::Known), [`At`](connectors::At), [`Take`](connectors::Take), [`Absent`](connectors::Absent), [`Summary`](connectors::Summary), [`Figure`](connectors::Figure), [`Stat`](connectors::Stat), [`Percentile`](connectors::Percentile); [`NixlStats`](connectors::NixlStats), [`NixlTransfer`](connectors::NixlTransfer), [`MooncakeStats`](connectors::MooncakeStats), [`MooncakeTransfer`](connectors::MooncakeTransfer) | yes | yes | yes | yes | yes |
//!
//! `UnwindSafe` covers `RefUnwindSafe` too. All types are `Unpin`.
#![forbid(unsafe_code)]

// First: its macro is known to what follows.
#[macro_use]
mod mutants;

mod config;
pub mod connectors;
#[cfg(feature = "payloads")]
pub mod descriptors;
mod error;
mod families;
mod log;
mod record;
mod stats;

/// The release of vLLM that the set equals. In the repository, `scripts/vllm-drift` compares the
/// page of any vLLM, or a dashboard made for it, with the set.
pub const VLLM_VERSION: &str = "0.33.0";

pub use self::{
    config::{BucketFamily, CacheConfig, Config, FieldValue, IterationTokensDefinition, UnknownField},
    error::DeclareError,
    families::{
        AdmissionRejection, DiffusionFamilies, Families, KvBlockFamilies, LoraFamilies, PerPosition, SpecDecodeFamilies,
    },
    log::{LogLevel, LogLine, LogLines, LogStyle},
    record::{
        ApiServerMetrics, EngineMetrics, Iteration, Ongoing, SharedHitRates, SharedMetrics, SleepOperation,
        ToolRequest, WeightOperation,
    },
    stats::{
        CacheStats, ConnectorCacheStats, Eviction, FinishReason, FinishedRequest, IterationStats, KvFetchStats,
        LoraStats, PerfStats, PromptTokens, SchedulerStats, SleepState, SpecDecodeStats, StepStats, WatermarkStats,
    },
};
