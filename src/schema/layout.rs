//! How a slab is laid out: scalars first, then each histogram's buckets and its sum. A row in a snapshot has the words
//! outside of steps ([`Aside`]) behind that.
//!
//! ```text
//!  word 0                scalars            words
//!  | counters and gauges | hist 0 buckets … sum | hist 1 … |   aside (in snapshots) |
//! ```

use super::bounds::Bounds;

/// Words of a slab at most: log entries name them by 16 bits.
pub(crate) const MAX_WORDS: usize = 1 << 16;

/// What is counted at once, outside of steps, since it tells about steps that were never published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aside {
    /// Values that couldn't be counted honestly.
    RejectedObservations,
    /// Steps that ended without a commit.
    DiscardedSteps,
    /// Uses of a handle of another schema.
    ForeignHandles,
}

impl Aside {
    pub(crate) const COUNT: usize = 3;
}

/// Which histogram of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HistogramIndex(pub(crate) u16);

/// One histogram series in the slab.
#[derive(Clone, Debug)]
pub(crate) struct HistogramLayout {
    /// The word of the first bucket; the others follow.
    pub(crate) first: u16,
    /// The word of the sum, behind the overflow bucket.
    pub(crate) sum: u16,
    pub(crate) bounds: Bounds,
}

/// Where everything is.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Which schema this is; handles carry it too.
    pub(crate) schema: u32,
    /// Words of a slab.
    pub(crate) words: usize,
    pub(crate) histograms: Box<[HistogramLayout]>,
}

impl Layout {
    /// Lays out `scalars` words and then one block a histogram, in order. The caller has checked that it fits.
    pub(super) fn new(schema: u32, scalars: usize, histograms: Vec<Bounds>) -> Self {
        let mut words = scalars;
        let histograms = histograms.into_iter().map(|bounds| {
            let (first, sum) = (words, words + bounds.upper().len() + 1);
            words = sum + 1;
            HistogramLayout { first: first as u16, sum: sum as u16, bounds }
        });
        Self { schema, histograms: histograms.collect(), words }
    }

    /// Words of a row in a snapshot.
    pub(crate) fn row_len(&self) -> usize {
        self.words + Aside::COUNT
    }
}
