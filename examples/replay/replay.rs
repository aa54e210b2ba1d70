//! Engines that do what the events say.

use std::collections::HashMap;

use anyhow::{Result, anyhow};
use tachometer::{Engine, Recorder, Registry, Schema, Snapshot, Step};
use tachometer_vllm::{
    CacheConfig, Config, EngineMetrics, Families, LogLines, LogStyle, LoraStats, SharedHitRates, StepStats,
};

use crate::event::{Header, Iter, Line, Sleep};
use crate::{python, stats};

/// No page and no log line shows more.
const MAX_POSITIONS: u64 = 32;

pub(crate) struct Replay {
    registry: Registry,
    families: Families,
    engines: HashMap<i64, EngineReplay>,
    /// Records at the place where requests are admitted.
    front: Recorder,
    /// With log lines: hit rates over all engines.
    hit_rates: Option<SharedHitRates>,
    t0_wall: f64,
    /// The accepted tokens by position that vLLM reports before any was accepted.
    no_positions: Vec<u64>,
}

struct EngineReplay {
    recorder: Recorder,
    metrics: EngineMetrics,
    /// Dropping it would remove its series.
    _attached: Engine,
}

impl Replay {
    /// Engines that haven't done anything yet.
    pub(crate) fn start(header: &Header, config: &Config) -> Result<Self> {
        let mut schema = Schema::builder(&["engine", "model_name"]);
        let cache_config = cache_config(header)?;
        let config = config.clone().cache_config(cache_config.clone());
        let families = Families::declare(&mut schema, &config)?;
        let registry = Registry::new(schema.build()?);
        let mut engines = HashMap::new();
        for number in &header.engines {
            let attached = registry.attach(&[&number.to_string(), &header.model_name])?;
            let mut recorder = attached.recorder()?;
            let metrics = families.engine_metrics(&mut recorder);
            in_one_step(&mut recorder, |step| metrics.cache_config(step, &cache_config));
            engines.insert(*number, EngineReplay { recorder, metrics, _attached: attached });
        }
        let (front, hit_rates) = (registry.recorder()?, families.shared_hit_rates());
        let no_positions = vec![0; header.num_spec_tokens.0.min(MAX_POSITIONS) as usize];
        Ok(Self { registry, families, engines, front, hit_rates, t0_wall: header.t0_wall, no_positions })
    }

    pub(crate) fn apply(&mut self, event: &Line) {
        match event {
            Line::Iter(iter) => self.record(iter),
            Line::Sleep(sleep) => self.sleep(sleep),
            Line::Reject(reject) => {
                in_one_step(&mut self.front, |step| self.families.admission_rejected(step, reject.reason.into()));
            }
            Line::Header(_) | Line::Log(_) | Line::Scrape(_) => {}
        }
    }

    fn record(&mut self, iter: &Iter) {
        let EngineReplay { recorder, metrics, .. } =
            self.engines.get_mut(&iter.engine).expect("checked when it was read");
        let (mut evictions, mut running, mut waiting, mut finished) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        if let Some(stats) = &iter.scheduler {
            evictions = stats::evictions(stats);
            running = stats.lora.running.as_strs();
            waiting = stats.lora.waiting.as_strs();
        }
        if let Some(stats) = &iter.iteration {
            finished = stats::finished(&stats.finished);
        }
        let lora = LoraStats {
            running: &running,
            waiting: &waiting,
            wall_time: self.t0_wall + iter.t,
            ..LoraStats::default()
        };
        let scheduler =
            iter.scheduler.as_ref().map(|stats| stats::scheduler(stats, &evictions, lora, &self.no_positions));
        let iteration = iter.iteration.as_ref().map(|stats| stats::iteration(stats, &finished));
        let mm_cache = iter.mm.as_deref().map(stats::lookups);
        let stats =
            StepStats { scheduler: scheduler.as_ref(), iteration: iteration.as_ref(), mm_cache, ..Default::default() };
        in_one_step(recorder, |step| metrics.record(step, &stats));
        if let Some(hit_rates) = &mut self.hit_rates {
            in_one_step(&mut self.front, |step| hit_rates.record(step, &stats));
        }
    }

    /// All engines go to sleep or wake up together.
    fn sleep(&mut self, sleep: &Sleep) {
        let state = sleep.state().expect("checked when it was read");
        for EngineReplay { recorder, metrics, .. } in self.engines.values_mut() {
            in_one_step(recorder, |step| metrics.sleep_state(step, state));
        }
    }

    /// Log lines about what happens from now on. `now` is the monotonic clock.
    pub(crate) fn log_lines(&self, style: LogStyle, now: f64) -> Option<LogLines> {
        self.families.log_lines(style, &self.snapshot(), now)
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::new();
        self.registry.snapshot(&mut snapshot);
        snapshot
    }

    /// The page that a scrape gets now.
    pub(crate) fn page(&self) -> Vec<u8> {
        let mut page = Vec::new();
        self.registry.render(&mut page);
        page
    }
}

fn cache_config(header: &Header) -> Result<CacheConfig> {
    let mut config = CacheConfig::default();
    for (field, value) in &header.cache_config {
        let value = python::text(value).map_err(|reason| anyhow!("cache_config: {field:?}: {reason}"))?;
        config.extend([(field, value)]);
    }
    Ok(config)
}

fn in_one_step(recorder: &mut Recorder, record: impl FnOnce(&mut Step<'_>)) {
    let mut step = recorder.step();
    record(&mut step);
    step.commit();
}
