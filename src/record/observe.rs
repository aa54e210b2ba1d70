//! What recorders share: recording into a row that any thread adds to, batches of observations, and
//! what is done about values and handles that can't be recorded. A function that records returns
//! whether the value was counted; if not, nothing has changed.

use std::ops::RangeInclusive;

use crate::{
    schema::{
        layout::{Diagnostic, HistogramLayout},
        types::WordType,
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
        batch.for_each_bucket(|bucket, n| {
            if n > 0 {
                row.add_wrapping(bucket, n);
            }
        });
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

/// Batches of other lengths are observed value by value. Longer ones could overflow a `u32`.
const BATCH: RangeInclusive<usize> = 8..=1 << 31;
/// Up to this many buckets are counted one after the other, which reads the batch once per bucket.
const FEW_BUCKETS: u16 = 8;
/// A batch that spreads over more buckets is observed value by value. A power of two.
const MAX_BUCKETS: usize = 64;

/// A batch whose values can all be counted.
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
        if !BATCH.contains(&values.len()) {
            return None;
        }
        let Summary { least, greatest, sum } = T::summarize(values)?;
        let (first, last) = (least.bucket(&layout.bounds)?, greatest.bucket(&layout.bounds)?);
        (usize::from(last - first) < MAX_BUCKETS).then_some(Self { layout, values, first, last, sum })
    }

    /// Calls `count` for each bucket from that of the least value to that of the greatest, with its
    /// word and the number of values in it.
    #[inline]
    pub(super) fn for_each_bucket(&self, mut count: impl FnMut(u16, u64)) {
        if self.last - self.first >= FEW_BUCKETS {
            let mut counts = [[0; MAX_BUCKETS]; 2];
            self.count_by_value(&mut counts);
            let [even, odd] = counts;
            let counts = even.into_iter().zip(odd).map(|(even, odd)| u64::from(even) + u64::from(odd));
            let buckets = self.layout.first + self.first..=self.layout.first + self.last;
            return buckets.zip(counts).for_each(|(bucket, n)| count(bucket, n));
        }
        let mut counted = 0;
        for bucket in self.first..self.last {
            let up_to = T::count_up_to(self.values, &self.layout.bounds, bucket);
            count(self.layout.first + bucket, up_to - counted);
            counted = up_to;
        }
        count(self.layout.first + self.last, self.values.len() as u64 - counted);
    }

    /// Counts the values in each bucket from the first on, in two parts.
    #[inline(never)] // to have all registers
    fn count_by_value(&self, counts: &mut [[u32; MAX_BUCKETS]; 2]) {
        T::count_by_value(self.values, &self.layout.bounds, self.first, counts);
    }
}
