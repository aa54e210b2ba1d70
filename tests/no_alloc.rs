//! Nothing is allocated, grown or freed while a warm step is recorded, committed, read or rendered. Every public call of that path
//! is made here: a new one that isn't fails.
//!
//! The allocator counts per thread, so a test harness's other threads don't disturb it.

#[path = "common/allocator.rs"]
mod allocator;
#[path = "common/sources.rs"]
mod sources;

#[path = "common/one_step.rs"]
mod one_step;

use one_step::OneStep as _;
use std::hint::black_box;

use tachometer::{
    Aggregate, Counter, Gauge, Histogram, Info, OpenFamily, Recorder, Registry, Schema, Snapshot, TextRenderer,
    vllm::{
        self, AdmissionRejection, CacheConfig, CacheStats, ConnectorCacheStats, Eviction, FinishReason,
        FinishedRequest, IterationStats, LoraStats, MooncakeStats, MooncakeTransfer, NixlStats, NixlTransfer,
        PerfStats, PromptTokens, SchedulerStats, SleepState, SpecDecodeStats, StepStats, WatermarkStats,
    },
};

#[track_caller]
fn assert_none(what: &str, mut f: impl FnMut()) {
    f(); // warms up
    assert_eq!(allocator::calls(f), 0, "{what}: the allocator was called");
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocator::calls(|| Box::new(1)), 2, "allocated and freed");
    assert_eq!(allocator::calls(|| vec![0_u8; 100].push(1)), 3, "growth counts too");
    assert_eq!(allocator::calls(|| black_box([0_u8; 100])), 0);
}

/// One handle of each kind.
#[derive(Clone, Copy)]
struct Handles {
    count: Counter<u64>,
    amount: Counter<f64>,
    level: Gauge<i64>,
    ratio: Gauge<f64>,
    seconds: Histogram<f64>,
    tokens: Histogram<u64>,
    adapters: Info<2>,
    wide: Counter<u64>,
    open: Open,
    families: vllm::Families,
}

/// Families with open labels, with room for one series each.
#[derive(Clone, Copy)]
struct Open {
    count: OpenFamily<Counter<f64>, 2>,
    level: OpenFamily<Gauge<i64>, 1>,
    seconds: OpenFamily<Histogram<f64>, 1>,
}

/// All that is optional, switched on.
fn everything() -> vllm::Config {
    let config = vllm::Config::new().model_name("m").spec_decode(3).kv_cache_metrics(true).kv_consumer(true).lora(4);
    config.watermark(true).nan_check(true).nixl(true).mooncake(true).log_lines(true).shared_hit_rates(true)
}

fn schema() -> (Schema, Handles) {
    let mut schema = Schema::builder().engine_labels(["engine", "model_name"]);
    let families = vllm::Families::declare(&mut schema, &everything()).unwrap();
    let handles = Handles {
        count: schema.counter("count", "").declare().unwrap(),
        amount: schema.counter("amount", "").declare().unwrap(),
        level: schema.gauge("level", "").aggregate("level_sum", Aggregate::Sum).declare().unwrap(),
        ratio: schema.gauge("ratio", "").aggregate("ratio_max", Aggregate::Max).declare().unwrap(),
        seconds: schema.histogram("seconds", "", &[0.1, 1.0]).declare().unwrap(),
        tokens: schema.histogram("tokens", "", &[1.0, 10.0]).declare().unwrap(),
        adapters: schema.info("adapters", "", ["running", "waiting"]).engine_labels(["model_name"]).declare().unwrap(),
        wide: schema.counter("wide", "").registry_wide().declare().unwrap(),
        open: Open {
            count: schema.counter("open_count", "").open_labels(["a", "b"], 1).declare().unwrap(),
            level: schema.gauge("open_level", "").open_labels(["a"], 1).declare().unwrap(),
            seconds: schema.histogram("open_seconds", "", &[0.1, 1.0]).open_labels(["a"], 1).declare().unwrap(),
        },
        families,
    };
    (schema.build().unwrap(), handles)
}

#[test]
fn recording_allocates_nothing() {
    let (schema, handles) = schema();
    let registry = Registry::new(schema);
    let engine = registry.attach(["0", "m"]).unwrap();
    let mut recorder = engine.recorder().unwrap();
    steps(&mut recorder, handles);
    single_calls(&mut recorder, handles);
    infos(&mut recorder, handles.adapters);
    let mut own = registry.recorder().unwrap();
    with_stats(|stats| vllm_steps(&mut recorder, &mut own, &handles.families, stats));
    assert_none("the registry's recorder", || own.inc(handles.wide));
}

fn steps(recorder: &mut Recorder, Handles { count, amount, level, seconds, tokens, .. }: Handles) {
    assert_none("each operation, and commit", || {
        let mut step = recorder.step();
        step.add(count, 1);
        step.inc(amount);
        step.set(level, 1);
        black_box(step.gauge(level));
        step.observe(seconds, 0.5);
        step.observe(seconds, f64::NAN);
        step.observe_n(tokens, 5, 3);
        step.observe_all(seconds, &[0.05; 100]);
        step.observe_all(seconds, &[0.05, f64::NAN]);
        step.reject(1);
        step.commit();
    });
    assert_none("a step that overflows its log", || {
        let mut step = recorder.step();
        (0..1_000).for_each(|_| step.inc(count));
        step.commit();
    });
    assert_none("discard", || drop(recorder.step()));
    assert_none("a leaked step", || std::mem::forget(recorder.step()));
}

#[test]
fn recording_from_any_thread_allocates_nothing() {
    let (schema, Handles { count, amount, level, ratio, seconds, tokens, wide, families, .. }) = schema();
    let registry = Registry::new(schema);
    let engine = registry.attach(["0", "m"]).unwrap();
    let handlers = families.shared(&engine.shared_recorder());
    let front = families.shared(&registry.shared_recorder());
    let (shared, own) = (engine.shared_recorder(), registry.shared_recorder());
    let calls = || {
        shared.add(count, 1);
        shared.add(count, u64::MAX);
        shared.inc(amount);
        shared.add_gauge(ratio, 0.5);
        shared.inc_gauge(level);
        shared.dec_gauge(level);
        shared.observe(seconds, 0.5);
        shared.observe(seconds, f64::NAN);
        shared.observe_n(tokens, 5, 3);
        shared.observe_all(seconds, &[0.05; 100]);
        shared.observe_all(seconds, &[0.05, f64::NAN]);
        shared.reject(1);
        own.inc(wide);
        handlers.first_token(0.25);
        handlers.inter_token(&[0.02, 0.03]);
        handlers.parent_finished(3, 1);
        handlers.finished(&FINISHED);
        front.admission_rejected(AdmissionRejection::QueuedTokens);
        drop(shared.clone());
        drop(engine.shared_recorder());
    };
    assert_none("a shared recorder", calls);
    std::thread::scope(|scope| {
        scope.spawn(|| assert_none("a shared recorder in another thread", calls));
    });
    let (mut snapshot, mut page) = (Snapshot::new(), Vec::new());
    let mut only = Snapshot::only([count.into(), ratio.into(), wide.into()]);
    let _recorders = [engine.recorder().unwrap(), engine.recorder().unwrap()];
    assert_none("a snapshot of shards and two slabs", || registry.snapshot(&mut snapshot));
    assert_none("chosen series of shards and two slabs", || registry.snapshot(&mut only));
    assert_none("a page of shards and two slabs", || {
        page.clear();
        registry.render(&mut page);
    });
}

fn single_calls(recorder: &mut Recorder, Handles { count, level, seconds, tokens, .. }: Handles) {
    assert_none("the closure form, and single calls", || {
        recorder.record(|step| step.inc(count));
        recorder.add(count, 1);
        recorder.inc(count);
        recorder.set(level, 1);
        recorder.observe(seconds, 0.5);
        recorder.observe_n(tokens, 5, 3);
        recorder.observe_all(seconds, &[0.05; 100]);
    });
}

const FINISHED: FinishedRequest = FinishedRequest {
    reason: FinishReason::Stop,
    prompt_tokens: 10,
    cached_tokens: 0,
    generation_tokens: 3,
    max_tokens: Some(100),
    preemptions: 0,
    e2e_latency: 1.0,
    queue_time: 0.1,
    prefill_time: 0.2,
    inference_time: 0.9,
    decode_time: 0.7,
    time_per_output_token: 0.3,
};

fn infos(recorder: &mut Recorder, adapters: Info<2>) {
    assert_none("an info with the same label values", || {
        recorder.record(|step| step.set_info(adapters, ["sql,chat", ""], 1.0));
    });
    let other_values = || recorder.record(|step| step.set_info(adapters, ["sql", ""], 2.0));
    assert!(allocator::calls(other_values) > 0, "other label values are the exception that is documented");
}

const PROMPT: PromptTokens = PromptTokens { computed: 10, local_cache_hit: 0, external_kv_transfer: 0 };
const CACHE: CacheStats = CacheStats { reset: false, requests: 1, queries: 10, hits: 5 };

/// Calls `f` with the statistics of a step, in which all that is optional has something.
fn with_stats(f: impl FnOnce(&StepStats<'_>)) {
    let scheduler = SchedulerStats {
        prefix_cache: CACHE,
        connector_prefix_cache: Some(ConnectorCacheStats { requests: 1, queries: 5, hits: 1, ..Default::default() }),
        spec_decode: Some(SpecDecodeStats {
            drafts: 1,
            draft_tokens: 3,
            accepted_tokens: 2,
            accepted_per_position: &[1, 1, 0],
        }),
        evictions: &[Eviction { lifetime: 1.0, idle: 0.5, reuse_gaps: &[0.1, 0.2] }],
        lora: Some(LoraStats { running: &["sql", "chat"], waiting: &["chat"], wall_time: 1.0 }),
        perf: Some(PerfStats { flops: 1.0, read_bytes: 2.0, write_bytes: 3.0 }),
        ..Default::default()
    };
    let nixl = NixlStats { transfers: &[NixlTransfer::default()], ..Default::default() };
    let mooncake = MooncakeStats { transfers: &[MooncakeTransfer::default()], ..Default::default() };
    let iteration = IterationStats {
        prompt_tokens: PROMPT,
        generation_tokens: 256,
        preemptions: 1,
        time_to_first_token: &[0.3],
        inter_token_latency: &[0.02; 255],
        finished: &[FINISHED],
        max_generation_tokens: &[3],
        n: &[1],
        ..Default::default()
    };
    f(&StepStats {
        scheduler: Some(&scheduler),
        iteration: Some(&iteration),
        mm_cache: Some(CACHE),
        nixl: Some(&nixl),
        mooncake: Some(&mooncake),
    });
}

fn vllm_steps(recorder: &mut Recorder, own: &mut Recorder, families: &vllm::Families, stats: &StepStats<'_>) {
    let config = CacheConfig::default();
    let mut recording = families.recording(recorder);
    let mut shared = families.shared_hit_rates().unwrap();
    assert_none("a vLLM step", || recorder.record(|step| recording.record(step, stats)));
    assert_none("a rejected request", || {
        own.record(|step| families.admission_rejected(step, AdmissionRejection::QueuedRequests));
    });
    assert_none("shared hit rates", || own.record(|step| shared.record(step, stats)));
    // Windows of hit rates are full then.
    (0..2_000).for_each(|_| recorder.record(|step| recording.record(step, stats)));
    assert_none("a vLLM step that is discarded, and the next", || {
        recording.record(&mut recorder.step(), stats);
        recorder.record(|step| recording.record(step, stats));
    });
    assert_none("a vLLM step, piece by piece", || {
        let mut step = recorder.step();
        recording.scheduler(&mut step, stats.scheduler.unwrap());
        recording.nixl(&mut step, stats.nixl.unwrap());
        recording.mooncake(&mut step, stats.mooncake.unwrap());
        recording.mm_cache(&mut step, CACHE);
        recording.sleep_state(&mut step, SleepState::Awake);
        recording.cache_config(&mut step, &config);
        recording.iteration(&mut step, |iteration| {
            iteration.prefill(PROMPT).generated(256).first_token(0.3).inter_token(&[0.02; 255]);
            iteration.preempted(1).corrupted(1).watermark(WatermarkStats::default()).parent_finished(3, 1);
            iteration.finished(&FINISHED);
        });
        step.commit();
    });
}

/// Looking up what is there, or what there is no room for, allocates nothing either.
#[test]
fn recording_open_labels_allocates_nothing() {
    let (schema, Handles { open, .. }) = schema();
    let registry = Registry::new(schema);
    let engine = registry.attach(["0", "m"]).unwrap();
    let shared = engine.shared_recorder();
    let (count, level, seconds) =
        (shared.series(open.count, ["x", "y"]), shared.series(open.level, ["x"]), shared.series(open.seconds, ["x"]));
    let calls = || {
        let series = shared.series(open.count, ["x", "y"]);
        series.add(0.5);
        series.add(f64::NAN);
        shared.series(open.count, ["no", "room"]).inc();
        black_box(series.values().len());
        drop((count.clone(), level.clone(), seconds.clone()));
        let series = &level;
        series.set(3);
        series.dec();
        let series = &seconds;
        series.observe(0.5);
        series.observe_n(0.5, 3);
        series.observe_all(&[0.5, 0.7, f64::NAN]);
    };
    assert_none("series with open labels", calls);
    let (mut snapshot, mut page) = (Snapshot::new(), Vec::new());
    assert_none("a snapshot of them", || registry.snapshot(&mut snapshot));
    assert_none("getters", || {
        let view = snapshot.engines().next().unwrap();
        black_box((view.counters(open.count).last(), view.gauges(open.level).last()));
        black_box(view.histograms(open.seconds).map(|(values, view)| (values, view.count())).last());
    });
    assert_none("a page of them", || {
        page.clear();
        registry.render(&mut page);
    });
}

#[test]
fn reading_allocates_nothing() {
    let (schema, Handles { count, level, seconds, adapters, wide, .. }) = schema();
    let renderer = TextRenderer::new(&schema);
    let registry = Registry::new(schema);
    let engines = ["0", "1", "2"].map(|engine| registry.attach([engine, "m"]).unwrap());
    engines[1].recorder().unwrap().record(|step| step.set_info(adapters, ["sql", ""], 1.0));
    let (mut snapshot, mut page) = (Snapshot::new(), Vec::new());
    assert_none("snapshot", || registry.snapshot(&mut snapshot));
    let mut only = Snapshot::only([count.into(), level.into(), wide.into()]);
    assert_none("a router's view", || {
        registry.snapshot(&mut only);
        let view = only.engine(&["1", "m"]).unwrap();
        black_box((view.counter(count), view.gauge(level), only.registry().unwrap().counter(wide)));
    });
    assert_none("getters", || {
        let view = snapshot.engines().next().unwrap();
        black_box((view.label("engine"), view.label_values(), view.step(), view.failed_tries()));
        black_box((view.counter(count), view.gauge(level)));
        let view = snapshot.engine(&["1", "m"]).unwrap();
        let histogram = view.histogram(seconds);
        black_box((histogram.count(), histogram.sum(), histogram.quantile(0.5)));
        black_box(histogram.cumulative_buckets().last());
        let info = view.info(adapters).unwrap();
        black_box((info.values(), info.value()));
        black_box(snapshot.registry().unwrap().counter(wide));
    });
    assert_none("a renderer of one's own", || {
        page.clear();
        renderer.render(&snapshot, &mut page);
    });
    assert_none("render", || {
        page.clear();
        registry.render(&mut page);
    });
    assert!(!page.is_empty());
    std::thread::scope(|scope| {
        scope.spawn(|| assert_none("render in another thread, once that has rendered", || registry.render(&mut page)));
    });
}

/// Sources, and what their methods are called on in this file.
const CALLS: [(&str, &[&str]); 11] = [
    ("record/mod.rs", &["recorder."]),
    ("record/shared.rs", &["shared."]),
    ("record/open.rs", &["series.", ")."]),
    ("record/step.rs", &["step."]),
    ("vllm/recording.rs", &["families.", "recording."]),
    ("vllm/shared.rs", &["families.", "handlers.", "front."]),
    ("vllm/families.rs", &["families."]),
    ("vllm/hit_rate.rs", &["families.", "shared."]),
    ("vllm/iteration.rs", &["iteration.", ")."]),
    ("snapshot/", &["snapshot.", "view.", "histogram.", "info."]),
    ("exposition/text.rs", &["renderer."]),
];

#[test]
fn every_call_of_the_path_is_made_here() {
    let this = include_str!("no_alloc.rs");
    let called = |receivers: &[&str], method: &str| {
        receivers.iter().any(|receiver| this.contains(&format!("{receiver}{method}(")))
    };
    for (prefix, receivers) in CALLS {
        for (file, source) in sources::sources(prefix) {
            let declared = source.lines().filter_map(|line| line.trim_start().strip_prefix("pub fn "));
            for method in declared
                .map(|line| line.split(['(', '<']).next().unwrap())
                .filter(|name| !["new", "only", "as_slice", "retire"].contains(name))
            {
                assert!(called(receivers, method), "{method} of {file} isn't called in this test");
            }
        }
    }
}
