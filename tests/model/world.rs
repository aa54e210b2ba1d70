//! The crate and its twin, side by side.

#[path = "../common/one_step.rs"]
mod one_step;

use one_step::OneStep as _;
use std::slice;

use tachometer::{
    AttachError, Counter, DynamicSeries, Engine, InFlight, Recorder, Registry, Schema, SharedRecorder, Snapshot, Step,
};

use super::{
    calls::{check_cell, record, share},
    chosen::{self, Chosen},
    collecting::Collecting,
    dynamic::{self, DynamicOp},
    guards::{self, GuardOp},
    joined::{JoinOp, Joining, Part, TwinParts},
    op::{Call, Op, Series, Writer},
    page,
    plan::{Handles, Plan},
    states::{self, SettableOp, StateOp},
    twin::TwinEngine,
};

/// Applies `ops` to the crate and to the twin, with one engine attached and its recorder taken at
/// first, and compares the two wherever the operations say so, and at the end.
pub(crate) fn run(plan: &Plan, ops: &[Op]) {
    let mut world = World::new(plan);
    world.apply(&Op::Attach(plan.engine_labels.clone()));
    world.apply(&Op::TakeRecorder(0));
    let mut ops = ops.iter();
    while let Some(op) = ops.next() {
        match op {
            Op::Open(writer) => world.step(*writer, &mut ops),
            Op::Record(writer, series, call) => {
                world.single(*writer, |world, at, step| world.record(at, step, *series, call));
            }
            Op::State(writer, op) => world.single(*writer, |world, at, step| world.set_state(at, step, op)),
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
    dynamic: dynamic::Family,
    joining: Joining,
    collecting: Collecting,
    /// If the plan has them.
    states: Option<(states::Families, states::Chosen)>,
    guards: Option<guards::Families>,
    /// Reused, as users do.
    snapshot: Snapshot,
    views: Vec<Box<dyn Chosen>>,
    /// All engines that ever attached.
    slots: Vec<Slot>,
    /// Lines, bytes and number of the pages compared so far.
    lines: usize,
    bytes: usize,
    pages: usize,
}

/// An open step: the index of its engine's slot, and the slab.
type At = (usize, usize);

struct Slot {
    twin: TwinEngine,
    engine: Option<Engine>,
    /// One a slab: none that was dropped, and none with an open step.
    recorders: Vec<Option<Recorder>>,
    shared: Option<SharedRecorder>,
    guards: Vec<InFlight>,
    held: guards::Held,
    /// All that were looked up.
    series: Vec<DynamicSeries<Counter<u64>>>,
    /// Whether or not it has left.
    part: Option<Part>,
}

impl Slot {
    /// The engine's shared recorder; an engine that is gone gives out no first one.
    fn shared_recorder(&mut self) -> Option<SharedRecorder> {
        if self.shared.is_none() {
            self.shared = self.engine.as_ref().map(Engine::shared_recorder);
            if self.shared.is_some() {
                self.twin.share();
            }
        }
        self.shared.clone()
    }
}

fn attached(slots: &[Slot]) -> Vec<&TwinEngine> {
    slots.iter().map(|slot| &slot.twin).filter(|twin| twin.attached).collect()
}

// So that a long input doesn't get slow: engines that ever attach; and lines of pages (except for
// the last ones), whose parsing takes longer than all else.
const MAX_SLOTS: usize = 8;
const MAX_LINES: usize = 1_000;
/// Of an engine.
const MAX_RECORDERS: usize = 3;

impl<'p> World<'p> {
    fn new(plan: &'p Plan) -> Self {
        let mut builder = Schema::builder(&strs(&plan.engine_labels));
        builder.max_recorders(MAX_RECORDERS).shards(2);
        plan.const_labels.iter().for_each(|(name, value)| _ = builder.const_label(name, value));
        let handles = plan.families.iter().map(|family| Handles::declare(&mut builder, family));
        let handles = handles.collect::<Result<Vec<_>, _>>().expect("a valid plan");
        let dynamic = dynamic::declare(&mut builder);
        let states = plan.has_states.then(|| states::declare(&mut builder));
        let states = states.map(|families| (families, states::view(&families)));
        let guards = plan.has_states.then(|| guards::declare(&mut builder));
        let registry = Registry::new(builder.build().expect("a valid plan"));
        let views = chosen::views(plan, &handles);
        let (joining, collecting) = (Joining::new(plan), Collecting::default());
        let (snapshot, slots) = (Snapshot::new(), Vec::new());
        Self {
            joining,
            collecting,
            plan,
            registry,
            handles,
            dynamic,
            states,
            guards,
            snapshot,
            views,
            slots,
            lines: 0,
            bytes: 0,
            pages: 0,
        }
    }

    /// Everything but what is recorded.
    fn apply(&mut self, op: &Op) {
        match op {
            Op::Attach(values) if self.slots.len() < MAX_SLOTS => self.attach(values),
            Op::Detach(engine) => {
                let Slot { twin, engine, .. } = self.slot(*engine);
                twin.attached = false;
                twin.parts = TwinParts::default(); // they leave with it
                *engine = None;
            }
            Op::TakeRecorder(engine) => self.take_recorder(*engine),
            Op::DropRecorder(writer) => {
                let (plan, (slot, slab)) = (self.plan, self.slab(*writer));
                if slot.recorders[slab].take().is_some() {
                    slot.twin.drop_recorder(slab, plan);
                }
            }
            Op::Share(engine, series, call) => self.share(*engine, *series, call),
            Op::Dynamic(engine, op) => self.dynamic(*engine, op),
            Op::Settable(engine, op) => self.settable(*engine, op),
            Op::Guard(engine, op) => self.guard(*engine, *op),
            Op::Join(engine, op) => self.join(*engine, op),
            Op::Collect(op) => self.collecting.apply(op, &self.registry),
            Op::Snapshot => self.check_snapshot(),
            Op::Render if self.lines < MAX_LINES => self.check_page(),
            // No step is open, or it is one thing too many.
            Op::Render
            | Op::Attach(_)
            | Op::Open(_)
            | Op::Record(..)
            | Op::State(..)
            | Op::Commit
            | Op::Discard
            | Op::Leak => {}
        }
    }

    fn slot(&mut self, engine: usize) -> &mut Slot {
        let len = self.slots.len();
        &mut self.slots[engine % len]
    }

    /// The slot of a recorder, and which of its slabs.
    fn slab(&mut self, writer: Writer) -> (&mut Slot, usize) {
        let slot = self.slot(writer.engine);
        let slab = writer.slab % slot.recorders.len();
        (slot, slab)
    }

    fn attach(&mut self, values: &[String]) {
        let attached = attached(&self.slots);
        let result = self.registry.attach(&strs(values));
        let values = values.to_vec();
        if values.len() != self.plan.engine_labels.len() {
            let labels = self.plan.engine_labels.clone();
            assert_eq!(result.unwrap_err(), AttachError::LabelCount { labels, values });
        } else if attached.iter().any(|twin| twin.values == values) {
            assert_eq!(result.unwrap_err(), AttachError::AlreadyAttached { values });
        } else {
            let twin = TwinEngine::new(values, self.plan);
            let (engine, recorders, guards, series) = (Some(result.unwrap()), vec![None], Vec::new(), Vec::new());
            let held = guards::Held::default();
            self.slots.push(Slot { twin, engine, recorders, shared: None, guards, held, series, part: None });
        }
    }

    fn take_recorder(&mut self, engine: usize) {
        let Slot { twin, engine, recorders, .. } = self.slot(engine);
        let Some(engine) = engine else { return };
        let (recorder, leased) = (engine.recorder(), twin.lease(MAX_RECORDERS));
        assert_eq!(recorder.is_ok(), leased.is_some(), "the limit on recorders");
        if let (Ok(recorder), Some(slab)) = (recorder, leased) {
            recorders.resize_with(twin.slabs.len(), || None);
            recorders[slab] = Some(recorder);
        }
    }

    /// Opens a step and takes operations from `fallback` until it ends.
    fn step(&mut self, writer: Writer, rest: &mut slice::Iter<'_, Op>) {
        let index = writer.engine % self.slots.len();
        let (slot, slab) = self.slab(writer);
        let Some(mut recorder) = slot.recorders[slab].take() else { return };
        slot.twin.open(slab);
        let mut step = recorder.step();
        loop {
            match rest.next() {
                Some(Op::Record(_, series, call)) => self.record((index, slab), &mut step, *series, call),
                Some(Op::State(_, op)) => self.set_state((index, slab), &mut step, op),
                Some(Op::Open(inner)) => self.step(*inner, rest),
                Some(Op::Commit) => {
                    step.commit();
                    break self.slots[index].twin.commit(slab);
                }
                Some(Op::Leak) => {
                    std::mem::forget(step);
                    break self.slots[index].twin.leak(slab);
                }
                Some(Op::Discard) | None => {
                    drop(step);
                    break self.slots[index].twin.discard(slab);
                }
                Some(op) => self.apply(op),
            }
        }
        self.slots[index].recorders[slab] = Some(recorder);
    }

    /// A step of its own.
    fn single(&mut self, writer: Writer, record: impl FnOnce(&mut Self, At, &mut Step<'_>)) {
        let index = writer.engine % self.slots.len();
        let (slot, slab) = self.slab(writer);
        let Some(mut recorder) = slot.recorders[slab].take() else { return };
        slot.twin.open(slab);
        recorder.record(|step| record(self, (index, slab), step));
        self.slots[index].twin.commit(slab);
        self.slots[index].recorders[slab] = Some(recorder);
    }

    fn set_state(&mut self, (index, slab): At, step: &mut Step<'_>, op: &StateOp) {
        let (families, _) = self.states.as_ref().expect("a plan with such an operation has states");
        self.slots[index].twin.set_state(slab, op);
        states::record(step, families, op);
    }

    fn record(&mut self, (index, slab): At, step: &mut Step<'_>, series: Series, call: &Call) {
        let twin = &mut self.slots[index].twin;
        for call in twin.settled(self.plan, Some(slab), series, call) {
            twin.record(self.plan, Some(slab), series, &call);
            record(step, &self.handles[series.family], series.label_set, &call);
        }
    }

    fn share(&mut self, engine: usize, series: Series, call: &Call) {
        let plan = self.plan;
        let Some(recorder) = self.slot(engine).shared_recorder() else { return };
        let twin = &mut self.slot(engine).twin;
        let mut calls = Vec::new();
        for call in twin.settled(plan, None, series, call) {
            twin.record(plan, None, series, &call);
            calls.push(call);
        }
        calls.iter().for_each(|call| share(&recorder, &self.handles[series.family], series.label_set, call));
    }

    fn dynamic(&mut self, engine: usize, op: &DynamicOp) {
        let (family, slot) = (self.dynamic, self.slot(engine));
        let Some(recorder) = slot.shared_recorder() else { return };
        let twin = slot.twin.dynamic.as_mut().expect("there is a shared recorder");
        let rejected = dynamic::apply(op, (&recorder, family), &mut slot.series, twin);
        slot.twin.rejected = slot.twin.rejected.saturating_add(rejected);
    }

    fn settable(&mut self, engine: usize, op: &SettableOp) {
        let Some(recorder) = self.slot(engine).shared_recorder() else { return };
        let families = self.states.as_ref().expect("a plan with such an operation has states").0;
        let Slot { twin, guards, .. } = self.slot(engine);
        twin.rejected = twin.rejected.saturating_add(twin.settable.apply(op));
        states::set(&recorder, &families, op, guards);
    }

    fn guard(&mut self, engine: usize, op: GuardOp) {
        let Some(recorder) = self.slot(engine).shared_recorder() else { return };
        let families = self.guards.expect("a plan with such an operation has guards");
        let Slot { twin, held, .. } = self.slot(engine);
        let rejected = guards::apply(op, (&recorder, families), held, &mut twin.guards);
        twin.rejected = twin.rejected.saturating_add(rejected);
    }

    fn join(&mut self, engine: usize, op: &JoinOp) {
        let Self { joining, slots, registry, .. } = self;
        let index = engine % slots.len();
        let Slot { twin, engine, part, .. } = &mut slots[index];
        joining.apply(op, registry, engine.as_ref(), part, twin);
        joining.left(slots.iter_mut().map(|slot| &mut slot.twin));
    }

    fn check_snapshot(&mut self) {
        self.registry.snapshot(&mut self.snapshot);
        let attached: Vec<_> = attached(&self.slots).into_iter().map(|twin| (twin, twin.total())).collect();
        assert_eq!(self.snapshot.engines().len(), attached.len(), "engines");
        self.joining.check(&self.snapshot, &attached.iter().map(|(twin, _)| *twin).collect::<Vec<_>>());
        for (seen, (twin, total)) in self.snapshot.engines().zip(&attached) {
            assert_eq!((seen.step(), seen.retries()), (twin.steps(), 0));
            for (label, value) in self.plan.engine_labels.iter().zip(&twin.values) {
                assert_eq!(seen.label(label), Some(value.as_str()));
            }
            let by_values = self.snapshot.engine(&strs(&twin.values)).expect("the engine is there");
            assert_eq!(by_values.step(), twin.steps());
            dynamic::check(seen, self.dynamic, twin.dynamic.as_ref());
            if let Some((families, _)) = &self.states {
                states::check(seen, families, &twin.states(), &twin.settable);
            }
            if let Some(families) = &self.guards {
                guards::check(seen, families, &twin.guards, twin.dynamic.is_some());
            }
            for (family, handles) in self.handles.iter().enumerate() {
                for (series, set) in self.plan.families[family].series().into_iter().enumerate() {
                    let key = (family, set);
                    check_cell(seen, handles, series, &self.plan.families[family].bounds, &total[&key]);
                }
            }
        }
        self.views.iter_mut().for_each(|view| view.check(&self.registry, &attached));
        if let Some((_, view)) = &mut self.states {
            let engines = attached.iter().map(|(twin, _)| (twin.states(), &twin.settable));
            states::check_view(view, &self.registry, engines);
        }
    }

    fn check_page(&mut self) {
        let mut page = Vec::new();
        self.registry.render(&mut page);
        let page = String::from_utf8(page).expect("UTF-8");
        let collected = self.collecting.page();
        page::check(&page, self.plan, &attached(&self.slots), collected, [self.pages, self.bytes]);
        self.lines += page.lines().count();
        self.bytes += page.len();
        self.pages += 1;
    }
}

fn strs(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}
