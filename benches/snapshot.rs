//! What reading costs: a snapshot of 1, 16 and 256 engines with the vLLM base set into a reused buffer, while nobody writes;
//! then one number out of it, and a quantile of a histogram with 19 bounds.

mod common;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};

use crate::common::{Rotation, random, vllm::Fleet};

fn main() {
    let mut criterion = common::criterion();
    snapshots(&mut criterion);
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
