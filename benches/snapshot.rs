//! What reading costs: a snapshot of 1, 16 and 256 engines with the vLLM base set into a reused
//! buffer, while nothing is recorded; then one number from it, and a quantile of a histogram with
//! 19 bounds. Then what a router reads: three series per engine.

mod common;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};

use tachometer::View;

use crate::common::{Rotation, random, vllm::Fleet};

fn main() {
    let mut criterion = common::criterion();
    snapshots(&mut criterion);
    router_views(&mut criterion);
    getters(&mut criterion);
    criterion.final_summary();
}

fn snapshots(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("snapshot");
    for engines in [1, 16, 256] {
        let mut fleet = Fleet::new(engines);
        fleet.run();
        let mut snapshot = fleet.snapshot();
        group.throughput(Throughput::Elements(engines as u64));
        group.bench_function(BenchmarkId::new("engines", engines), |bencher| {
            bencher.iter(|| fleet.registry.snapshot(black_box(&mut snapshot)));
        });
    }
}

/// Waiting, running and KV usage of each engine, including the getters.
fn router_views(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("router_view");
    for engines in [1, 16, 256] {
        let mut fleet = Fleet::new(engines);
        fleet.run();
        let (waiting, running) = (fleet.families.requests_waiting, fleet.families.requests_running);
        let usage = fleet.families.kv_cache_usage;
        let mut view = View::new((waiting, running, usage));
        group.throughput(Throughput::Elements(engines as u64));
        group.bench_function(BenchmarkId::new("engines", engines), |bencher| {
            bencher.iter(|| {
                fleet.registry.view(black_box(&mut view));
                let loads = view.engines().map(|engine| engine.get());
                loads.fold((0, 0.0), |sum, (waiting, running, usage)| (sum.0 + waiting + running, sum.1 + usage))
            });
        });
    }
}

fn getters(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("snapshot");
    let mut fleet = Fleet::new(1);
    fleet.run();
    let snapshot = fleet.snapshot();
    let engine = snapshot.engines().next().expect("there is one");
    let families = fleet.families;
    group.bench_function("counter", |bencher| {
        bencher.iter(|| black_box(engine).counter(black_box(families.generation_tokens)));
    });
    let mut random = random();
    let mut shares = Rotation::new(|| random.f64());
    group.bench_function("quantile", |bencher| {
        bencher.iter(|| black_box(engine).histogram(families.request_time_per_output_token).quantile(shares.next()));
    });
}
