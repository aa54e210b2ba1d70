//! A batch counts what its values count one by one, whichever way it is counted: value by value,
//! bucket by bucket, or with a table, in few buckets or in many, with values that are rejected.

use proptest::prelude::*;
use tachometer::{Histogram, ObservationValue};

use crate::one_engine::OneEngine;

/// Few bounds, as many as a batch can count at once, more, and too many for a table; with negative
/// ones too.
fn bounds() -> Vec<Vec<f64>> {
    let linear = |n: i32, step: f64| (0..n).map(|k| f64::from(k) * step).collect::<Vec<_>>();
    let octaves = |n: i32| (0..n).map(|k| 2_f64.powi(k - 10)).collect::<Vec<_>>();
    let signed = (-20..20).map(|k| f64::from(k) * 0.5).collect();
    vec![vec![1.0], octaves(7), octaves(19), octaves(63), octaves(64), octaves(90), linear(1_024, 0.25), signed]
}

/// The samples of a histogram's buckets after a batch, and after its values one by one, by each
/// kind of recorder; and how many values were rejected.
fn counted<T: ObservationValue>(bounds: &[f64], values: &[T]) -> [(Vec<String>, u64); 4] {
    [(true, true), (true, false), (false, true), (false, false)].map(|(exclusive, batch)| {
        let engine = OneEngine::new(|schema| schema.histogram("x", "", bounds).declare().unwrap());
        let histogram: Histogram<T> = engine.handles;
        let (mut recorder, shared) = (engine.recorder(), engine.engine.shared_recorder());
        let mut step = recorder.step();
        match (exclusive, batch) {
            (true, true) => step.observe_all(histogram, values),
            (true, false) => values.iter().for_each(|value| step.observe(histogram, *value)),
            (false, true) => shared.observe_all(histogram, values),
            (false, false) => values.iter().for_each(|value| shared.observe(histogram, *value)),
        }
        step.commit();
        (engine.samples("x_bucket"), engine.self_metric("rejected_observations"))
    })
}

fn assert_alike(of: [(Vec<String>, u64); 4]) {
    let [batch, singly, shared_batch, shared_singly] = of;
    assert_eq!(batch, singly);
    assert_eq!(shared_batch, shared_singly);
    assert_eq!(batch, shared_batch);
}

/// Values close to bounds, whole numbers, zeros of both signs, and now and then what is rejected.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => (-12..60_i32, 0..3_u64).prop_map(|(k, next)| f64::from_bits(2_f64.powi(k).to_bits() - 1 + next)),
        8 => (0..300_u32).prop_map(f64::from),
        4 => 0.0..300.0,
        1 => Just(0.0),
        1 => Just(-0.0),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(debug_assertions) { 24 } else { 100 }, ..ProptestConfig::default() })]

    #[test]
    fn a_batch_of_floats_counts_as_its_values_do(
        mut values in prop::collection::vec(value(), 0..130),
        rejected in prop::option::weighted(0.2, prop::sample::select(vec![f64::NAN, f64::INFINITY, -1.0])),
    ) {
        values.extend(rejected);
        bounds().iter().for_each(|bounds| assert_alike(counted(bounds, &values)));
    }

    #[test]
    fn a_batch_of_integers_counts_as_its_values_do(
        values in prop::collection::vec(prop_oneof![0..300_u64, (0..60_u32).prop_map(|k| 1 << k)], 0..130),
    ) {
        bounds().iter().for_each(|bounds| assert_alike(counted(bounds, &values)));
    }

    /// All in one bucket, or in two: as in a real decode step.
    #[test]
    fn a_batch_of_close_values_counts_as_its_values_do(first in 0.0..2.0, len in 0..70_usize) {
        let values: Vec<f64> = (0..len).map(|k| first + k as f64 * 1e-4).collect();
        bounds().iter().for_each(|bounds| assert_alike(counted(bounds, &values)));
    }
}
