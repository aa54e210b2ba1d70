//! What recording from any thread costs, compared with the minimum for a shared word: a plain
//! `fetch_add`, a compare-and-swap loop for floats, and both for a histogram (search the bounds,
//! one bucket, one sum).
//!
//! * `alone`: one thread. `two`: another thread does the same without a pause, on the same engine,
//!   and with the baselines on the same words.
//! * `guard`: an in-flight guard and a timer, made and dropped; the timer next to the clock alone.
//! * `engine/found`: a handle of an attached engine, found by its labels and dropped.
//! * Attaching and leasing: an engine of the vLLM base set attaches and detaches while others stay;
//!   a recorder is leased and dropped.
//! * `dynamic`: a series with dynamic labels, one of a hundred: an addition, and the lookup of an
//!   existing series. A snapshot of all of them. And 20,000 values that are looked up for the first
//!   time, one after the other.
//! * A snapshot of an engine with two shards, or with a second slab, next to that of one slab.
//!
//! The histogram has 19 bounds; values are 12 to 40 ms. The price includes fetching the value,
//! about half a nanosecond.

mod common;

use std::{
    hint::black_box,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::Instant,
};

use criterion::{BatchSize, BenchmarkId, Criterion};
use tachometer::{Counter, DynamicFamily, Engine, Exactly, Histogram, Registry, Schema, SharedRecorder, Snapshot};
use tachometer_vllm as vllm;

use crate::common::{Latencies, Rotation, vllm::Fleet};

fn main() {
    let mut criterion = common::criterion();
    additions(&mut criterion);
    observations(&mut criterion);
    dynamic_labels(&mut criterion);
    new_label_values(&mut criterion);
    guards(&mut criterion);
    engine_by_labels(&mut criterion);
    lifecycle(&mut criterion);
    snapshots(&mut criterion);
    criterion.final_summary();
}

/// Measures `operation` in one thread, and while another thread runs it as well.
fn bench<T: Copy + Send>(
    criterion: &mut Criterion,
    group: &str,
    name: &str,
    values: &Rotation<T>,
    operation: impl Fn(T) + Sync,
) {
    let mut group = criterion.benchmark_group(group);
    let mut own = values.clone();
    group.bench_function(BenchmarkId::new(name, "alone"), |bencher| bencher.iter(|| operation(own.next())));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let (mut others, operation, stop) = (values.clone(), &operation, &stop);
        scope.spawn(move || {
            while !stop.load(Relaxed) {
                (0..64).for_each(|_| operation(others.next()));
            }
        });
        group.bench_function(BenchmarkId::new(name, "two"), |bencher| bencher.iter(|| operation(own.next())));
        stop.store(true, Relaxed);
    });
}

/// An engine of the vLLM base set, with some more families.
struct Fixture {
    shared: SharedRecorder,
    counter: Counter<u64>,
    amount: Counter<f64>,
    seconds: Histogram<f64>,
    bounds: Vec<f64>,
    _engine: Engine,
}

impl Fixture {
    fn new() -> Self {
        let fleet = Fleet::new(1);
        let bounds = fleet.bounds(fleet.families.inter_token_latency);
        let mut schema = Schema::builder(&["engine"]);
        vllm::Families::declare(&mut schema, &vllm::Config::new()).expect("the families are valid");
        let counter = schema.counter("counter", "A counter.").declare().expect("a valid family");
        let amount = schema.counter("amount", "A counter of floats.").declare().expect("a valid family");
        let seconds = schema.histogram("seconds", "A histogram.", &bounds).declare().expect("a valid family");
        let engine = Registry::new(schema.build().expect("a valid schema")).attach(&["0"]).expect("the first engine");
        Self { shared: engine.shared_recorder(), counter, amount, seconds, bounds, _engine: engine }
    }
}

fn add_by_swaps(word: &AtomicU64, n: f64) {
    let sum = |bits| Some((f64::from_bits(bits) + n).to_bits());
    black_box(word.fetch_update(Relaxed, Relaxed, sum).is_ok());
}

fn additions(criterion: &mut Criterion) {
    let Fixture { shared, counter, amount, .. } = &Fixture::new();
    let mut random = common::random();
    let integers = Rotation::new(|| random.u64(..1_000));
    let floats = Rotation::new(|| random.f64());
    let [integer, float] = [(); 2].map(|()| AtomicU64::new(0));
    bench(criterion, "shared/add_u64", "recorder", &integers, |n| shared.add(*counter, n));
    bench(criterion, "shared/add_u64", "fetch_add", &integers, |n| _ = black_box(integer.fetch_add(n, Relaxed)));
    bench(criterion, "shared/add_f64", "recorder", &floats, |n| shared.add(*amount, n));
    bench(criterion, "shared/add_f64", "swaps", &floats, |n| add_by_swaps(&float, n));
}

fn observations(criterion: &mut Criterion) {
    let Fixture { shared, seconds, bounds, .. } = &Fixture::new();
    let values = Latencies::Clustered.rotation(bounds);
    let buckets: Vec<AtomicU64> = (0..bounds.len() + 2).map(|_| AtomicU64::new(0)).collect();
    bench(criterion, "shared/observe_f64", "recorder", &values, |value| shared.observe(*seconds, value));
    bench(criterion, "shared/observe_f64", "fetch_add_and_swaps", &values, |value| {
        let bucket = bounds.partition_point(|bound| *bound < value);
        buckets[bucket].fetch_add(1, Relaxed);
        add_by_swaps(&buckets[bounds.len() + 1], value);
    });
    let mut values = values.clone();
    let mut group = criterion.benchmark_group("shared");
    group.throughput(criterion::Throughput::Elements(256));
    group.bench_function("observe_all/256", |bencher| {
        bencher.iter(|| shared.observe_all(*seconds, values.window(256)));
    });
}

/// A hundred tenants with recurring requests, and one for which all threads record.
fn dynamic_labels(criterion: &mut Criterion) {
    let mut schema = Schema::builder(&[]);
    let hits = schema.counter::<u64>("hits", "Hits.").dynamic_labels(["tenant"], 100).declare();
    let hits: DynamicFamily<Counter<u64>, Exactly<1>> = hits.expect("a valid family");
    let registry = Registry::new(schema.build().expect("a valid schema"));
    let engine = registry.attach(&[]).expect("the first engine");
    let recorder = engine.shared_recorder();
    let names: Vec<String> = (0..100).map(|tenant| format!("tenant {tenant}")).collect();
    let series: Vec<_> = names.iter().map(|name| recorder.with_label_values(hits, [name])).collect();
    let mut random = common::random();
    let (integers, tenants) = (Rotation::new(|| random.u64(..1_000)), Rotation::new(|| random.usize(..100)));
    bench(criterion, "dynamic/add_u64", "one_series", &integers, |n| series[0].add(n));
    bench(criterion, "dynamic/add_u64", "any_series", &tenants, |tenant| series[tenant].add(1));
    bench(criterion, "dynamic/series", "looked_up", &tenants, |tenant| {
        drop(recorder.with_label_values(hits, [&names[tenant]]));
    });
    let mut snapshot = Snapshot::new();
    criterion.bench_function("dynamic/snapshot_of_100", |bencher| bencher.iter(|| registry.snapshot(&mut snapshot)));
}

/// Each label value is new, and all of them stay.
fn new_label_values(criterion: &mut Criterion) {
    const VALUES: usize = 20_000;
    let mut schema = Schema::builder(&["engine"]);
    schema.max_samples(2 * VALUES);
    let hits = schema.counter::<u64>("hits", "Hits.").dynamic_labels(["tenant"], VALUES).declare();
    let hits: DynamicFamily<Counter<u64>, Exactly<1>> = hits.expect("a valid family");
    let registry = Registry::new(schema.build().expect("a valid schema"));
    let names: Vec<String> = (0..VALUES).map(|tenant| format!("tenant {tenant}")).collect();
    let mut group = criterion.benchmark_group("dynamic");
    group.throughput(criterion::Throughput::Elements(VALUES as u64));
    group.bench_function(BenchmarkId::new("new_label_values", VALUES), |bencher| {
        let attach = || {
            let engine = registry.attach(&["comes"]).expect("the one before was dropped");
            (engine.shared_recorder(), engine)
        };
        let look_up_all = |(recorder, engine): (SharedRecorder, Engine)| {
            for name in &names {
                drop(recorder.with_label_values(hits, [name]));
            }
            (recorder, engine) // dropped unmeasured
        };
        bencher.iter_batched(attach, look_up_all, BatchSize::PerIteration);
    });
}

/// Made and dropped.
fn guards(criterion: &mut Criterion) {
    let mut schema = Schema::builder(&[]);
    let in_flight = schema.gauge::<i64>("in_flight", "In flight.").settable().declare().expect("a valid family");
    let seconds = schema.histogram::<f64>("seconds", "A time.", &[1e-6, 1.0]).declare().expect("a valid family");
    let by_tenant = schema.gauge::<i64>("by_tenant", "In flight.").dynamic_labels(["tenant"], 1).declare();
    let by_tenant = by_tenant.expect("a valid family");
    let engine = Registry::new(schema.build().expect("a valid schema")).attach(&[]).expect("the first engine");
    let shared = engine.shared_recorder();
    let series = shared.with_label_values(by_tenant, ["one"]);
    let none = Rotation::new(|| ());
    bench(criterion, "guard", "in_flight", &none, |()| drop(black_box(shared.in_flight(in_flight))));
    bench(criterion, "guard", "in_flight_of_a_series", &none, |()| drop(black_box(series.in_flight())));
    bench(criterion, "guard", "timer", &none, |()| drop(black_box(shared.timer(seconds))));
    bench(criterion, "guard", "two_looks_at_the_clock", &none, |()| _ = black_box(Instant::now().elapsed()));
}

/// An engine that is there, among others: found and given up.
fn engine_by_labels(criterion: &mut Criterion) {
    for others in [0, 15, 255] {
        let fleet = Fleet::new(others);
        let _engine = fleet.registry.attach(&["wanted", "m"]).expect("the label is free");
        let find = |()| drop(black_box(fleet.registry.get_or_attach(&["wanted", "m"]).expect("it is there")));
        bench(criterion, "engine/found", &format!("{others}_others"), &Rotation::new(|| ()), find);
    }
}

fn lifecycle(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lifecycle");
    for others in [0, 15, 255, 10_000] {
        let fleet = Fleet::new(others);
        group.bench_function(BenchmarkId::new("attach_and_detach", others), |bencher| {
            bencher.iter(|| drop(fleet.registry.attach(&["comes", "m"]).expect("the label is free")));
        });
    }
    let fleet = Fleet::new(16);
    group.bench_function("recorder_and_drop", |bencher| {
        let _first = fleet.engines[0].recorder();
        bencher.iter(|| drop(fleet.engines[0].recorder().expect("more are allowed")));
    });
    group.bench_function("shared_recorder", |bencher| bencher.iter(|| fleet.engines[0].shared_recorder()));
    group.bench_function("first_shared_recorder", |bencher| {
        let fleet = Fleet::new(0);
        let attach = || fleet.registry.attach(&["comes", "m"]).expect("the label is free");
        bencher.iter_batched(attach, |engine| engine.shared_recorder(), BatchSize::PerIteration);
    });
}

fn snapshots(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("snapshot_of_one_engine");
    let fleet = Fleet::new(1);
    let mut snapshot = Snapshot::new();
    let mut measure = |name: &str| {
        group.bench_function(name, |bencher| bencher.iter(|| fleet.registry.snapshot(black_box(&mut snapshot))));
    };
    measure("one_slab");
    let _second = fleet.engines[0].recorder().expect("a second recorder");
    measure("two_slabs");
    let _shared = fleet.engines[0].shared_recorder();
    measure("two_slabs_and_shards");
}
