//! Log lines where they differ from vLLM's (the corrected faults), with discarded steps, and in
//! cases that the scenarios don't reach.

#[path = "common/log_rig.rs"]
mod log_rig;

use log_rig::{Rig, vllm_engines::VllmEngines};
use proptest::prelude::*;
use tachometer::{Schema, Snapshot};
use tachometer_vllm::{
    CacheStats, Config, Families, IterationStats, KvFetchStats, LogLevel, LogStyle, PerfStats, PromptTokens,
    SchedulerStats, SpecDecodeStats, StepStats,
};

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
    rig.all.attach("-7");
    rig.all.attach("decode");
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
    let (_, recorder, metrics) = &mut rig.all.engines[0];
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
    let (_, recorder, metrics) = &mut rig.all.engines[0];
    *metrics = rig.all.families.engine_metrics(recorder);
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
    let (engine, recorder, _) = &mut rig.all.engines[0];
    *recorder = engine.recorder().unwrap();
    assert_eq!(rig.part(10.0, "Prefix"), None, "the recorder gave up its gauges");
    (0..9).for_each(|_| rig.lookups(0, lookups(1, 4, 3)));
    let (_, recorder, metrics) = &mut rig.all.engines[0];
    let lost = SchedulerStats { prefix_cache: lookups(1, 100, 100), ..Default::default() };
    metrics.scheduler(&mut recorder.step(), &lost);
    rig.lookups(0, lookups(1, 4, 3));
    assert_eq!(rig.part(20.0, "Prefix").unwrap(), "Prefix cache hit rate: 75.0%");
}

#[test]
fn the_line_about_all_engines_adds_up_their_windows_or_has_one_of_its_own() {
    for (shared, after_reset) in [(false, Some("Prefix cache hit rate: 75.0%")), (true, None)] {
        let mut rig = Rig::new(Config::new().shared_hit_rates(shared), LogStyle::Aggregated, 2);
        assert_eq!(rig.all.families.shared_hit_rates().is_some(), shared);
        rig.lookups(0, lookups(1, 4, 1));
        rig.lookups(1, lookups(1, 4, 3));
        assert_eq!(rig.part(10.0, "Prefix").as_deref(), Some("Prefix cache hit rate: 50.0%"));
        rig.lookups(0, CacheStats { reset: true, ..Default::default() });
        assert_eq!(rig.part(20.0, "Prefix").as_deref(), after_reset, "a reset empties the shared window for all");
    }
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
    let printed = |log_lines| {
        let config = Config::new().model_name("m").log_lines(log_lines).shared_hit_rates(true);
        VllmEngines::new(&config, 1).registry.page()
    };
    assert_eq!(printed(true), printed(false));
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

#[test]
fn lines_name_the_device_and_have_those_about_transfers_in_their_midst() {
    for (device_type, device) in [("cuda", "GPU"), ("cpu", "CPU"), ("xpu", "XPU"), ("npu", "NPU"), ("", "")] {
        let mut rig = Rig::new(Config::new(), LogStyle::PerEngine, 1);
        rig.lines = rig.lines.device_type(device_type);
        assert!(rig.line(10.0).text.contains(&format!(", {device} KV cache usage: 0.0%")), "{device_type}");
    }
    for (style, engines) in [(LogStyle::PerEngine, &["0", "1"][..]), (LogStyle::Aggregated, &["all"])] {
        let mut rig = Rig::new(Config::new().spec_decode(1).mfu(true), style, 2);
        let scheduler = SchedulerStats {
            spec_decode: Some(SpecDecodeStats { drafts: 1, ..Default::default() }),
            perf: Some(PerfStats { flops: 1e13, ..Default::default() }),
            ..Default::default()
        };
        (0..2).for_each(|engine| rig.scheduler(engine, &scheduler));
        let (snapshot, mut asked) = (rig.all.snapshot(), Vec::new());
        let further = rig.line_like();
        let lines = rig.lines.next_with(&snapshot, 10.0, |engine, level| {
            assert_eq!(level, LogLevel::Debug);
            asked.push(engine.and_then(|engine| engine.label("engine")).unwrap_or("all").to_owned());
            Some(further.clone())
        });
        let texts: Vec<_> = lines.iter().map(|line| line.text.split([':', ',']).next().unwrap()).collect();
        let expected: &[&str] = match style {
            LogStyle::PerEngine => &[
                "Engine 000",
                "SpecDecoding metrics",
                "further",
                "Engine 000",
                "Engine 001",
                "SpecDecoding metrics",
                "further",
                "Engine 001",
            ],
            _ => &["2 Engines Aggregated", "SpecDecoding metrics", "further"],
        };
        assert_eq!((texts, asked), (expected.to_vec(), engines.iter().map(|engine| (*engine).to_owned()).collect()));
    }
}
