//! What a page costs: the vLLM base set of 1, 16 and 256 engines, rendered into a warm buffer.
//!
//! * `text`, `openmetrics`: renders a snapshot. The throughput counts lines (including `HELP` and
//!   `TYPE`), so it shows nanoseconds per line. With few engines several snapshots take turns, so
//!   that the branch predictor can't learn the page.
//! * `copy`: copies the same bytes, as a lower bound.
//! * `registry`, `registry openmetrics`: `Registry::render_as`, a snapshot and its page.
//! * `four gauges`: the same of four gauges.
//! * `joined`: `Registry::render` of ten schemas that joined, with a part for each engine, and of
//!   one schema with the same families.
//! * `collector`: `Registry::render` without engines; the same with a collector of one gauge, and
//!   with one that looks up 100 series.

mod common;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use tachometer::{Collector, Format, PageOptions, Registry, Renderer, Schema};

use crate::common::{joined::TenSets, vllm::Fleet};

fn main() {
    let mut criterion = common::criterion();
    for engines in [1, 16, 256] {
        pages(&mut criterion, engines);
        joined(&mut criterion, engines);
    }
    collectors(&mut criterion);
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
    for (name, format) in [("text", Format::Text), ("openmetrics", Format::OpenMetrics)] {
        let mut turn = (0..snapshots.len()).cycle();
        group.bench_function(BenchmarkId::new(name, engines), |bencher| {
            bencher.iter(|| {
                page.clear();
                let snapshot = &snapshots[turn.next().unwrap_or(0)];
                renderer.render(black_box(snapshot), format, &PageOptions::new(), &mut page);
                black_box(page.len())
            });
        });
    }
    group.finish();
    registry(criterion, &fleet, engines);
}

/// Snapshots and their pages.
fn registry(criterion: &mut Criterion, fleet: &Fleet, engines: usize) {
    let mut group = criterion.benchmark_group("render");
    let (mut page, four) = (Vec::new(), PageOptions::new().families(FOUR_GAUGES));
    for (name, format, options) in [
        ("registry", Format::Text, PageOptions::new()),
        ("registry openmetrics", Format::OpenMetrics, PageOptions::new()),
        ("four gauges", Format::Text, four.clone()),
        ("four gauges openmetrics", Format::OpenMetrics, four),
    ] {
        group.bench_function(BenchmarkId::new(name, engines), |bencher| {
            bencher.iter(|| {
                page.clear();
                fleet.registry.render_as(format, black_box(&options), &mut page);
                black_box(page.len())
            });
        });
    }
}

/// What a router polls.
const FOUR_GAUGES: [&str; 4] = [
    "vllm:num_requests_running",
    "vllm:num_requests_waiting",
    "vllm:kv_cache_usage_perc",
    "vllm:num_requests_waiting_by_reason",
];

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

/// What a collector adds to a page: the difference from the page without.
fn collectors(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("render/collector");
    for (name, collect) in [("none", None), ("one_gauge", Some(0)), ("100_series", Some(100))] {
        let registry = Registry::new(Schema::builder(&[]).build().expect("an empty schema"));
        let _collector = collect.map(|series| collector(&registry, series));
        let mut page = Vec::new();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                page.clear();
                registry.render(&mut page);
                black_box(page.len())
            });
        });
    }
}

/// A collector of one gauge, and of this many dynamic series.
fn collector(registry: &Registry, series: usize) -> Collector {
    let mut schema = Schema::builder(&[]);
    let connections = schema.gauge::<i64>("connections", "Open connections.").settable().declare();
    let connections = connections.expect("a valid family");
    let ready = schema.gauge::<i64>("model_ready", "1 if it is.").sparse().dynamic_labels(["model"], series);
    let ready = ready.declare().expect("a valid family");
    let models: Vec<_> = (0..series).map(|model| format!("model-{model}")).collect();
    let collector = registry.collector(schema.build().expect("valid families"), move |recorder| {
        recorder.set_gauge(connections, 7);
        models.iter().for_each(|model| recorder.with_label_values(ready, [model.as_str()]).set(1));
        Ok(())
    });
    collector.expect("names of its own")
}
