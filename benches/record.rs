//! What one operation inside an open step costs.
//!
//! A step holds [`OPERATIONS`] of them (batches: [`BATCHES`]), and the time is divided by their
//! number. So opening and committing, some ten nanoseconds, hardly show. But what an operation
//! makes the next step do, namely copy the words that it touched, does show, since that is part of
//! its price. Both numbers are small enough that a step's log doesn't overflow.
//!
//! Histograms of f64 have 19 bounds (inter-token latency), those of u64 have 13 (iteration tokens).
//! "spread" values fall into all buckets evenly, "clustered" ones are 12 to 40 ms. The price
//! includes fetching the value, about half a nanosecond.

mod common;

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use criterion::{BenchmarkGroup, BenchmarkId, Criterion, measurement::WallTime};
use tachometer::{Counter, Engine, Gauge, Histogram, Recorder, Registry, Schema, Step};
use tachometer_vllm as vllm;
use tachometer_vllm::connectors::{
    ConnectorFamilies, Key, KvConnector, NixlStats, NixlTransfer, Offloading, OffloadingSpec, Payload, Value,
};

use crate::common::{
    Latencies, Rotation,
    one_step::OneStep as _,
    random, spread_integer,
    vllm::{Fleet, Steps, full},
};

/// Operations in a step.
const OPERATIONS: u64 = 64;
/// Batches in a step: a spread one touches 20 buckets.
const BATCHES: u64 = 8;
/// Values in a batch.
const BATCH: usize = 256;

fn main() {
    let mut criterion = common::criterion();
    scalars(&mut criterion);
    observations(&mut criterion);
    batches(&mut criterion);
    optional_families(&mut criterion);
    payloads(&mut criterion);
    criterion.final_summary();
}

/// One engine with a family of each type.
struct Fixture {
    recorder: Recorder,
    /// Eight counters: work on different words needn't wait for the previous store.
    counters: [Counter<u64>; 8],
    amount: Counter<f64>,
    gauge: Gauge<f64>,
    seconds: Histogram<f64>,
    tokens: Histogram<u64>,
    second_bounds: Vec<f64>,
    token_bounds: Vec<f64>,
    _engine: Engine,
}

impl Fixture {
    fn new() -> Self {
        let fleet = Fleet::new(1);
        let second_bounds = fleet.bounds(fleet.families.inter_token_latency);
        let token_bounds = fleet.bounds(fleet.families.iteration_tokens);
        let mut schema = Schema::builder(&["engine"]);
        // A slab of the usual size. In a small one, copying all words would cost less than copying
        // only the touched ones.
        vllm::Families::declare(&mut schema, &vllm::Config::new()).expect("the families are valid");
        let labels = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let valid = "the families are valid";
        let counters = schema.counter("counters", "Counters.").label("counter", labels).declare().expect(valid);
        let amount = schema.counter("amount", "A counter of floats.").declare().expect(valid);
        let gauge = schema.gauge("gauge", "A gauge.").declare().expect(valid);
        let seconds = schema.histogram("seconds", "A histogram of floats.", &second_bounds).declare().expect(valid);
        let tokens = schema.histogram("tokens", "A histogram of integers.", &token_bounds).declare().expect(valid);
        let engine = Registry::new(schema.build().expect(valid)).attach(&["0"]).expect("the first engine");
        let recorder = engine.recorder().expect("no other recorder exists");
        Self { recorder, counters, amount, gauge, seconds, tokens, second_bounds, token_bounds, _engine: engine }
    }
}

/// Measures `operation` in steps of `a_step` operations. It gets the operation's number in its
/// step.
fn bench(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    recorder: &mut Recorder,
    a_step: u64,
    mut operation: impl FnMut(&mut Step<'_>, usize),
) {
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|operations| time(recorder, operations, a_step, &mut operation));
    });
}

fn time(
    recorder: &mut Recorder,
    operations: u64,
    a_step: u64,
    operation: &mut impl FnMut(&mut Step<'_>, usize),
) -> Duration {
    let start = Instant::now();
    let mut left = operations;
    while left > 0 {
        let now = left.min(a_step);
        let mut step = recorder.step();
        (0..now as usize).for_each(|index| operation(&mut step, index));
        step.commit();
        left -= now;
    }
    start.elapsed()
}

fn scalars(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("record");
    let Fixture { recorder, counters, amount, gauge, .. } = &mut Fixture::new();
    let mut random = random();
    let mut integers = Rotation::new(|| random.u64(..1_000));
    let mut floats = Rotation::new(|| f64::from(random.u32(..1_000)) / 8.0);
    let first = counters[0];
    bench(&mut group, "add_u64", recorder, OPERATIONS, |step, _| step.add(first, integers.next()));
    bench(&mut group, "add_u64_8_in_turn", recorder, OPERATIONS, |step, index| {
        step.add(counters[index % 8], integers.next());
    });
    bench(&mut group, "inc_u64", recorder, OPERATIONS, |step, _| step.inc(first));
    bench(&mut group, "add_f64", recorder, OPERATIONS, |step, _| step.add(*amount, floats.next()));
    bench(&mut group, "set_f64", recorder, OPERATIONS, |step, _| step.set(*gauge, floats.next()));
}

fn observations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("record");
    let Fixture { recorder, seconds, tokens, second_bounds, token_bounds, .. } = &mut Fixture::new();
    let mut random = random();
    for (name, latencies) in Latencies::ALL {
        let mut values = latencies.rotation(second_bounds);
        bench(&mut group, &format!("observe_f64_{name}"), recorder, OPERATIONS, |step, _| {
            step.observe(*seconds, values.next());
        });
    }
    let mut integers = Rotation::new(|| spread_integer(token_bounds, &mut random));
    bench(&mut group, "observe_u64_spread", recorder, OPERATIONS, |step, _| step.observe(*tokens, integers.next()));
    let mut values = Latencies::Spread.rotation(second_bounds);
    let mut times = Rotation::new(|| random.u64(1..=64));
    bench(&mut group, "observe_n_f64_spread", recorder, OPERATIONS, |step, _| {
        step.observe_n(*seconds, values.next(), times.next());
    });
}

fn batches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("record");
    let Fixture { recorder, seconds, second_bounds, .. } = &mut Fixture::new();
    for (name, latencies) in Latencies::ALL {
        let mut values = latencies.rotation(second_bounds);
        bench(&mut group, &format!("observe_all_{BATCH}_{name}"), recorder, BATCHES, |step, _| {
            step.observe_all(*seconds, values.window(BATCH));
        });
    }
}

/// A whole vLLM step of a decode batch, with the optional families off or on. The stats are the
/// same.
fn optional_families(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("record/vllm_step");
    for (name, config) in [("base", vllm::Config::new()), ("full", full())] {
        for batch in [1, BATCH] {
            let mut fleet = Fleet::with(&config, 1);
            let mut steps = Steps::new(&fleet, batch, Latencies::Clustered);
            let (recorder, metrics) = (&mut fleet.recorders[0], &mut fleet.metrics[0]);
            group.bench_function(BenchmarkId::new(name, batch), |bencher| {
                bencher.iter(|| recorder.record(|step| steps.record(metrics, step)));
            });
        }
    }
}

/// A step in which NIXL reports 64 transfers, and one in which three tiers report.
fn payloads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("record/payload");
    let transfer = |n: u32| NixlTransfer { seconds: f64::from(n) * 0.01, bytes: 1 << (n % 30), ..Default::default() };
    let transfers: Vec<_> = (0..64).map(transfer).collect();
    let nixl = NixlStats { transfers: &transfers, ..Default::default() };
    payload(&mut group, "nixl_64", &KvConnector::NixlPull, &nixl);
    let names = ["read_bytes", "write_bytes", "chunk_queries", "chunk_hits", "cascade_job_failures"];
    let names = names.map(|name| format!("vllm:kv_offload_tiering_{name}"));
    let of_tier = |tier: &'static str| (Key::Labels(Cow::Owned(vec![tier.into()])), Value::from(3));
    let tiers = ["0:primary", "1:fs", "2:obj"].map(of_tier);
    let types = names.each_ref().map(|name| (name.as_str().into(), "counter".into()));
    let data = names.each_ref().map(|name| (name.as_str().into(), Value::map(&tiers)));
    let tiering = [("types".into(), Value::map(&types)), ("data".into(), Value::map(&data))];
    let spec = OffloadingSpec::Tiering { kvcr: false, info_labels: &[] };
    let connector = KvConnector::Offloading(Offloading { spec, store_threshold: 0 });
    payload(&mut group, "tiering_15", &connector, &Value::map(&tiering));
}

fn payload(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, connector: &KvConnector<'_>, payload: &impl Payload) {
    let mut schema = Schema::builder(&["engine"]);
    let families = ConnectorFamilies::declare(&mut schema, connector, &vllm::Config::new()).expect("vLLM's");
    let engine = Registry::new(schema.build().expect("valid")).attach(&["0"]).expect("the first engine");
    let (mut recorder, mut metrics) = (engine.recorder().expect("the first"), families.metrics(&engine));
    group.bench_function(name, |bencher| {
        bencher.iter(|| recorder.record(|step| metrics.record(step, payload).expect("it fits")));
    });
}
