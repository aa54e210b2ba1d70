//! States of the engine and settable gauges, done with plain numbers: every second plan has the
//! same families of them.

use tachometer::{
    EngineValues, EngineView, InFlight, Registry, SchemaBuilder, SettableGauge, SharedRecorder, State, StateSet, Step,
    View,
};

use super::{
    bytes::Bytes,
    op::{f64_near, u64_near},
};

/// Names of the families, their label, and its values.
pub(crate) const NAMES: [&str; 5] = ["state_i64", "state_f64", "state_set", "settable_i64", "settable_f64"];
pub(crate) const LABEL: &str = "of";
pub(crate) const VALUES: [&str; 2] = ["a", "b"];
/// Of a state set, besides its other label.
pub(crate) const MODE: &str = "mode";
pub(crate) const MODES: [&str; 3] = ["x", "y", "z"];

#[derive(Clone, Copy)]
pub(crate) struct Families {
    integers: [State<i64>; 2],
    float: State<f64>,
    sets: [StateSet; 2],
    level: SettableGauge<i64>,
    load: SettableGauge<f64>,
}

/// A view of all of them.
pub(crate) type Chosen = View<([State<i64>; 2], State<f64>, [StateSet; 2], SettableGauge<i64>, SettableGauge<f64>)>;

pub(crate) fn declare(builder: &mut SchemaBuilder) -> Families {
    let [integers, float, sets, level, load] = NAMES;
    let integers = builder.gauge(integers, "").label(LABEL, VALUES).state().declare().expect("a valid family");
    let float = builder.gauge(float, "").state().declare().expect("a valid family");
    let sets = builder.state_set(sets, "", MODE, &MODES).label(LABEL, VALUES).declare().expect("a valid family");
    let level = builder.gauge(level, "").settable().declare().expect("a valid family");
    let load = builder.gauge(load, "").settable().declare().expect("a valid family");
    Families { integers, float, sets, level, load }
}

/// In a step.
#[derive(Clone, Debug)]
pub(crate) enum StateOp {
    SetI64(usize, i64),
    SetF64(f64),
    Select(usize, Option<usize>),
}

/// From any thread.
#[derive(Clone, Debug)]
pub(crate) enum SettableOp {
    I64(Change, i64),
    F64(Change, f64),
    /// A guard of the gauge of integers begins.
    Begin,
    /// One of the guards ends.
    End(usize),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    Set,
    Add,
    Sub,
}

impl StateOp {
    pub(crate) fn decode(bytes: &mut Bytes<'_>) -> Self {
        match bytes.below(4) {
            0 => Self::SetI64(bytes.below(2), u64_near(bytes, &[]) as i64),
            1 => Self::SetF64(f64_near(bytes, &[])),
            // One that isn't there, and none.
            _ => Self::Select(bytes.below(2), [Some(0), Some(1), Some(2), Some(MODES.len()), None][bytes.below(5)]),
        }
    }
}

impl SettableOp {
    pub(crate) fn decode(bytes: &mut Bytes<'_>) -> Self {
        let change = *bytes.choose(&[Change::Set, Change::Add, Change::Sub]);
        match bytes.below(4) {
            0 => Self::I64(change, u64_near(bytes, &[]) as i64),
            1 => Self::Begin,
            2 => Self::End(bytes.below(8)),
            _ => Self::F64(change, f64_near(bytes, &[])),
        }
    }
}

/// What a recorder set in its steps, each with when that was: 0 for never.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StateRow {
    integers: [(u64, i64); 2],
    float: (u64, f64),
    sets: [(u64, Selected); 2],
}

/// The first, until one is selected or none.
#[derive(Clone, Copy, Debug)]
struct Selected(Option<usize>);

impl Default for Selected {
    fn default() -> Self {
        Self(Some(0))
    }
}

impl StateRow {
    /// Returns how many observations were rejected.
    pub(crate) fn apply(&mut self, op: &StateOp, now: u64) -> u64 {
        match *op {
            StateOp::SetI64(index, value) => self.integers[index] = (now, value),
            StateOp::SetF64(value) => self.float = (now, value),
            StateOp::Select(_, Some(mode)) if mode >= MODES.len() => return 1,
            StateOp::Select(index, mode) => self.sets[index] = (now, Selected(mode)),
        }
        0
    }

    /// What was set last, here or there.
    pub(crate) fn newest(&self, other: &Self) -> Self {
        Self {
            integers: [0, 1].map(|index| newer(self.integers[index], other.integers[index])),
            float: newer(self.float, other.float),
            sets: [0, 1].map(|index| newer(self.sets[index], other.sets[index])),
        }
    }
}

fn newer<T>(one: (u64, T), other: (u64, T)) -> (u64, T) {
    if other.0 > one.0 { other } else { one }
}

/// Settable gauges of an engine.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settable {
    level: i64,
    load: f64,
    guards: usize,
}

impl Settable {
    /// Returns how many additions were rejected.
    pub(crate) fn apply(&mut self, op: &SettableOp) -> u64 {
        match *op {
            SettableOp::I64(Change::Set, value) => self.level = value,
            SettableOp::I64(Change::Add, n) => self.level = self.level.wrapping_add(n),
            SettableOp::I64(Change::Sub, n) => self.level = self.level.wrapping_sub(n),
            SettableOp::Begin => (self.level, self.guards) = (self.level.wrapping_add(1), self.guards + 1),
            SettableOp::End(_) if self.guards == 0 => {}
            SettableOp::End(_) => (self.level, self.guards) = (self.level.wrapping_sub(1), self.guards - 1),
            SettableOp::F64(Change::Set, value) => self.load = value,
            SettableOp::F64(change, n) => {
                let sum = if matches!(change, Change::Add) { self.load + n } else { self.load - n };
                if !sum.is_finite() {
                    return 1;
                }
                self.load = sum;
            }
        }
        0
    }
}

pub(crate) fn record(step: &mut Step<'_>, families: &Families, op: &StateOp) {
    match *op {
        StateOp::SetI64(index, value) => step.set_state(families.integers[index], value),
        StateOp::SetF64(value) => step.set_state(families.float, value),
        StateOp::Select(index, mode) => step.select_state(families.sets[index], mode),
    }
}

pub(crate) fn set(recorder: &SharedRecorder, families: &Families, op: &SettableOp, guards: &mut Vec<InFlight>) {
    match *op {
        SettableOp::Begin => guards.push(recorder.in_flight(families.level)),
        SettableOp::End(_) if guards.is_empty() => {}
        SettableOp::End(guard) => drop(guards.swap_remove(guard % guards.len())),
        SettableOp::I64(Change::Set, value) => recorder.set_gauge(families.level, value),
        SettableOp::I64(Change::Add, 1) => recorder.inc_gauge(families.level),
        SettableOp::I64(Change::Add, n) => recorder.add_gauge(families.level, n),
        SettableOp::I64(Change::Sub, 1) => recorder.dec_gauge(families.level),
        SettableOp::I64(Change::Sub, n) => recorder.sub_gauge(families.level, n),
        SettableOp::F64(Change::Set, value) => recorder.set_gauge(families.load, value),
        SettableOp::F64(Change::Add, n) => recorder.add_gauge(families.load, n),
        SettableOp::F64(Change::Sub, n) => recorder.sub_gauge(families.load, n),
    }
}

/// What an engine shows: integers, float, sets, settable gauges. Floats as bits, NaN as one.
type Shown = ([i64; 2], u64, [Option<usize>; 2], i64, u64);

fn bits(float: f64) -> u64 {
    if float.is_nan() { f64::NAN.to_bits() } else { float.to_bits() }
}

fn expected(states: &StateRow, settable: &Settable) -> Shown {
    let sets = states.sets.map(|(_, Selected(mode))| mode);
    (states.integers.map(|(_, value)| value), bits(states.float.1), sets, settable.level, bits(settable.load))
}

/// Compares one engine of a snapshot.
pub(crate) fn check(seen: EngineView<'_>, families: &Families, states: &StateRow, settable: &Settable) {
    let Families { integers, float, sets, level, load } = *families;
    let shown = (
        integers.map(|state| seen.state(state)),
        bits(seen.state(float)),
        sets.map(|set| seen.selected_state(set)),
        seen.settable(level),
        bits(seen.settable(load)),
    );
    assert_eq!(shown, expected(states, settable));
}

pub(crate) fn view(families: &Families) -> Chosen {
    View::new((families.integers, families.float, families.sets, families.level, families.load))
}

/// Uses the view, and compares it with these engines.
pub(crate) fn check_view<'t>(
    view: &mut Chosen,
    registry: &Registry,
    engines: impl Iterator<Item = (StateRow, &'t Settable)>,
) {
    registry.view(view);
    let shown = view.engines().map(|engine: EngineValues<'_, _>| {
        let (integers, float, sets, level, load) = engine.get();
        (integers, bits(float), sets, level, bits(load))
    });
    assert!(shown.eq(engines.map(|(states, settable)| expected(&states, settable))), "a view of states");
}

/// A sample of a page: the family's name, its own labels, the number.
pub(crate) enum Sample {
    Integer(&'static str, Vec<(&'static str, &'static str)>, i64),
    Float(&'static str, f64),
}

pub(crate) fn samples(states: &StateRow, settable: &Settable) -> Vec<Sample> {
    let [integers, float, sets, level, load] = NAMES;
    let mut samples = vec![
        Sample::Float(float, states.float.1),
        Sample::Integer(level, Vec::new(), settable.level),
        Sample::Float(load, settable.load),
    ];
    for (index, of) in VALUES.into_iter().enumerate() {
        samples.push(Sample::Integer(integers, vec![(LABEL, of)], states.integers[index].1));
        for (mode, name) in MODES.into_iter().enumerate() {
            let selected = i64::from(states.sets[index].1.0 == Some(mode));
            samples.push(Sample::Integer(sets, vec![(MODE, name), (LABEL, of)], selected));
        }
    }
    samples
}
