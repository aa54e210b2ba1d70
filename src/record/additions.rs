//! Additions to a row that any thread adds to. Each says whether it could be counted: if not, nothing has changed.

use super::{batch::Batch, step::MAX_BUCKET_COUNT};
use crate::{
    schema::{
        family::Number,
        layout::HistogramLayout,
        value::{CounterValue, GaugeValue, ObservationValue},
    },
    shards::Shard,
};

/// What is observed of one value at a time at most, so that a bucket can't overflow.
const MAX_OBSERVATIONS_AT_ONCE: u64 = 1 << 32;

/// Adds to a counter.
#[inline(always)]
pub(super) fn grow<T: CounterValue>(row: Shard<'_>, word: u16, n: T) -> Option<()> {
    let grows = mutant!(n.can_grow_by(), "shared: negative additions" => true);
    if grows { add(row, word, n) } else { None }
}

/// Adds to a gauge. An integer wraps around.
#[inline(always)]
pub(super) fn change_gauge<T: GaugeValue>(row: Shard<'_>, word: u16, n: T) -> Option<()> {
    if T::NUMBER == Number::F64 {
        return add(row, word, f64::from_bits(n.to_word()));
    }
    row.add_wrapping(word, n.to_word());
    Some(())
}

/// Observes one value `n` times. The sum first, as it can refuse.
#[inline(always)]
pub(super) fn count<T: ObservationValue>(row: Shard<'_>, place: &HistogramLayout, value: T, n: u64) -> Option<()> {
    let bucket = place.first + value.bucket(&place.bounds)?;
    let room = n == 1 || n <= MAX_OBSERVATIONS_AT_ONCE && row.load(usize::from(bucket)) + n <= MAX_BUCKET_COUNT;
    mutant!("shared: a bucket before the sum refuses" => row.add_wrapping(bucket, n));
    add(row, place.sum, value.times(n).filter(|_| room)?)?;
    mutant!(row.add_wrapping(bucket, n), "shared: a bucket before the sum refuses" => ());
    Some(())
}

/// Observes a batch, and returns how many of its values couldn't be counted.
#[inline]
pub(super) fn count_all<T: ObservationValue>(row: Shard<'_>, place: &HistogramLayout, values: &[T]) -> u64 {
    let whole = Batch::new(place, values).and_then(|batch| {
        add(row, place.sum, batch.sum)?;
        batch.counts().filter(|(_, n)| *n > 0).for_each(|(bucket, n)| row.add_wrapping(bucket, n));
        Some(())
    });
    match whole {
        Some(()) => 0,
        None => values.iter().map(|value| u64::from(count(row, place, *value, 1).is_none())).sum(),
    }
}

/// Adds to a counter, a sum or a float gauge.
#[inline(always)]
fn add<T: CounterValue>(row: Shard<'_>, word: u16, n: T) -> Option<()> {
    match T::NUMBER {
        Number::F64 => row.change(word, |total| T::sum(T::from_word(total), n).map(T::to_word)),
        Number::U64 | Number::I64 => row.add(word, n.to_word()),
    }
}
