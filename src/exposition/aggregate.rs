//! One number of a gauge's values in all engines.

use crate::schema::{aggregate::Aggregate, family::Number};

/// The word that is printed; `None` if there is nothing to print.
pub(super) fn aggregate(aggregate: Aggregate, number: Number, words: impl Iterator<Item = u64>) -> Option<u64> {
    match number {
        Number::F64 => aggregate_f64(aggregate, words.map(f64::from_bits)).map(f64::to_bits),
        Number::U64 | Number::I64 => aggregate_i64(aggregate, words.map(|word| word as i64)).map(|value| value as u64),
    }
}

fn aggregate_i64(aggregate: Aggregate, values: impl Iterator<Item = i64>) -> Option<i64> {
    match aggregate {
        // Wide, so that it doesn't depend on the order of engines where the sum stops at an end.
        Aggregate::Sum => mutant!(
            Some(values.map(i128::from).sum::<i128>().clamp(i64::MIN.into(), i64::MAX.into()) as i64),
            "aggregate: a sum stops on the way" => Some(values.fold(0, i64::saturating_add)),
        ),
        Aggregate::Max => values.max(),
    }
}

fn aggregate_f64(aggregate: Aggregate, values: impl Iterator<Item = f64>) -> Option<f64> {
    match aggregate {
        // Not `sum`, which begins at -0.0.
        Aggregate::Sum => Some(values.fold(0.0, |sum, value| sum + value)),
        Aggregate::Max => mutant!(
            values.reduce(f64::max), // leaves NaN out
            "aggregate: NaN hides a maximum" => values.reduce(|a, b| if a > b { a } else { b }),
        ),
    }
}
