//! A page, and sums over its samples.

use crate::common;

#[derive(Debug)]
pub(crate) struct Page(pub(crate) common::Samples);

impl Page {
    /// The sum of all samples of this name that have these labels.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.samples(name, labels).map(|(_, value)| value).sum()
    }

    pub(crate) fn samples(
        &self,
        name: &str,
        labels: &[(&str, &str)],
    ) -> impl Iterator<Item = (&[(String, String)], f64)> {
        let has = |all: &[(String, String)], (name, value): &(&str, &str)| {
            all.iter().any(|(other, its)| other == name && its == value)
        };
        let samples =
            self.0.iter().filter(move |((other, all), _)| other == name && labels.iter().all(|label| has(all, label)));
        samples.map(|((_, labels), value)| (labels.as_slice(), *value))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.samples(name, &[]).next().is_some()
    }

    pub(crate) fn busy(&self) -> f64 {
        self.sum("vllm:num_requests_running", &[]) + self.sum("vllm:num_requests_waiting", &[])
    }

    pub(crate) fn ended(&self, reason: &str) -> f64 {
        self.sum("vllm:request_success_total", &[("finished_reason", reason)])
    }

    /// How many requests each histogram of requests has, in all engines.
    pub(crate) fn phases(&self) -> [f64; 8] {
        let families = [
            "e2e_request_latency_seconds",
            "request_generation_tokens",
            "request_queue_time_seconds",
            "request_prefill_kv_computed_tokens",
            "request_prefill_time_seconds",
            "time_to_first_token_seconds",
            "request_decode_time_seconds",
            "request_inference_time_seconds",
        ];
        families.map(|family| self.sum(&format!("vllm:{family}_count"), &[]))
    }
}
