//! The crate and its twin, side by side.

use std::slice;

use tachometer::{
    AttachError, Engine, EngineView, Histogram, ObservationValue, Recorder, Registry, Schema, Snapshot, Step,
};

use super::{
    op::{Call, Op, Place, Way},
    page::{self, cumulative},
    plan::{Handles, Plan},
    twin::{Cell, TwinEngine},
};

/// Applies `ops` to the crate and to the twin, with one engine attached and its recorder taken at first, and compares the
/// two wherever the operations say so, and at the end.
pub(crate) fn run(plan: &Plan, ops: &[Op]) {
    let mut world = World::new(plan);
    world.apply(&Op::Attach(plan.engine_labels.clone()));
    world.apply(&Op::TakeRecorder(0));
    let mut ops = ops.iter();
    while let Some(op) = ops.next() {
        match op {
            Op::Open(engine) => world.step(*engine, &mut ops),
            Op::Record(engine, place, call) => world.single(*engine, *place, call),
            op => world.apply(op),
        }
    }
    world.check_snapshot();
    world.check_page();
    (0..world.slots.len()).for_each(|engine| world.apply(&Op::Detach(engine)));
    world.check_snapshot();
    world.check_page();
}

struct World<'p> {
    plan: &'p Plan,
    registry: Registry,
    handles: Vec<Handles>,
    /// Reused, as users do.
    snapshot: Snapshot,
    /// All engines that ever attached.
    slots: Vec<Slot>,
    /// Lines of pages compared so far.
    lines: usize,
}

struct Slot {
    twin: TwinEngine,
    engine: Option<Engine>,
    /// Not here while a step of it is open.
    recorder: Option<Recorder>,
}

// So that a long input doesn't get slow: engines that ever attach; and lines of pages (but for the last ones), whose parsing
// takes longer than all else.
const MAX_SLOTS: usize = 8;
const MAX_LINES: usize = 1_000;

impl<'p> World<'p> {
    fn new(plan: &'p Plan) -> Self {
        let mut builder = Schema::builder().engine_labels(plan.engine_labels.clone()).max_engines(plan.max_engines);
        let handles = plan.families.iter().map(|family| Handles::declare(&mut builder, family));
        let handles = handles.collect::<Result<_, _>>().expect("a valid plan");
        let registry = Registry::new(builder.build().expect("a valid plan"));
        Self { plan, registry, handles, snapshot: Snapshot::new(), slots: Vec::new(), lines: 0 }
    }

    /// Everything but what is recorded.
    fn apply(&mut self, op: &Op) {
        match op {
            Op::Attach(values) if self.slots.len() < MAX_SLOTS => self.attach(values),
            Op::Detach(engine) => {
                let Slot { twin, engine, .. } = self.slot(*engine);
                twin.attached = false;
                *engine = None;
            }
            Op::TakeRecorder(engine) => self.take_recorder(*engine),
            Op::DropRecorder(engine) => {
                let slot = self.slot(*engine);
                if slot.recorder.take().is_some() {
                    slot.twin.drop_recorder();
                }
            }
            Op::Snapshot => self.check_snapshot(),
            Op::Render if self.lines < MAX_LINES => self.check_page(),
            // No step is open, or it is one thing too many.
            Op::Render | Op::Attach(_) | Op::Open(_) | Op::Record(..) | Op::Commit | Op::Discard | Op::Leak => {}
        }
    }

    fn slot(&mut self, engine: usize) -> &mut Slot {
        let len = self.slots.len();
        &mut self.slots[engine % len]
    }

    fn attached(&self) -> Vec<&TwinEngine> {
        self.slots.iter().map(|slot| &slot.twin).filter(|twin| twin.attached).collect()
    }

    fn attach(&mut self, values: &[String]) {
        let attached = self.attached();
        let result = self.registry.attach(values);
        let (limit, values) = (self.plan.max_engines, values.to_vec());
        if values.len() != self.plan.engine_labels.len() {
            let labels = self.plan.engine_labels.clone();
            assert_eq!(result.unwrap_err(), AttachError::LabelCount { labels, values });
        } else if attached.len() == limit {
            assert_eq!(result.unwrap_err(), AttachError::TooManyEngines { limit });
        } else if attached.iter().any(|twin| twin.values == values) {
            assert_eq!(result.unwrap_err(), AttachError::AlreadyAttached { values });
        } else {
            let twin = TwinEngine::new(values, self.plan);
            self.slots.push(Slot { twin, engine: Some(result.unwrap()), recorder: None });
        }
    }

    fn take_recorder(&mut self, engine: usize) {
        let slot = self.slot(engine);
        let Some(engine) = &slot.engine else { return };
        let recorder = engine.recorder();
        assert_eq!(recorder.is_err(), slot.twin.leased, "an engine has one recorder at a time");
        slot.twin.leased = true;
        slot.recorder = slot.recorder.take().or(recorder.ok());
    }

    /// Opens a step and takes operations from `rest` until it ends.
    fn step(&mut self, engine: usize, rest: &mut slice::Iter<'_, Op>) {
        let Some(mut recorder) = self.slot(engine).recorder.take() else { return };
        self.slot(engine).twin.open();
        let mut step = recorder.step();
        let index = engine % self.slots.len();
        loop {
            match rest.next() {
                Some(Op::Record(_, place, call)) => self.record(index, &mut step, *place, call),
                Some(Op::Open(inner)) => self.step(*inner, rest),
                Some(Op::Commit) => {
                    step.commit();
                    break self.slots[index].twin.commit();
                }
                Some(Op::Leak) => {
                    std::mem::forget(step);
                    break self.slots[index].twin.leak();
                }
                Some(Op::Discard) | None => {
                    drop(step);
                    break self.slots[index].twin.discard();
                }
                Some(op) => self.apply(op),
            }
        }
        self.slots[index].recorder = Some(recorder);
    }

    /// A step of its own.
    fn single(&mut self, engine: usize, place: Place, call: &Call) {
        let Some(mut recorder) = self.slot(engine).recorder.take() else { return };
        self.slot(engine).twin.open();
        let index = engine % self.slots.len();
        recorder.record(|step| self.record(index, step, place, call));
        self.slots[index].twin.commit();
        self.slots[index].recorder = Some(recorder);
    }

    fn record(&mut self, index: usize, step: &mut Step<'_>, place: Place, call: &Call) {
        let twin = &mut self.slots[index].twin;
        for call in twin.settled(self.plan, place, call) {
            twin.record(self.plan, place, &call);
            record(step, &self.handles[place.family], place.series, &call);
        }
    }

    fn check_snapshot(&mut self) {
        self.registry.snapshot(&mut self.snapshot);
        let attached = self.attached();
        assert_eq!(self.snapshot.engines().len(), attached.len(), "engines");
        for (seen, twin) in self.snapshot.engines().zip(attached) {
            assert_eq!((seen.step(), seen.failed_tries()), (twin.step, 0));
            for (label, value) in self.plan.engine_labels.iter().zip(&twin.values) {
                assert_eq!(seen.label(label), Some(value.as_str()));
            }
            let by_values = self.snapshot.engine(&twin.values).expect("the engine is there");
            assert_eq!(by_values.step(), twin.step);
            for (family, handles) in self.handles.iter().enumerate() {
                for (series, set) in self.plan.families[family].series().into_iter().enumerate() {
                    let key = (family, set);
                    check_cell(seen, handles, series, &self.plan.families[family].bounds, &twin.committed[&key]);
                }
            }
        }
    }

    fn check_page(&mut self) {
        let mut page = Vec::new();
        self.registry.render(&mut page);
        let page = String::from_utf8(page).expect("UTF-8");
        self.lines += page.lines().count();
        page::check(&page, self.plan, &self.attached());
    }
}

fn record(step: &mut Step<'_>, handles: &Handles, series: usize, call: &Call) {
    match (handles, call) {
        (_, Call::Reject(n)) => step.reject(*n),
        (Handles::CounterU64(counters), Call::AddU64(n)) => step.add(counters[series], *n),
        (Handles::CounterF64(counters), Call::AddF64(n)) => step.add(counters[series], *n),
        (Handles::CounterU64(counters), Call::Inc) => step.inc(counters[series]),
        (Handles::CounterF64(counters), Call::Inc) => step.inc(counters[series]),
        (Handles::GaugeI64(gauges), Call::SetI64(value)) => step.set(gauges[series], *value),
        (Handles::GaugeF64(gauges), Call::SetF64(value)) => step.set(gauges[series], *value),
        (Handles::HistogramU64(histograms), Call::ObserveU64(way)) => observe(step, histograms[series], way),
        (Handles::HistogramF64(histograms), Call::ObserveF64(way)) => observe(step, histograms[series], way),
        (_, call) => panic!("{call:?} doesn't fit the family"),
    }
}

fn observe<T: ObservationValue>(step: &mut Step<'_>, histogram: Histogram<T>, way: &Way<T>) {
    match way {
        Way::One(value) => step.observe(histogram, *value),
        Way::Times(value, n) => step.observe_n(histogram, *value, *n),
        Way::All(values) => step.observe_all(histogram, values),
    }
}

/// Compares one series of a snapshot, floats to the bit.
fn check_cell(seen: EngineView<'_>, handles: &Handles, series: usize, bounds: &[f64], expected: &Cell) {
    match (handles, expected) {
        (Handles::CounterU64(counters), Cell::U64(total)) => assert_eq!(seen.counter(counters[series]), *total),
        (Handles::CounterF64(counters), Cell::F64(total)) => same_bits(seen.counter(counters[series]), *total),
        (Handles::GaugeI64(gauges), Cell::I64(level)) => assert_eq!(seen.gauge(gauges[series]), *level),
        (Handles::GaugeF64(gauges), Cell::F64(level)) => same_bits(seen.gauge(gauges[series]), *level),
        (Handles::HistogramU64(histograms), Cell::HistogramU64 { buckets, sum }) => {
            assert_eq!(check_buckets(seen, histograms[series], bounds, buckets), *sum);
        }
        (Handles::HistogramF64(histograms), Cell::HistogramF64 { buckets, sum }) => {
            let seen = check_buckets(seen, histograms[series], bounds, buckets);
            if sum.slack == 0.0 {
                same_bits(seen, sum.value);
            } else {
                assert!(
                    (seen - sum.value).abs() <= sum.slack,
                    "{seen:e} is too far from {:e}, by {:e}",
                    sum.value,
                    sum.slack
                );
            }
        }
        (_, cell) => panic!("{cell:?} doesn't fit the family"),
    }
}

#[track_caller]
fn same_bits(seen: f64, expected: f64) {
    assert_eq!(seen.to_bits(), expected.to_bits(), "{seen:e} isn't {expected:e}");
}

/// Returns the sum.
fn check_buckets<T: ObservationValue>(seen: EngineView<'_>, of: Histogram<T>, bounds: &[f64], buckets: &[u64]) -> T {
    let view = seen.histogram(of);
    let counts = cumulative(buckets);
    assert_eq!(view.count(), *counts.last().expect("the overflow bucket"));
    let expected: Vec<_> = bounds.iter().copied().chain([f64::INFINITY]).zip(counts).collect();
    assert_eq!(view.cumulative_buckets().collect::<Vec<_>>(), expected);
    view.sum()
}
