//! What happens, one thing after the other.

use super::{
    bytes::Bytes,
    collecting::CollectOp,
    dynamic::DynamicOp,
    guards::GuardOp,
    joined::JoinOp,
    plan::{Kind, Plan},
    states::{SettableOp, StateOp},
};

/// Engines are named by the order in which they attached, modulo how many there were.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Attach(Vec<String>),
    /// Drops the engine; its recorders go on unseen.
    Detach(usize),
    TakeRecorder(usize),
    DropRecorder(Writer),
    /// Opens a step, inside the one that is open already if that is another recorder's.
    Open(Writer),
    /// Into the innermost open step; if none is open, as a step of its own of this recorder.
    Record(Writer, Series, Call),
    /// Through a shared recorder of the engine, whatever step is open. Gauges change by what others
    /// set.
    Share(usize, Series, Call),
    /// Through a shared recorder too.
    Dynamic(usize, DynamicOp),
    /// As `Record`.
    State(Writer, StateOp),
    /// Through a shared recorder too.
    Settable(usize, SettableOp),
    /// Through a shared recorder too.
    Guard(usize, GuardOp),
    Join(usize, JoinOp),
    Collect(CollectOp),
    Commit,
    Discard,
    Leak,
    Snapshot,
    Render,
}

/// A recorder of an engine: by the order in which the engine's slabs came to be, modulo how many
/// there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writer {
    pub(crate) engine: usize,
    pub(crate) slab: usize,
}

/// A series: a family of the plan, and which of its label sets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Series {
    pub(crate) family: usize,
    pub(crate) label_set: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Call {
    AddU64(u64),
    AddF64(f64),
    Inc,
    SetI64(i64),
    SetF64(f64),
    ObserveU64(Way<u64>),
    ObserveF64(Way<f64>),
    Reject(u64),
}

/// The three ways to observe.
#[derive(Clone, Debug)]
pub(crate) enum Way<T> {
    One(T),
    Times(T, u64),
    All(Vec<T>),
}

impl Op {
    pub(crate) fn decode(bytes: &mut Bytes<'_>, plan: &Plan) -> Self {
        let (choice, writer) = (bytes.u8(), bytes.u8());
        let (engine, writer) =
            (usize::from(writer % 8), Writer { engine: usize::from(writer % 8), slab: usize::from(writer / 8) });
        match choice % 32 {
            0..=13 if plan.has_states && (96..128).contains(&choice) => Self::Guard(engine, GuardOp::decode(bytes)),
            0..=13 if plan.has_states && (128..160).contains(&choice) => Self::State(writer, StateOp::decode(bytes)),
            0..=13 if plan.has_states && (160..192).contains(&choice) => {
                Self::Settable(engine, SettableOp::decode(bytes))
            }
            0..=13 if choice >= 224 => Self::Dynamic(engine, DynamicOp::decode(bytes)),
            0..=13 => {
                let (series, call) = Call::decode(bytes, plan);
                let only_in_steps = matches!(call, Call::SetI64(_) | Call::SetF64(_));
                match choice < 192 || only_in_steps {
                    true => Self::Record(writer, series, call),
                    false => Self::Share(engine, series, call),
                }
            }
            14..=17 => Self::Open(writer),
            18..=21 => Self::Commit,
            22 => Self::Discard,
            23 => Self::Leak,
            24 | 25 => Self::TakeRecorder(engine),
            26 => Self::DropRecorder(writer),
            27 | 28 => Self::Attach(engine_values(engine, plan)),
            29 => Self::Detach(engine),
            30 if choice >= 128 => Self::Collect(CollectOp::decode(bytes)),
            30 => Self::Snapshot,
            _ if choice >= 128 => Self::Join(engine, JoinOp::decode(bytes)),
            _ => Self::Render,
        }
    }
}

/// Four names, so that engines collide; and sometimes a value too many.
fn engine_values(name: usize, plan: &Plan) -> Vec<String> {
    let value = |k| if k == 0 { format!("{}", name % 4) } else { "quote\" backslash\\ feed\n é🦀".to_owned() };
    (0..plan.engine_labels.len() + usize::from(name == 7)).map(value).collect()
}

impl Call {
    fn decode(bytes: &mut Bytes<'_>, plan: &Plan) -> (Series, Self) {
        let family = bytes.below(plan.families.len());
        let of = &plan.families[family];
        let series = Series { family, label_set: bytes.below(of.series().len()) };
        let call = match of.kind {
            Kind::CounterU64 | Kind::CounterF64 if bytes.below(8) == 7 => Self::Inc,
            Kind::CounterU64 => Self::AddU64(u64_near(bytes, &[])),
            Kind::CounterF64 => Self::AddF64(f64_near(bytes, &[])),
            // Belongs to no family, so it decodes as some other call.
            Kind::GaugeI64 if bytes.below(8) == 7 => Self::Reject(u64_near(bytes, &[])),
            Kind::GaugeI64 => Self::SetI64(u64_near(bytes, &[]) as i64),
            Kind::GaugeF64 => Self::SetF64(f64_near(bytes, &[])),
            Kind::HistogramU64 => {
                let bounds: Vec<u64> = of.bounds.iter().map(|bound| *bound as u64).collect();
                Self::ObserveU64(Way::decode(bytes, &bounds, u64_near))
            }
            Kind::HistogramF64 => Self::ObserveF64(Way::decode(bytes, &of.bounds, f64_near)),
        };
        (series, call)
    }
}

impl<T: Copy> Way<T> {
    /// `near` decodes a value, perhaps close to a bound.
    pub(crate) fn decode(bytes: &mut Bytes<'_>, bounds: &[T], near: fn(&mut Bytes<'_>, &[T]) -> T) -> Self {
        match bytes.below(8) {
            0..=2 => Self::One(near(bytes, bounds)),
            3 | 4 => {
                let times = match bytes.below(8) {
                    small @ 0..4 => small as u64,
                    // Four such buckets overflow the count of the histogram.
                    4 | 5 => 1 << 62,
                    _ => u64_near(bytes, &[]),
                };
                Self::Times(near(bytes, bounds), times)
            }
            // Each bound, and for good measure something else.
            7 => Self::All(bounds.iter().copied().chain([near(bytes, bounds)]).collect()),
            _ => Self::All((0..bytes.below(20)).map(|_| near(bytes, bounds)).collect()),
        }
    }
}

const TWO_TO_53: u64 = 1 << 53;
const U64_EDGES: [u64; 10] = [
    u64::MAX,
    u64::MAX - 1,
    u64::MAX / 2,
    TWO_TO_53,
    TWO_TO_53 + 1,
    1 << 62,
    (1 << 62) - 1,
    (1 << 62) + 1,
    1 << 63,
    1 << 32,
];
const F64_EDGES: [f64; 16] = [
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    -1.0,
    -0.0,
    0.1,
    f64::MAX,
    f64::MIN,
    f64::MAX / 2.0,
    5e-324,
    -5e-324,
    f64::MIN_POSITIVE,
    TWO_TO_53 as f64,
    TWO_TO_53 as f64 + 2.0,
    1e-9,
    1.8e19,
];

/// Most often small, since after something huge all else is rejected.
pub(crate) fn u64_near(bytes: &mut Bytes<'_>, bounds: &[u64]) -> u64 {
    match bytes.u8() {
        small @ 0..128 => u64::from(small % 64),
        128..208 if !bounds.is_empty() => bytes.choose(bounds).wrapping_add(bytes.below(3) as u64).wrapping_sub(1),
        128..232 => u64::from(bytes.u8()),
        232..248 => *bytes.choose(&U64_EDGES),
        _ => bytes.u64(),
    }
}

/// Most often a multiple of 1/8, for the same reason, and since such sums are exact.
pub(crate) fn f64_near(bytes: &mut Bytes<'_>, bounds: &[f64]) -> f64 {
    match bytes.u8() {
        small @ 0..128 => f64::from(small) / 8.0,
        128..208 if !bounds.is_empty() => {
            let bits = bytes.choose(bounds).to_bits();
            f64::from_bits(bits.wrapping_add(bytes.below(3) as u64).wrapping_sub(1))
        }
        128..216 => f64::from(bytes.u8()) - 64.0,
        216..248 => *bytes.choose(&F64_EDGES),
        _ => f64::from_bits(bytes.u64()),
    }
}
