//! Records what request handlers measure, from any thread.

use std::sync::Arc;

use tachometer::SharedRecorder;

use crate::{AdmissionRejection, Families, FinishedRequest, PromptTokens};

/// Records what request handlers measure, from any thread: tokens, latencies, finished requests,
/// rejections. Clone it or share it.
///
/// A front end that sees the tokens arrive measures TTFT, inter-token and end-to-end latency more
/// accurately than the engine's loop, but it has no step. So its values don't belong to one moment
/// of the engine's steps. The identity between requests and end-to-end latencies holds as soon as
/// no call is in progress, not in every scrape: see [the crate](crate#what-an-iteration-counts).
///
/// Record each value once: either here or in [`Iteration`](crate::Iteration). Otherwise it counts
/// twice.
///
/// # Progress
/// As [`SharedRecorder`]: nothing waits, and nothing is allocated after a thread's first call.
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
/// let handlers = families.shared_metrics(&engine.shared_recorder());
/// std::thread::spawn(move || handlers.first_token(0.25));
/// let front = families.shared_metrics(&registry.shared_recorder());
/// front.admission_rejected(AdmissionRejection::QueuedRequests); // no engine got it
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SharedMetrics {
    families: Arc<Families>,
    recorder: SharedRecorder,
}

impl Families {
    /// Starts recording from any thread. `recorder` must be of the schema in which the families
    /// were declared: an [engine's](tachometer::Engine::shared_recorder), or the
    /// [registry's](tachometer::Registry::shared_recorder) for admission rejections.
    ///
    /// It copies all handles, 2.1 kB. So make one per engine, and clone that for each request.
    #[must_use]
    pub fn shared_metrics(&self, recorder: &SharedRecorder) -> SharedMetrics {
        SharedMetrics { families: Arc::new(*self), recorder: recorder.clone() }
    }
}

impl SharedMetrics {
    /// The recorder that it was made with, for families of your own.
    #[must_use]
    pub fn recorder(&self) -> &SharedRecorder {
        &self.recorder
    }

    /// The tokens of a prompt, when its first output is there. Once per prompt and engine.
    ///
    /// A handler sees no iteration, so nothing is added to `vllm:iteration_tokens_total`: that is
    /// the engine's loop's to observe.
    pub fn prefill(&self, prompt: PromptTokens) {
        self.families.record_prompt_tokens(&mut &self.recorder, prompt);
    }

    /// Generated tokens. As with [`prefill`](Self::prefill), iteration tokens don't count them.
    pub fn generated(&self, tokens: u64) {
        self.recorder.add(self.families.generation_tokens, tokens);
    }

    /// Preempted requests.
    pub fn preempted(&self, requests: u64) {
        self.recorder.add(self.families.preemptions, requests);
    }

    /// The time to first token of a request, in seconds.
    pub fn first_token(&self, seconds: f64) {
        self.recorder.observe(self.families.time_to_first_token, seconds);
    }

    /// Inter-token latencies, in seconds: of one token or of several.
    pub fn inter_token(&self, seconds: &[f64]) {
        self.recorder.observe_all(self.families.inter_token_latency, seconds);
    }

    /// The last child of a parent request ended: the largest number of tokens that one child
    /// generated, and the number of children (1 for a request without children).
    pub fn parent_finished(&self, max_generation_tokens: u64, n: u64) {
        self.families.record_parent_finished(&mut &self.recorder, max_generation_tokens, n);
    }

    /// A request ended.
    pub fn finished(&self, request: &FinishedRequest) {
        self.families.record_finished(&mut &self.recorder, request);
    }

    /// A request was refused at admission, so that no engine got it. Use the registry's recorder.
    /// Does nothing without [`Config::model_name`](crate::Config::model_name).
    pub fn admission_rejected(&self, reason: AdmissionRejection) {
        if let Some(rejections) = self.families.admission_rejections(reason) {
            self.recorder.inc(rejections);
        }
    }
}
