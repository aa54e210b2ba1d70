//! A snapshot of a few chosen series (`Snapshot::only`): what a router reads for each request.

#[path = "common/one_step.rs"]
mod one_step;

use one_step::OneStep as _;
use tachometer::{
    Counter, Engine, EngineView, Gauge, Histogram, Info, OpenFamily, Recorder, Registry, Schema, Series,
    SharedRecorder, Snapshot, TextRenderer,
};

/// Scalars of each kind, with others between them.
#[derive(Clone, Copy)]
struct Handles {
    finished: Counter<u64>,
    other: Counter<u64>,
    seconds: Counter<f64>,
    waiting: Gauge<i64>,
    usage: Gauge<f64>,
    latency: Histogram<f64>,
    adapters: Info<1>,
    by_tenant: OpenFamily<Counter<u64>, 1>,
    refused: Counter<u64>,
    load: Gauge<f64>,
}

struct Rig {
    schema: Schema,
    registry: Registry,
    handles: Handles,
}

impl Rig {
    fn new() -> Self {
        let mut schema = Schema::builder().engine_labels(["engine"]).shards(2);
        let handles = Handles {
            latency: schema.histogram("latency", "", &[1.0]).declare().unwrap(),
            refused: schema.counter("refused", "").registry_wide().declare().unwrap(),
            usage: schema.gauge("usage", "").declare().unwrap(),
            other: schema.counter("other", "").declare().unwrap(),
            waiting: schema.gauge("waiting", "").declare().unwrap(),
            load: schema.gauge("load", "").registry_wide().declare().unwrap(),
            finished: schema.counter("finished", "").declare().unwrap(),
            adapters: schema.info("adapters", "", ["running"]).declare().unwrap(),
            by_tenant: schema.counter("by_tenant", "").open_labels(["tenant"], 1).declare().unwrap(),
            seconds: schema.counter("busy_seconds", "").declare().unwrap(),
        };
        let schema = schema.build().unwrap();
        Self { registry: Registry::new(schema.clone()), schema, handles }
    }

    fn attach(&self, engine: &str) -> (Engine, Recorder) {
        let engine = self.registry.attach([engine]).unwrap();
        let recorder = engine.recorder().unwrap();
        (engine, recorder)
    }

    /// All scalars but `other`, in another order than that of the slab, one of them twice.
    fn chosen(&self) -> [Series; 7] {
        let Handles { finished, seconds, waiting, usage, refused, load, .. } = self.handles;
        [finished.into(), usage.into(), load.into(), waiting.into(), finished.into(), seconds.into(), refused.into()]
    }

    fn filled(&self, mut snapshot: Snapshot) -> Snapshot {
        self.registry.snapshot(&mut snapshot);
        snapshot
    }

    fn step(&self, recorder: &mut Recorder, n: u64) {
        let Handles { finished, other, seconds, waiting, usage, latency, .. } = self.handles;
        recorder.record(|step| {
            step.observe(latency, 0.5);
            step.add(finished, n);
            step.inc(other);
            step.add(seconds, n as f64 / 8.0);
            step.set(waiting, 3 - n as i64);
            step.set(usage, 1.0 / (n as f64 + 3.0));
        });
    }

    fn share(&self, shared: &SharedRecorder, n: u64) {
        shared.add(self.handles.finished, n);
        shared.add(self.handles.seconds, 0.1);
        shared.add_gauge(self.handles.waiting, -5);
        shared.add_gauge(self.handles.usage, 0.3);
        shared.inc(self.handles.other);
    }

    /// What a view says of the engines' chosen series, floats to the bit.
    fn engine_numbers(&self, view: EngineView<'_>) -> (String, u64, [u64; 4]) {
        let Handles { finished, seconds, waiting, usage, .. } = self.handles;
        let floats = [view.counter(seconds), view.gauge(usage)].map(f64::to_bits);
        let numbers = [view.counter(finished), floats[0], view.gauge(waiting) as u64, floats[1]];
        (view.label("engine").unwrap().to_owned(), view.step(), numbers)
    }

    /// Compares what was chosen with a snapshot of everything.
    #[track_caller]
    fn assert_same(&self, only: &Snapshot) {
        let all = self.filled(Snapshot::new());
        let numbers =
            |snapshot: &Snapshot| snapshot.engines().map(|view| self.engine_numbers(view)).collect::<Vec<_>>();
        assert_eq!(numbers(only), numbers(&all));
        let own = |snapshot: &Snapshot| {
            let view = snapshot.registry().unwrap();
            (view.step(), view.counter(self.handles.refused), view.gauge(self.handles.load).to_bits())
        };
        assert_eq!(own(only), own(&all));
    }
}

#[test]
fn its_numbers_are_those_of_a_snapshot_of_everything() {
    let rig = Rig::new();
    let mut only = Snapshot::only(rig.chosen());
    let engines = ["a", "b", "c", "d"].map(|engine| rig.registry.attach([engine]).unwrap());
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
        });
        own_shared.add_gauge(rig.handles.load, 0.2);
        only = rig.filled(only);
        rig.assert_same(&only);
    }
    assert_eq!(only.engine(&["c"]).unwrap().step(), 60, "of three recorders");
}

#[test]
fn sums_end_as_those_of_a_snapshot_of_everything() {
    let rig = Rig::new();
    let engine = rig.registry.attach(["a"]).unwrap();
    let mut recorders = [engine.recorder().unwrap(), engine.recorder().unwrap(), engine.recorder().unwrap()];
    for recorder in &mut recorders {
        recorder.add(rig.handles.finished, u64::MAX - 1);
        recorder.add(rig.handles.seconds, f64::MAX);
        recorder.set(rig.handles.waiting, i64::MAX);
        recorder.set(rig.handles.usage, f64::NEG_INFINITY);
    }
    let only = rig.filled(Snapshot::only(rig.chosen()));
    rig.assert_same(&only);
    let view = only.engines().next().unwrap();
    assert_eq!((view.counter(rig.handles.finished), view.gauge(rig.handles.waiting)), (u64::MAX, i64::MAX - 2));
}

#[test]
fn engines_come_and_go_between_two_uses() {
    let rig = Rig::new();
    let mut only = Snapshot::only(rig.chosen());
    only = rig.filled(only);
    assert_eq!(only.engines().len(), 0);
    let (a, mut in_a) = rig.attach("a");
    let (_b, mut in_b) = rig.attach("b");
    rig.step(&mut in_a, 1);
    rig.step(&mut in_b, 2);
    only = rig.filled(only);
    rig.assert_same(&only);
    drop(a);
    let (_c, mut in_c) = rig.attach("c");
    rig.step(&mut in_c, 3);
    only = rig.filled(only);
    rig.assert_same(&only);
    assert!(only.engine(&["a"]).is_none() && only.engine(&["b"]).is_some());
    let (_a, _again) = rig.attach("a");
    only = rig.filled(only);
    rig.assert_same(&only);
    assert_eq!(only.engine(&["a"]).unwrap().counter(rig.handles.finished), 0, "it begins at zero");
}

#[test]
fn a_step_that_has_not_moved_tells_of_a_stale_engine() {
    let rig = Rig::new();
    let ((_a, mut in_a), (_b, mut in_b)) = (rig.attach("a"), rig.attach("b"));
    rig.step(&mut in_a, 1);
    rig.step(&mut in_b, 1);
    let mut view = rig.filled(Snapshot::only([rig.handles.waiting.into()]));
    let before: Vec<u64> = view.engines().map(|engine| engine.step()).collect();
    rig.step(&mut in_a, 1); // the same numbers
    let _open = in_b.step();
    view = rig.filled(view);
    let moved: Vec<bool> = view.engines().zip(before).map(|(engine, before)| engine.step() > before).collect();
    assert_eq!(moved, [true, false]);
    assert_eq!(view.engines().map(|engine| engine.failed_tries()).collect::<Vec<_>>(), [0, 0]);
}

#[test]
fn series_of_engines_and_of_the_registry_are_chosen_apart() {
    let rig = Rig::new();
    let (_a, mut in_a) = rig.attach("a");
    rig.step(&mut in_a, 7);
    rig.registry.recorder().unwrap().add(rig.handles.refused, 4);
    let engines = rig.filled(Snapshot::only([rig.handles.finished.into()]));
    assert_eq!(engines.engines().next().unwrap().counter(rig.handles.finished), 7);
    assert_eq!(engines.registry().unwrap().step(), 2, "an addition, and a last step");
    let registry = rig.filled(Snapshot::only([rig.handles.refused.into()]));
    assert_eq!(registry.registry().unwrap().counter(rig.handles.refused), 4);
    let none = rig.filled(Snapshot::only([]));
    for snapshot in [&registry, &none] {
        let view = snapshot.engine(&["a"]).expect("labels are there anyway");
        assert_eq!(view.step(), 1);
    }
}

#[test]
fn it_reads_another_registry_of_the_same_schema() {
    let rig = Rig::new();
    let other = Rig { registry: Registry::new(rig.schema.clone()), schema: rig.schema.clone(), handles: rig.handles };
    let mut only = Snapshot::only(rig.chosen());
    for (n, rig) in [(1, &rig), (2, &other)] {
        let (_a, mut in_a) = rig.attach("a");
        rig.step(&mut in_a, n);
        only = rig.filled(only);
        assert_eq!(only.engines().next().unwrap().counter(rig.handles.finished), n);
    }
}

/// A view of an engine of which the number of waiting requests was chosen.
fn with_a_view(use_it: impl FnOnce(EngineView<'_>, Handles)) {
    let rig = Rig::new();
    let (_a, mut recorder) = rig.attach("a");
    recorder.record(|step| step.set_info(rig.handles.adapters, ["sql"], 1.0));
    let only = rig.filled(Snapshot::only([rig.handles.waiting.into()]));
    use_it(only.engines().next().unwrap(), rig.handles);
}

#[test]
#[should_panic(expected = "this series wasn't chosen: give it to Snapshot::only as well")]
fn a_counter_that_was_not_chosen_is_refused() {
    with_a_view(|view, handles| _ = view.counter(handles.other));
}

#[test]
#[should_panic(expected = "this series wasn't chosen: give it to Snapshot::only as well")]
fn a_gauge_that_was_not_chosen_is_refused() {
    with_a_view(|view, handles| _ = view.gauge(handles.usage));
}

#[test]
#[should_panic(expected = "read all else from one of Snapshot::new")]
fn a_histogram_is_refused() {
    with_a_view(|view, handles| _ = view.histogram(handles.latency));
}

#[test]
#[should_panic(expected = "read all else from one of Snapshot::new")]
fn an_info_is_refused() {
    with_a_view(|view, handles| _ = view.info(handles.adapters));
}

#[test]
#[should_panic(expected = "read all else from one of Snapshot::new")]
fn open_labels_are_refused() {
    with_a_view(|view, handles| _ = view.counters(handles.by_tenant));
}

#[test]
#[should_panic(expected = "families of the registry are read from Snapshot::registry")]
fn a_series_of_the_registry_is_refused_by_an_engine() {
    with_a_view(|view, handles| _ = view.counter(handles.refused));
}

#[test]
#[should_panic(expected = "a snapshot of Snapshot::only has no page: render one of Snapshot::new")]
fn it_has_no_page() {
    let rig = Rig::new();
    TextRenderer::new(&rig.schema).render(&rig.filled(Snapshot::only(rig.chosen())), &mut Vec::new());
}

#[test]
#[should_panic(expected = "belongs to another schema than the registry")]
fn a_series_of_another_schema_is_refused_when_it_is_filled() {
    let (rig, other) = (Rig::new(), Rig::new());
    rig.filled(Snapshot::only([rig.handles.waiting.into(), other.handles.waiting.into()]));
}
