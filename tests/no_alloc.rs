//! Nothing is allocated while a warm step is recorded, committed, read or rendered.
//!
//! One test only: the counter is per thread, and a test harness's other threads don't disturb it.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use tachometer::{
    Registry, Schema, Snapshot,
    vllm::{self, FinishReason, FinishedRequest, IterationStats, PromptTokens, SchedulerStats, StepStats},
};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: passes everything on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's duties are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's duties are the same.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations<R>(f: impl FnOnce() -> R) -> u64 {
    let before = ALLOCATIONS.get();
    std::hint::black_box(f());
    ALLOCATIONS.get() - before
}

#[track_caller]
fn assert_none(what: &str, mut f: impl FnMut()) {
    f(); // warms up
    assert_eq!(allocations(f), 0, "{what} allocates");
}

#[test]
fn nothing_is_allocated_once_warm() {
    assert_eq!(allocations(|| Box::new(1)), 1, "the counter counts");
    assert_eq!(allocations(|| vec![0_u8; 100].push(1)), 2, "growth counts too");

    let mut schema = Schema::builder().engine_labels(["engine", "model_name"]);
    let families = vllm::Families::declare(&mut schema, &vllm::Config::new()).unwrap();
    let count = schema.counter::<u64>("count", "").declare().unwrap();
    let amount = schema.counter::<f64>("amount", "").declare().unwrap();
    let level = schema.gauge::<i64>("level", "").declare().unwrap();
    let seconds = schema.histogram::<f64>("seconds", "", &[0.1, 1.0]).declare().unwrap();
    let tokens = schema.histogram::<u64>("tokens", "", &[1.0, 10.0]).declare().unwrap();
    let adapters = schema.info("adapters", "", ["running", "waiting"]).engine_labels(["model_name"]).declare().unwrap();
    let wide = schema.counter::<u64>("wide", "").registry_wide().declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engines: Vec<_> = (0..3).map(|engine| registry.attach([format!("{engine}"), "m".into()]).unwrap()).collect();
    let mut recorder = engines[0].recorder().unwrap();

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
        step.commit();
    });
    assert_none("a step that overflows its log", || {
        let mut step = recorder.step();
        (0..1_000).for_each(|_| step.inc(count));
        step.commit();
    });
    assert_none("discard", || drop(recorder.step()));
    assert_none("a leaked step", || std::mem::forget(recorder.step()));
    assert_none("the closure form, and single calls", || {
        recorder.record(|step| step.inc(count));
        recorder.add(count, 1);
        recorder.observe(seconds, 0.5);
    });

    let mut own = registry.recorder().unwrap();
    assert_none("the registry's recorder", || own.inc(wide));
    assert_none("an info with the same label values", || {
        recorder.record(|step| step.set_info(adapters, ["sql,chat", ""], 1.0));
    });
    assert!(allocations(|| recorder.record(|step| step.set_info(adapters, ["sql", ""], 2.0))) > 0);

    let finished = [FinishedRequest {
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
    }];
    let iteration = IterationStats {
        prompt_tokens: PromptTokens { computed: 10, ..Default::default() },
        generation_tokens: 256,
        time_to_first_token: &[0.3],
        inter_token_latency: &[0.02; 255],
        finished: &finished,
        ..Default::default()
    };
    let scheduler = SchedulerStats::default();
    let stats = StepStats { scheduler: Some(&scheduler), iteration: Some(&iteration), ..Default::default() };
    let mut recording = families.recording(&mut recorder);
    assert_none("a vLLM step", || recorder.record(|step| recording.record(step, &stats)));

    let (mut snapshot, mut page) = (Snapshot::new(), Vec::new());
    assert_none("snapshot", || registry.snapshot(&mut snapshot));
    assert_none("getters", || {
        let view = snapshot.engines().next().unwrap();
        std::hint::black_box((view.counter(count), view.histogram(seconds).quantile(0.5), view.label("engine")));
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
