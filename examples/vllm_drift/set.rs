//! The families of this crate's set, read from its own pages.

use std::collections::BTreeMap;

use anyhow::Result;
use tachometer::{Registry, Schema};
use tachometer_vllm::{CacheConfig, Config, Families, LoraStats, SchedulerStats};

use crate::page::{Family, Page};

/// The set with every option.
pub(crate) struct Set {
    /// By name, counters without `_total`.
    pub(crate) families: BTreeMap<String, Known>,
}

pub(crate) struct Known {
    pub(crate) family: Family,
    /// The option that it needs.
    pub(crate) with: Option<&'static str>,
    /// Whether its bounds end at the longest context.
    pub(crate) grows: bool,
}

/// A length beyond every model's.
const LONGEST: u64 = 1_000_000_000_000;

impl Set {
    pub(crate) fn new() -> Result<Self> {
        let base = || Config::new().max_model_len(LONGEST);
        let options = [
            (None, base()),
            (Some("model_name"), base().model_name("m")),
            (Some("spec_decode"), base().spec_decode(1)),
            (Some("diffusion"), base().diffusion(true)),
            (Some("kv_cache_metrics"), base().kv_cache_metrics(true)),
            (Some("kv_consumer"), base().kv_consumer(true)),
            (Some("lora"), base().lora(1)),
            (Some("watermark"), base().watermark(true)),
            (Some("nan_check"), base().nan_check(true)),
            (Some("nixl"), base().nixl(true)),
            (Some("mooncake"), base().mooncake(true)),
        ];
        let short = page(&Config::new().max_model_len(1))?.families;
        let mut families = BTreeMap::new();
        for (with, config) in options {
            for (name, family) in page(&config)?.families {
                let grows = short.get(&name).is_some_and(|short| short.bounds != family.bounds);
                families.entry(name).or_insert(Known { family, with, grows });
            }
        }
        families.retain(|name, _| !name.starts_with("tachometer_"));
        Ok(Self { families })
    }

    /// The family that has samples of this name.
    pub(crate) fn with_sample(&self, sample: &str) -> Option<&Known> {
        self.families.values().find(|known| known.family.samples.contains(sample))
    }
}

/// A page of the set on which each family has a sample.
fn page(config: &Config) -> Result<Page> {
    let mut schema = Schema::builder(&["engine", "model_name"]);
    let families = Families::declare(&mut schema, config)?;
    let registry = Registry::new(schema.build()?);
    let engine = registry.attach(&["0", "m"])?;
    let mut recorder = engine.recorder()?;
    let mut metrics = families.engine_metrics(&mut recorder);
    let mut step = recorder.step();
    metrics.cache_config(&mut step, &CacheConfig::default());
    metrics.scheduler(&mut step, &SchedulerStats { lora: Some(LoraStats::default()), ..Default::default() });
    step.commit();
    let mut text = Vec::new();
    registry.render(&mut text);
    Page::parse(&String::from_utf8(text)?)
}
