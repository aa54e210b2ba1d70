//! What request handlers measure, recorded from any thread.

use std::sync::Arc;

use tachometer::SharedRecorder;

use crate::{AdmissionRejection, Families, FinishedRequest};

/// Records what request handlers measure, from any thread: latencies, finished requests, rejections. Clone it or share it.
///
/// A front end that sees the tokens come out measures TTFT, inter-token and end-to-end latency more truly than the engine's loop; it has
/// no step. So what it records isn't one moment with the engine's steps, and the identity of requests and end-to-end
/// latencies holds as soon as no call is under way, not in each scrape: see [the crate](crate#what-an-iteration-counts).
///
/// Record each thing in one place: either here or in [`Iteration`](crate::Iteration), whose numbers would add up with these.
///
/// # Progress
/// As [`SharedRecorder`]: nothing waits, and nothing is allocated once a thread has recorded.
///
/// ```
/// # use tachometer::{Registry, Schema};
/// # use tachometer_vllm::{AdmissionRejection, Config, Families};
/// # let mut schema = Schema::builder(&["engine", "model_name"]);
/// let config = Config::new().model_name("llama");
/// let families = Families::declare(&mut schema, &config)?;
/// let registry = Registry::new(schema.build()?);
/// let engine = registry.attach(&["0", "llama"])?;
///
/// let handlers = families.shared(&engine.shared_recorder());
/// std::thread::spawn(move || handlers.first_token(0.25));
/// let front = families.shared(&registry.shared_recorder());
/// front.admission_rejected(AdmissionRejection::QueuedRequests); // no engine got it
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SharedRecording {
    families: Arc<Families>,
    recorder: SharedRecorder,
}

impl Families {
    /// Begins to record from any thread. `recorder` must be of the schema into which the families were declared: an
    /// [engine's](tachometer::Engine::shared_recorder), or for admission rejections the [registry's](tachometer::Registry::shared_recorder).
    #[must_use]
    pub fn shared(&self, recorder: &SharedRecorder) -> SharedRecording {
        SharedRecording { families: Arc::new(*self), recorder: recorder.clone() }
    }
}

impl SharedRecording {
    /// The time to first token of a request, seconds.
    pub fn first_token(&self, seconds: f64) {
        self.recorder.observe(self.families.time_to_first_token, seconds);
    }

    /// Inter-token latencies, seconds: one, or those of several tokens.
    pub fn inter_token(&self, seconds: &[f64]) {
        self.recorder.observe_all(self.families.inter_token_latency, seconds);
    }

    /// The last child of a parent request ended: the most tokens that a child generated, and the number of children (1 for a
    /// request without children).
    pub fn parent_finished(&self, max_generation_tokens: u64, n: u64) {
        self.families.record_parent_finished(&mut &self.recorder, max_generation_tokens, n);
    }

    /// A request ended.
    pub fn finished(&self, request: &FinishedRequest) {
        self.families.record_finished(&mut &self.recorder, request);
    }

    /// A request wasn't admitted, so that no engine got it: for the registry's recorder. Nothing happens without
    /// [`Config::model_name`](crate::Config::model_name).
    pub fn admission_rejected(&self, reason: AdmissionRejection) {
        if let Some(rejections) = self.families.admission_rejections {
            self.recorder.inc(rejections[reason as usize]);
        }
    }
}
