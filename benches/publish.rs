//! What a step costs from open to commit, including what the next step pays for it.
//!
//! * `vllm`: a whole step of a batch through the vLLM set, with statistics built by the caller
//!   (`common/vllm.rs` counts the work). It differs from `by_hand`: it has 5 gauges, not 3; 13
//!   observations per finished request, not 11, two of them with 7 and 5 bounds; and times to first
//!   token are observed as a batch.
//! * `by_hand`: the step of `scripts/compare`, written with plain handles: 3 gauges, 12 counters,
//!   one observation of iteration tokens (13 bounds), the batch's inter-token latencies (19
//!   bounds), and for each of max(1, batch / 64) finished requests 11 observations (16 to 21
//!   bounds), one time to first token (22 bounds) and one counter.
//! * The smallest steps: one addition, nothing, and a discarded step.
//! * The vLLM step of 256 requests while another thread takes snapshots without a pause.
//!
//! "spread" latencies fall into all buckets evenly, "clustered" ones are 12 to 40 ms. Everything
//! else is spread in both, except that the vLLM set's iteration tokens are never fewer than the
//! batch.

mod common;

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

use criterion::{BenchmarkGroup, BenchmarkId, Criterion, measurement::WallTime};
use tachometer::{Counter, Engine, Gauge, Histogram, Recorder, Registry, Schema, SchemaBuilder, SchemaError, Step};

use crate::common::{
    Latencies, Rotation,
    one_step::OneStep as _,
    random, spread, spread_integer,
    vllm::{Fleet, Steps, finished_in},
};

const BATCHES: [usize; 4] = [1, 64, 256, 1024];

fn main() {
    let mut criterion = common::criterion();
    vllm_steps(&mut criterion);
    steps_by_hand(&mut criterion);
    least_steps(&mut criterion);
    steps_under_snapshots(&mut criterion);
    criterion.final_summary();
}

fn vllm_steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("publish/vllm");
    for (name, latencies) in Latencies::ALL {
        for batch in BATCHES {
            vllm_step(&mut group, BenchmarkId::new(name, batch), &mut Fleet::new(1), batch, latencies);
        }
    }
}

fn vllm_step(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: BenchmarkId,
    fleet: &mut Fleet,
    batch: usize,
    latencies: Latencies,
) {
    let mut steps = Steps::new(fleet, batch, latencies);
    let (recorder, metrics) = (&mut fleet.recorders[0], &mut fleet.metrics[0]);
    group.bench_function(id, |bencher| bencher.iter(|| recorder.record(|step| steps.record(metrics, step))));
}

fn steps_by_hand(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("publish/by_hand");
    for (name, latencies) in Latencies::ALL {
        for batch in BATCHES {
            let ByHand { mut recorder, handles, bounds, .. } = ByHand::new();
            let mut values = Values::new(&bounds, latencies);
            group.bench_function(BenchmarkId::new(name, batch), |bencher| {
                bencher.iter(|| recorder.record(|step| handles.record(step, &mut values, batch)));
            });
        }
    }
}

fn least_steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("publish");
    let mut fleet = Fleet::new(1);
    let mut steps = Steps::new(&fleet, 256, Latencies::Clustered);
    let mut random = random();
    let mut amounts = Rotation::new(|| random.u64(..1_000));
    let (recorder, metrics) = (&mut fleet.recorders[0], &mut fleet.metrics[0]);
    let counter = fleet.families.generation_tokens;
    group.bench_function("add_and_commit", |bencher| bencher.iter(|| recorder.add(counter, amounts.next())));
    group.bench_function("empty", |bencher| bencher.iter(|| recorder.step().commit()));
    // Each step that opens now has as much to catch up with.
    recorder.record(|step| steps.record(metrics, step));
    group.bench_function("discarded/256", |bencher| {
        bencher.iter(|| {
            let mut step = recorder.step();
            steps.record(metrics, &mut step);
            drop(step);
        });
    });
}

fn steps_under_snapshots(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("publish/under_snapshots");
    for (name, latencies) in Latencies::ALL {
        let mut fleet = Fleet::new(1);
        let (registry, stop) = (fleet.registry.clone(), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut snapshot = tachometer::Snapshot::new();
                while !stop.load(Relaxed) {
                    registry.snapshot(&mut snapshot);
                }
            });
            vllm_step(&mut group, BenchmarkId::new(name, 256), &mut fleet, 256, latencies);
            stop.store(true, Relaxed);
        });
    }
}

/// An engine for steps written by hand.
struct ByHand {
    recorder: Recorder,
    handles: Handles,
    bounds: HandBounds,
    _engine: Engine,
}

/// The bounds of vLLM's histograms.
struct HandBounds {
    iteration: Vec<f64>,
    latency: Vec<f64>,
    first_token: Vec<f64>,
    tokens: Vec<f64>,
    phase: Vec<f64>,
}

#[derive(Clone, Copy)]
struct Handles {
    gauges: [Gauge<i64>; 3],
    counters: [Counter<u64>; 12],
    iteration: Histogram<u64>,
    latency: Histogram<f64>,
    first_token: Histogram<f64>,
    finished: Counter<u64>,
    /// For a finished request: numbers of tokens, phases, and time per token.
    tokens: [Histogram<u64>; 5],
    phases: [Histogram<f64>; 5],
    per_token: Histogram<f64>,
}

impl ByHand {
    fn new() -> Self {
        let fleet = Fleet::new(1);
        let bounds = HandBounds {
            iteration: fleet.bounds(fleet.families.iteration_tokens),
            latency: fleet.bounds(fleet.families.inter_token_latency),
            first_token: fleet.bounds(fleet.families.time_to_first_token),
            tokens: fleet.bounds(fleet.families.request_prompt_tokens),
            phase: fleet.bounds(fleet.families.e2e_request_latency),
        };
        let mut schema = Schema::builder(&[]);
        let handles = Handles::declare(&mut schema, &bounds).expect("the families are valid");
        let registry = Registry::new(schema.build().expect("there are no engine labels"));
        let engine = registry.attach(&[]).expect("the first engine");
        Self { recorder: engine.recorder().expect("no other recorder exists"), handles, bounds, _engine: engine }
    }
}

impl Handles {
    fn declare(schema: &mut SchemaBuilder, bounds: &HandBounds) -> Result<Self, SchemaError> {
        let twelve = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
        let five = ["a", "b", "c", "d", "e"];
        Ok(Self {
            gauges: schema.gauge("gauges", "Gauges.").label("of", ["a", "b", "c"]).declare()?,
            counters: schema.counter("counters", "Counters.").label("of", twelve).declare()?,
            iteration: schema.histogram("iteration", "Tokens of a step.", &bounds.iteration).declare()?,
            latency: schema.histogram("latency", "Inter-token latency.", &bounds.latency).declare()?,
            first_token: schema.histogram("first_token", "Time to first token.", &bounds.first_token).declare()?,
            finished: schema.counter("finished", "Finished requests.").declare()?,
            tokens: schema.histogram("tokens", "Tokens.", &bounds.tokens).label("of", five).declare()?,
            phases: schema.histogram("phases", "Phases.", &bounds.phase).label("of", five).declare()?,
            per_token: schema.histogram("per_token", "Time per token.", &bounds.latency).declare()?,
        })
    }

    #[inline]
    fn record(&self, step: &mut Step<'_>, values: &mut Values, batch: usize) {
        for gauge in self.gauges {
            step.set(gauge, values.integers.next() as i64);
        }
        for counter in self.counters {
            step.add(counter, values.integers.next());
        }
        step.observe(self.iteration, values.iteration.next());
        step.observe_all(self.latency, values.latency.window(batch));
        for _ in 0..finished_in(batch) {
            self.record_finished(step, values);
        }
    }

    #[inline]
    fn record_finished(&self, step: &mut Step<'_>, values: &mut Values) {
        for histogram in self.tokens {
            step.observe(histogram, values.tokens.next());
        }
        for histogram in self.phases {
            step.observe(histogram, values.phases.next());
        }
        step.observe(self.per_token, values.per_token.next());
        step.observe(self.first_token, values.first_token.next());
        step.inc(self.finished);
    }
}

/// What steps written by hand record.
struct Values {
    integers: Rotation<u64>,
    iteration: Rotation<u64>,
    latency: Rotation<f64>,
    first_token: Rotation<f64>,
    tokens: Rotation<u64>,
    phases: Rotation<f64>,
    per_token: Rotation<f64>,
}

impl Values {
    fn new(bounds: &HandBounds, latencies: Latencies) -> Self {
        let mut random = random();
        Self {
            integers: Rotation::new(|| random.u64(..1_000)),
            iteration: Rotation::new(|| spread_integer(&bounds.iteration, &mut random)),
            latency: latencies.rotation(&bounds.latency),
            first_token: Rotation::new(|| spread(&bounds.first_token, &mut random)),
            tokens: Rotation::new(|| spread_integer(&bounds.tokens, &mut random)),
            phases: Rotation::new(|| spread(&bounds.phase, &mut random)),
            per_token: Rotation::new(|| spread(&bounds.latency, &mut random)),
        }
    }
}
