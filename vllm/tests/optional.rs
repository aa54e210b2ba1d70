//! The optional families of the vLLM set: what is recorded where, and which configurations are
//! refused.

#[path = "common/vllm_engines.rs"]
mod vllm_engines;

use tachometer::{Counter, Gauge, Schema, SchemaError};
use tachometer_vllm::{
    AdmissionRejection, BucketFamily, Config, DeclareError, Eviction, Families, IterationStats, KvFetchStats,
    LoraStats, SchedulerStats, SpecDecodeStats, StepStats, WatermarkStats,
};
use vllm_engines::{VllmEngines, one_step::OneStep as _};

/// Two drafts of six tokens, three of which were accepted.
fn two_drafts(accepted_per_position: &[u64]) -> SpecDecodeStats<'_> {
    SpecDecodeStats { drafts: 2, draft_tokens: 6, accepted_tokens: 3, accepted_per_position, ..Default::default() }
}

fn drafts(accepted_per_position: &[u64]) -> SchedulerStats<'_> {
    SchedulerStats { spec_decode: Some(two_drafts(accepted_per_position)), ..Default::default() }
}

#[test]
fn positions_that_are_missing_add_nothing_and_those_beyond_are_ignored() {
    let mut rig = VllmEngines::new(&Config::new().spec_decode(3), 1);
    rig.scheduler(0, &drafts(&[2, 1, 0]));
    rig.scheduler(0, &drafts(&[1]));
    rig.scheduler(0, &drafts(&[1, 1, 1, 9]));
    let (snapshot, families) = (rig.snapshot(), rig.families.spec_decode.unwrap());
    let engine = snapshot.engines().next().unwrap();
    let counts =
        [families.drafts, families.draft_tokens, families.accepted_tokens].map(|counter| engine.counter(counter));
    assert_eq!(counts, [6, 18, 9]);
    let positions = families.accepted_tokens_per_position;
    let accepted: Vec<u64> = positions.as_slice().iter().map(|position| engine.counter(*position)).collect();
    assert_eq!(accepted, [4, 2, 1]);
}

#[test]
fn there_are_as_many_positions_as_speculative_tokens_and_no_more_than_32() {
    for tokens in [0, 1, 2, 31, 32] {
        let rig = VllmEngines::new(&Config::new().spec_decode(tokens), 1);
        let lines = rig.lines("vllm:spec_decode_num_accepted_tokens_per_pos_total{");
        assert_eq!(lines.len(), tokens);
        let has = |position: usize| lines.iter().any(|line| line.contains(&format!("position=\"{position}\"")));
        assert!((0..tokens).all(has) && !has(tokens));
    }
    let refused = declare(&Config::new().spec_decode(33));
    assert_eq!(refused, "33 speculative tokens are too many: configure at most 32");
}

#[test]
fn a_diffusion_model_counts_drafts_under_names_of_its_own() {
    let mut rig = VllmEngines::new(&Config::new().diffusion(true).spec_decode(3), 1);
    rig.scheduler(0, &drafts(&[]));
    let snapshot = rig.snapshot();
    let engine = snapshot.engines().next().unwrap();
    let families = rig.families.diffusion.unwrap();
    let counters = [families.denoising_steps, families.canvas_positions, families.committed_tokens];
    assert_eq!(counters.map(|counter| engine.counter(counter)), [2, 6, 3]);
    assert!(rig.families.spec_decode.is_none());
}

#[test]
fn what_is_not_configured_is_not_recorded() {
    let mut rig = VllmEngines::new(&Config::new(), 1);
    let before = rig.lines("vllm:");
    let scheduler = SchedulerStats {
        spec_decode: Some(two_drafts(&[2, 1, 0])),
        kv_fetch: KvFetchStats { in_progress: 3, ..Default::default() },
        evictions: &[Eviction { lifetime: 1.0, idle: 1.0, reuse_gaps: &[1.0], ..Default::default() }],
        lora: Some(LoraStats { running: &["a"], ..Default::default() }),
        ..Default::default()
    };
    let iteration = IterationStats {
        corrupted: 1,
        watermark: WatermarkStats { watermarked: 1, skipped: 1, not_watermarked: 1, ..Default::default() },
        ..Default::default()
    };
    let stats = StepStats { scheduler: Some(&scheduler), iteration: Some(&iteration), ..Default::default() };
    rig.record(0, &stats);
    (rig.engines[0].1).record(|step| rig.families.admission_rejected(step, AdmissionRejection::QueuedTokens));
    let changed: Vec<_> = rig.lines("vllm:").into_iter().filter(|line| !before.contains(line)).collect();
    assert!(changed.iter().all(|line| line.starts_with("vllm:iteration_tokens_total")), "{changed:?}");
}

#[test]
fn blocks_fetches_watermarks_and_corrupted_requests() {
    let config = Config::new().kv_cache_metrics(true).kv_consumer(true).watermark(true).nan_check(true);
    let mut rig = VllmEngines::new(&config, 1);
    let scheduler = SchedulerStats {
        kv_fetch: KvFetchStats { waiting_to_start: 1, in_progress: 2, completed_waiting: 3, ..Default::default() },
        evictions: &[
            Eviction { lifetime: 4.0, idle: 1.0, reuse_gaps: &[0.5, 2.5], ..Default::default() },
            Eviction { lifetime: 2.0, idle: f64::NAN, ..Default::default() },
        ],
        ..Default::default()
    };
    let iteration = IterationStats {
        corrupted: 4,
        watermark: WatermarkStats { watermarked: 5, skipped: 6, not_watermarked: 7, ..Default::default() },
        ..Default::default()
    };
    rig.record(0, &StepStats { scheduler: Some(&scheduler), iteration: Some(&iteration), ..Default::default() });
    let (snapshot, families) = (rig.snapshot(), rig.families);
    let engine = snapshot.engines().next().unwrap();
    let gauges = |of: &[Gauge<i64>]| of.iter().map(|gauge| engine.gauge(*gauge)).collect::<Vec<_>>();
    let counters = |of: &[Counter<u64>]| of.iter().map(|counter| engine.counter(*counter)).collect::<Vec<_>>();
    assert_eq!(gauges(families.requests_kv_fetch_by_stage().unwrap()), [1, 2, 3]);
    let blocks = families.kv_blocks.unwrap();
    let histograms = [blocks.lifetime, blocks.idle_before_evict, blocks.reuse_gap].map(|of| engine.histogram(of));
    assert_eq!(histograms.map(|histogram| (histogram.count(), histogram.sum())), [(2, 6.0), (1, 1.0), (2, 3.0)]);
    assert_eq!(engine.counter(families.corrupted_requests.unwrap()), 4);
    assert_eq!(counters(families.watermark_requests().unwrap()), [5, 6, 7]);
}

#[test]
fn only_the_newest_adapters_of_all_engines_show() {
    let mut rig = VllmEngines::new(&Config::new().lora(4), 2);
    assert!(rig.lines("vllm:lora_requests_info").is_empty(), "nothing before the first step");
    let mut step = |engine, running: &[&str], waiting: &[&str], wall_time| {
        let lora = Some(LoraStats { running, waiting, wall_time, ..Default::default() });
        rig.scheduler(engine, &SchedulerStats { lora, ..Default::default() });
        rig.lines("vllm:lora_requests_info")
    };
    let line = |running, waiting, time| {
        let labels = format!("max_lora=\"4\",running_lora_adapters=\"{running}\",waiting_lora_adapters=\"{waiting}\"");
        [format!("vllm:lora_requests_info{{{labels}}} {time}")]
    };
    assert_eq!(step(0, &["a", "b"], &["c"], 1.0), line("a,b", "c", "1.0"));
    assert_eq!(step(1, &[], &[], 2.0), line("", "", "2.0"));
    assert_eq!(step(0, &["b", "a"], &[], 3.0), line("b,a", "", "3.0"), "the order of names is the scheduler's");
    assert_eq!(step(0, &["b", "a"], &[], 4.0), line("b,a", "", "4.0"), "unchanged names, another time");
}

/// An event that owns its gaps needs no slice of all of a step's events.
#[test]
fn evictions_one_by_one_are_those_of_a_slice() {
    let [mut sliced, mut single] = [(); 2].map(|()| VllmEngines::new(&Config::new().kv_cache_metrics(true), 1));
    let gaps = vec![0.5, 2.5];
    let eviction = |lifetime| Eviction { lifetime, idle: 1.0, reuse_gaps: &gaps, ..Default::default() };
    sliced.scheduler(0, &SchedulerStats { evictions: &[eviction(4.0), eviction(2.0)], ..Default::default() });
    single.scheduler(0, &SchedulerStats::default());
    let (_, recorder, metrics) = &mut single.engines[0];
    let mut step = recorder.step();
    [4.0, 2.0].iter().for_each(|lifetime| metrics.eviction(&mut step, &eviction(*lifetime)));
    step.commit();
    let lines = |rig: &VllmEngines| {
        ["lifetime", "idle_before_evict", "reuse_gap"].map(|name| rig.lines(&format!("vllm:kv_block_{name}")))
    };
    assert!(!lines(&single)[0].is_empty());
    assert_eq!(lines(&single), lines(&sliced));
}

#[test]
fn adapters_vanish_with_the_last_one_if_asked() {
    let mut rig = VllmEngines::new(&Config::new().lora(4).clear_unused_lora(true), 2);
    let mut step = |engine, running: &[&str], waiting: &[&str]| {
        let lora = Some(LoraStats { running, waiting, wall_time: 1.0, ..Default::default() });
        rig.scheduler(engine, &SchedulerStats { lora, ..Default::default() });
        rig.lines("vllm:lora_requests_info").len()
    };
    assert_eq!(step(0, &[], &[]), 0, "there were none");
    assert_eq!((step(0, &["a"], &[]), step(0, &[], &["a"])), (1, 1));
    assert_eq!((step(1, &["b"], &[]), step(0, &[], &[]), step(1, &[], &[])), (1, 1, 0), "the other engine's is left");
    assert_eq!((step(1, &[], &[]), step(1, &["b"], &[])), (0, 1), "they come back");
}

#[test]
fn of_equally_new_adapters_those_of_the_engine_that_was_attached_last_show() {
    for order in [[0, 1], [1, 0]] {
        let mut rig = VllmEngines::new(&Config::new().lora(4), 2);
        for engine in order {
            let lora = Some(LoraStats { running: &[["first", "last"][engine]], wall_time: 5.0, ..Default::default() });
            rig.scheduler(engine, &SchedulerStats { lora, ..Default::default() });
        }
        let lines = rig.lines("vllm:lora_requests_info");
        assert!(lines.len() == 1 && lines[0].contains("running_lora_adapters=\"last\""), "{order:?}: {lines:?}");
    }
}

#[test]
fn rejected_requests_belong_to_no_engine() {
    let rig = VllmEngines::new(&Config::new().model_name("m\"1"), 2);
    let mut front = rig.registry.recorder().unwrap();
    front.record(|step| rig.families.admission_rejected(step, AdmissionRejection::QueuedRequests));
    (0..2).for_each(|_| front.record(|step| rig.families.admission_rejected(step, AdmissionRejection::QueuedTokens)));
    let expected = [
        r#"vllm:admission_rejections_total{model_name="m\"1",reason="max_num_queued_reqs"} 1"#,
        r#"vllm:admission_rejections_total{model_name="m\"1",reason="max_num_queued_tokens"} 2"#,
    ];
    assert_eq!(rig.lines("vllm:admission_rejections_total"), expected);
}

/// Why a configuration is refused.
fn declare(config: &Config) -> String {
    Families::declare(&mut Schema::builder(&["engine"]), config).unwrap_err().to_string()
}

#[test]
fn bad_bounds_are_refused_with_the_name_of_their_bucket_family() {
    for &family in BucketFamily::ALL {
        let refused = |bounds: &[f64]| declare(&Config::new().kv_cache_metrics(true).bounds(family, bounds));
        for (bounds, reason) in [
            (&[][..], "has no upper bounds"),
            (&[1.0, 1.0], "isn't greater"),
            (&[2.0, 1.0], "isn't greater"),
            (&[1.0, f64::INFINITY], "adds +Inf"),
            (&[f64::NAN], "NaN"),
            (&[-1.0, 1.0], "-1 is negative"),
        ] {
            let error = refused(bounds);
            assert!(error.starts_with(&format!("bounds of {family}: ")) && error.contains(reason), "{error}");
        }
        declare_well(&Config::new().kv_cache_metrics(true).bounds(family, [0.0, 0.5]));
    }
}

fn declare_well(config: &Config) {
    Families::declare(&mut Schema::builder(&["engine"]), config).unwrap();
}

#[test]
fn other_errors_come_from_the_schema() {
    let mut schema = Schema::builder(&["engine"]);
    schema.counter::<u64>("vllm:prompt_tokens", "Taken.").declare().unwrap();
    let error = Families::declare(&mut schema, &Config::new()).unwrap_err();
    assert!(matches!(&error, DeclareError::Schema(_)) && error.to_string().contains("vllm:prompt_tokens"), "{error}");
    let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<SchemaError>());
    assert_eq!(source.and_then(SchemaError::family), Some("vllm:prompt_tokens"));
    let mut schema = Schema::builder(&["worker"]);
    let error = Families::declare(&mut schema, &Config::new()).unwrap_err().to_string();
    assert!(error.contains("vllm:cache_config_info") && error.contains("\"engine\""), "{error}");
}
