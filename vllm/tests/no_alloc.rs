//! Nothing is allocated, grown or freed while a warm step of the whole set is recorded, read or
//! rendered. This file makes every public call of that path: a new one that is missing here fails
//! the test.

#[path = "../../tests/common/no_alloc.rs"]
mod no_alloc;
#[path = "../../tests/common/one_step.rs"]
mod one_step;

use no_alloc::{assert_each_is_called, assert_none};
use one_step::OneStep as _;
use tachometer::{Recorder, Registry, Schema, Snapshot};
use tachometer_vllm::{
    AdmissionRejection, CacheConfig, CacheStats, Config, ConnectorCacheStats, Eviction, Families, FinishReason,
    FinishedRequest, IterationStats, LoraStats, PerfStats, PromptTokens, SchedulerStats, SleepOperation, SleepState,
    SpecDecodeStats, StepStats, ToolRequest, WatermarkStats, WeightOperation,
};

/// Everything optional, enabled.
fn everything() -> Config {
    let config = Config::new().model_name("m").spec_decode(3).kv_cache_metrics(true).kv_consumer(true).lora(4);
    config.watermark(true).nan_check(true).log_lines(true).shared_hit_rates(true)
}

fn declared() -> (Registry, Families) {
    let mut schema = Schema::builder(&["engine", "model_name"]);
    let families = Families::declare(&mut schema, &everything()).unwrap();
    (Registry::new(schema.build().unwrap()), families)
}

#[test]
fn steps_allocate_nothing() {
    let (registry, families) = declared();
    let engine = registry.attach(&["0", "m"]).unwrap();
    let (mut recorder, mut own) = (engine.recorder().unwrap(), registry.recorder().unwrap());
    with_stats(|stats| steps(&mut recorder, &mut own, &families, stats));
}

fn finished() -> FinishedRequest {
    FinishedRequest {
        reason: FinishReason::Stop,
        prompt_tokens: 10,
        generation_tokens: 3,
        max_tokens: Some(100),
        e2e_latency: 1.0,
        queue_time: Some(0.1),
        prefill_time: Some(0.2),
        inference_time: Some(0.9),
        decode_time: Some(0.7),
        time_per_output_token: Some(0.3),
        ..Default::default()
    }
}

fn prompt() -> PromptTokens {
    PromptTokens { computed: 10, ..Default::default() }
}

fn draft() -> SpecDecodeStats<'static> {
    SpecDecodeStats {
        drafts: 1,
        draft_tokens: 3,
        accepted_tokens: 2,
        accepted_per_position: &[1, 1, 0],
        ..Default::default()
    }
}

fn cache() -> CacheStats {
    CacheStats { requests: 1, queries: 10, hits: 5, ..Default::default() }
}

/// Calls `f` with the statistics of a step in which everything optional has a value.
fn with_stats(f: impl FnOnce(&StepStats<'_>)) {
    let evictions = [Eviction { lifetime: 1.0, idle: 0.5, reuse_gaps: &[0.1, 0.2], ..Default::default() }];
    let scheduler = SchedulerStats {
        prefix_cache: cache(),
        connector_prefix_cache: Some(ConnectorCacheStats { requests: 1, queries: 5, hits: 1, ..Default::default() }),
        spec_decode: Some(draft()),
        evictions: &evictions,
        lora: Some(LoraStats { running: &["sql", "chat"], waiting: &["chat"], wall_time: 1.0, ..Default::default() }),
        perf: Some(PerfStats { flops: 1.0, read_bytes: 2.0, write_bytes: 3.0, ..Default::default() }),
        ..Default::default()
    };
    let ended = [finished()];
    let iteration = IterationStats {
        prompt_tokens: prompt(),
        generation_tokens: 256,
        preemptions: 1,
        time_to_first_token: &[0.3],
        inter_token_latency: &[0.02; 255],
        finished: &ended,
        max_generation_tokens: &[3],
        n: &[1],
        ..Default::default()
    };
    f(&StepStats {
        scheduler: Some(&scheduler),
        iteration: Some(&iteration),
        mm_cache: Some(cache()),
        ..Default::default()
    });
}

fn steps(recorder: &mut Recorder, own: &mut Recorder, families: &Families, stats: &StepStats<'_>) {
    let config = CacheConfig::default();
    let mut metrics = families.engine_metrics(recorder);
    let mut shared = families.shared_hit_rates().unwrap();
    assert_none("looking up handles", || {
        _ = (families.requests_waiting_by_reason(), families.requests_kv_fetch_by_stage(), families.sleep_state());
        _ = (families.prompt_tokens_by_source(), families.prompt_tokens_cached_by_source());
        _ = (families.watermark_requests(), families.request_success(FinishReason::Stop));
        _ = families.admission_rejections(AdmissionRejection::QueuedTokens);
    });
    assert_none("a vLLM step", || recorder.record(|step| metrics.record(step, stats)));
    assert_none("a rejected request", || {
        own.record(|step| families.admission_rejected(step, AdmissionRejection::QueuedRequests));
    });
    assert_none("shared hit rates", || own.record(|step| shared.record(step, stats)));
    // The windows of hit rates are full then.
    (0..2_000).for_each(|_| recorder.record(|step| metrics.record(step, stats)));
    assert_none("a vLLM step that is discarded, and the next", || {
        metrics.record(&mut recorder.step(), stats);
        recorder.record(|step| metrics.record(step, stats));
    });
    assert_none("a vLLM step, piece by piece", || {
        let mut step = recorder.step();
        metrics.scheduler(&mut step, stats.scheduler.unwrap());
        metrics.eviction(&mut step, &Eviction { reuse_gaps: &[0.5], ..Default::default() });
        metrics.mm_cache(&mut step, cache());
        metrics.sleep_state(&mut step, SleepState::Awake);
        metrics.cache_config(&mut step, &config);
        metrics.iteration(&mut step, |iteration| {
            iteration.prefill(prompt()).generated(256).first_token(0.3).inter_token(&[0.02; 255]);
            iteration.preempted(1).corrupted(1).watermark(WatermarkStats::default()).parent_finished(3, 1);
            iteration.finished(&finished());
        });
        step.commit();
    });
}

#[test]
fn request_handlers_allocate_nothing() {
    let (registry, families) = declared();
    let engine = registry.attach(&["0", "m"]).unwrap();
    let handlers = families.shared_metrics(&engine.shared_recorder());
    let front = families.shared_metrics(&registry.shared_recorder());
    let calls = || {
        handlers.prefill(PromptTokens { computed: 3, ..Default::default() });
        handlers.generated(2);
        handlers.preempted(1);
        handlers.first_token(0.25);
        handlers.inter_token(&[0.02, 0.03]);
        handlers.parent_finished(3, 1);
        handlers.finished(&finished());
        _ = handlers.recorder();
        front.admission_rejected(AdmissionRejection::QueuedTokens);
    };
    assert_none("request handlers", calls);
    std::thread::scope(|scope| {
        scope.spawn(|| assert_none("request handlers in another thread", calls));
    });
}

#[test]
fn an_api_server_allocates_nothing() {
    let config = Config::new().model_name("m").sleep_mode(true).weight_updates(true).websockets(true);
    let mut schema = Schema::builder(&["engine"]);
    let families = Families::declare(&mut schema, &config.tool_calls(true).http(true)).unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let server = families.api_server_metrics(&registry.shared_recorder());
    assert_none("an API server's handlers", || {
        let (sleep, update) = (server.sleep_mode(SleepOperation::Wake), server.weight_update(WeightOperation::Update));
        drop((sleep, update, server.websocket()));
        server.tool_call_parser(ToolRequest::Responses, true, false);
        server.http_request("POST", "/v1/completions", 200, 0.25);
    });
}

#[test]
fn reading_allocates_nothing() {
    let (registry, families) = declared();
    let engine = registry.attach(&["0", "m"]).unwrap();
    let _metrics = families.engine_metrics(&mut engine.recorder().unwrap());
    let (mut snapshot, mut page) = (Snapshot::new(), Vec::new());
    assert_none("a snapshot", || registry.snapshot(&mut snapshot));
    assert_none("a page", || {
        page.clear();
        registry.render(&mut page);
    });
    assert!(!page.is_empty());
}

/// Source files, and the receivers of their methods in this file.
const CALLS: [(&str, &[&str]); 6] = [
    ("families/mod.rs", &["families."]),
    ("record/mod.rs", &["families.", "metrics."]),
    ("record/shared.rs", &["families.", "handlers.", "front."]),
    ("record/api_server.rs", &["families.", "server."]),
    ("record/hit_rate.rs", &["families.", "shared."]),
    ("record/iteration.rs", &["iteration.", ")."]),
];

#[test]
fn every_call_of_the_path_is_made_here() {
    assert_each_is_called(include_str!("no_alloc.rs"), &CALLS);
}
