//! What a page costs: the vLLM base set of 1, 16 and 256 engines, rendered into a warm buffer.
//!
//! * `text`: renders a snapshot. The throughput counts lines (including `HELP` and `TYPE`), so it
//!   shows nanoseconds per line. With few engines several snapshots take turns, so that the branch
//!   predictor can't learn the page.
//! * `copy`: copies the same bytes, as a lower bound.
//! * `registry`: `Registry::render`, a snapshot and its page.
//! * `joined`: `Registry::render` of ten schemas that joined, with a part for each engine, and of
//!   one schema with the same families.

mod common;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use tachometer::{Format, PageOptions, Renderer};

use crate::common::{joined::TenSets, vllm::Fleet};

fn main() {
    let mut criterion = common::criterion();
    for engines in [1, 16, 256] {
        pages(&mut criterion, engines);
        joined(&mut criterion, engines);
    }
    criterion.final_summary();
}

fn pages(criterion: &mut Criterion, engines: usize) {
    let mut fleet = Fleet::new(engines);
    let next_snapshot = |_| {
        fleet.run();
        fleet.snapshot()
    };
    let snapshots: Vec<_> = (0..16_usize.div_ceil(engines)).map(next_snapshot).collect();
    let renderer = Renderer::new(&fleet.schema);
    let mut page = Vec::new();
    renderer.render(&snapshots[0], Format::Text, &PageOptions::new(), &mut page);
    let lines = page.iter().filter(|byte| **byte == b'\n').count();

    let mut group = criterion.benchmark_group("render");
    group.throughput(Throughput::Elements(lines as u64));
    let bytes = page.clone();
    group.bench_function(BenchmarkId::new("copy", engines), |bencher| {
        bencher.iter(|| {
            page.clear();
            page.extend_from_slice(black_box(&bytes));
            black_box(page.len())
        });
    });
    let mut turn = (0..snapshots.len()).cycle();
    group.bench_function(BenchmarkId::new("text", engines), |bencher| {
        bencher.iter(|| {
            page.clear();
            let snapshot = &snapshots[turn.next().unwrap_or(0)];
            renderer.render(black_box(snapshot), Format::Text, &PageOptions::new(), &mut page);
            black_box(page.len())
        });
    });
    group.bench_function(BenchmarkId::new("registry", engines), |bencher| {
        bencher.iter(|| {
            page.clear();
            fleet.registry.render(&mut page);
            black_box(page.len())
        });
    });
}

fn joined(criterion: &mut Criterion, engines: usize) {
    let mut group = criterion.benchmark_group("render/joined");
    for (name, sets) in [("one", TenSets::in_one_schema(engines)), ("ten", TenSets::joined(engines))] {
        let mut page = Vec::new();
        group.bench_function(BenchmarkId::new(name, engines), |bencher| {
            bencher.iter(|| {
                page.clear();
                sets.registry.render(&mut page);
                black_box(page.len())
            });
        });
    }
}
