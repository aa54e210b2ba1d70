//! A batch of observations that is counted bound by bound.

use crate::schema::{
    layout::HistogramLayout,
    value::{ObservationValue, Summary},
};

/// A batch that spreads over more than this many buckets is observed value by value: counting it bound by bound would read
/// it too often.
const MAX_BUCKETS_A_BATCH: u16 = 32;

/// A batch whose values can all be counted, and fall into few buckets.
pub(super) struct Batch<'v, T> {
    place: &'v HistogramLayout,
    values: &'v [T],
    first: u16,
    last: u16,
    pub(super) sum: T,
}

impl<'v, T: ObservationValue> Batch<'v, T> {
    /// `None` if it must be observed value by value.
    #[inline]
    pub(super) fn new(place: &'v HistogramLayout, values: &'v [T]) -> Option<Self> {
        let Summary { least, greatest, sum } = T::summarize(values)?;
        let (first, last) = (least.bucket(&place.bounds)?, greatest.bucket(&place.bounds)?);
        (last - first < MAX_BUCKETS_A_BATCH).then_some(Self { place, values, first, last, sum })
    }

    /// The word of each bucket from the least value's to the greatest's, with the number of values in it.
    #[inline]
    pub(super) fn counts(&self) -> impl Iterator<Item = (u16, u64)> {
        let &Self { place, values, first, last, .. } = self;
        let mut counted = 0;
        (first..=last).map(move |bucket| {
            let up_to =
                if bucket == last { values.len() as u64 } else { T::count_up_to(values, &place.bounds, bucket) };
            let count = up_to - counted;
            counted = up_to;
            (place.first + bucket, count)
        })
    }
}
