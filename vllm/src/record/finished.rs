//! Records prompt tokens and finished requests, in a step or from any thread.

use tachometer::Record;

use crate::{Families, FinishedRequest, PromptTokens};

impl Families {
    pub(crate) fn record_prompt_tokens(&self, into: &mut impl Record, prompt: PromptTokens) {
        into.add(self.prompt_tokens, prompt.total());
        let [computed, local_cache_hit, external_kv_transfer] = self.prompt_tokens_by_source;
        into.add(computed, prompt.computed);
        into.add(local_cache_hit, prompt.local_cache_hit);
        into.add(external_kv_transfer, prompt.external_kv_transfer);
        into.add(self.prompt_tokens_cached, prompt.cached());
    }

    pub(crate) fn record_finished(&self, into: &mut impl Record, request: &FinishedRequest) {
        into.inc(self.request_success(request.reason));
        into.observe(self.request_prompt_tokens, request.prompt_tokens);
        into.observe(self.request_generation_tokens, request.generation_tokens);
        if let Some(limit) = request.max_tokens.filter(|limit| *limit > 0) {
            into.observe(self.request_params_max_tokens, limit);
        }
        into.observe(self.e2e_request_latency, request.e2e_latency);
        into.observe(self.request_preemptions, request.preemptions);
        self.record_phases(into, request);
        match request.cached_tokens.map(|cached| request.prompt_tokens.checked_sub(cached.max(0).unsigned_abs())) {
            None => {} // never scheduled
            Some(Some(computed)) => into.observe(self.request_prefill_kv_computed_tokens, computed),
            // More cached than there were: a negative number of computed tokens.
            Some(None) => into.reject(1),
        }
    }

    /// The phases that the request reached.
    fn record_phases(&self, into: &mut impl Record, request: &FinishedRequest) {
        for (family, seconds) in [
            (self.request_queue_time, request.queue_time),
            (self.request_prefill_time, request.prefill_time),
            (self.request_inference_time, request.inference_time),
            (self.request_decode_time, request.decode_time),
            (self.request_time_per_output_token, request.time_per_output_token),
        ] {
            if let Some(seconds) = seconds {
                into.observe(family, seconds);
            }
        }
    }

    /// The last child of a parent request ended.
    pub(crate) fn record_parent_finished(&self, into: &mut impl Record, max_generation_tokens: u64, n: u64) {
        into.observe(self.request_max_generation_tokens, max_generation_tokens);
        into.observe(self.request_params_n, n);
    }
}
