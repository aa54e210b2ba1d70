//! Converts a scenario's statistics to those of the vLLM set.

use tachometer_vllm::{
    CacheStats, ConnectorCacheStats, Eviction, FinishedRequest, IterationStats, KvFetchStats, LoraStats, PerfStats,
    PromptTokens, SchedulerStats, SpecDecodeStats, WatermarkStats,
};

use crate::event::{Connector, Finished, Iteration, Lookups, Scheduler};
use crate::json::{Count, Object};

/// The prompt tokens of an iteration, by source. `None` if the tokens that aren't cached would be
/// negative, or beyond 64 bits.
pub(crate) fn prompt_tokens(iteration: &Iteration) -> Option<PromptTokens> {
    let [mut total, mut local, mut external] = [0_u64; 3];
    for prefill in &iteration.prefills {
        total = total.checked_add(prefill.prompt.0)?;
        local = local.checked_add(prefill.local_cached.0)?;
        external = external.checked_add(prefill.external_cached.0)?;
    }
    let computed = total.checked_sub(local)?.checked_sub(external)?;
    Some(PromptTokens { computed, local_cache_hit: local, external_kv_transfer: external, ..Default::default() })
}

pub(crate) fn finished(requests: &[Object<Finished>]) -> Vec<FinishedRequest> {
    let request = |request: &Object<Finished>| FinishedRequest {
        reason: request.reason.into(),
        prompt_tokens: request.prompt_tokens.0,
        cached_tokens: Some(request.cached_tokens.0),
        generation_tokens: request.generation_tokens.0,
        max_tokens: request.max_tokens.map(|Count(tokens)| tokens),
        preemptions: request.preemptions.0,
        e2e_latency: request.e2e.0,
        queue_time: Some(request.queued.0),
        prefill_time: Some(request.prefill.0),
        inference_time: Some(request.inference.0),
        decode_time: Some(request.decode.0),
        time_per_output_token: Some(request.tpot.0),
        ..Default::default()
    };
    requests.iter().map(request).collect()
}

pub(crate) fn iteration<'a>(iteration: &'a Iteration, finished: &'a [FinishedRequest]) -> IterationStats<'a> {
    IterationStats {
        prompt_tokens: prompt_tokens(iteration).expect("checked when it was read"),
        generation_tokens: iteration.generation_tokens.0,
        preemptions: iteration.preemptions.0,
        corrupted: iteration.corrupted.0,
        watermark: WatermarkStats {
            watermarked: iteration.watermarked.0,
            skipped: iteration.watermark_skipped.0,
            not_watermarked: iteration.not_watermarked.0,
            ..Default::default()
        },
        time_to_first_token: &iteration.ttft,
        inter_token_latency: &iteration.itl,
        finished,
        max_generation_tokens: &iteration.max_gen_tokens,
        n: &iteration.n,
        ..Default::default()
    }
}

pub(crate) fn evictions(scheduler: &Scheduler) -> Vec<Eviction<'_>> {
    let evictions = scheduler.evictions.iter();
    evictions
        .map(|evicted| Eviction {
            lifetime: evicted.lifetime.0,
            idle: evicted.idle.0,
            reuse_gaps: &evicted.reuse_gaps,
            ..Default::default()
        })
        .collect()
}

/// `no_positions` is used for drafts that aren't reported by position.
pub(crate) fn scheduler<'a>(
    stats: &'a Scheduler,
    evictions: &'a [Eviction<'a>],
    lora: LoraStats<'a>,
    no_positions: &'a [u64],
) -> SchedulerStats<'a> {
    SchedulerStats {
        running: stats.running.0,
        waiting: stats.waiting.0,
        deferred: stats.skipped.0,
        kv_fetch: KvFetchStats {
            waiting_to_start: stats.kv_fetch.waiting_to_start.0,
            in_progress: stats.kv_fetch.in_progress.0,
            completed_waiting: stats.kv_fetch.completed_waiting.0,
            ..Default::default()
        },
        kv_cache_usage: stats.kv_usage.0,
        prefix_cache: lookups(&stats.prefix),
        connector_prefix_cache: stats.connector.as_deref().map(connector),
        spec_decode: stats.spec.as_ref().map(|spec| SpecDecodeStats {
            drafts: spec.drafts.0,
            draft_tokens: spec.draft_tokens.0,
            accepted_tokens: spec.accepted_tokens.0,
            accepted_per_position: spec.accepted_per_pos.as_deref().unwrap_or(no_positions),
            ..Default::default()
        }),
        evictions,
        lora: Some(lora),
        perf: stats.perf.as_ref().map(|perf| PerfStats {
            flops: perf.flops.0,
            read_bytes: perf.read_bytes.0,
            write_bytes: perf.write_bytes.0,
            ..Default::default()
        }),
        ..SchedulerStats::default()
    }
}

pub(crate) fn lookups(stats: &Lookups) -> CacheStats {
    CacheStats {
        reset: stats.reset,
        requests: stats.requests.0,
        queries: stats.queries.0,
        hits: stats.hits.0,
        ..Default::default()
    }
}

fn connector(stats: &Connector) -> ConnectorCacheStats {
    ConnectorCacheStats {
        requests: stats.requests.0,
        queries: stats.queries.0,
        hits: stats.hits.0,
        device_hits: stats.hits_by_source.device.0,
        host_hits: stats.hits_by_source.host.0,
        p2p_hits: stats.hits_by_source.p2p.0,
        disk_hits: stats.hits_by_source.disk.0,
        unspecified_hits: stats.hits_by_source.external_unspecified.0,
        ..Default::default()
    }
}
