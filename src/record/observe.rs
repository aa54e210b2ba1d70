//! What recorders share: recording into a row that any thread adds to, batches of observations, and
//! what is done about values and handles that can't be recorded. A function that records returns
//! whether the value was counted; if not, nothing has changed.

use crate::{
    schema::{
        layout::{Diagnostic, HistogramLayout},
        number::WordType,
        value::{CounterValue, GaugeValue, ObservationValue, Summary, WRAPPED},
    },
    store::{row::Row, shards::Shard},
};

/// The most observations of one value per call, so that a bucket can't overflow.
const MAX_OBSERVATIONS_AT_ONCE: u64 = 1 << 32;

/// The greatest count of a bucket that several observations of one value may reach, so that the
/// length of a batch can't overflow it.
pub(super) const MAX_BUCKET_COUNT: u64 = 1 << 62;

/// Panics under debug assertions if the schema of a handle isn't that of the recorder.
pub(super) fn debug_assert_own(schema: u32, own: u32) {
    debug_assert!(
        schema == own,
        "a handle of schema {schema} was used with a recorder of schema {own}: use the handles that the builder of the \
         recorder's schema returned (engines and the registry have different schema numbers)",
    );
}

/// The rejections to count for `n` observations. A number that wrapped around counts as one.
pub(super) fn rejections(n: u64) -> u64 {
    mutant!(if n < WRAPPED { n } else { 1 }, "value: a wrapped number of rejections is counted" => n)
}

/// Counts `n` observations as rejected.
#[cold]
pub(super) fn reject(shard: Shard<'_>, n: u64) {
    shard.count_diagnostic(Diagnostic::RejectedObservations, rejections(n));
}

/// Adds to a counter.
#[inline(always)]
pub(super) fn add<T: CounterValue>(row: Row<'_>, word: u16, n: T) -> Option<()> {
    let grows = mutant!(n.can_grow_by(), "shared: negative additions" => true);
    if grows { add_word(row, word, n) } else { None }
}

/// Adds to a gauge. An integer wraps around.
#[inline(always)]
pub(super) fn add_gauge<T: GaugeValue>(row: Row<'_>, word: u16, n: T) -> Option<()> {
    if T::WORD_TYPE == WordType::F64 {
        return add_word(row, word, f64::from_bits(n.to_word()));
    }
    row.add_wrapping(word, n.to_word());
    Some(())
}

/// Observes one value `n` times. The sum comes first, since it can refuse.
#[inline(always)]
pub(super) fn observe<T: ObservationValue>(row: Row<'_>, layout: &HistogramLayout, value: T, n: u64) -> Option<()> {
    let bucket = layout.first + value.bucket(&layout.bounds)?;
    let room = n == 1 || n <= MAX_OBSERVATIONS_AT_ONCE && row.load(usize::from(bucket)) + n <= MAX_BUCKET_COUNT;
    mutant!("shared: a bucket before the sum refuses" => row.add_wrapping(bucket, n));
    add_word(row, layout.sum, value.times(n).filter(|_| room)?)?;
    mutant!(row.add_wrapping(bucket, n), "shared: a bucket before the sum refuses" => ());
    Some(())
}

/// Observes a batch. Returns the number of values that can't be counted.
#[inline]
pub(super) fn observe_all<T: ObservationValue>(row: Row<'_>, layout: &HistogramLayout, values: &[T]) -> u64 {
    let whole = Batch::new(layout, values).and_then(|batch| {
        add_word(row, layout.sum, batch.sum)?;
        batch.counts().filter(|(_, n)| *n > 0).for_each(|(bucket, n)| row.add_wrapping(bucket, n));
        Some(())
    });
    match whole {
        Some(()) => 0,
        None => values.iter().map(|value| u64::from(observe(row, layout, *value, 1).is_none())).sum(),
    }
}

/// Adds to a counter, a sum or a float gauge.
#[inline(always)]
fn add_word<T: CounterValue>(row: Row<'_>, word: u16, n: T) -> Option<()> {
    match T::WORD_TYPE {
        WordType::F64 => row.change(word, |total| T::sum(T::from_word(total), n).map(T::to_word)),
        WordType::U64 | WordType::I64 => row.add(word, n.to_word()),
    }
}

/// A batch that spreads over more buckets than this is observed value by value: counting bucket by
/// bucket reads the batch once per bucket.
const MAX_BUCKETS_PER_BATCH: u16 = 32;

/// A batch whose values can all be counted and fall into few buckets.
pub(super) struct Batch<'v, T> {
    layout: &'v HistogramLayout,
    values: &'v [T],
    first: u16,
    last: u16,
    pub(super) sum: T,
}

impl<'v, T: ObservationValue> Batch<'v, T> {
    /// `None` if the batch must be observed value by value.
    #[inline]
    pub(super) fn new(layout: &'v HistogramLayout, values: &'v [T]) -> Option<Self> {
        let Summary { least, greatest, sum } = T::summarize(values)?;
        let (first, last) = (least.bucket(&layout.bounds)?, greatest.bucket(&layout.bounds)?);
        (last - first < MAX_BUCKETS_PER_BATCH).then_some(Self { layout, values, first, last, sum })
    }

    /// The buckets from that of the least value to that of the greatest: the word of each, and the
    /// number of values in it.
    #[inline]
    pub(super) fn counts(&self) -> impl Iterator<Item = (u16, u64)> {
        let &Self { layout, values, first, last, .. } = self;
        let mut counted = 0;
        (first..=last).map(move |bucket| {
            let up_to =
                if bucket == last { values.len() as u64 } else { T::count_up_to(values, &layout.bounds, bucket) };
            let count = up_to - counted;
            counted = up_to;
            (layout.first + bucket, count)
        })
    }
}
