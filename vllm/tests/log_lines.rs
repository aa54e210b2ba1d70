//! Log lines where they differ from vLLM's (the corrected faults), with discarded steps, with
//! engines that attach and detach, and in cases that the scenarios don't reach.

#[path = "../../tests/common/one_step.rs"]
mod one_step;

use one_step::OneStep as _;
use proptest::prelude::*;
use tachometer::{Engine, Recorder, Registry, Schema, Snapshot};
use tachometer_vllm::{
    CacheStats, Config, EngineMetrics, Families, IterationStats, KvFetchStats, LogLevel, LogLine, LogLines, LogStyle,
    PerfStats, PromptTokens, SchedulerStats, SharedHitRates, SpecDecodeStats, StepStats,
};

/// Engines with log lines.
struct Rig {
    registry: Registry,
    families: Families,
    engines: Vec<(Engine, Recorder, EngineMetrics)>,
    front: Recorder,
    shared: Option<SharedHitRates>,
    lines: LogLines,
}

impl Rig {
    fn new(config: Config, style: LogStyle, engines: usize) -> Self {
        let mut schema = Schema::builder(&["engine", "model_name"]);
        let families = Families::declare(&mut schema, &config.log_lines(true)).unwrap();
        let registry = Registry::new(schema.build().unwrap());
        let lines = families.log_lines(style, &Snapshot::new(), 0.0).unwrap();
        let (front, shared) = (registry.recorder().unwrap(), families.shared_hit_rates());
        let mut rig = Self { registry, families, engines: Vec::new(), front, shared, lines };
        (0..engines).for_each(|engine| rig.attach(&engine.to_string()));
        rig
    }

    fn attach(&mut self, name: &str) {
        let engine = self.registry.attach(&[name, "m"]).unwrap();
        let mut recorder = engine.recorder().unwrap();
        let metrics = self.families.engine_metrics(&mut recorder);
        self.engines.push((engine, recorder, metrics));
    }

    fn record(&mut self, engine: usize, stats: &StepStats<'_>) {
        let (_, recorder, metrics) = &mut self.engines[engine];
        recorder.record(|step| metrics.record(step, stats));
        if let Some(shared) = &mut self.shared {
            self.front.record(|step| shared.record(step, stats));
        }
    }

    fn scheduler(&mut self, engine: usize, scheduler: &SchedulerStats<'_>) {
        self.record(engine, &StepStats { scheduler: Some(scheduler), ..Default::default() });
    }

    fn lookups(&mut self, engine: usize, prefix_cache: CacheStats) {
        self.scheduler(engine, &SchedulerStats { prefix_cache, ..Default::default() });
    }

    fn generate(&mut self, engine: usize, generation_tokens: u64) {
        let iteration = IterationStats { generation_tokens, ..Default::default() };
        self.record(engine, &StepStats { iteration: Some(&iteration), ..Default::default() });
    }

    fn lines(&mut self, now: f64) -> Vec<LogLine> {
        let mut snapshot = Snapshot::new();
        self.registry.snapshot(&mut snapshot);
        self.lines.next(&snapshot, now)
    }

    /// The only line.
    fn line(&mut self, now: f64) -> LogLine {
        let lines = self.lines(now);
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines[0].clone()
    }

    /// A part of the only line.
    fn part(&mut self, now: f64, begin: &str) -> Option<String> {
        self.line(now).text.split(", ").find(|part| part.starts_with(begin)).map(str::to_owned)
    }
}

fn lookups(requests: u64, queries: u64, hits: u64) -> CacheStats {
    CacheStats { requests, queries, hits, ..Default::default() }
}

#[test]
fn preemptions_and_corrupted_requests_are_those_of_the_interval() {
    let mut rig = Rig::new(Config::new().nan_check(true), LogStyle::PerEngine, 1);
    let scheduler = SchedulerStats {
        running: 5,
        waiting: 1,
        deferred: 2,
        kv_fetch: KvFetchStats { waiting_to_start: 3, ..Default::default() },
        kv_cache_usage: 0.25,
        prefix_cache: lookups(1, 4, 1),
        ..Default::default()
    };
    let iteration = IterationStats {
        prompt_tokens: PromptTokens { computed: 30, local_cache_hit: 7, external_kv_transfer: 9, ..Default::default() },
        generation_tokens: 15,
        preemptions: 2,
        corrupted: 1,
        ..Default::default()
    };
    let mm_cache = Some(lookups(1, 3, 2));
    rig.record(
        0,
        &StepStats { scheduler: Some(&scheduler), iteration: Some(&iteration), mm_cache, ..Default::default() },
    );
    let expected = "Engine 000: Avg prompt throughput: 3.0 tokens/s, Avg generation throughput: 1.5 tokens/s, Running: 5 reqs, \
        Waiting: 3 reqs, Deferred: 2 reqs, Preemptions: 2, KV fetch: 3 waiting to start, 0 in progress, 0 completed waiting, \
        GPU KV cache usage: 25.0%, Prefix cache hit rate: 25.0%, Corrupted: 1 reqs, MM cache hit rate: 66.7%";
    let line = rig.line(10.0);
    assert_eq!((line.level, &*line.text), (LogLevel::Info, expected));
    let gone = expected.replace("throughput: 3.0", "throughput: 0.0").replace("throughput: 1.5", "throughput: 0.0");
    let gone = gone.replace("Preemptions: 2, ", "").replace("Corrupted: 1 reqs", "Corrupted: 0 reqs");
    assert_eq!(rig.line(20.0).text, gone, "an interval later they are gone");
}

#[test]
fn a_line_is_info_until_one_interval_after_the_last_token() {
    let mut rig = Rig::new(Config::new(), LogStyle::PerEngine, 1);
    assert_eq!(rig.line(10.0).level, LogLevel::Debug);
    rig.generate(0, 1);
    assert_eq!([20.0, 30.0, 40.0].map(|now| rig.line(now).level), [LogLevel::Info, LogLevel::Info, LogLevel::Debug]);
    rig.generate(0, 1);
    assert_eq!(rig.line(40.0).level, LogLevel::Debug, "no time has passed, so no throughput either");
    rig.generate(0, 0);
    let received = PromptTokens { external_kv_transfer: 100, ..Default::default() };
    let iteration = IterationStats { prompt_tokens: received, ..Default::default() };
    rig.record(0, &StepStats { iteration: Some(&iteration), ..Default::default() });
    assert_eq!(rig.line(50.0).level, LogLevel::Debug, "received tokens were computed elsewhere");
}

#[test]
fn odd_numbers_are_written_as_python_does() {
    let mut rig = Rig::new(Config::new(), LogStyle::PerEngine, 0);
    rig.attach("-7");
    rig.attach("decode");
    for (engine, kv_cache_usage) in [f64::NAN, f64::NEG_INFINITY].into_iter().enumerate() {
        let spec_decode = Some(SpecDecodeStats { accepted_per_position: &[0], ..Default::default() });
        rig.scheduler(engine, &SchedulerStats { kv_cache_usage, spec_decode, ..Default::default() });
    }
    let lines: Vec<_> = rig.lines(10.0).into_iter().map(|line| line.text).collect();
    assert!(lines[0].starts_with("Engine -07: ") && lines[0].ends_with("usage: nan%"), "{lines:?}");
    assert_eq!(
        lines[1],
        "SpecDecoding metrics: Mean acceptance length: nan, Accepted throughput: 0.00 tokens/s, Drafted throughput: 0.00 \
         tokens/s, Accepted: 0 tokens, Drafted: 0 tokens, Per-position acceptance rate: nan, Avg Draft acceptance rate: nan%"
    );
    assert!(lines[2].starts_with("Engine decode: ") && lines[2].ends_with("usage: -inf%"), "{lines:?}");
}

#[test]
fn drafts_and_estimates_are_printed_for_the_time_since_their_previous_line() {
    let mut rig = Rig::new(Config::new().spec_decode(2).mfu(true), LogStyle::PerEngine, 1);
    let spec_decode = SpecDecodeStats {
        drafts: 2,
        draft_tokens: 4,
        accepted_tokens: 3,
        accepted_per_position: &[2, 1],
        ..Default::default()
    };
    let perf = PerfStats { flops: 4e13, read_bytes: 3e10, write_bytes: 1e10, ..Default::default() };
    let step = SchedulerStats { spec_decode: Some(spec_decode), perf: Some(perf), ..Default::default() };
    assert_eq!(rig.lines(10.0).len(), 1, "nothing to print");
    rig.scheduler(0, &step);
    let texts = rig.lines(20.0).into_iter().map(|line| line.text).skip(1).collect::<Vec<_>>();
    let expected = [
        "SpecDecoding metrics: Mean acceptance length: 2.50, Accepted throughput: 0.15 tokens/s, Drafted throughput: 0.20 \
         tokens/s, Accepted: 3 tokens, Drafted: 4 tokens, Per-position acceptance rate: 1.000, 0.500, Avg Draft acceptance \
         rate: 75.0%",
        "Engine 000: MFU: 2.0 TF/s/device 2.0 GB/s/device",
    ];
    assert_eq!(texts, expected);
    rig.scheduler(0, &step);
    assert!(rig.lines(30.0)[2].text.ends_with("MFU: 4.0 TF/s/device 4.0 GB/s/device"));
}

#[test]
fn every_reported_position_is_printed_whatever_is_configured() {
    let printed = |rig: &mut Rig, now| {
        let line = rig.lines(now).pop().unwrap().text;
        let rates = line.split_once("Per-position acceptance rate: ").unwrap().1.split_once(", Avg Draft").unwrap().0;
        rates.split(", ").map(str::to_owned).collect::<Vec<_>>()
    };
    let report = |rig: &mut Rig, engine, accepted_per_position: &[u64]| {
        let drafts = SpecDecodeStats { drafts: 4, accepted_per_position, ..Default::default() };
        rig.scheduler(engine, &SchedulerStats { spec_decode: Some(drafts), ..Default::default() });
    };
    for config in [Config::new(), Config::new().spec_decode(3)] {
        let mut rig = Rig::new(config, LogStyle::Aggregated, 2);
        report(&mut rig, 0, &[4, 1]);
        assert_eq!(printed(&mut rig, 10.0), ["1.000", "0.250"], "fewer than configured");
        report(&mut rig, 0, &[4, 2, 0, 1, 0]);
        report(&mut rig, 1, &[2]);
        assert_eq!(
            printed(&mut rig, 20.0),
            ["0.750", "0.250", "0.000", "0.125", "0.000"],
            "the widest, and more than that"
        );
        report(&mut rig, 1, &[]);
        assert_eq!(printed(&mut rig, 30.0), [""]);
        report(&mut rig, 0, &[1; 40]);
        assert_eq!(printed(&mut rig, 40.0), ["0.250"; 32], "no more than 32");
    }
}

#[test]
fn an_estimate_is_printed_even_if_it_is_lost_in_the_total() {
    let mut rig = Rig::new(Config::new().mfu(true), LogStyle::PerEngine, 1);
    let mut lines = |flops, now| {
        let perf = Some(PerfStats { flops, ..Default::default() });
        rig.scheduler(0, &SchedulerStats { perf, ..Default::default() });
        rig.lines(now).len()
    };
    assert_eq!([lines(1e300, 10.0), lines(1.0, 20.0), lines(0.0, 30.0), lines(f64::NAN, 40.0)], [2, 2, 1, 1]);
}

#[test]
fn a_diffusion_model_without_steps_or_committed_tokens_has_no_means() {
    let mut rig = Rig::new(Config::new().diffusion(true), LogStyle::Aggregated, 1);
    let spec_decode = |drafts, draft_tokens, accepted_tokens| SchedulerStats {
        spec_decode: Some(SpecDecodeStats { drafts, draft_tokens, accepted_tokens, ..Default::default() }),
        ..Default::default()
    };
    rig.scheduler(0, &spec_decode(0, 8, 0));
    assert_eq!(
        rig.lines(4.0)[1].text,
        "DiffusionDecoding metrics: Committed token throughput: 0.00 tokens/s, Mean denoising steps per canvas: nan, Mean \
         tokens committed per denoising step: nan, Committed: 0 tokens, Denoising steps: 0, Canvas positions evaluated: 8"
    );
}

#[test]
fn a_discarded_step_leaves_no_trace_in_hit_rates() {
    let mut rig = Rig::new(Config::new(), LogStyle::PerEngine, 1);
    rig.lookups(0, lookups(1, 4, 1));
    let (_, recorder, metrics) = &mut rig.engines[0];
    let lost =
        SchedulerStats { prefix_cache: CacheStats { reset: true, ..lookups(9, 100, 100) }, ..Default::default() };
    for _ in 0..3 {
        let mut step = recorder.step();
        metrics.scheduler(&mut step, &lost);
    }
    std::mem::forget({
        let mut step = recorder.step();
        metrics.scheduler(&mut step, &lost);
        step
    });
    assert_eq!(rig.part(10.0, "Prefix").unwrap(), "Prefix cache hit rate: 25.0%");
    rig.lookups(0, lookups(1, 4, 3));
    assert_eq!(rig.part(20.0, "Prefix").unwrap(), "Prefix cache hit rate: 50.0%");
}

#[test]
fn new_engine_metrics_start_with_an_empty_window() {
    let mut rig = Rig::new(Config::new(), LogStyle::PerEngine, 1);
    rig.lookups(0, lookups(1, 4, 1));
    let (_, recorder, metrics) = &mut rig.engines[0];
    *metrics = rig.families.engine_metrics(recorder);
    assert_eq!(rig.part(10.0, "Prefix").unwrap(), "Prefix cache hit rate: 25.0%", "as published, until it has its own");
    rig.lookups(0, lookups(1, 4, 3));
    assert_eq!(rig.part(20.0, "Prefix").unwrap(), "Prefix cache hit rate: 75.0%");
}

/// However often the previous recorder was written to. A discarded step of the new one leaves no
/// trace either.
#[test]
fn hit_rates_begin_anew_with_another_recorder() {
    let mut rig = Rig::new(Config::new(), LogStyle::PerEngine, 1);
    (0..3_000).for_each(|_| rig.lookups(0, lookups(1, 4, 1)));
    let (engine, recorder, _) = &mut rig.engines[0];
    *recorder = engine.recorder().unwrap();
    assert_eq!(rig.part(10.0, "Prefix"), None, "the recorder gave up its gauges");
    (0..9).for_each(|_| rig.lookups(0, lookups(1, 4, 3)));
    let (_, recorder, metrics) = &mut rig.engines[0];
    let lost = SchedulerStats { prefix_cache: lookups(1, 100, 100), ..Default::default() };
    metrics.scheduler(&mut recorder.step(), &lost);
    rig.lookups(0, lookups(1, 4, 3));
    assert_eq!(rig.part(20.0, "Prefix").unwrap(), "Prefix cache hit rate: 75.0%");
}

#[test]
fn the_line_about_all_engines_adds_up_their_windows_or_has_one_of_its_own() {
    for (shared, after_reset) in [(false, Some("Prefix cache hit rate: 75.0%")), (true, None)] {
        let mut rig = Rig::new(Config::new().shared_hit_rates(shared), LogStyle::Aggregated, 2);
        assert_eq!(rig.families.shared_hit_rates().is_some(), shared);
        rig.lookups(0, lookups(1, 4, 1));
        rig.lookups(1, lookups(1, 4, 3));
        assert_eq!(rig.part(10.0, "Prefix").as_deref(), Some("Prefix cache hit rate: 50.0%"));
        rig.lookups(0, CacheStats { reset: true, ..Default::default() });
        assert_eq!(rig.part(20.0, "Prefix").as_deref(), after_reset, "a reset empties the shared window for all");
    }
}

#[test]
fn engines_may_attach_and_detach_between_lines() {
    let mut rig = Rig::new(Config::new(), LogStyle::Aggregated, 2);
    rig.generate(0, 100);
    rig.generate(1, 100);
    assert!(
        rig.line(10.0)
            .text
            .starts_with("2 Engines Aggregated: Avg prompt throughput: 0.0 tokens/s, Avg generation throughput: 20.0")
    );
    // Its replacement counts from zero, and what was counted before isn't printed again.
    drop(rig.engines.remove(0));
    rig.attach("0");
    rig.generate(1, 30);
    rig.attach("2");
    rig.generate(2, 20);
    assert!(
        rig.line(20.0)
            .text
            .starts_with("3 Engines Aggregated: Avg prompt throughput: 0.0 tokens/s, Avg generation throughput: 5.0")
    );
    rig.engines.clear();
    let idle = rig.line(30.0);
    assert!(
        idle.text.starts_with("0 Engines Aggregated: ") && idle.text.ends_with("GPU KV cache usage: 0.0%"),
        "{idle:?}"
    );
}

#[test]
fn what_happened_before_the_first_snapshot_is_not_printed() {
    let mut rig = Rig::new(Config::new(), LogStyle::PerEngine, 1);
    rig.generate(0, 1_000);
    let mut snapshot = Snapshot::new();
    rig.registry.snapshot(&mut snapshot);
    rig.lines = rig.families.log_lines(LogStyle::PerEngine, &snapshot, 100.0).unwrap();
    rig.generate(0, 10);
    assert!(rig.line(110.0).text.contains("Avg generation throughput: 1.0 tokens/s"));
}

#[test]
fn without_the_option_there_are_no_lines_and_no_hidden_families() {
    let mut schema = Schema::builder(&["engine"]);
    let families = Families::declare(&mut schema, &Config::new().shared_hit_rates(true)).unwrap();
    assert!(families.log_lines(LogStyle::PerEngine, &Snapshot::new(), 0.0).is_none());
    assert!(families.shared_hit_rates().is_none());
    // The names of the hidden families are free.
    schema.gauge::<i64>("vllm:hit_rate_window", "").declare().unwrap();
}

#[test]
fn log_lines_change_no_page() {
    let page = |log_lines| {
        let mut schema = Schema::builder(&["engine"]);
        let config = Config::new().model_name("m").log_lines(log_lines).shared_hit_rates(true);
        Families::declare(&mut schema, &config).unwrap();
        let registry = Registry::new(schema.build().unwrap());
        let _engine = registry.attach(&["0"]).unwrap();
        let mut page = Vec::new();
        registry.render(&mut page);
        String::from_utf8(page).unwrap()
    };
    assert_eq!(page(true), page(false));
}

proptest! {
    /// As long as everything fits into the windows and nothing is reset, the engines' windows add
    /// up to the shared one.
    #[test]
    fn small_windows_add_up_to_the_shared_one(
        updates in prop::collection::vec((0..3_usize, 0..20_u64, 0..100_u64, 0..100_u64), 0..40),
    ) {
        let [mut own, mut shared] =
            [false, true].map(|shared| Rig::new(Config::new().shared_hit_rates(shared), LogStyle::Aggregated, 3));
        for (engine, requests, queries, hits) in updates {
            own.lookups(engine, lookups(requests, queries, hits));
            shared.lookups(engine, lookups(requests, queries, hits));
        }
        prop_assert_eq!(own.lines(1.0), shared.lines(1.0));
    }
}
