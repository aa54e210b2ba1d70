//! A registry with the vLLM set and a single engine: for tests of what is recorded into one.
#![allow(dead_code)] // no test uses all of it

#[path = "../../../tests/common/one_engine.rs"]
pub(crate) mod one_engine;
#[path = "../../../tests/common/one_step.rs"]
pub(crate) mod one_step;

use one_engine::OneEngine;
use one_step::OneStep as _;
use tachometer::Recorder;
use tachometer_vllm::{
    Config, EngineMetrics, Families, FinishReason, FinishedRequest, IterationStats, SchedulerStats, StepStats,
};

/// A registry whose only engine is `engine="0"`. Nothing records into it yet.
pub(crate) fn one_engine(config: &Config) -> OneEngine<Families> {
    OneEngine::new(|schema| Families::declare(schema, config).expect("a valid configuration"))
}

/// A request that reached each phase, with times whose sums are exact.
pub(crate) fn finished(reason: FinishReason, prompt_tokens: u64, cached_tokens: i64) -> FinishedRequest {
    FinishedRequest {
        reason,
        prompt_tokens,
        cached_tokens: Some(cached_tokens),
        generation_tokens: 7,
        e2e_latency: 1.5,
        queue_time: Some(0.25),
        prefill_time: Some(0.25),
        inference_time: Some(1.25),
        decode_time: Some(1.0),
        time_per_output_token: Some(0.125),
        ..Default::default()
    }
}

/// The engine with a recorder of the set.
pub(crate) struct VllmEngine {
    pub(crate) one: OneEngine<Families>,
    pub(crate) families: Families,
    pub(crate) recorder: Recorder,
    pub(crate) metrics: EngineMetrics,
}

impl VllmEngine {
    pub(crate) fn new(config: &Config) -> Self {
        let one = one_engine(config);
        let (families, mut recorder) = (one.handles, one.recorder());
        let metrics = families.engine_metrics(&mut recorder);
        Self { one, families, recorder, metrics }
    }

    pub(crate) fn record(&mut self, stats: &StepStats<'_>) {
        self.recorder.record(|step| self.metrics.record(step, stats));
    }

    pub(crate) fn scheduler(&mut self, stats: &SchedulerStats<'_>) {
        self.record(&StepStats { scheduler: Some(stats), ..Default::default() });
    }

    pub(crate) fn iteration(&mut self, stats: &IterationStats<'_>) {
        self.record(&StepStats { iteration: Some(stats), ..Default::default() });
    }
}
