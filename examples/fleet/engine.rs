//! One engine: a thread with a virtual clock, a batch, and the exclusive recorder of its metrics.
//!
//! The engine opens a metrics step, runs its iteration, fills in the results, and commits. At a
//! finite speed the iteration sleeps; scrapes continue meanwhile and see the previous step.

use std::time::UNIX_EPOCH;

use tachometer::{Recorder, Step};
use tachometer_vllm::{
    CacheConfig, CacheStats, EngineMetrics, FieldValue, IterationStats, KvFetchStats, LoraStats, SchedulerStats,
    StepStats,
    connectors::{ConnectorMetrics, MooncakeStats, MooncakeTransfer, NixlStats, NixlTransfer},
};

use crate::batch::{Arrived, Batch, Output};
use crate::connector::Connector;
use crate::kv_pool::BLOCK_TOKENS;
use crate::meters::{MAX_MODEL_LEN, Meters};
use crate::optional;
use crate::pace::Pace;
use crate::prefix_cache::{Counted, Evicted};
use crate::timing::{Nanos, Work, step_time};
use crate::transfer::{Inbox, Outlet, Reports};
use crate::workload::Workload;

/// Where an engine's requests come from.
#[derive(Debug)]
pub(crate) enum Feed {
    /// The trace's own arrivals.
    Arrivals { workload: Workload, requests: std::iter::Peekable<std::vec::IntoIter<usize>> },
    /// Prefill engines.
    Transfers(Inbox),
}

impl Feed {
    pub(crate) fn arrivals(workload: Workload, requests: Vec<usize>) -> Self {
        Self::Arrivals { workload, requests: requests.into_iter().peekable() }
    }

    /// When the next request is ready to be admitted. `None` if none will come.
    fn next_ready(&mut self) -> Option<Nanos> {
        match self {
            Self::Arrivals { workload, requests } => requests.peek().map(|request| workload[*request].arrival),
            Self::Transfers(inbox) => inbox.next_ready(),
        }
    }

    /// Moves the requests that are ready at `now` into the batch, and reports the transfers that
    /// brought them. Returns how many requests are still being transferred.
    fn collect(&mut self, now: Nanos, batch: &mut Batch, transfers: &mut Vec<NixlTransfer>) -> u64 {
        match self {
            Self::Arrivals { workload, requests } => {
                while let Some(request) = requests.next_if(|request| workload[*request].arrival <= now) {
                    batch.waiting.push_back(Arrived { request, at: workload[request].arrival });
                }
                0
            }
            Self::Transfers(inbox) => inbox.collect(now, &mut batch.waiting, transfers),
        }
    }
}

/// What an engine counted itself, for the checks. Not read from its metrics.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Executed {
    pub(crate) steps: u64,
    pub(crate) steps_with_output: u64,
    /// Prompt chunks, and one token and its draft per request that continues its generation.
    pub(crate) scheduled_tokens: u64,
    pub(crate) drafted_tokens: u64,
    /// Of the blocks that its prefix cache evicted.
    pub(crate) lost: Counted,
}

impl Executed {
    fn count(&mut self, work: Work, has_output: bool) {
        self.steps += 1;
        self.steps_with_output += u64::from(has_output);
        self.scheduled_tokens += work.tokens();
        self.drafted_tokens += work.drafted;
    }
}

#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) workload: Workload,
    pub(crate) batch: Batch,
    pub(crate) feed: Feed,
    /// Where the KV of finished prompts goes. Only a prefill engine has one.
    pub(crate) outlet: Option<Outlet>,
    pub(crate) meters: Meters,
    /// Records what the connector reports, if KV is transferred.
    pub(crate) transfers: Option<ConnectorMetrics>,
    pub(crate) pace: Pace,
}

impl Engine {
    /// Runs until all requests are done.
    pub(crate) fn run(mut self, recorder: &mut Recorder) -> Executed {
        let mut now = 0;
        let mut metrics = self.meters.vllm.engine_metrics(recorder);
        let mut step = recorder.step();
        let mut kv_blocks = show_cache_config(&metrics, &mut step, &self.batch, 0);
        step.commit();
        let mut output = Output::default();
        let mut reports = Reports::default();
        let mut executed = Executed::default();
        while let Some(begin) = self.next_step(now) {
            self.pace.wait_until(begin);
            reports.clear();
            let on_their_way = self.feed.collect(begin, &mut self.batch, &mut reports.received);
            let mut stats = SchedulerStats { deferred: on_their_way, ..SchedulerStats::default() };

            let mut step = recorder.step();
            let work = self.batch.schedule(begin, &mut stats);
            let end = begin.saturating_add(step_time(work));
            self.promise(end);
            self.pace.wait_until(end);
            self.batch.finish_step(end, &mut output);

            self.batch.describe(&mut stats);
            stats.kv_fetch = self.kv_fetch(&stats);
            stats.scheduled_tokens = work.tokens();
            executed.count(work, !output.is_empty());
            let sent = self.send_kv(end, &output.finished_requests, &mut reports.sent);
            self.record(&mut metrics, &mut step, (work, stats), &output);
            self.report(&mut step, &reports);
            step.add(self.meters.transferred, sent);
            kv_blocks = show_cache_config(&metrics, &mut step, &self.batch, kv_blocks);
            step.commit();
            now = end;
        }
        executed.lost = self.batch.cache.lost();
        executed
    }

    /// Adds what is optional, if it is switched on, and records everything.
    fn record(
        &mut self,
        metrics: &mut EngineMetrics,
        step: &mut Step<'_>,
        (work, mut scheduler): (Work, SchedulerStats<'_>),
        output: &Output,
    ) {
        let images = self.batch.images.take_lookups();
        let evicted: Vec<_> = self.batch.cache.drain_evicted().collect();
        if !self.batch.has_optional() {
            return record(metrics, step, &scheduler, output, None);
        }
        let [running, waiting] = self.batch.adapters();
        let wall_time = UNIX_EPOCH.elapsed().map_or(0.0, |elapsed| elapsed.as_secs_f64());
        let evictions: Vec<_> = evicted.iter().map(Evicted::report).collect();
        scheduler.lora = Some(LoraStats { running: &running, waiting: &waiting, wall_time, ..LoraStats::default() });
        scheduler.spec_decode = Some(output.drafts.stats());
        scheduler.perf = Some(optional::perf(work));
        scheduler.evictions = &evictions;
        record(metrics, step, &scheduler, output, Some(images));
    }

    /// Records the transfers that this engine reports.
    fn report(&mut self, step: &mut Step<'_>, reports: &Reports) {
        let Some(transfers) = &mut self.transfers else { return };
        let recorded = match self.meters.connector {
            Connector::Nixl => {
                transfers.record(step, &NixlStats { transfers: &reports.received, ..NixlStats::default() })
            }
            Connector::Mooncake => {
                transfers.record(step, &MooncakeStats { transfers: &reports.sent, ..MooncakeStats::default() })
            }
        };
        recorded.expect("the connector's own type fits it");
    }

    /// When the next step begins: now, or with the next request if there is nothing to do. `None`
    /// when everything is done.
    fn next_step(&mut self, now: Nanos) -> Option<Nanos> {
        let begin = if self.batch.is_idle() { self.feed.next_ready()?.max(now) } else { now };
        self.promise(begin);
        Some(begin)
    }

    fn promise(&mut self, moment: Nanos) {
        if let Some(outlet) = &mut self.outlet {
            outlet.promise(moment);
        }
    }

    /// Requests whose KV comes from elsewhere. A prefill engine begins to send at once.
    fn kv_fetch(&self, stats: &SchedulerStats<'_>) -> KvFetchStats {
        match self.feed {
            Feed::Arrivals { .. } => KvFetchStats::default(),
            Feed::Transfers(_) => KvFetchStats {
                in_progress: stats.deferred,
                completed_waiting: stats.waiting,
                ..KvFetchStats::default()
            },
        }
    }

    /// Sends the KV of finished prompts to the decode engines. Returns its number of tokens.
    fn send_kv(&self, now: Nanos, finished: &[usize], reports: &mut Vec<MooncakeTransfer>) -> u64 {
        let Some(outlet) = &self.outlet else { return 0 };
        let send = |request: &usize| {
            let tokens = self.workload[*request].prompt_tokens;
            reports.push(outlet.send(*request, tokens, now));
            tokens
        };
        finished.iter().map(send).sum()
    }
}

/// As in vLLM, a step without output has scheduler statistics only.
fn record(
    metrics: &mut EngineMetrics,
    step: &mut Step<'_>,
    scheduler: &SchedulerStats<'_>,
    output: &Output,
    mm_cache: Option<CacheStats>,
) {
    let iteration = IterationStats {
        prompt_tokens: output.prompt_tokens,
        generation_tokens: output.generation_tokens,
        watermark: output.watermark,
        time_to_first_token: &output.time_to_first_token,
        inter_token_latency: &output.inter_token_latency,
        finished: &output.finished,
        max_generation_tokens: &output.max_generation_tokens,
        n: &output.n,
        ..IterationStats::default()
    };
    let iteration = (!output.is_empty()).then_some(&iteration);
    let stats = StepStats { scheduler: Some(scheduler), iteration, mm_cache, ..StepStats::default() };
    metrics.record(step, &stats);
}

/// Shows the cache configuration, unless the pool still has the blocks that were shown. Returns how
/// many it has.
fn show_cache_config(metrics: &EngineMetrics, step: &mut Step<'_>, batch: &Batch, shown: u64) -> u64 {
    let blocks = batch.pool.capacity();
    if blocks != shown {
        let tokens = blocks * BLOCK_TOKENS;
        let mut config = CacheConfig::default();
        let fields = [
            ("block_size", FieldValue::from(BLOCK_TOKENS)),
            ("enable_prefix_caching", batch.role.computes_prompts().into()),
            ("num_gpu_blocks", blocks.into()),
            ("kv_cache_size_tokens", tokens.into()),
            ("kv_cache_max_concurrency", (tokens as f64 / MAX_MODEL_LEN as f64).into()),
        ];
        for (field, value) in fields {
            config.set(field, value).expect("vLLM has this field");
        }
        metrics.cache_config(step, &config);
    }
    blocks
}
