//! A view of a few chosen series: what a router reads for each request.

use crate::{one_step::OneStep as _, shown::snapshot};
use std::panic::{AssertUnwindSafe, catch_unwind};

use tachometer::{
    Choice, Counter, Engine, EngineValues, EngineView, Gauge, Histogram, HistogramView, Recorder, Registry, Schema,
    SharedRecorder, View,
};

/// Series of each kind, with others between them.
#[derive(Clone, Copy)]
struct Handles {
    finished: Counter<u64>,
    other: Counter<u64>,
    seconds: Counter<f64>,
    waiting: Gauge<i64>,
    usage: Gauge<f64>,
    latency: Histogram<f64>,
    tokens: Histogram<u64>,
    moves: [Counter<u64>; 2],
    refused: Counter<u64>,
    load: Gauge<f64>,
    delays: Histogram<f64>,
}

/// All series of engines but `other`, in another order than that of the slab. Two of them are there
/// twice; arrays and tuples are within a tuple.
type Chosen = (
    (Counter<u64>, Gauge<f64>),
    Histogram<f64>,
    [(Gauge<i64>, Counter<u64>); 2],
    (Counter<f64>, (Histogram<u64>,)),
    [Counter<u64>; 2],
);
/// Those of the registry, likewise.
type Own = (Histogram<f64>, [Gauge<f64>; 2], Counter<u64>);

struct Rig {
    schema: Schema,
    registry: Registry,
    handles: Handles,
}

impl Rig {
    fn new() -> Self {
        let mut schema = Schema::builder(&["engine"]);
        schema.shards(2);
        let handles = Handles {
            latency: schema.histogram("latency", "", &[0.25, 1.0]).declare().unwrap(),
            refused: schema.counter("refused", "").registry_wide().declare().unwrap(),
            usage: schema.gauge("usage", "").declare().unwrap(),
            other: schema.counter("other", "").declare().unwrap(),
            waiting: schema.gauge("waiting", "").declare().unwrap(),
            load: schema.gauge("load", "").registry_wide().declare().unwrap(),
            delays: schema.histogram("delays", "", &[1.0]).registry_wide().declare().unwrap(),
            finished: schema.counter("finished", "").declare().unwrap(),
            tokens: schema.histogram("tokens", "", &[1.0, 2.0, 4.0]).declare().unwrap(),
            moves: schema.counter("moves", "").label("which", ["first", "second"]).declare().unwrap(),
            seconds: schema.counter("busy_seconds", "").declare().unwrap(),
        };
        let schema = schema.build().unwrap();
        Self { registry: Registry::new(schema.clone()), schema, handles }
    }

    fn attach(&self, engine: &str) -> (Engine, Recorder) {
        let engine = self.registry.attach(&[engine]).unwrap();
        let recorder = engine.recorder().unwrap();
        (engine, recorder)
    }

    fn chosen(&self) -> View<Chosen> {
        let Handles { finished, seconds, waiting, usage, latency, tokens, moves: [first, second], .. } = self.handles;
        let twice = [(waiting, finished); 2];
        View::new(((finished, usage), latency, twice, (seconds, (tokens,)), [second, first]))
    }

    fn chosen_of_the_registry(&self) -> View<Own> {
        let Handles { refused, load, delays, .. } = self.handles;
        View::new((delays, [load, load], refused))
    }

    fn step(&self, recorder: &mut Recorder, n: u64) {
        let Handles { finished, other, seconds, waiting, usage, latency, tokens, moves, .. } = self.handles;
        recorder.record(|step| {
            step.observe(latency, n as f64 / 10.0);
            step.observe(tokens, n % 6);
            step.add(finished, n);
            step.inc(other);
            step.inc(moves[0]);
            step.add(moves[1], 2 * n);
            step.add(seconds, n as f64 / 8.0);
            step.set(waiting, 3 - n as i64);
            step.set(usage, 1.0 / (n as f64 + 3.0));
        });
    }

    fn share(&self, shared: &SharedRecorder, n: u64) {
        shared.add(self.handles.finished, n);
        shared.add(self.handles.seconds, 0.1);
        shared.observe_all(self.handles.latency, &[0.1, 0.7, 70.0]);
        shared.observe(self.handles.tokens, n);
        shared.inc(self.handles.moves[1]);
        shared.inc(self.handles.other);
    }

    /// What a snapshot of everything has of an engine.
    fn all_of(&self, view: EngineView<'_>) -> Row {
        let Handles { finished, seconds, waiting, usage, latency, tokens, moves, .. } = self.handles;
        Row {
            labels: view.label_values().to_owned(),
            step: view.step(),
            integers: [view.counter(finished), view.gauge(waiting) as u64],
            floats: [view.counter(seconds), view.gauge(usage)].map(f64::to_bits),
            moves: moves.map(|counter| view.counter(counter)),
            latency: of_floats(view.histogram(latency)),
            tokens: of_integers(view.histogram(tokens)),
        }
    }

    /// Compares what was chosen with a snapshot of everything.
    #[track_caller]
    fn assert_same(&self, view: &mut View<Chosen>, own: &mut View<Own>) {
        self.registry.view(view);
        self.registry.view(own);
        let all = snapshot(&self.registry);
        let rows: Vec<Row> = view.engines().map(chosen_of).collect();
        assert_eq!(rows, all.engines().map(|engine| self.all_of(engine)).collect::<Vec<_>>());
        for row in rows {
            let labels: Vec<&str> = row.labels.iter().map(String::as_str).collect();
            assert_eq!(view.engine(&labels).map(chosen_of), Some(row));
        }
        let (seen, all) = (own.registry().unwrap(), all.registry().unwrap());
        let Handles { refused, load, delays, .. } = self.handles;
        let (seen_delays, seen_loads, seen_refused) = seen.get();
        assert_eq!(seen_loads.map(f64::to_bits), [all.gauge(load).to_bits(); 2]);
        assert_eq!(seen_refused, all.counter(refused));
        assert_eq!(of_floats(seen_delays), of_floats(all.histogram(delays)));
        assert_eq!((seen.step(), seen.label_values()), (all.step(), &[][..]));
    }
}

/// The chosen values of an engine, floats to the bit.
#[derive(Debug, PartialEq)]
struct Row {
    labels: Vec<String>,
    step: u64,
    integers: [u64; 2],
    floats: [u64; 2],
    moves: [u64; 2],
    latency: Buckets,
    tokens: Buckets,
}

/// Cumulative buckets, count, and the bits of the sum.
type Buckets = (Vec<(f64, u64)>, u64, u64);

fn of_floats(view: HistogramView<'_, f64>) -> Buckets {
    (view.cumulative_buckets().collect(), view.count(), view.sum().to_bits())
}

fn of_integers(view: HistogramView<'_, u64>) -> Buckets {
    (view.cumulative_buckets().collect(), view.count(), view.sum())
}

/// What a view has of an engine. What was chosen twice is there twice.
fn chosen_of(engine: EngineValues<'_, Chosen>) -> Row {
    let ((finished, usage), latency, twice, (seconds, (tokens,)), [second, first]) = engine.get();
    let [(waiting, _), _] = twice;
    assert_eq!(twice, [(waiting, finished); 2]);
    assert_eq!(engine.label("engine"), Some(engine.label_values()[0].as_str()));
    Row {
        labels: engine.label_values().to_owned(),
        step: engine.step(),
        integers: [finished, waiting as u64],
        floats: [seconds, usage].map(f64::to_bits),
        moves: [first, second],
        latency: of_floats(latency),
        tokens: of_integers(tokens),
    }
}

#[test]
fn its_values_are_those_of_a_snapshot_of_everything() {
    let rig = Rig::new();
    let (mut view, mut own_view) = (rig.chosen(), rig.chosen_of_the_registry());
    let engines = ["a", "b", "c", "d"].map(|engine| rig.registry.attach(&[engine]).unwrap());
    let mut recorders: Vec<_> = [0, 1, 2, 2, 2, 3, 3].map(|engine| engines[engine].recorder().unwrap()).into();
    let shared = [0, 2].map(|engine| engines[engine].shared_recorder());
    let (mut own, own_shared) = (rig.registry.recorder().unwrap(), rig.registry.shared_recorder());
    for n in 0..20 {
        for (k, recorder) in (0..).zip(&mut recorders) {
            rig.step(recorder, n + k);
        }
        shared.iter().for_each(|shared| rig.share(shared, n));
        own.record(|step| {
            step.add(rig.handles.refused, n);
            step.set(rig.handles.load, 0.1);
            step.observe(rig.handles.delays, n as f64);
        });
        own_shared.observe(rig.handles.delays, 0.1);
        rig.assert_same(&mut view, &mut own_view);
    }
    assert_eq!(view.engine(&["c"]).unwrap().step(), 60, "of three recorders");
}

#[test]
fn threads_of_a_shared_recorder_are_summed() {
    let rig = Rig::new();
    let (mut view, mut own_view) = (rig.chosen(), rig.chosen_of_the_registry());
    let (engine, mut recorder) = rig.attach("a");
    rig.step(&mut recorder, 1);
    let (rig, shared) = (&rig, &engine.shared_recorder());
    std::thread::scope(|scope| {
        (0..4).for_each(|n| drop(scope.spawn(move || rig.share(shared, n))));
    });
    rig.assert_same(&mut view, &mut own_view);
    let ((finished, _), latency, ..) = view.engine(&["a"]).unwrap().get();
    assert_eq!((finished, latency.count()), (1 + 6, 1 + 12));
}

#[test]
fn sums_end_as_those_of_a_snapshot_of_everything() {
    let rig = Rig::new();
    let (mut view, mut own_view) = (rig.chosen(), rig.chosen_of_the_registry());
    let engine = rig.registry.attach(&["a"]).unwrap();
    let mut recorders = [engine.recorder().unwrap(), engine.recorder().unwrap(), engine.recorder().unwrap()];
    for recorder in &mut recorders {
        (0..2).for_each(|_| recorder.add(rig.handles.finished, i64::MAX as u64));
        recorder.add(rig.handles.seconds, f64::MAX);
        recorder.set(rig.handles.waiting, i64::MAX);
        recorder.set(rig.handles.usage, f64::NEG_INFINITY);
        recorder.record(|step| {
            step.observe_n(rig.handles.tokens, 0, 1 << 62);
            step.observe_n(rig.handles.tokens, 3, 1 << 61);
            step.observe(rig.handles.tokens, i64::MAX as u64);
            step.observe(rig.handles.latency, f64::MAX);
        });
    }
    rig.assert_same(&mut view, &mut own_view);
    let ((finished, _), _, [(waiting, _), _], (_, (tokens,)), _) = view.engine(&["a"]).unwrap().get();
    assert_eq!((finished, waiting, tokens.sum()), (u64::MAX, i64::MAX - 2, u64::MAX));
}

#[test]
fn engines_attach_and_leave_between_two_uses() {
    let rig = Rig::new();
    let (mut view, mut own_view) = (rig.chosen(), rig.chosen_of_the_registry());
    let (a, mut in_a) = rig.attach("a");
    let (_b, mut in_b) = rig.attach("b");
    rig.step(&mut in_a, 1);
    rig.step(&mut in_b, 2);
    rig.assert_same(&mut view, &mut own_view);
    drop(a);
    let (_c, mut in_c) = rig.attach("c");
    rig.step(&mut in_c, 3);
    rig.assert_same(&mut view, &mut own_view);
    assert!(view.engine(&["a"]).is_none() && view.engine(&["b"]).is_some());
    let (_a, _again) = rig.attach("a");
    rig.assert_same(&mut view, &mut own_view);
    let ((finished, _), ..) = view.engine(&["a"]).unwrap().get();
    assert_eq!(finished, 0, "it begins at zero");
}

#[test]
fn there_is_nothing_before_the_first_use_and_no_engine_without_one() {
    let rig = Rig::new();
    let (mut view, mut own_view) = (rig.chosen(), rig.chosen_of_the_registry());
    assert_eq!(view.engines().len(), 0);
    assert!(view.engine(&["a"]).is_none() && view.registry().is_none() && own_view.registry().is_none());
    rig.assert_same(&mut view, &mut own_view);
    assert_eq!(view.engines().len(), 0);
    assert!(view.engine(&["a"]).is_none() && view.engines().next_back().is_none());
    let (_a, _recorder) = rig.attach("a");
    assert_eq!(view.engines().len(), 0, "until it is used again");
    rig.assert_same(&mut view, &mut own_view);
    assert_eq!(view.engines().len(), 1);
}

#[test]
fn a_step_that_has_not_moved_shows_a_stale_engine() {
    let rig = Rig::new();
    let ((_a, mut in_a), (_b, mut in_b)) = (rig.attach("a"), rig.attach("b"));
    rig.step(&mut in_a, 1);
    rig.step(&mut in_b, 1);
    let mut view = View::new(rig.handles.waiting);
    rig.registry.view(&mut view);
    let before: Vec<u64> = view.engines().map(|engine| engine.step()).collect();
    rig.step(&mut in_a, 1); // the same numbers
    let _open = in_b.step();
    rig.registry.view(&mut view);
    let moved: Vec<bool> = view.engines().zip(before).map(|(engine, before)| engine.step() > before).collect();
    assert_eq!(moved, [true, false]);
    assert_eq!(view.engines().map(|engine| engine.retries()).collect::<Vec<_>>(), [0, 0]);
}

#[test]
fn engines_and_the_registry_are_chosen_apart() {
    let rig = Rig::new();
    let (_a, mut in_a) = rig.attach("a");
    rig.step(&mut in_a, 7);
    rig.registry.recorder().unwrap().add(rig.handles.refused, 4);
    let mut of_engines = View::new(rig.handles.finished);
    rig.registry.view(&mut of_engines);
    assert_eq!(of_engines.engines().map(|engine| engine.get()).collect::<Vec<u64>>(), [7]);
    assert!(of_engines.registry().is_none());
    let mut of_registry = View::new([rig.handles.refused]);
    rig.registry.view(&mut of_registry);
    let registry = of_registry.registry().unwrap();
    assert_eq!((registry.get(), registry.step()), ([4], 2), "an addition, and a last step");
    assert_eq!((registry.label("engine"), registry.label_values().len()), (None, 0));
    assert_eq!(of_registry.engines().len(), 0);
    assert!(of_registry.engine(&["a"]).is_none() && of_registry.engine(&[]).is_none());
}

#[test]
fn it_reads_another_registry_of_the_same_schema() {
    let rig = Rig::new();
    let other = Rig { registry: Registry::new(rig.schema.clone()), schema: rig.schema.clone(), handles: rig.handles };
    let (mut view, mut own_view) = (rig.chosen(), rig.chosen_of_the_registry());
    for (n, rig) in [(1, &rig), (2, &other)] {
        let (_a, mut in_a) = rig.attach("a");
        rig.step(&mut in_a, n);
        rig.assert_same(&mut view, &mut own_view);
        let ((finished, _), ..) = view.engine(&["a"]).unwrap().get();
        assert_eq!(finished, n);
    }
}

const REFUSED: &str =
    "a view's handles must be of one of the registry's schemas, and either all of engines or all of the registry";

/// What the panic said when a view of these handles was used.
fn refused<H: Choice>(rig: &Rig, handles: H) -> String {
    let mut view = View::new(handles);
    let used = catch_unwind(AssertUnwindSafe(|| rig.registry.view(&mut view)));
    assert!(view.engines().len() == 0 && view.registry().is_none());
    *used.expect_err("it was used").downcast().expect("a message that is formatted")
}

#[test]
fn handles_of_engines_and_of_the_registry_do_not_mix() {
    let rig = Rig::new();
    let (_a, _recorder) = rig.attach("a");
    let Handles { waiting, load, refused: of_registry, tokens, .. } = rig.handles;
    assert_eq!(refused(&rig, (waiting, load)), REFUSED);
    assert_eq!(refused(&rig, (of_registry, (tokens,))), REFUSED);
}

#[test]
fn handles_of_another_schema_are_refused() {
    let (rig, other) = (Rig::new(), Rig::new());
    let (_a, _recorder) = rig.attach("a");
    assert_eq!(refused(&rig, other.handles.waiting), REFUSED);
    assert_eq!(refused(&rig, [rig.handles.waiting, other.handles.waiting]), REFUSED);
    assert_eq!(refused(&rig, (rig.handles.waiting, other.handles.latency)), REFUSED);
    assert_eq!(refused(&rig, other.handles.load), REFUSED);
}

#[test]
fn a_view_that_was_used_is_refused_by_a_registry_of_another_schema() {
    let (rig, other) = (Rig::new(), Rig::new());
    let (_a, mut in_a) = rig.attach("a");
    rig.step(&mut in_a, 1);
    let (mut view, mut own_view) = (rig.chosen(), rig.chosen_of_the_registry());
    rig.assert_same(&mut view, &mut own_view);
    let used = catch_unwind(AssertUnwindSafe(|| other.registry.view(&mut view)));
    assert!(used.is_err() && view.engines().len() == 0);
    rig.assert_same(&mut view, &mut own_view);
}
