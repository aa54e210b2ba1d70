//! Pages of the vLLM set.

use std::collections::BTreeSet;

use tachometer::{Registry, Schema};
use tachometer_vllm::{CacheConfig, Config, Families, LoraStats, SchedulerStats};

/// A page of one engine, with a sample of each family.
pub(crate) fn page(config: &Config) -> String {
    let mut schema = Schema::builder(&["engine", "model_name"]);
    let families = Families::declare(&mut schema, config).unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&["0", "m"]).unwrap();
    let mut recorder = engine.recorder().unwrap();
    let mut metrics = families.engine_metrics(&mut recorder);
    let mut step = recorder.step();
    metrics.cache_config(&mut step, &CacheConfig::default());
    metrics.scheduler(&mut step, &SchedulerStats { lora: Some(LoraStats::default()), ..Default::default() });
    step.commit();
    registry.page()
}

/// Name and type of each family of a page.
pub(crate) fn families(page: &str) -> BTreeSet<(&str, &str)> {
    page.lines().filter_map(|line| line.strip_prefix("# TYPE vllm:")?.split_once(' ')).collect()
}
