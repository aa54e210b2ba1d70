//! Compares the vLLM set with vLLM's own logger on the same steps. The example `replay` replays the
//! scenarios in `tests/data`.
//!
//! Every sample is compared: `le` as text, values as numbers (`_sum` within 1e-12, since a batch is
//! added in a different order). None may be missing, none may be extra. The deliberate differences
//! are listed here; nothing else may differ.

#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../../tests/common/example.rs"]
mod example;
#[path = "../../tests/common/golden.rs"]
mod golden;
#[path = "../../tests/common/samples.rs"]
mod samples;
#[path = "../../tests/common/temp_file.rs"]
mod temp_file;

use std::collections::BTreeSet;

use example::Example;
use samples::Samples;
use temp_file::TempFile;

/// An observation that vLLM made and that is rejected here: it is negative, isn't finite, or would
/// overflow its sum.
struct Rejected {
    /// The first scrape that shows it; all later ones do too. [`END`] is the final page.
    first_shown: &'static str,
    engine: &'static str,
    family: &'static str,
    value: f64,
}

/// The value of a sum from a scrape on, where vLLM's is no longer a number.
type Sum = Rejected;

const END: &str = "";

const fn at(first_shown: &'static str, engine: &'static str, family: &'static str, value: f64) -> Rejected {
    Rejected { first_shown, engine, family, value }
}

const TTFT: &str = "vllm:time_to_first_token_seconds";
const ITL: &str = "vllm:inter_token_latency_seconds";
const E2E: &str = "vllm:e2e_request_latency_seconds";
const QUEUE: &str = "vllm:request_queue_time_seconds";
const PREFILL: &str = "vllm:request_prefill_time_seconds";
const INFERENCE: &str = "vllm:request_inference_time_seconds";
const KV_COMPUTED: &str = "vllm:request_prefill_kv_computed_tokens";

/// The differences in a scenario.
struct Differences {
    rejected: &'static [Rejected],
    sums: &'static [Sum],
}

const NONE: Differences = Differences { rejected: &[], sums: &[] };

/// A request had more cached tokens than its prompt has tokens. Then come negative durations, and
/// sums beyond the range of a float.
const IN_C: Differences = Differences {
    rejected: &[
        at("bounds", "11", KV_COMPUTED, -1.0),
        at("negative", "11", TTFT, -1e-9),
        at("negative", "11", ITL, -0.25),
        at("negative", "11", QUEUE, -5321.25),
        at("negative", "11", E2E, -0.5),
        at("negative", "11", KV_COMPUTED, -10.0),
        at("huge", "11", INFERENCE, f64::MAX),
        at("huge", "11", INFERENCE, f64::MAX),
    ],
    sums: &[at("huge", "11", INFERENCE, f64::MAX)],
};

const IN_C2: Differences = Differences {
    rejected: &[
        at("nan", "0", TTFT, f64::INFINITY),
        at("nan", "0", ITL, f64::NAN),
        at("neginf", "0", TTFT, f64::NEG_INFINITY),
        at("neginf", "0", E2E, f64::NEG_INFINITY),
        at("neginf", "0", QUEUE, f64::INFINITY),
        at("neginf", "0", PREFILL, f64::NAN),
    ],
    sums: &[
        at("nan", "0", TTFT, 0.0),
        at("nan", "0", ITL, 0.5 + 0.5),
        at("neginf", "0", ITL, 0.5 + 0.5 + 0.01),
        at("neginf", "0", E2E, 0.0),
        at("neginf", "0", QUEUE, 0.0),
        at("neginf", "0", PREFILL, 0.0),
    ],
};

/// A request ended before it was scheduled: vLLM subtracts the time at which it was queued from
/// zero.
const IN_E: Differences = Differences { rejected: &[at(END, "0", QUEUE, -50002.0)], sums: &[] };

#[test]
fn scenario_a_two_engines_and_a_kv_transfer() {
    compare("a", &NONE);
}

#[test]
fn scenario_b_two_thousand_random_steps() {
    compare("b", &NONE);
}

#[test]
fn scenario_c_values_on_bounds_huge_ones_and_odd_names() {
    compare("c", &IN_C);
}

#[test]
fn scenario_c2_nan_and_infinities() {
    compare("c2", &IN_C2);
}

#[test]
fn scenario_e_lives_of_requests() {
    compare("e", &IN_E);
}

#[test]
fn scenario_logs() {
    compare("logs", &NONE);
}

/// Compares all pages of a scenario: in each of its header's configurations, at each of its scrapes
/// and at its end.
fn compare(name: &str, differences: &Differences) {
    let text = golden::read(&format!("{name}/scenario.jsonl"));
    let scenario = TempFile::new(&format!("parity-{name}.jsonl"), &text);
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let scrapes = lines.iter().filter(|line| line["type"] == "scrape").map(|line| line["name"].as_str().unwrap());
    let scrapes: Vec<&str> = scrapes.chain([END]).collect();
    let mut compared = BTreeSet::new();
    for config in lines[0]["configs"].as_array().unwrap().iter().map(|config| config.as_str().unwrap()) {
        for place in 1..=scrapes.len() {
            let scrape = scrapes[place - 1];
            let file = if scrape == END { format!("{config}.prom") } else { format!("{config}.{scrape}.prom") };
            let page = replay(&scenario, config, scrape);
            compare_page(&page, &format!("{name}/{file}"), &scrapes[..place], differences);
            compared.insert(file);
        }
    }
    assert_eq!(compared, golden::names(name, ".prom"), "pages that vLLM printed");
}

/// Compares the page at the last of `scrapes`, which lists all scrapes so far.
fn compare_page(page: &str, place: &str, scrapes: &[&str], differences: &Differences) {
    common::parse(page); // strict parsers accept it
    let (ours, mut golden) = (samples::samples(page, "vllm:"), samples::samples(&golden::read(place), "vllm:"));
    newest_info(&mut golden, &ours);
    let shown = |difference: &&Rejected| scrapes.contains(&difference.first_shown);
    differences.rejected.iter().filter(shown).for_each(|rejected| take_back(&mut golden, rejected));
    differences.sums.iter().filter(shown).for_each(|sum| *sum_of(&mut golden, sum) = sum.value);
    golden.iter().for_each(|(key, value)| assert_sample(key, *value, ours.get(key), place));
    let extra: Vec<_> = ours.keys().filter(|key| !golden.contains_key(*key)).collect();
    assert!(extra.is_empty() && !golden.is_empty(), "{place}: samples that vLLM hasn't: {extra:?}");
    let counted: f64 = samples::samples(page, "tachometer_rejected_observations_total").values().sum();
    assert_eq!(counted, differences.rejected.iter().filter(shown).count() as f64, "{place}: rejected observations");
}

fn assert_sample(key: &samples::Key, golden: f64, ours: Option<&f64>, place: &str) {
    let ours = *ours.unwrap_or_else(|| panic!("{place}: missing: {key:?}"));
    let same = ours == golden || ours.is_nan() && golden.is_nan();
    let close = key.0.ends_with("_sum") && (ours - golden).abs() <= 1e-12 * golden.abs();
    assert!(same || close, "{place}: {ours} instead of {golden}: {key:?}");
}

/// The page after a scenario, or at one of its scrapes.
fn replay(scenario: &str, config: &str, scrape: &str) -> String {
    static REPLAY: Example = Example::new("replay");
    let mut replay = REPLAY.command();
    replay.args(["--config", config]).arg(scenario);
    if scrape != END {
        replay.args(["--scrape", scrape]);
    }
    let output = replay.output().expect("the example runs");
    assert!(output.status.success(), "{config}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("the page is text")
}

/// Deliberate difference: vLLM goes on showing `lora_requests_info` with all label values that it
/// ever had. Here only the newest sample shows, which has the greatest value. If several engines
/// have equally new ones, one of them shows.
fn newest_info(golden: &mut Samples, ours: &Samples) {
    let is_info = |(name, _): &samples::Key| name == "vllm:lora_requests_info";
    let infos = golden.iter().filter(|(key, _)| is_info(key));
    let newest = infos.map(|(_, value)| *value).fold(f64::NEG_INFINITY, f64::max);
    golden.retain(|key, value| !is_info(key) || *value == newest);
    let Some(shown) = golden.keys().find(|key| is_info(key) && ours.contains_key(*key)).cloned() else { return };
    golden.retain(|key, _| !is_info(key) || *key == shown);
}

#[test]
fn any_of_the_newest_infos_will_do_and_no_other() {
    let page = |adapters: &[(&str, u64)]| -> Samples {
        let line = |(adapter, time): &(&str, u64)| format!("vllm:lora_requests_info{{running=\"{adapter}\"}} {time}\n");
        samples::samples(&adapters.iter().map(line).collect::<String>(), "vllm:")
    };
    for (ours, expected) in [
        (("a", 2), vec![("a", 2)]),
        (("b", 2), vec![("b", 2)]),
        // A sample that isn't among the newest leaves all of them missing.
        (("old", 1), vec![("a", 2), ("b", 2)]),
    ] {
        let mut golden = page(&[("old", 1), ("a", 2), ("b", 2)]);
        newest_info(&mut golden, &page(&[ours]));
        assert_eq!(golden, page(&expected));
    }
}

/// Deliberate difference: takes an observation back out of vLLM's histogram. NaN changed its sum
/// and nothing else.
fn take_back(golden: &mut Samples, rejected: &Rejected) {
    *sum_of(golden, rejected) -= rejected.value;
    if rejected.value.is_nan() {
        return;
    }
    for ((name, labels), sample) in golden {
        let counts = match name.strip_prefix(rejected.family) {
            Some("_count") => true,
            Some("_bucket") => rejected.value <= label(labels, "le").parse().unwrap(),
            _ => false,
        };
        *sample -= f64::from(counts && label(labels, "engine") == rejected.engine);
    }
}

fn sum_of<'g>(golden: &'g mut Samples, Rejected { family, engine, .. }: &Rejected) -> &'g mut f64 {
    let is_it =
        |(name, labels): &samples::Key| name.strip_prefix(family) == Some("_sum") && label(labels, "engine") == *engine;
    golden.iter_mut().find_map(|(key, sum)| is_it(key).then_some(sum)).expect("vLLM has the sum")
}

fn label<'l>(labels: &'l [(String, String)], name: &str) -> &'l str {
    labels.iter().find_map(|(label, value)| (label == name).then_some(value)).expect("it has the label")
}
