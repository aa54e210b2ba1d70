//! The lines of a scenario, as they are written.
//!
//! Fields that no family and no log line shows are ignored. This file checks what a single field
//! must be (a count isn't negative, a name is known). `scenario` checks what depends on the whole.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tachometer_vllm::{AdmissionRejection, FinishReason, SleepState};

use crate::json::{Count, Float, Names, Number, Object, Signed, counts, floats, present, some_counts};

/// The type of a line.
#[derive(Debug, Deserialize)]
pub(crate) struct Tag {
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

#[derive(Debug)]
pub(crate) enum Line {
    Header(Box<Header>),
    Iter(Box<Iter>),
    Sleep(Sleep),
    Reject(Reject),
    Log(Log),
    Scrape(Scrape),
}

#[derive(Debug, Deserialize)]
pub(crate) struct Header {
    pub(crate) format: u64,
    /// The engines' numbers: any numbers, in any order.
    pub(crate) engines: Vec<i64>,
    pub(crate) model_name: String,
    pub(crate) max_model_len: Count,
    pub(crate) num_spec_tokens: Count,
    pub(crate) max_loras: u64,
    /// The fields that differ from the defaults.
    pub(crate) cache_config: BTreeMap<String, Box<RawValue>>,
    /// Wall clock at time 0, in seconds since 1970.
    pub(crate) t0_wall: f64,
    /// Monotonic clock at time 0, in seconds.
    pub(crate) t0_mono: f64,
}

/// One call of vLLM's `record`.
#[derive(Debug, Deserialize)]
pub(crate) struct Iter {
    pub(crate) t: f64,
    pub(crate) engine: i64,
    #[serde(deserialize_with = "present")]
    pub(crate) scheduler: Option<Object<Scheduler>>,
    #[serde(deserialize_with = "present")]
    pub(crate) iteration: Option<Object<Iteration>>,
    #[serde(default)]
    pub(crate) mm: Option<Object<Lookups>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Scheduler {
    pub(crate) running: Count,
    pub(crate) waiting: Count,
    pub(crate) skipped: Count,
    pub(crate) kv_fetch: Object<KvFetch>,
    pub(crate) kv_usage: Float,
    pub(crate) prefix: Object<Lookups>,
    pub(crate) connector: Option<Object<Connector>>,
    pub(crate) spec: Option<Object<Spec>>,
    pub(crate) evictions: Vec<Object<Eviction>>,
    pub(crate) lora: Object<Lora>,
    pub(crate) perf: Option<Object<Perf>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct KvFetch {
    pub(crate) waiting_to_start: Count,
    pub(crate) in_progress: Count,
    pub(crate) completed_waiting: Count,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Lookups {
    pub(crate) reset: bool,
    pub(crate) requests: Count,
    pub(crate) queries: Count,
    pub(crate) hits: Count,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Connector {
    pub(crate) requests: Count,
    pub(crate) queries: Count,
    pub(crate) hits: Count,
    pub(crate) hits_by_source: Object<HitsBySource>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HitsBySource {
    pub(crate) device: Count,
    pub(crate) host: Count,
    pub(crate) p2p: Count,
    pub(crate) disk: Count,
    pub(crate) external_unspecified: Count,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Spec {
    pub(crate) drafts: Count,
    pub(crate) draft_tokens: Count,
    pub(crate) accepted_tokens: Count,
    /// If missing, nothing was accepted at any of the header's positions.
    #[serde(deserialize_with = "some_counts")]
    pub(crate) accepted_per_pos: Option<Vec<u64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Eviction {
    pub(crate) lifetime: Float,
    pub(crate) idle: Float,
    #[serde(deserialize_with = "floats")]
    pub(crate) reuse_gaps: Vec<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Lora {
    pub(crate) waiting: Names,
    pub(crate) running: Names,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Perf {
    pub(crate) flops: Float,
    pub(crate) read_bytes: Float,
    pub(crate) write_bytes: Float,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Iteration {
    pub(crate) prefills: Vec<Object<Prefill>>,
    pub(crate) generation_tokens: Count,
    pub(crate) preemptions: Count,
    #[serde(deserialize_with = "floats")]
    pub(crate) ttft: Vec<f64>,
    #[serde(deserialize_with = "floats")]
    pub(crate) itl: Vec<f64>,
    pub(crate) finished: Vec<Object<Finished>>,
    #[serde(deserialize_with = "counts")]
    pub(crate) max_gen_tokens: Vec<u64>,
    #[serde(deserialize_with = "counts")]
    pub(crate) n: Vec<u64>,
    pub(crate) corrupted: Count,
    pub(crate) watermarked: Count,
    pub(crate) watermark_skipped: Count,
    pub(crate) not_watermarked: Count,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Prefill {
    pub(crate) prompt: Count,
    #[serde(default)]
    pub(crate) local_cached: Count,
    #[serde(default)]
    pub(crate) external_cached: Count,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Finished {
    pub(crate) reason: Reason,
    #[serde(default)]
    pub(crate) e2e: Float,
    #[serde(default)]
    pub(crate) prompt_tokens: Count,
    #[serde(default)]
    pub(crate) preemptions: Count,
    #[serde(default)]
    pub(crate) generation_tokens: Count,
    #[serde(default)]
    pub(crate) max_tokens: Option<Count>,
    #[serde(default)]
    pub(crate) queued: Float,
    #[serde(default)]
    pub(crate) prefill: Float,
    #[serde(default)]
    pub(crate) inference: Float,
    #[serde(default)]
    pub(crate) decode: Float,
    #[serde(default)]
    pub(crate) tpot: Float,
    #[serde(default)]
    pub(crate) cached_tokens: Signed,
}

/// Why a request ended.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Reason {
    Stop,
    Length,
    Abort,
    Error,
    Repetition,
}

impl From<Reason> for FinishReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Stop => Self::Stop,
            Reason::Length => Self::Length,
            Reason::Abort => Self::Abort,
            Reason::Error => Self::Error,
            Reason::Repetition => Self::Repetition,
        }
    }
}

/// All engines go to sleep or wake up.
#[derive(Debug, Deserialize)]
pub(crate) struct Sleep {
    pub(crate) t: f64,
    /// Asleep if Python regards it as equal to 1; awake otherwise.
    pub(crate) sleep: Value,
    /// Has no meaning for an awake engine.
    #[serde(default)]
    pub(crate) level: Value,
}

impl Sleep {
    /// `Err` if the level of a sleeping engine isn't a count.
    pub(crate) fn state(&self) -> Result<SleepState, serde_json::Error> {
        let asleep = self.sleep == Value::Bool(true) || self.sleep.as_f64() == Some(1.0);
        if !asleep {
            return Ok(SleepState::Awake);
        }
        Count::deserialize(&self.level).map(|Count(level)| SleepState::Asleep { level })
    }
}

/// A request was refused at admission.
#[derive(Debug, Deserialize)]
pub(crate) struct Reject {
    pub(crate) t: f64,
    pub(crate) reason: RejectReason,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RejectReason {
    MaxNumQueuedReqs,
    MaxNumQueuedTokens,
}

impl From<RejectReason> for AdmissionRejection {
    fn from(reason: RejectReason) -> Self {
        match reason {
            RejectReason::MaxNumQueuedReqs => Self::QueuedRequests,
            RejectReason::MaxNumQueuedTokens => Self::QueuedTokens,
        }
    }
}

/// The loggers print their lines.
#[derive(Debug, Deserialize)]
pub(crate) struct Log {
    pub(crate) t: Number,
}

/// A moment for which the page can be requested.
#[derive(Debug, Deserialize)]
pub(crate) struct Scrape {
    pub(crate) t: f64,
    pub(crate) name: String,
}

impl Line {
    /// Seconds since time 0. The header has none.
    pub(crate) const fn time(&self) -> Option<f64> {
        match self {
            Self::Header(_) => None,
            Self::Iter(event) => Some(event.t),
            Self::Sleep(event) => Some(event.t),
            Self::Reject(event) => Some(event.t),
            Self::Log(event) => Some(event.t.value),
            Self::Scrape(event) => Some(event.t),
        }
    }
}
