//! How a slab is laid out: scalars first, then each histogram's buckets and its sum. A row in a snapshot has the diagnostics behind
//! that.
//!
//! ```text
//!  word 0                scalars            words
//!  | counters and gauges | hist 0 buckets … sum | hist 1 … |   diagnostics (in snapshots) |
//! ```
//!
//! A schema has one layout per [`Scope`]: for engines, and for the registry.

use std::{iter, sync::Arc};

use super::{
    bounds::Bounds,
    number::{MetricType, WordType},
};

/// Words of a slab at most: log entries name them by 16 bits.
pub(crate) const MAX_WORDS: usize = 1 << 16;

/// Whose series a family has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Each engine's.
    Engine,
    /// The registry's: once per page, without engine labels. What the registry says of its own pages is among them.
    Registry,
}

impl Scope {
    pub(crate) const COUNT: usize = 2;
    pub(crate) const ALL: [Self; Self::COUNT] = [Self::Engine, Self::Registry];
}

/// What is counted at once, outside of steps, since it is about steps that were never published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Diagnostic {
    /// Values that couldn't be counted honestly.
    RejectedObservations,
    /// Steps that ended without a commit.
    DiscardedSteps,
    /// Uses of a handle of another schema or scope.
    ForeignHandles,
    /// Look-ups of dynamic label values beyond the capacity.
    OverflowedLabelValues,
}

impl Diagnostic {
    pub(crate) const COUNT: usize = 4;
}

/// Which histogram of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HistogramIndex(pub(crate) u16);

/// Which info of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InfoIndex(pub(crate) u32);

/// Which family with dynamic labels of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DynamicIndex(pub(crate) u32);

/// One histogram series in the slab.
#[derive(Clone, Debug)]
pub(crate) struct HistogramLayout {
    /// The word of the first bucket; the others follow.
    pub(crate) first: u16,
    /// The word of the sum, behind the overflow bucket.
    pub(crate) sum: u16,
    pub(crate) bounds: Bounds,
}

/// An info, which is kept outside of the slab.
#[derive(Clone, Debug)]
pub(crate) struct InfoLayout {
    /// The names of its own labels.
    pub(crate) labels: Box<[String]>,
    /// Which of the schema's engine labels are printed, by their indices there.
    pub(crate) engine_labels: Box<[usize]>,
}

/// A family with dynamic labels, whose series are kept outside of the shards.
#[derive(Clone, Debug)]
pub(crate) struct DynamicLayout {
    /// The names of those labels.
    pub(crate) labels: Box<[String]>,
    /// Series at most, besides the overflow series.
    pub(crate) capacity: usize,
    /// The layout of a single series.
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
    pub(crate) dynamic: Box<[DynamicLayout]>,
    /// The words of gauges.
    pub(crate) gauges: Box<[u16]>,
    /// The whole row, diagnostics included, in the order of words.
    runs: Box<[Run]>,
}

/// Adjacent words of one type, up to `end`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    word_type: WordType,
    end: usize,
}

impl Layout {
    /// Words of a row in a snapshot.
    pub(crate) fn row_len(&self) -> usize {
        self.words + Diagnostic::COUNT
    }

    /// Adds another row of this layout to `row`, word by word.
    pub(crate) fn add(&self, row: &mut [u64], other: impl Fn(usize) -> u64) {
        let mut start = 0;
        for &Run { word_type, end } in &self.runs {
            let words = (start..end).zip(&mut row[start..end]);
            words.for_each(|(at, word)| *word = word_type.sum(*word, other(at)));
            start = end;
        }
    }
}

/// A counter or a gauge.
#[derive(Clone, Copy, Debug)]
struct Scalar {
    word_type: WordType,
    is_gauge: bool,
}

/// A layout that families are added to.
#[derive(Clone, Debug)]
pub(super) struct LayoutBuilder {
    pub(super) schema: u32,
    scalars: Vec<Scalar>,
    /// Bounds, and the type of the sum.
    histograms: Vec<(Bounds, WordType)>,
    pub(super) dynamic: Vec<DynamicLayout>,
    pub(super) infos: Vec<InfoLayout>,
}

impl LayoutBuilder {
    pub(super) fn new(schema: u32) -> Self {
        Self { schema, scalars: Vec::new(), histograms: Vec::new(), dynamic: Vec::new(), infos: Vec::new() }
    }

    /// Whether nothing was added.
    pub(super) fn is_empty(&self) -> bool {
        self.words() == 0 && self.dynamic.is_empty() && self.infos.is_empty()
    }

    /// Words so far: one per scalar; a histogram has one per bound, the overflow bucket and the sum.
    pub(super) fn words(&self) -> usize {
        self.scalars.len() + self.histograms.iter().map(|(bounds, _)| bounds.upper().len() + 2).sum::<usize>()
    }

    /// Adds `series` scalars, or histograms if there are `bounds`. Returns the first one's index among its kind.
    pub(super) fn add_series(
        &mut self,
        metric_type: MetricType,
        word_type: WordType,
        bounds: Option<Bounds>,
        series: usize,
    ) -> usize {
        let is_gauge = metric_type == MetricType::Gauge;
        match bounds {
            Some(bounds) => {
                self.histograms.extend(iter::repeat_n((bounds, word_type), series));
                self.histograms.len() - series
            }
            None => {
                self.scalars.extend(iter::repeat_n(Scalar { word_type, is_gauge }, series));
                self.scalars.len() - series
            }
        }
    }

    /// Lays out the scalars and then one block per histogram, in order. The caller has checked that it fits.
    pub(super) fn build(self) -> Layout {
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
            infos: self.infos.into(),
            dynamic: self.dynamic.into(),
            runs,
        }
    }

    /// What the words hold, and the diagnostics behind them.
    fn runs(&self) -> Box<[Run]> {
        let scalars = self.scalars.iter().map(|scalar| (scalar.word_type, 1));
        let histograms = self.histograms.iter();
        let histograms = histograms.flat_map(|(bounds, sum)| [(WordType::U64, bounds.upper().len() + 1), (*sum, 1)]);
        let mut runs: Vec<Run> = Vec::new();
        for (word_type, len) in scalars.chain(histograms).chain([(WordType::U64, Diagnostic::COUNT)]) {
            let end = len + runs.last().map_or(0, |last| last.end);
            match runs.last_mut().filter(|last| last.word_type == word_type) {
                Some(last) => last.end = end,
                None => runs.push(Run { word_type, end }),
            }
        }
        runs.into()
    }
}
