//! The numbers that the documentation states, and that no other test measures. Each is measured
//! here; those that change when families or limits do are looked for where they are stated.
//!
//! Elsewhere: bytes in `footprint.rs`, dependencies in `readme.rs`, the log, its refreshes and
//! cache lines in `src/tests/slab.rs`, the words of a slab in `src/schema/tests.rs`, and 1 against
//! 1,001 tokens in `vllm/tests/tokens.rs`.

use crate::{one_engine::OneEngine, one_step::OneStep as _, shown::snapshot, sources};
use tachometer::{Engine, Format, Histogram, Recorder, Registry, Schema, SchemaError};
use tachometer_vllm as vllm;

const README: &str = include_str!("../../README.md");
const LIMITS: &str = include_str!("../../src/schema/setters.rs");

/// Whether a text has a number that was measured next to what it counts, wherever lines break.
#[track_caller]
fn assert_says(text: &str, number: impl std::fmt::Display, of: &str) {
    let text: Vec<_> = text.split_whitespace().filter(|word| *word != "///").collect();
    let said = format!("{number} {of}");
    let boundary = |before: &str| !before.ends_with(|char: char| char.is_ascii_digit() || char == ',');
    let text = text.join(" ");
    assert!(text.match_indices(&said).any(|(at, _)| boundary(&text[..at])), "not said: {said:?}");
}

/// 65536 as 65,536.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap());
    groups.collect::<Vec<_>>().join(",")
}

/// An engine of a schema with one histogram.
fn histogram<T: tachometer::ObservationValue>(bounds: &[f64]) -> (Registry, Engine, Recorder, Histogram<T>) {
    let OneEngine { registry, engine, handles: histogram } =
        OneEngine::without_labels(|schema| schema.histogram("histogram", "A histogram.", bounds).declare().unwrap());
    let recorder = engine.recorder().unwrap();
    (registry, engine, recorder, histogram)
}

/// Lines of a page.
fn of_engine_0(registry: &Registry) -> usize {
    registry.page().lines().filter(|line| line.contains("engine=\"0\"")).count()
}

#[test]
fn samples_of_an_engine() {
    let samples = |with_vllm: bool| {
        let mut schema = Schema::builder(&["engine"]);
        if with_vllm {
            vllm::Families::declare(&mut schema, &vllm::Config::new()).unwrap();
        }
        let registry = Registry::new(schema.build().unwrap());
        let _engine = registry.attach(&["0"]).unwrap();
        of_engine_0(&registry)
    };
    assert_says(README, samples(true), "samples per engine");
    assert_eq!(samples(false), 6);

    let mut schema = Schema::builder(&["engine"]);
    schema.counter::<u64>("open", "").hidden().dynamic_labels(["label"], 1).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let _engine = registry.attach(&["0"]).unwrap();
    assert_eq!(of_engine_0(&registry), 7);
}

#[test]
fn limits_unless_set() {
    let mut schema = Schema::builder(&[]);
    // With +Inf, sum and count a hundred samples.
    let bounds: Vec<f64> = (0..97).map(f64::from).collect();
    let mut declare = |n: usize| schema.histogram::<u64>(&format!("h{n}"), "", &bounds).declare();
    let samples = 100 * (0..).take_while(|n| declare(*n).is_ok()).count();
    let error = schema.counter::<u64>("one_more", "").declare().unwrap_err();
    assert_eq!(error, SchemaError::TooManySamples { family: "one_more".into(), limit: samples });
    assert_says(LIMITS, format!("default is {}.", grouped(samples)), "The crate's");
}

#[test]
fn recorders_unless_limited() {
    let registry = Registry::new(Schema::builder(&[]).build().unwrap());
    let engine = registry.attach(&[]).unwrap();
    let recorders: Vec<Recorder> = (0..).map_while(|_| engine.recorder().ok()).collect();
    assert_says(LIMITS, format!("default is {}.", recorders.len()), "Each takes a slab");
}

#[test]
fn a_shared_recorder_takes_so_much() {
    let OneEngine { registry, engine, handles: (count, seconds) } = OneEngine::without_labels(|schema| {
        schema.shards(1);
        (
            schema.counter::<u64>("count", "").declare().unwrap(),
            schema.histogram::<f64>("seconds", "", &[1.0]).declare().unwrap(),
        )
    });
    let shared = engine.shared_recorder();
    (0..2).for_each(|_| shared.add(count, 1 << 62));
    shared.inc(count);
    shared.observe_n(seconds, 0.5, 1 << 32);
    shared.observe_n(seconds, 0.5, (1 << 32) + 1);
    let snapshot = snapshot(&registry);
    let view = snapshot.engines().next().unwrap();
    assert_eq!((view.counter(count), view.histogram(seconds).count()), (1 << 63, 1 << 32));
}

#[test]
fn a_bucket_takes_at_most_two_to_the_62_from_observe_n() {
    let (registry, _engine, mut recorder, histogram) = histogram::<u64>(&[1.0]);
    let counted = || snapshot(&registry).engines().next().unwrap().histogram(histogram).count();
    recorder.observe_n(histogram, 0, (1 << 62) + 1);
    assert_eq!(counted(), 0);
    recorder.observe_n(histogram, 0, 1 << 62);
    recorder.observe_n(histogram, 0, 2);
    assert_eq!(counted(), 1 << 62);
}

/// Of a batch that falls into `buckets` buckets. One after the other its values sum up to 0, since
/// the 1 is lost beside 1e16; in eight lanes, and in no other number, the 1 has a lane of its own,
/// and the sum is 1.
fn sum_of_a_batch(buckets: i32) -> f64 {
    let bounds: Vec<f64> = (-1..buckets - 2).map(f64::from).collect();
    let (registry, _engine, mut recorder, histogram) = histogram::<f64>(&bounds);
    recorder.observe_all(histogram, &[1e16, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, -1e16]);
    let snapshot = snapshot(&registry);
    let view = snapshot.engines().next().unwrap().histogram(histogram);
    assert_eq!((view.count(), view.cumulative_buckets().count()), (9, buckets as usize));
    view.sum()
}

#[test]
fn a_batch_is_summed_in_eight_lanes_unless_it_spreads_over_more_than_64_buckets() {
    assert_eq!([3, 64, 65].map(sum_of_a_batch), [1.0, 1.0, 0.0]);
}

#[test]
fn bounds_and_context_of_the_vllm_set() {
    let mut schema = Schema::builder(&["engine"]);
    let families = vllm::Families::declare(&mut schema, &vllm::Config::new()).unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let _engine = registry.attach(&["0"]).unwrap();
    let snapshot = snapshot(&registry);
    let latency = snapshot.engines().next().unwrap().histogram(families.inter_token_latency);
    assert_says(README, latency.cumulative_buckets().count() - 1, "bounds");
    assert!(format!("{:?}", vllm::Config::new()).contains("max_model_len: 131072"));
}

/// There is none, and the compiler refuses what would be added.
#[test]
fn unsafe_code_is_forbidden() {
    for library in [include_str!("../../src/lib.rs"), include_str!("../../vllm/src/lib.rs")] {
        assert!(library.lines().any(|line| line == "#![forbid(unsafe_code)]"));
    }
    for (file, source) in sources::sources("").into_iter().chain(sources::sources_in("vllm/src", "")) {
        let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
        let mut words = code.flat_map(|line| line.split(|char: char| !char.is_alphanumeric() && char != '_'));
        assert!(words.all(|word| word != "unsafe"), "{file}");
    }
}

/// `scripts/instructions --write` counts them.
#[test]
fn instruction_counts_are_the_budgets() {
    let design = include_str!("../../DESIGN.md");
    let budgets = include_str!("../../benches/budgets/1.95.0-x86_64-unknown-linux-gnu.md");
    assert!(design.contains("rustc 1.95.0 for x86-64") && design.contains(budgets));
}

#[test]
fn versions() {
    assert_says(README, env!("CARGO_PKG_RUST_VERSION"), "or newer");
    assert_eq!(Format::Text.content_type(), "text/plain; version=0.0.4; charset=utf-8");
}
