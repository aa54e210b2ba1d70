//! Engines with the vLLM set, and steps to record for them.

use fastrand::Rng;
use tachometer::{Engine, Histogram, ObservationValue, Recorder, Registry, Schema, Snapshot, Step};
use tachometer_vllm::{
    CacheStats, Config, EngineMetrics, Eviction, Families, FinishReason, FinishedRequest, IterationStats, KvFetchStats,
    LoraStats, PromptTokens, SchedulerStats, SpecDecodeStats, StepStats,
};

use super::{Latencies, Rotation, one_step::OneStep as _, random, spread, spread_integer};

/// Steps that [`Fleet::run`] records per engine and call: enough for numbers with as many digits as
/// on a real page.
const STEPS: usize = 100;

/// These are larger than a number, so fewer of them stay in the cache.
const STATS: usize = 1_024;

/// Engines that share a registry.
pub(crate) struct Fleet {
    pub(crate) schema: Schema,
    pub(crate) families: Families,
    pub(crate) registry: Registry,
    pub(crate) recorders: Vec<Recorder>,
    /// In the order of the recorders.
    pub(crate) metrics: Vec<EngineMetrics>,
    /// Dropping an engine would remove its series.
    pub(crate) engines: Vec<Engine>,
}

impl Fleet {
    /// Engines with nothing optional.
    pub(crate) fn new(engines: usize) -> Self {
        Self::with(&Config::new(), engines)
    }

    pub(crate) fn with(config: &Config, engines: usize) -> Self {
        let mut schema = Schema::builder(&["engine", "model_name"]);
        let families = Families::declare(&mut schema, config).expect("vLLM's families are valid");
        let schema = schema.build().expect("the engine labels are valid");
        let registry = Registry::new(schema.clone());
        let attach = |engine: usize| registry.attach(&[&engine.to_string(), "meta-llama/Llama-3.1-8B"]);
        let engines: Vec<_> = (0..engines).map(|engine| attach(engine).expect("each label is new")).collect();
        let mut recorders: Vec<_> =
            engines.iter().map(|engine| engine.recorder().expect("no other recorder exists")).collect();
        let metrics = recorders.iter_mut().map(|recorder| families.engine_metrics(recorder)).collect();
        Self { schema, families, registry, recorders, metrics, engines }
    }

    /// Records steps for each engine.
    pub(crate) fn run(&mut self) {
        let mut steps = Steps::new(self, 64, Latencies::Clustered);
        for (recorder, metrics) in self.recorders.iter_mut().zip(&mut self.metrics) {
            (0..STEPS).for_each(|_| recorder.record(|step| steps.record(metrics, step)));
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::new();
        self.registry.snapshot(&mut snapshot);
        snapshot
    }

    /// The upper bounds of one of the set's histograms.
    pub(crate) fn bounds<T: ObservationValue>(&self, histogram: Histogram<T>) -> Vec<f64> {
        let snapshot = self.snapshot();
        let engine = snapshot.engines().next().expect("a fleet has an engine");
        let bounds = engine.histogram(histogram).cumulative_buckets().map(|(bound, _)| bound);
        bounds.filter(|bound| bound.is_finite()).collect()
    }
}

/// The optional families of a server with speculative decoding, LoRA adapters, KV transfer and
/// measured blocks.
pub(crate) fn full() -> Config {
    Config::new().spec_decode(3).lora(4).kv_consumer(true).kv_cache_metrics(true)
}

/// What a step reports for the families of [`full`]: 8 additions, 3 gauges, 4 observations, and an
/// info whose label values stay the same.
fn with_everything(
    scheduler: SchedulerStats<'static>,
    evictions: &'static [Eviction<'static>],
) -> SchedulerStats<'static> {
    SchedulerStats {
        kv_fetch: KvFetchStats { in_progress: scheduler.waiting, ..KvFetchStats::default() },
        spec_decode: Some(SpecDecodeStats {
            drafts: scheduler.running,
            draft_tokens: 3 * scheduler.running,
            accepted_tokens: scheduler.running,
            accepted_per_position: &[7, 5, 3],
            ..SpecDecodeStats::default()
        }),
        evictions,
        lora: Some(LoraStats {
            running: &["sql", "chat"],
            waiting: &["code"],
            wall_time: 1.7e9,
            ..LoraStats::default()
        }),
        ..scheduler
    }
}

/// Steps of a batch of requests, as an engine reports them.
///
/// Without perf and connector statistics, and with nothing optional, a step has 12 additions to
/// counters, 5 gauges, one observation of iteration tokens, one inter-token latency per request,
/// and for each of max(1, batch / 64) finished requests 13 observations, one time to first token
/// and one addition.
pub(crate) struct Steps {
    batch: usize,
    schedulers: Rotation<SchedulerStats<'static>>,
    prompts: Rotation<PromptTokens>,
    latencies: Rotation<f64>,
    first_tokens: Rotation<f64>,
    finished: Rotation<FinishedRequest>,
    /// For each finished request: the largest number of tokens in one of its outputs, and its
    /// number of outputs.
    longest: Rotation<u64>,
    outputs: Rotation<u64>,
}

impl Steps {
    pub(crate) fn new(fleet: &Fleet, batch: usize, latencies: Latencies) -> Self {
        let families = fleet.families;
        let iteration_bounds = fleet.bounds(families.iteration_tokens);
        let first_token_bounds = fleet.bounds(families.time_to_first_token);
        let draw_finished = finished_requests(fleet);
        let mut random = random();
        let eviction = Eviction { lifetime: 40.0, idle: 3.0, reuse_gaps: &[0.2, 8.0], ..Eviction::default() };
        let evictions = Vec::leak(vec![eviction]);
        Self {
            batch,
            schedulers: Rotation::of(STATS, || with_everything(scheduler(&mut random), evictions)),
            prompts: Rotation::of(STATS, || prompt(&iteration_bounds, &mut random)),
            latencies: latencies.rotation(&fleet.bounds(families.inter_token_latency)),
            first_tokens: Rotation::new(|| spread(&first_token_bounds, &mut random)),
            finished: Rotation::of(STATS, || draw_finished(&mut random)),
            longest: Rotation::new(|| spread_integer(&fleet.bounds(families.request_generation_tokens), &mut random)),
            outputs: Rotation::new(|| spread_integer(&fleet.bounds(families.request_params_n), &mut random)),
        }
    }

    /// Records the next step of an engine.
    #[inline]
    pub(crate) fn record(&mut self, metrics: &mut EngineMetrics, step: &mut Step<'_>) {
        let scheduler = self.schedulers.next();
        let ended = finished_in(self.batch);
        let iteration = IterationStats {
            prompt_tokens: self.prompts.next(),
            generation_tokens: self.batch as u64,
            preemptions: 1,
            time_to_first_token: self.first_tokens.window(ended),
            inter_token_latency: self.latencies.window(self.batch),
            finished: self.finished.window(ended),
            max_generation_tokens: self.longest.window(ended),
            n: self.outputs.window(ended),
            ..IterationStats::default()
        };
        let mm_cache =
            Some(CacheStats { queries: scheduler.running, hits: scheduler.waiting, ..CacheStats::default() });
        let (scheduler, iteration) = (Some(&scheduler), Some(&iteration));
        metrics.record(step, &StepStats { scheduler, iteration, mm_cache, ..StepStats::default() });
    }
}

/// Requests that end in a step of a batch.
pub(crate) fn finished_in(batch: usize) -> usize {
    (batch / 64).max(1)
}

fn scheduler(random: &mut Rng) -> SchedulerStats<'static> {
    let queries = random.u64(1..100_000);
    SchedulerStats {
        running: random.u64(1..1_024),
        waiting: random.u64(..100),
        deferred: random.u64(..10),
        kv_cache_usage: random.f64(),
        prefix_cache: CacheStats { requests: 1, queries, hits: random.u64(..=queries), ..CacheStats::default() },
        ..SchedulerStats::default()
    }
}

/// Most tokens of an iteration are computed ones, so they spread evenly over its buckets.
fn prompt(iteration_bounds: &[f64], random: &mut Rng) -> PromptTokens {
    PromptTokens {
        computed: spread_integer(iteration_bounds, random),
        local_cache_hit: random.u64(..10_000),
        external_kv_transfer: random.u64(..10_000),
        ..PromptTokens::default()
    }
}

/// Draws requests whose numbers fall into all buckets evenly.
fn finished_requests(fleet: &Fleet) -> impl Fn(&mut Rng) -> FinishedRequest {
    const REASONS: [FinishReason; 3] = [FinishReason::Stop, FinishReason::Length, FinishReason::Abort];
    let tokens = fleet.bounds(fleet.families.request_prompt_tokens);
    let phases = fleet.bounds(fleet.families.e2e_request_latency);
    let per_token = fleet.bounds(fleet.families.request_time_per_output_token);
    let preemptions = fleet.bounds(fleet.families.request_preemptions);
    move |random| {
        let [one, other] = [(); 2].map(|()| spread_integer(&tokens, random));
        FinishedRequest {
            reason: REASONS[random.usize(..REASONS.len())],
            prompt_tokens: one.max(other),
            cached_tokens: Some(one.abs_diff(other) as i64),
            generation_tokens: spread_integer(&tokens, random),
            max_tokens: Some(spread_integer(&tokens, random).max(1)),
            preemptions: spread_integer(&preemptions, random),
            e2e_latency: spread(&phases, random),
            queue_time: Some(spread(&phases, random)),
            prefill_time: Some(spread(&phases, random)),
            inference_time: Some(spread(&phases, random)),
            decode_time: Some(spread(&phases, random)),
            time_per_output_token: Some(spread(&per_token, random)),
            ..FinishedRequest::default()
        }
    }
}
