//! A registry with the vLLM set, and its log lines.
#![allow(dead_code)] // no test uses all of it

#[path = "vllm_engines.rs"]
pub(crate) mod vllm_engines;

use tachometer::{Recorder, Snapshot};
use tachometer_vllm::{
    CacheStats, Config, IterationStats, LogLine, LogLines, LogStyle, SchedulerStats, SharedHitRates, StepStats,
};
use vllm_engines::{VllmEngines, one_step::OneStep as _};

/// Engines with log lines.
pub(crate) struct Rig {
    pub(crate) all: VllmEngines,
    pub(crate) front: Recorder,
    pub(crate) shared: Option<SharedHitRates>,
    pub(crate) lines: LogLines,
}

impl Rig {
    pub(crate) fn new(config: Config, style: LogStyle, engines: usize) -> Self {
        let all = VllmEngines::new(&config.log_lines(true), engines);
        let lines = all.families.log_lines(style, &Snapshot::new(), 0.0).unwrap();
        let (front, shared) = (all.registry.recorder().unwrap(), all.families.shared_hit_rates());
        Self { all, front, shared, lines }
    }

    pub(crate) fn record(&mut self, engine: usize, stats: &StepStats<'_>) {
        self.all.record(engine, stats);
        if let Some(shared) = &mut self.shared {
            self.front.record(|step| shared.record(step, stats));
        }
    }

    pub(crate) fn scheduler(&mut self, engine: usize, scheduler: &SchedulerStats<'_>) {
        self.record(engine, &StepStats { scheduler: Some(scheduler), ..Default::default() });
    }

    pub(crate) fn lookups(&mut self, engine: usize, prefix_cache: CacheStats) {
        self.scheduler(engine, &SchedulerStats { prefix_cache, ..Default::default() });
    }

    pub(crate) fn generate(&mut self, engine: usize, generation_tokens: u64) {
        let iteration = IterationStats { generation_tokens, ..Default::default() };
        self.record(engine, &StepStats { iteration: Some(&iteration), ..Default::default() });
    }

    pub(crate) fn lines(&mut self, now: f64) -> Vec<LogLine> {
        self.lines.next(&self.all.snapshot(), now)
    }

    /// The only line.
    pub(crate) fn line(&mut self, now: f64) -> LogLine {
        let lines = self.lines(now);
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines[0].clone()
    }

    /// Some line, with the text `further`.
    pub(crate) fn line_like(&self) -> LogLine {
        let mut other = Self::new(Config::new(), LogStyle::PerEngine, 1);
        let mut line = other.line(1.0);
        "further".clone_into(&mut line.text);
        line
    }

    /// A part of the only line.
    pub(crate) fn part(&mut self, now: f64, begin: &str) -> Option<String> {
        self.line(now).text.split(", ").find(|part| part.starts_with(begin)).map(str::to_owned)
    }
}
