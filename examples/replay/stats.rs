//! A scenario's statistics as those of the vLLM set.

use tachometer::vllm::{
    CacheStats, ConnectorCacheStats, Eviction, FinishedRequest, IterationStats, KvFetchStats, LoraStats, PerfStats,
    PromptTokens, SchedulerStats, SpecDecodeStats, WatermarkStats,
};

use crate::event::{Connector, Finished, Iteration, Lookups, Scheduler};
use crate::json::Object;

/// The prompt tokens of an iteration, by source. `None` where what isn't cached would be negative, or beyond 64 bits.
pub(crate) fn prompt_tokens(iteration: &Iteration) -> Option<PromptTokens> {
    let [mut total, mut local, mut external] = [0_u64; 3];
    for prefill in &iteration.prefills {
        total = total.checked_add(prefill.prompt)?;
        local = local.checked_add(prefill.local_cached)?;
        external = external.checked_add(prefill.external_cached)?;
    }
    let computed = total.checked_sub(local)?.checked_sub(external)?;
    Some(PromptTokens { computed, local_cache_hit: local, external_kv_transfer: external })
}

pub(crate) fn finished(requests: &[Object<Finished>]) -> Vec<FinishedRequest> {
    let request = |request: &Object<Finished>| FinishedRequest {
        reason: request.reason.into(),
        prompt_tokens: request.prompt_tokens,
        cached_tokens: request.cached_tokens,
        generation_tokens: request.generation_tokens,
        max_tokens: request.max_tokens,
        preemptions: request.preemptions,
        e2e_latency: request.e2e.0,
        queue_time: request.queued.0,
        prefill_time: request.prefill.0,
        inference_time: request.inference.0,
        decode_time: request.decode.0,
        time_per_output_token: request.tpot.0,
    };
    requests.iter().map(request).collect()
}

pub(crate) fn iteration<'a>(iteration: &'a Iteration, finished: &'a [FinishedRequest]) -> IterationStats<'a> {
    IterationStats {
        prompt_tokens: prompt_tokens(iteration).expect("checked when it was read"),
        generation_tokens: iteration.generation_tokens,
        preemptions: iteration.preemptions,
        corrupted: iteration.corrupted,
        watermark: WatermarkStats {
            watermarked: iteration.watermarked,
            skipped: iteration.watermark_skipped,
            not_watermarked: iteration.not_watermarked,
        },
        time_to_first_token: &iteration.ttft,
        inter_token_latency: &iteration.itl,
        finished,
        max_generation_tokens: &iteration.max_gen_tokens,
        n: &iteration.n,
    }
}

pub(crate) fn evictions(scheduler: &Scheduler) -> Vec<Eviction<'_>> {
    let evictions = scheduler.evictions.iter();
    evictions
        .map(|evicted| Eviction { lifetime: evicted.lifetime.0, idle: evicted.idle.0, reuse_gaps: &evicted.reuse_gaps })
        .collect()
}

pub(crate) fn scheduler<'a>(
    stats: &'a Scheduler,
    evictions: &'a [Eviction<'a>],
    lora: LoraStats<'a>,
) -> SchedulerStats<'a> {
    SchedulerStats {
        running: stats.running,
        waiting: stats.waiting,
        deferred: stats.skipped,
        kv_fetch: KvFetchStats {
            waiting_to_start: stats.kv_fetch.waiting_to_start,
            in_progress: stats.kv_fetch.in_progress,
            completed_waiting: stats.kv_fetch.completed_waiting,
        },
        kv_cache_usage: stats.kv_usage.0,
        prefix_cache: lookups(&stats.prefix),
        connector_prefix_cache: stats.connector.as_deref().map(connector),
        spec_decode: stats.spec.as_ref().map(|spec| SpecDecodeStats {
            drafts: spec.drafts,
            draft_tokens: spec.draft_tokens,
            accepted_tokens: spec.accepted_tokens,
            accepted_per_position: &spec.accepted_per_pos,
        }),
        evictions,
        lora: Some(lora),
        perf: stats.perf.as_ref().map(|perf| PerfStats {
            flops: perf.flops.0,
            read_bytes: perf.read_bytes.0,
            write_bytes: perf.write_bytes.0,
        }),
        ..SchedulerStats::default()
    }
}

pub(crate) fn lookups(stats: &Lookups) -> CacheStats {
    CacheStats { reset: stats.reset, requests: stats.requests, queries: stats.queries, hits: stats.hits }
}

fn connector(stats: &Connector) -> ConnectorCacheStats {
    ConnectorCacheStats {
        requests: stats.requests,
        queries: stats.queries,
        hits: stats.hits,
        device_hits: stats.hits_by_source.device,
        host_hits: stats.hits_by_source.host,
        p2p_hits: stats.hits_by_source.p2p,
        disk_hits: stats.hits_by_source.disk,
        unspecified_hits: stats.hits_by_source.external_unspecified,
    }
}
