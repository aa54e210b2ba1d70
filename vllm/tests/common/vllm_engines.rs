//! A registry with the vLLM set and several engines, each with a recorder of its own.
#![allow(dead_code)] // no test uses all of it

#[path = "../../../tests/common/one_step.rs"]
pub(crate) mod one_step;
#[path = "../../../tests/common/shown.rs"]
pub(crate) mod shown;

use one_step::OneStep as _;
use tachometer::{Engine, Recorder, Registry, Schema, Snapshot};
use tachometer_vllm::{Config, EngineMetrics, Families, SchedulerStats, StepStats};

pub(crate) struct VllmEngines {
    pub(crate) registry: Registry,
    pub(crate) families: Families,
    pub(crate) engines: Vec<(Engine, Recorder, EngineMetrics)>,
}

impl VllmEngines {
    /// The engines are called `0`, `1` and so on, and serve the model `m`.
    pub(crate) fn new(config: &Config, engines: usize) -> Self {
        let mut schema = Schema::builder(&["engine", "model_name"]);
        let families = Families::declare(&mut schema, config).expect("a valid configuration");
        let registry = Registry::new(schema.build().expect("a valid schema"));
        let mut all = Self { registry, families, engines: Vec::new() };
        (0..engines).for_each(|engine| all.attach(&engine.to_string()));
        all
    }

    /// Attaches one more.
    pub(crate) fn attach(&mut self, name: &str) {
        let engine = self.registry.attach(&[name, "m"]).expect("a name that is free");
        let mut recorder = engine.recorder().expect("a free slab");
        let metrics = self.families.engine_metrics(&mut recorder);
        self.engines.push((engine, recorder, metrics));
    }

    pub(crate) fn record(&mut self, engine: usize, stats: &StepStats<'_>) {
        let (_, recorder, metrics) = &mut self.engines[engine];
        recorder.record(|step| metrics.record(step, stats));
    }

    pub(crate) fn scheduler(&mut self, engine: usize, stats: &SchedulerStats<'_>) {
        self.record(engine, &StepStats { scheduler: Some(stats), ..Default::default() });
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        shown::snapshot(&self.registry)
    }

    /// The lines of the page that begin with `begin`.
    pub(crate) fn lines(&self, begin: &str) -> Vec<String> {
        shown::lines(&self.registry, begin)
    }
}
