//! Nothing is allocated, grown or freed while a warm step is recorded, committed, read or rendered. Every public call of that path
//! is made here: a new one that isn't fails.
//!
//! The allocator counts per thread, so a test harness's other threads don't disturb it.

#[path = "common/allocator.rs"]
mod allocator;
#[path = "common/sources.rs"]
mod sources;

use std::hint::black_box;

use tachometer::{
    Counter, Gauge, Histogram, Recorder, Registry, Schema, Snapshot, TextRenderer,
    vllm::{
        self, CacheStats, ConnectorCacheStats, FinishReason, FinishedRequest, IterationStats, PerfStats, PromptTokens,
        SchedulerStats, StepStats,
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
    seconds: Histogram<f64>,
    tokens: Histogram<u64>,
    families: vllm::Families,
}

fn schema() -> (Schema, Handles) {
    let mut schema = Schema::builder().engine_labels(["engine", "model_name"]);
    let families = vllm::Families::declare(&mut schema, &vllm::Config::new()).unwrap();
    let handles = Handles {
        count: schema.counter("count", "").declare().unwrap(),
        amount: schema.counter("amount", "").declare().unwrap(),
        level: schema.gauge("level", "").declare().unwrap(),
        seconds: schema.histogram("seconds", "", &[0.1, 1.0]).declare().unwrap(),
        tokens: schema.histogram("tokens", "", &[1.0, 10.0]).declare().unwrap(),
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
    vllm_steps(&mut recorder, &handles.families);
}

fn steps(recorder: &mut Recorder, Handles { count, amount, level, seconds, tokens, .. }: Handles) {
    assert_none("each operation, and commit", || {
        let mut step = recorder.step();
        step.add(count, 1);
        step.inc(amount);
        step.set(level, 1);
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

fn vllm_steps(recorder: &mut Recorder, families: &vllm::Families) {
    let prompt = PromptTokens { computed: 10, ..Default::default() };
    let scheduler = SchedulerStats {
        connector_prefix_cache: Some(ConnectorCacheStats::default()),
        perf: Some(PerfStats::default()),
        ..Default::default()
    };
    let iteration = IterationStats {
        prompt_tokens: prompt,
        generation_tokens: 256,
        preemptions: 1,
        time_to_first_token: &[0.3],
        inter_token_latency: &[0.02; 255],
        finished: &[FINISHED],
        max_generation_tokens: &[3],
        n: &[1],
    };
    let mm_cache = Some(CacheStats::default());
    let stats = StepStats { scheduler: Some(&scheduler), iteration: Some(&iteration), mm_cache };
    assert_none("a vLLM step", || recorder.record(|step| families.record(step, &stats)));
    assert_none("a vLLM step, piece by piece", || {
        let mut step = recorder.step();
        families.scheduler(&mut step, &scheduler);
        families.mm_cache(&mut step, CacheStats::default());
        let mut iteration = families.iteration(&mut step);
        iteration.prefill(prompt).generated(256).first_token(0.3).inter_token(&[0.02; 255]);
        iteration.preempted(1).parent_finished(3, 1).finished(&FINISHED);
        drop(iteration);
        step.commit();
    });
}

#[test]
fn reading_allocates_nothing() {
    let (schema, Handles { count, level, seconds, .. }) = schema();
    let renderer = TextRenderer::new(&schema);
    let registry = Registry::new(schema);
    let _engines = ["0", "1", "2"].map(|engine| registry.attach([engine, "m"]).unwrap());
    let (mut snapshot, mut page) = (Snapshot::new(), Vec::new());
    assert_none("snapshot", || registry.snapshot(&mut snapshot));
    assert_none("getters", || {
        let view = snapshot.engines().next().unwrap();
        black_box((view.label("engine"), view.step(), view.failed_tries()));
        black_box((view.counter(count), view.gauge(level)));
        let view = snapshot.engine(&["1", "m"]).unwrap();
        let histogram = view.histogram(seconds);
        black_box((histogram.count(), histogram.sum(), histogram.quantile(0.5)));
        black_box(histogram.cumulative_buckets().last());
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
const CALLS: [(&str, &[&str]); 5] = [
    ("record/mod.rs", &["recorder."]),
    ("record/step.rs", &["step."]),
    ("vllm/recording.rs", &["families.", "iteration.", ")."]),
    ("snapshot/", &["snapshot.", "view.", "histogram."]),
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
            for method in declared.map(|line| line.split(['(', '<']).next().unwrap()).filter(|name| *name != "new") {
                assert!(called(receivers, method), "{method} of {file} isn't called in this test");
            }
        }
    }
}
