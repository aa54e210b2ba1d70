//! What the registry shows for each engine: plain numbers, read from one snapshot.

use tachometer::{EngineView, HistogramView, ObservationValue, Registry, Snapshot};
use tachometer_vllm::FinishReason;

use crate::layout::{Layout, Role};
use crate::meters::{Meters, Reported};
use crate::optional_checks::{self, OptionalNumbers};

#[derive(Clone, Debug)]
pub(crate) struct EngineNumbers {
    pub(crate) engine: usize,
    pub(crate) role: Role,
    /// Steps that the engine committed.
    pub(crate) steps: u64,
    /// Requests that ended here, whatever the reason.
    pub(crate) requests: u64,
    /// Those that ended by a stop token.
    pub(crate) stopped: u64,
    pub(crate) e2e_latencies: u64,
    pub(crate) prompt_tokens: u64,
    pub(crate) local_compute: u64,
    pub(crate) local_cache_hit: u64,
    pub(crate) external_kv_transfer: u64,
    pub(crate) prompt_tokens_cached: u64,
    pub(crate) generation_tokens: u64,
    pub(crate) transferred_tokens: u64,
    pub(crate) prefix_cache_queries: u64,
    pub(crate) prefix_cache_hits: u64,
    pub(crate) prefill_kv_computed_tokens: u64,
    pub(crate) transfers: Transfers,
    pub(crate) iteration_tokens_sum: u64,
    pub(crate) iteration_tokens_count: u64,
    pub(crate) first_tokens: u64,
    pub(crate) inter_token_gaps: u64,
    pub(crate) running: i64,
    pub(crate) waiting: i64,
    pub(crate) kv_cache_usage: f64,
    pub(crate) iteration_tokens: Quantiles,
    pub(crate) time_to_first_token: Quantiles,
    pub(crate) inter_token_latency: Quantiles,
    /// Only with `--optional`.
    pub(crate) optional: Option<OptionalNumbers>,
}

/// The KV transfers that this engine reported: zeros if nothing is ever transferred.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Transfers {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
    pub(crate) descriptors: u64,
}

/// Quantiles of one histogram, as PromQL would estimate them. NaN without observations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quantiles {
    pub(crate) median: f64,
    pub(crate) p99: f64,
}

/// All engines' numbers, in the order of the engines.
pub(crate) fn read(registry: &Registry, meters: Meters, layout: Layout) -> Vec<EngineNumbers> {
    let mut snapshot = Snapshot::new();
    registry.snapshot(&mut snapshot);
    // Engines attach in the order of the layout.
    snapshot.engines().enumerate().map(|(engine, view)| read_engine(engine, layout, meters, view)).collect()
}

fn read_engine(engine: usize, layout: Layout, meters: Meters, view: EngineView<'_>) -> EngineNumbers {
    let Meters { vllm, transferred, reported, .. } = meters;
    let mut by_source = vllm.prompt_tokens_by_source().iter().map(|source| view.counter(*source));
    let [local_compute, local_cache_hit, external_kv_transfer] = [(); 3].map(|()| by_source.next().unwrap_or_default());
    let iteration_tokens = view.histogram(vllm.iteration_tokens);
    let time_to_first_token = view.histogram(vllm.time_to_first_token);
    let inter_token_latency = view.histogram(vllm.inter_token_latency);
    EngineNumbers {
        engine,
        role: layout.role(engine),
        // Without the two before the first iteration: `engine_metrics` commits one, and the other
        // shows the cache configuration.
        steps: view.step().saturating_sub(2),
        requests: FinishReason::ALL.iter().map(|reason| view.counter(vllm.request_success(*reason))).sum(),
        stopped: view.counter(vllm.request_success(FinishReason::Stop)),
        e2e_latencies: view.histogram(vllm.e2e_request_latency).count(),
        prompt_tokens: view.counter(vllm.prompt_tokens),
        local_compute,
        local_cache_hit,
        external_kv_transfer,
        prompt_tokens_cached: view.counter(vllm.prompt_tokens_cached),
        generation_tokens: view.counter(vllm.generation_tokens),
        prefix_cache_queries: view.counter(vllm.prefix_cache_queries),
        prefix_cache_hits: view.counter(vllm.prefix_cache_hits),
        prefill_kv_computed_tokens: view.histogram(vllm.request_prefill_kv_computed_tokens).sum(),
        transfers: reported.map_or(Transfers::default(), |reported| read_transfers(reported, &view)),
        transferred_tokens: view.counter(transferred),
        iteration_tokens_sum: iteration_tokens.sum(),
        iteration_tokens_count: iteration_tokens.count(),
        first_tokens: time_to_first_token.count(),
        inter_token_gaps: inter_token_latency.count(),
        running: view.gauge(vllm.requests_running),
        waiting: view.gauge(vllm.requests_waiting),
        kv_cache_usage: view.state(vllm.kv_cache_usage),
        iteration_tokens: quantiles(&iteration_tokens),
        time_to_first_token: quantiles(&time_to_first_token),
        inter_token_latency: quantiles(&inter_token_latency),
        optional: optional_checks::read(&vllm, &view),
    }
}

fn quantiles<T: ObservationValue>(histogram: &HistogramView<'_, T>) -> Quantiles {
    Quantiles { median: histogram.quantile(0.5), p99: histogram.quantile(0.99) }
}

fn read_transfers(reported: Reported, view: &EngineView<'_>) -> Transfers {
    // Integers, far below 2^53.
    Transfers {
        count: view.histogram(reported.time).count(),
        bytes: view.histogram(reported.bytes).sum() as u64,
        descriptors: view.histogram(reported.descriptors).sum() as u64,
    }
}
