//! How a slab is laid out: scalars first, then each histogram's buckets and its sum. A row in a snapshot has the words
//! outside of steps ([`Aside`]) behind that.
//!
//! ```text
//!  word 0                scalars            words
//!  | counters and gauges | hist 0 buckets … sum | hist 1 … |   aside (in snapshots) |
//! ```
//!
//! A schema has a layout for each [`Scope`]: for the slabs of engines, for the registry's own, and for what is recorded about pages.

use std::sync::Arc;

use super::{bounds::Bounds, family::Number};

/// Words of a slab at most: log entries name them by 16 bits.
pub(crate) const MAX_WORDS: usize = 1 << 16;

/// Whose series a family has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Each engine's.
    Engine,
    /// The registry's: once a page, without engine labels.
    Registry,
    /// The pages': once a page, about those before it. Recorded by the registry itself.
    Pages,
}

impl Scope {
    pub(crate) const COUNT: usize = 3;
    pub(crate) const ALL: [Self; Self::COUNT] = [Self::Engine, Self::Registry, Self::Pages];
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
    /// Lookups of open label values beyond the capacity.
    OverflowedLabelValues,
}

impl Aside {
    pub(crate) const COUNT: usize = 4;
}

/// Which histogram of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HistogramIndex(pub(crate) u16);

/// Which info of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InfoIndex(pub(crate) u32);

/// Which family with open labels of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenIndex(pub(crate) u32);

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

/// A family with open labels, whose series stand beside the shards.
#[derive(Clone, Debug)]
pub(crate) struct OpenLayout {
    /// The names of those labels.
    pub(crate) labels: Box<[String]>,
    /// Series at most, beside the overflow series.
    pub(crate) capacity: usize,
    /// Of one series by itself.
    pub(crate) series: Arc<Layout>,
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
    pub(crate) open: Box<[OpenLayout]>,
    /// The words of gauges.
    pub(crate) gauges: Box<[u16]>,
    /// The whole row, aside included, in the order of words.
    runs: Box<[Run]>,
}

/// Words that stand side by side and hold the same kind of number, up to `end`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    number: Number,
    end: usize,
}

impl Layout {
    /// Whether there are no families of this scope.
    pub(crate) fn is_empty(&self) -> bool {
        self.words == 0 && self.open.is_empty() && self.infos.is_empty()
    }

    /// Words of a row in a snapshot.
    pub(crate) fn row_len(&self) -> usize {
        self.words + Aside::COUNT
    }

    /// Adds another row of this layout to `row`, word by word.
    pub(crate) fn add(&self, row: &mut [u64], other: impl Fn(usize) -> u64) {
        let mut start = 0;
        for &Run { number, end } in &self.runs {
            let words = (start..end).zip(&mut row[start..end]);
            words.for_each(|(at, word)| *word = number.sum(*word, other(at)));
            start = end;
        }
    }
}

/// A counter or a gauge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scalar {
    pub(super) number: Number,
    pub(super) is_gauge: bool,
}

/// A layout that families are added to.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) schema: u32,
    pub(super) scalars: Vec<Scalar>,
    /// Bounds, and the kind of sum.
    pub(super) histograms: Vec<(Bounds, Number)>,
    pub(super) open: Vec<OpenLayout>,
    /// Lines of a page.
    pub(super) samples: usize,
}

impl Draft {
    pub(super) fn new(schema: u32) -> Self {
        Self { schema, scalars: Vec::new(), histograms: Vec::new(), open: Vec::new(), samples: 0 }
    }

    /// Whether nothing was added.
    pub(super) fn is_empty(&self) -> bool {
        self.words() == 0 && self.open.is_empty()
    }

    /// Words so far: one a scalar; a histogram has one a bound, the overflow bucket and the sum.
    pub(super) fn words(&self) -> usize {
        self.scalars.len() + self.histograms.iter().map(|(bounds, _)| bounds.upper().len() + 2).sum::<usize>()
    }

    /// Lays out the scalars and then one block a histogram, in order. The caller has checked that it fits.
    pub(super) fn layout(self, infos: Vec<InfoLayout>) -> Layout {
        let (words, runs) = (self.words(), self.runs());
        let scalars = self.scalars.iter().enumerate();
        let gauges = scalars.filter(|(_, scalar)| scalar.is_gauge).map(|(word, _)| word as u16);
        let mut next = self.scalars.len();
        let histograms = self.histograms.into_iter().map(|(bounds, _)| {
            let (first, sum) = (next, next + bounds.upper().len() + 1);
            next = sum + 1;
            HistogramLayout { first: first as u16, sum: sum as u16, bounds }
        });
        Layout {
            schema: self.schema,
            words,
            gauges: gauges.collect(),
            histograms: histograms.collect(),
            infos: infos.into(),
            open: self.open.into(),
            runs,
        }
    }

    /// What the words hold, and those aside.
    fn runs(&self) -> Box<[Run]> {
        let scalars = self.scalars.iter().map(|scalar| (scalar.number, 1));
        let histograms = self.histograms.iter();
        let histograms = histograms.flat_map(|(bounds, sum)| [(Number::U64, bounds.upper().len() + 1), (*sum, 1)]);
        let mut runs: Vec<Run> = Vec::new();
        for (number, len) in scalars.chain(histograms).chain([(Number::U64, Aside::COUNT)]) {
            let end = len + runs.last().map_or(0, |last| last.end);
            match runs.last_mut().filter(|last| last.number == number) {
                Some(last) => last.end = end,
                None => runs.push(Run { number, end }),
            }
        }
        runs.into()
    }
}
