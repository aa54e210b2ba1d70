//! An iteration's output, piece by piece or all at once.

use tachometer::Step;

use crate::{Families, FinishedRequest, IterationStats, IterationTokensDefinition, PromptTokens, WatermarkStats};

/// An iteration's output while it is being recorded: see
/// [`EngineMetrics::iteration`](crate::EngineMetrics::iteration).
#[derive(Debug)]
pub struct Iteration<'s, 'r> {
    families: &'s Families,
    step: &'s mut Step<'r>,
    prompt_tokens: PromptTokens,
    generation_tokens: u64,
}

impl<'s, 'r> Iteration<'s, 'r> {
    pub(crate) fn new(families: &'s Families, step: &'s mut Step<'r>) -> Self {
        Self { families, step, prompt_tokens: PromptTokens::default(), generation_tokens: 0 }
    }

    /// A prompt whose first output is in this iteration. Call it once per prompt and engine, even
    /// if the prompt was computed in chunks.
    pub fn prefill(&mut self, prompt: PromptTokens) -> &mut Self {
        self.prompt_tokens.merge(prompt);
        self
    }

    /// Generated tokens.
    pub fn generated(&mut self, tokens: u64) -> &mut Self {
        self.generation_tokens = self.generation_tokens.saturating_add(tokens);
        self
    }

    /// The time to first token of a request, in seconds.
    pub fn first_token(&mut self, seconds: f64) -> &mut Self {
        self.step.observe(self.families.time_to_first_token, seconds);
        self
    }

    /// The inter-token latencies of all requests that already had an output, in seconds.
    pub fn inter_token(&mut self, seconds: &[f64]) -> &mut Self {
        self.step.observe_all(self.families.inter_token_latency, seconds);
        self
    }

    /// Preempted requests.
    pub fn preempted(&mut self, requests: u64) -> &mut Self {
        self.step.add(self.families.preemptions, requests);
        self
    }

    /// Requests whose logits contained NaN. Recorded only with
    /// [`Config::nan_check`](crate::Config::nan_check).
    pub fn corrupted(&mut self, requests: u64) -> &mut Self {
        if let Some(corrupted) = self.families.corrupted_requests {
            self.step.add(corrupted, requests);
        }
        self
    }

    /// Finished requests, by whether their output has a watermark. Recorded only with
    /// [`Config::watermark`](crate::Config::watermark).
    pub fn watermark(&mut self, stats: WatermarkStats) -> &mut Self {
        if let Some([watermarked, skipped, not_watermarked]) = self.families.watermark_requests {
            self.step.add(watermarked, stats.watermarked);
            self.step.add(skipped, stats.skipped);
            self.step.add(not_watermarked, stats.not_watermarked);
        }
        self
    }

    /// The last child of a parent request ended: the largest number of tokens that one child
    /// generated, and the number of children (1 for a request without children).
    pub fn parent_finished(&mut self, max_generation_tokens: u64, n: u64) -> &mut Self {
        self.families.record_parent_finished(self.step, max_generation_tokens, n);
        self
    }

    /// A request ended.
    pub fn finished(&mut self, request: &FinishedRequest) -> &mut Self {
        self.families.record_finished(self.step, request);
        self
    }

    /// Records the whole iteration at once.
    pub(crate) fn record(&mut self, stats: &IterationStats<'_>) {
        self.prefill(stats.prompt_tokens).generated(stats.generation_tokens).preempted(stats.preemptions);
        self.corrupted(stats.corrupted).watermark(stats.watermark);
        self.step.observe_all(self.families.time_to_first_token, stats.time_to_first_token);
        self.inter_token(stats.inter_token_latency);
        self.step.observe_all(self.families.request_max_generation_tokens, stats.max_generation_tokens);
        self.step.observe_all(self.families.request_params_n, stats.n);
        for request in stats.finished {
            self.finished(request);
        }
    }

    /// Adds the tokens, and makes the one observation of them.
    pub(crate) fn finish(self) {
        let Self { families, step, prompt_tokens: prompt, generation_tokens } = self;
        families.record_prompt_tokens(step, prompt);
        step.add(families.generation_tokens, generation_tokens);
        let prompt_tokens = match families.iteration_tokens_definition {
            IterationTokensDefinition::Computed => prompt.computed,
            IterationTokensDefinition::AllSources => prompt.total(),
            IterationTokensDefinition::Scheduled => return, // observed with the scheduler's stats
        };
        step.observe(families.iteration_tokens, prompt_tokens.saturating_add(generation_tokens));
    }
}
