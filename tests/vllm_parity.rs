//! The vLLM set against the numbers of vLLM's own logger, on the same steps.

mod common;

use std::{fs, io::Write, path::Path};

use serde_json::Value;
use tachometer::{
    Registry, Schema,
    vllm::{
        CacheStats, Config, ConnectorCacheStats, Families, FinishReason, FinishedRequest, IterationStats, PerfStats,
        PromptTokens, Recording, SchedulerStats, StepStats,
    },
};

/// Replays a scenario; its format is that of the events in `tests/data/vllm_a/scenario.jsonl`.
fn replay(scenario: &str) -> common::Samples {
    let mut events = scenario.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let header = events.next().expect("a header");
    let mut schema = Schema::builder().engine_labels(["engine", "model_name"]);
    let config = Config::new().max_model_len(number(&header, "max_model_len"));
    let families = Families::declare(&mut schema, &config).unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let names: Vec<u64> = header["engines"].as_array().unwrap().iter().map(|engine| engine.as_u64().unwrap()).collect();
    let model = header["model_name"].as_str().unwrap();
    let engines: Vec<_> = names.iter().map(|engine| registry.attach([&engine.to_string(), model]).unwrap()).collect();
    let mut recorders: Vec<_> = engines.iter().map(|engine| engine.recorder().unwrap()).collect();
    let mut recordings: Vec<_> = recorders.iter_mut().map(|recorder| families.recording(recorder)).collect();
    for event in events.filter(|event| event["type"] == "iter") {
        let index = names.iter().position(|name| *name == number(&event, "engine")).unwrap();
        let mut step = recorders[index].step();
        record(&mut recordings[index], &mut step, &event);
        step.commit();
    }
    let mut page = Vec::new();
    registry.render(&mut page);
    common::parse(std::str::from_utf8(&page).unwrap())
}

fn record(recording: &mut Recording, step: &mut tachometer::Step<'_>, event: &Value) {
    let scheduler = event["scheduler"].is_object().then(|| scheduler(&event["scheduler"]));
    let mm_cache = event["mm"].is_object().then(|| cache(&event["mm"]));
    let iteration = &event["iteration"];
    let (ttft, itl) = (floats(&iteration["ttft"]), floats(&iteration["itl"]));
    let (max, n) = (integers(&iteration["max_gen_tokens"]), integers(&iteration["n"]));
    let ended: Vec<_> = list(&iteration["finished"]).map(request).collect();
    let mut prompt_tokens = PromptTokens::default();
    for prefill in list(&iteration["prefills"]) {
        let (local_cache_hit, external_kv_transfer) =
            (number(prefill, "local_cached"), number(prefill, "external_cached"));
        let computed = number(prefill, "prompt") - local_cache_hit - external_kv_transfer;
        prompt_tokens.merge(PromptTokens { computed, local_cache_hit, external_kv_transfer });
    }
    let stats = IterationStats {
        prompt_tokens,
        generation_tokens: number(iteration, "generation_tokens"),
        preemptions: number(iteration, "preemptions"),
        time_to_first_token: &ttft,
        inter_token_latency: &itl,
        finished: &ended,
        max_generation_tokens: &max,
        n: &n,
        ..Default::default()
    };
    let iteration = iteration.is_object().then_some(&stats);
    recording.record(step, &StepStats { scheduler: scheduler.as_ref(), iteration, mm_cache, ..Default::default() });
}

fn scheduler(stats: &Value) -> SchedulerStats<'static> {
    let (connector, perf) = (&stats["connector"], &stats["perf"]);
    let hits = &connector["hits_by_source"];
    SchedulerStats {
        running: number(stats, "running"),
        waiting: number(stats, "waiting"),
        deferred: number(stats, "skipped"),
        kv_cache_usage: float(stats, "kv_usage"),
        prefix_cache: cache(&stats["prefix"]),
        connector_prefix_cache: connector.is_object().then(|| ConnectorCacheStats {
            requests: number(connector, "requests"),
            queries: number(connector, "queries"),
            hits: number(connector, "hits"),
            device_hits: number(hits, "device"),
            host_hits: number(hits, "host"),
            p2p_hits: number(hits, "p2p"),
            disk_hits: number(hits, "disk"),
            unspecified_hits: number(hits, "external_unspecified"),
        }),
        perf: perf.is_object().then(|| PerfStats {
            flops: float(perf, "flops"),
            read_bytes: float(perf, "read_bytes"),
            write_bytes: float(perf, "write_bytes"),
        }),
        ..Default::default()
    }
}

fn request(ended: &Value) -> FinishedRequest {
    FinishedRequest {
        reason: match ended["reason"].as_str().unwrap() {
            "stop" => FinishReason::Stop,
            "length" => FinishReason::Length,
            "abort" => FinishReason::Abort,
            "error" => FinishReason::Error,
            "repetition" => FinishReason::Repetition,
            other => panic!("{other}"),
        },
        prompt_tokens: number(ended, "prompt_tokens"),
        cached_tokens: ended["cached_tokens"].as_i64().unwrap_or(0),
        generation_tokens: number(ended, "generation_tokens"),
        max_tokens: ended["max_tokens"].as_u64(),
        preemptions: number(ended, "preemptions"),
        e2e_latency: float(ended, "e2e"),
        queue_time: float(ended, "queued"),
        prefill_time: float(ended, "prefill"),
        inference_time: float(ended, "inference"),
        decode_time: float(ended, "decode"),
        time_per_output_token: float(ended, "tpot"),
    }
}

fn cache(stats: &Value) -> CacheStats {
    let reset = stats["reset"].as_bool().unwrap_or(false);
    CacheStats {
        reset,
        requests: number(stats, "requests"),
        queries: number(stats, "queries"),
        hits: number(stats, "hits"),
    }
}

fn number(object: &Value, key: &str) -> u64 {
    object[key].as_u64().unwrap_or(0)
}

fn float(object: &Value, key: &str) -> f64 {
    object[key].as_f64().unwrap_or(0.0)
}

fn list(array: &Value) -> impl Iterator<Item = &Value> {
    array.as_array().map_or(&[][..], Vec::as_slice).iter()
}

fn floats(array: &Value) -> Vec<f64> {
    list(array).map(|value| value.as_f64().unwrap()).collect()
}

fn integers(array: &Value) -> Vec<u64> {
    list(array).map(|value| value.as_u64().unwrap()).collect()
}

/// Families of vLLM's page that need more than steps of engines, or that aren't in this set.
const NOT_IN_THE_SET: [&str; 3] =
    ["vllm:engine_sleep_state", "vllm:admission_rejections_total", "vllm:cache_config_info"];

/// All of vLLM's samples are on our page with the same value, and no `vllm:` sample is on it that isn't on vLLM's.
fn assert_same_numbers(ours: &common::Samples, golden: &str) {
    let golden: String = golden
        .lines()
        .filter(|line| !NOT_IN_THE_SET.iter().any(|name| line.contains(name)))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut compared = 0;
    for line in golden.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (key, value) = (parse_series(series), value.parse::<f64>().unwrap());
        let ours = *ours.get(&key).unwrap_or_else(|| panic!("missing: {line}"));
        let same = if key.0.ends_with("_sum") { (ours - value).abs() <= 1e-12 * value.abs() } else { ours == value };
        assert!(same, "{ours} instead of {line}");
        compared += 1;
    }
    let ours = ours.keys().filter(|(name, _)| name.starts_with("vllm:") && !NOT_IN_THE_SET.contains(&name.as_str()));
    assert_eq!(ours.count(), compared, "samples that vLLM hasn't");
}

/// `name{a="b",le="1.0"}`; label values of these pages hold no escapes.
fn parse_series(series: &str) -> (String, Vec<(String, String)>) {
    let (name, labels) = series.split_once('{').unwrap();
    let labels = labels.trim_end_matches('}').split("\",").map(|pair| {
        let (label, value) = pair.split_once("=\"").unwrap();
        let value = value.trim_end_matches('"');
        let value = if label == "le" { value.parse::<f64>().unwrap().to_string() } else { value.to_owned() };
        (label.to_owned(), value)
    });
    let mut labels: Vec<_> = labels.collect();
    labels.sort();
    (name.to_owned(), labels)
}

#[test]
fn a_small_scenario_gives_the_numbers_of_vllms_own_logger() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/vllm_a");
    let read = |name| fs::read_to_string(directory.join(name)).unwrap();
    assert_same_numbers(&replay(&read("scenario.jsonl")), &read("base.prom"));
}

#[test]
fn two_thousand_random_steps_give_the_numbers_of_vllms_own_logger() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/vllm/goldens/b");
    let Ok(scenario) = fs::read_to_string(directory.join("scenario.jsonl")) else {
        // Not `eprintln`, which the test harness swallows.
        return writeln!(std::io::stderr(), "NOT TESTED: {} isn't there", directory.display()).unwrap();
    };
    assert_same_numbers(&replay(&scenario), &fs::read_to_string(directory.join("base.prom")).unwrap());
}
