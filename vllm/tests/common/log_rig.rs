//! A registry with the vLLM set, and its log lines.
#![allow(dead_code)] // no test uses all of it

use tachometer::{Engine, Recorder, Registry, Schema, Snapshot};
use tachometer_vllm::{
    CacheStats, Config, EngineMetrics, Families, IterationStats, LogLine, LogLines, LogStyle, SchedulerStats,
    SharedHitRates, StepStats,
};

use crate::one_step::OneStep as _;

/// Engines with log lines.
pub(crate) struct Rig {
    pub(crate) registry: Registry,
    pub(crate) families: Families,
    pub(crate) engines: Vec<(Engine, Recorder, EngineMetrics)>,
    pub(crate) front: Recorder,
    pub(crate) shared: Option<SharedHitRates>,
    pub(crate) lines: LogLines,
}

impl Rig {
    pub(crate) fn new(config: Config, style: LogStyle, engines: usize) -> Self {
        let mut schema = Schema::builder(&["engine", "model_name"]);
        let families = Families::declare(&mut schema, &config.log_lines(true)).unwrap();
        let registry = Registry::new(schema.build().unwrap());
        let lines = families.log_lines(style, &Snapshot::new(), 0.0).unwrap();
        let (front, shared) = (registry.recorder().unwrap(), families.shared_hit_rates());
        let mut rig = Self { registry, families, engines: Vec::new(), front, shared, lines };
        (0..engines).for_each(|engine| rig.attach(&engine.to_string()));
        rig
    }

    pub(crate) fn attach(&mut self, name: &str) {
        let engine = self.registry.attach(&[name, "m"]).unwrap();
        let mut recorder = engine.recorder().unwrap();
        let metrics = self.families.engine_metrics(&mut recorder);
        self.engines.push((engine, recorder, metrics));
    }

    pub(crate) fn record(&mut self, engine: usize, stats: &StepStats<'_>) {
        let (_, recorder, metrics) = &mut self.engines[engine];
        recorder.record(|step| metrics.record(step, stats));
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
        let mut snapshot = Snapshot::new();
        self.registry.snapshot(&mut snapshot);
        self.lines.next(&snapshot, now)
    }

    /// The only line.
    pub(crate) fn line(&mut self, now: f64) -> LogLine {
        let lines = self.lines(now);
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines[0].clone()
    }

    /// A part of the only line.
    pub(crate) fn part(&mut self, now: f64, begin: &str) -> Option<String> {
        self.line(now).text.split(", ").find(|part| part.starts_with(begin)).map(str::to_owned)
    }
}
