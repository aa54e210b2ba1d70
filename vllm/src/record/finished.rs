//! A request that ended, recorded in a step or from any thread.

use tachometer::{Counter, Histogram, ObservationValue, SharedRecorder, Step};

use crate::{Families, FinishedRequest};

/// Where it is recorded.
pub(crate) trait Sink {
    fn inc(&mut self, counter: Counter<u64>);
    fn observe<T: ObservationValue>(&mut self, histogram: Histogram<T>, value: T);
    fn reject(&mut self, n: u64);
}

impl Sink for Step<'_> {
    #[inline]
    fn inc(&mut self, counter: Counter<u64>) {
        Step::inc(self, counter);
    }

    #[inline]
    fn observe<T: ObservationValue>(&mut self, histogram: Histogram<T>, value: T) {
        Step::observe(self, histogram, value);
    }

    fn reject(&mut self, n: u64) {
        Step::reject(self, n);
    }
}

impl Sink for &SharedRecorder {
    #[inline]
    fn inc(&mut self, counter: Counter<u64>) {
        SharedRecorder::inc(self, counter);
    }

    #[inline]
    fn observe<T: ObservationValue>(&mut self, histogram: Histogram<T>, value: T) {
        SharedRecorder::observe(self, histogram, value);
    }

    fn reject(&mut self, n: u64) {
        SharedRecorder::reject(self, n);
    }
}

impl Families {
    pub(crate) fn record_finished(&self, to: &mut impl Sink, request: &FinishedRequest) {
        to.inc(self.request_success[request.reason as usize]);
        to.observe(self.request_prompt_tokens, request.prompt_tokens);
        to.observe(self.request_generation_tokens, request.generation_tokens);
        if let Some(limit) = request.max_tokens.filter(|limit| *limit > 0) {
            to.observe(self.request_params_max_tokens, limit);
        }
        to.observe(self.request_time_per_output_token, request.time_per_output_token);
        to.observe(self.e2e_request_latency, request.e2e_latency);
        to.observe(self.request_queue_time, request.queue_time);
        to.observe(self.request_inference_time, request.inference_time);
        to.observe(self.request_prefill_time, request.prefill_time);
        to.observe(self.request_decode_time, request.decode_time);
        to.observe(self.request_preemptions, request.preemptions);
        match request.prompt_tokens.checked_sub(request.cached_tokens.max(0).unsigned_abs()) {
            Some(computed) => to.observe(self.request_prefill_kv_computed_tokens, computed),
            None => to.reject(1), // more cached than there were: a negative number of computed tokens
        }
    }

    /// The last child of a parent request ended.
    pub(crate) fn record_parent_finished(&self, to: &mut impl Sink, max_generation_tokens: u64, n: u64) {
        to.observe(self.request_max_generation_tokens, max_generation_tokens);
        to.observe(self.request_params_n, n);
    }
}
