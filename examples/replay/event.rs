//! The lines of a scenario, as they are written.
//!
//! Fields that no family and no log line shows are read over. What a field must be (a count isn't negative, a name is known) is
//! checked here; what only shows in the whole is checked by `scenario`.

use serde::Deserialize;
use serde_json::{Map, Value};
use tachometer::vllm::{AdmissionRejection, FinishReason};

use crate::json::{Float, Names, Object, floats, present};

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
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
    /// Numbers of the engines; any, in any order.
    pub(crate) engines: Vec<i64>,
    pub(crate) model_name: String,
    pub(crate) max_model_len: u64,
    pub(crate) num_spec_tokens: usize,
    pub(crate) max_loras: u64,
    /// What differs from the defaults.
    pub(crate) cache_config: Map<String, Value>,
    /// Wall clock at time 0, seconds since 1970.
    pub(crate) t0_wall: f64,
    /// Monotonic clock at time 0, seconds.
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
    pub(crate) running: u64,
    pub(crate) waiting: u64,
    pub(crate) skipped: u64,
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
    pub(crate) waiting_to_start: u64,
    pub(crate) in_progress: u64,
    pub(crate) completed_waiting: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Lookups {
    pub(crate) reset: bool,
    pub(crate) requests: u64,
    pub(crate) queries: u64,
    pub(crate) hits: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Connector {
    pub(crate) requests: u64,
    pub(crate) queries: u64,
    pub(crate) hits: u64,
    pub(crate) hits_by_source: Object<HitsBySource>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HitsBySource {
    pub(crate) device: u64,
    pub(crate) host: u64,
    pub(crate) p2p: u64,
    pub(crate) disk: u64,
    pub(crate) external_unspecified: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Spec {
    pub(crate) drafts: u64,
    pub(crate) draft_tokens: u64,
    pub(crate) accepted_tokens: u64,
    pub(crate) accepted_per_pos: Vec<u64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Eviction {
    pub(crate) lifetime: Float,
    pub(crate) idle: Float,
    #[serde(default, deserialize_with = "floats")]
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
    pub(crate) generation_tokens: u64,
    pub(crate) preemptions: u64,
    #[serde(deserialize_with = "floats")]
    pub(crate) ttft: Vec<f64>,
    #[serde(deserialize_with = "floats")]
    pub(crate) itl: Vec<f64>,
    pub(crate) finished: Vec<Object<Finished>>,
    pub(crate) max_gen_tokens: Vec<u64>,
    pub(crate) n: Vec<u64>,
    pub(crate) corrupted: u64,
    pub(crate) watermarked: u64,
    pub(crate) watermark_skipped: u64,
    pub(crate) not_watermarked: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Prefill {
    pub(crate) prompt: u64,
    #[serde(default)]
    pub(crate) local_cached: u64,
    #[serde(default)]
    pub(crate) external_cached: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Finished {
    pub(crate) reason: Reason,
    #[serde(default)]
    pub(crate) e2e: Float,
    #[serde(default)]
    pub(crate) prompt_tokens: u64,
    #[serde(default)]
    pub(crate) preemptions: u64,
    #[serde(default)]
    pub(crate) generation_tokens: u64,
    #[serde(default)]
    pub(crate) max_tokens: Option<u64>,
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
    pub(crate) cached_tokens: i64,
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
    /// 1: asleep; anything else: awake.
    pub(crate) sleep: i64,
    pub(crate) level: u64,
}

/// A request wasn't admitted.
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

/// The loggers say their lines.
#[derive(Debug, Deserialize)]
pub(crate) struct Log {
    pub(crate) t: f64,
}

/// A moment at which the page can be asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Scrape {
    pub(crate) t: f64,
    pub(crate) name: String,
}

impl Line {
    /// Seconds since time 0; the header has none.
    pub(crate) const fn time(&self) -> Option<f64> {
        match self {
            Self::Header(_) => None,
            Self::Iter(event) => Some(event.t),
            Self::Sleep(event) => Some(event.t),
            Self::Reject(event) => Some(event.t),
            Self::Log(event) => Some(event.t),
            Self::Scrape(event) => Some(event.t),
        }
    }
}
