//! How a slab is laid out: scalars first, then each histogram's buckets and its sum. A row in a snapshot has the words
//! outside of steps ([`Aside`]) behind that.
//!
//! ```text
//!  word 0                scalars            words
//!  | counters and gauges | hist 0 buckets … sum | hist 1 … |   aside (in snapshots) |
//! ```
//!
//! A schema has a layout for each [`Scope`]: one for the slabs of engines, one for the registry's own slab.

use super::bounds::Bounds;

/// Words of a slab at most: log entries name them by 16 bits.
pub(crate) const MAX_WORDS: usize = 1 << 16;

/// Whose series a family has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Each engine's.
    Engine,
    /// The registry's: once a page, without engine labels.
    Registry,
}

impl Scope {
    pub(crate) const COUNT: usize = 2;
    pub(crate) const ALL: [Self; Self::COUNT] = [Self::Engine, Self::Registry];
}

/// What is counted at once, outside of steps, since it tells about steps that were never published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aside {
    /// Values that couldn't be counted honestly.
    RejectedObservations,
    /// Steps that ended without a commit.
    DiscardedSteps,
    /// Uses of a handle of another schema or scope.
    ForeignHandles,
}

impl Aside {
    pub(crate) const COUNT: usize = 3;
}

/// Which histogram of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HistogramIndex(pub(crate) u16);

/// Which info of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InfoIndex(pub(crate) u32);

/// One histogram series in the slab.
#[derive(Clone, Debug)]
pub(crate) struct HistogramLayout {
    /// The word of the first bucket; the others follow.
    pub(crate) first: u16,
    /// The word of the sum, behind the overflow bucket.
    pub(crate) sum: u16,
    pub(crate) bounds: Bounds,
}

/// An info, which stands beside the slab.
#[derive(Clone, Debug)]
pub(crate) struct InfoLayout {
    /// The names of its own labels.
    pub(crate) labels: Box<[String]>,
    /// Which of the schema's engine labels are printed, by their places there.
    pub(crate) engine_labels: Box<[usize]>,
}

/// Where everything is.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Which schema and scope this is; handles carry it too.
    pub(crate) schema: u32,
    /// Words of a slab.
    pub(crate) words: usize,
    pub(crate) histograms: Box<[HistogramLayout]>,
    pub(crate) infos: Box<[InfoLayout]>,
}

impl Layout {
    /// Words of a row in a snapshot.
    pub(crate) fn row_len(&self) -> usize {
        self.words + Aside::COUNT
    }
}

/// A layout that families are added to.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) schema: u32,
    pub(super) scalars: usize,
    pub(super) histograms: Vec<Bounds>,
    /// Lines of a page.
    pub(super) samples: usize,
}

impl Draft {
    pub(super) fn new(schema: u32) -> Self {
        Self { schema, scalars: 0, histograms: Vec::new(), samples: 0 }
    }

    /// Words so far: one a scalar; a histogram has one a bound, the overflow bucket and the sum.
    pub(super) fn words(&self) -> usize {
        self.scalars + self.histograms.iter().map(|bounds| bounds.upper().len() + 2).sum::<usize>()
    }

    /// Lays out the scalars and then one block a histogram, in order. The caller has checked that it fits.
    pub(super) fn layout(self, infos: Vec<InfoLayout>) -> Layout {
        let words = self.words();
        let mut next = self.scalars;
        let histograms = self.histograms.into_iter().map(|bounds| {
            let (first, sum) = (next, next + bounds.upper().len() + 1);
            next = sum + 1;
            HistogramLayout { first: first as u16, sum: sum as u16, bounds }
        });
        Layout { schema: self.schema, words, histograms: histograms.collect(), infos: infos.into() }
    }
}
