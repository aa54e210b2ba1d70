//! Any bounds and observations, of both types and in all three ways, against a naive twin.

use tachometer::Schema;

use crate::model::{
    self,
    bytes::Bytes,
    op::{Call, Op, Series, Way, Writer, f64_near, u64_near},
    plan::{Family, Handles, Kind, Plan},
};

/// Enough to reach every state, few enough to stay fast.
const MAX_CALLS: usize = 12;

pub(crate) fn run(data: &[u8]) {
    let mut bytes = Bytes(data);
    let bounds = bounds(&mut bytes);
    let families = [Kind::HistogramU64, Kind::HistogramF64].map(|kind| family(kind, &bounds));
    let valid = !bounds.is_empty() && bounds.iter().all(|b| b.is_finite()) && bounds.windows(2).all(|b| b[0] < b[1]);
    for family in &families {
        let result = Handles::declare(&mut Schema::builder(&[]), family);
        assert_eq!(result.is_ok(), valid, "{bounds:?}: {:?}", result.err());
    }
    if !valid {
        return;
    }
    let (engine_labels, const_labels) = (vec!["way".to_owned()], Vec::new());
    let plan = Plan { engine_labels, const_labels, has_states: false, families: families.into() };
    let mut ops = Vec::new();
    // Engine 0 is there already.
    for engine in 1..4 {
        ops.extend([Op::Attach(vec![engine.to_string()]), Op::TakeRecorder(engine)]);
    }
    for _ in 0..MAX_CALLS {
        if bytes.0.is_empty() {
            break;
        }
        ops.extend(calls(&mut bytes, &bounds));
    }
    model::run(&plan, &ops);
}

fn family(kind: Kind, bounds: &[f64]) -> Family {
    let (name, bounds) = (format!("{kind:?}"), bounds.to_vec());
    Family { name, exact_name: false, help: String::new(), unit: None, kind, labels: Vec::new(), bounds }
}

/// Half of the time sorted, since few lists are by chance.
fn bounds(bytes: &mut Bytes<'_>) -> Vec<f64> {
    let sorted = bytes.below(2) == 0;
    let mut bounds: Vec<f64> = (0..bytes.below(48)).map(|_| any_f64(bytes, &[])).collect();
    if sorted {
        bounds.retain(|bound| bound.is_finite());
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
    }
    bounds
}

fn any_f64(bytes: &mut Bytes<'_>, bounds: &[f64]) -> f64 {
    if bytes.below(4) == 0 { f64::from_bits(bytes.u64()) } else { f64_near(bytes, bounds) }
}

fn any_u64(bytes: &mut Bytes<'_>, bounds: &[u64]) -> u64 {
    if bytes.below(4) == 0 { bytes.u64() >> bytes.below(64) } else { u64_near(bytes, bounds) }
}

/// The same values in each of the three ways for an engine each; and for a fourth one any way, with
/// its own values. All of them through a shared recorder too.
fn calls(bytes: &mut Bytes<'_>, bounds: &[f64]) -> Vec<Op> {
    let integers: Vec<u64> = bounds.iter().map(|bound| *bound as u64).collect();
    if bytes.below(2) == 0 {
        ways(bytes, 0, Call::ObserveU64, &integers, any_u64)
    } else {
        ways(bytes, 1, Call::ObserveF64, bounds, any_f64)
    }
}

fn ways<T: Copy>(
    bytes: &mut Bytes<'_>,
    family: usize,
    call: fn(Way<T>) -> Call,
    bounds: &[T],
    near: fn(&mut Bytes<'_>, &[T]) -> T,
) -> Vec<Op> {
    let series = Series { family, label_set: 0 };
    let record = |engine, way: Way<T>| {
        let writer = Writer { engine, slab: 0 };
        [Op::Record(writer, series, call(way.clone())), Op::Share(engine, series, call(way))]
    };
    let values: Vec<T> = (0..bytes.below(40)).map(|_| near(bytes, bounds)).collect();
    let one_by_one = values.iter().flat_map(|v| [record(0, Way::One(*v)), record(1, Way::Times(*v, 1))]);
    let mut ops: Vec<Op> = one_by_one.flatten().collect();
    ops.extend(record(2, Way::All(values)));
    ops.extend(record(3, Way::decode(bytes, bounds, near)));
    ops
}
