//! The layout of a slab: first the scalars, then the buckets and the sum of each histogram. A shard
//! and a row of a snapshot have the diagnostics behind them.
//!
//! ```text
//!  word 0                scalars            words
//!  | counters and gauges | hist 0 buckets … sum | hist 1 … |   diagnostics (not in slabs) |
//! ```
//!
//! A schema has one layout per [`Scope`]: one for engines, and one for the registry.

use std::{iter, sync::Arc};

use super::{
    bounds::Bounds,
    types::{MetricType, WordType},
};

/// The most words of a slab: the entries of a log are 16 bits wide.
pub(crate) const MAX_WORDS: usize = 1 << 16;
/// Words of a state: its value, and the stamp that says which slab's is the newest.
pub(crate) const STATE_WORDS: usize = 2;

/// The words of a sparse counter or gauge: the value, and behind it 1 once something was recorded.
pub(crate) const SPARSE_WORDS: usize = 2;

/// What the series of a family belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// To each engine.
    Engine,
    /// To the registry: printed once per page, without engine labels. The registry's self-metrics
    /// are among them.
    Registry,
}

impl Scope {
    pub(crate) const COUNT: usize = 2;
    pub(crate) const ALL: [Self; Self::COUNT] = [Self::Engine, Self::Registry];
}

/// What is counted at once, outside of steps: it concerns what was never published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Diagnostic {
    /// Values that can't be counted honestly.
    RejectedObservations,
    /// Steps that ended without a commit.
    DiscardedSteps,
    /// Calls with a handle of another schema or scope.
    ForeignHandles,
    /// Lookups of dynamic label values that found the family full.
    OverflowedLabelValues,
}

impl Diagnostic {
    pub(crate) const COUNT: usize = 4;
}

/// What a reader works out about an engine's recorders, besides what they record. A row of a
/// snapshot ends with these words; slabs and shards don't have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Liveness {
    /// Committed steps.
    Steps,
    /// Exclusive recorders in use.
    Recorders,
    /// Their open steps.
    OpenSteps,
}

impl Liveness {
    pub(crate) const COUNT: usize = 3;
}

/// The index of a histogram series in a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HistogramIndex(pub(crate) u16);

/// The index of an info in a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InfoIndex(pub(crate) u32);

/// The index of a family with dynamic labels in a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DynamicIndex(pub(crate) u32);

/// The words of one histogram series.
#[derive(Clone, Debug)]
pub(crate) struct HistogramLayout {
    /// The word of the first bucket. The others follow.
    pub(crate) first: u16,
    /// The word of the sum. It follows the overflow bucket.
    pub(crate) sum: u16,
    pub(crate) bounds: Bounds,
}

/// The labels of an info. Its sample is kept outside of the slab.
#[derive(Clone, Debug)]
pub(crate) struct InfoLayout {
    /// The names of its own labels, without engine labels.
    pub(crate) labels: Box<[String]>,
    /// The engine labels that are printed, as indices into the schema's list.
    pub(crate) engine_labels: Box<[usize]>,
}

/// A family with dynamic labels. Its series are kept outside of slabs and shards.
#[derive(Clone, Debug)]
pub(crate) struct DynamicLayout {
    /// The names of the dynamic labels.
    pub(crate) labels: Box<[String]>,
    /// The most series at a time, besides the overflow series.
    pub(crate) capacity: usize,
    /// The greatest length of a label value, in bytes.
    pub(crate) max_value_len: usize,
    /// Each label value of the overflow series.
    pub(crate) overflow_value: String,
    /// Only series with something recorded are shown.
    pub(crate) sparse: bool,
    /// The layout of a single series.
    pub(crate) series: Arc<Layout>,
}

/// What each word of a slab holds.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The number of this schema and scope. Its handles carry the same number.
    pub(crate) schema: u32,
    /// The number of words of a slab, without diagnostics.
    pub(crate) words: usize,
    pub(crate) histograms: Box<[HistogramLayout]>,
    pub(crate) infos: Box<[InfoLayout]>,
    pub(crate) dynamic: Box<[DynamicLayout]>,
    /// The words of gauges, which a recorder sets to zero when it is dropped.
    pub(crate) gauges: Box<[u16]>,
    /// The types of settable gauges, which have cells of their own rather than words of a slab. In
    /// a row of a snapshot they follow the diagnostics.
    pub(crate) settable: Box<[WordType]>,
    /// The words of states. Behind each is its stamp.
    pub(crate) states: Box<[u16]>,
    /// The words of a slab and the diagnostics behind them, in order.
    runs: Box<[Run]>,
}

/// Adjacent words of one type. They end before `end`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    /// `None`: states and their stamps, which aren't summed.
    word_type: Option<WordType>,
    end: usize,
}

impl Layout {
    /// The number of words of a row, without settable gauges and [`Liveness`].
    pub(crate) fn row_len(&self) -> usize {
        self.words + Diagnostic::COUNT
    }

    /// The first word of [`Liveness`] in a row of a snapshot: behind the settable gauges.
    pub(crate) fn liveness(&self) -> usize {
        self.row_len() + self.settable.len()
    }

    /// Adds another row of this layout to `row`, word by word. `other` returns a word of it by
    /// index.
    pub(crate) fn add(&self, row: &mut [u64], other: impl Fn(usize) -> u64) {
        let mut start = 0;
        for &Run { word_type, end } in &self.runs {
            if let Some(word_type) = word_type {
                let words = (start..end).zip(&mut row[start..end]);
                words.for_each(|(index, word)| *word = word_type.sum(*word, other(index)));
            }
            start = end;
        }
        self.states.iter().for_each(|state| take_newer(row, usize::from(*state), &other));
    }
}

/// Takes over a state and its stamp from another row, unless it was set earlier there.
pub(crate) fn take_newer(row: &mut [u64], state: usize, other: impl Fn(usize) -> u64) {
    let (stamp, own) = (other(state + 1), row[state + 1]);
    let newer =
        mutant!(stamp >= own, "state: the last slab's is shown" => true, "state: the first slab's is shown" => false);
    if newer {
        (row[state], row[state + 1]) = (other(state), stamp);
    }
}

/// A word of a counter, a gauge or a state.
#[derive(Clone, Copy, Debug)]
struct Scalar {
    /// `None`: of a state.
    word_type: Option<WordType>,
    is_gauge: bool,
}

/// Collects the series of a layout.
#[derive(Clone, Debug)]
pub(super) struct LayoutBuilder {
    pub(super) schema: u32,
    scalars: Vec<Scalar>,
    states: Vec<u16>,
    pub(super) settable: Vec<WordType>,
    /// The bounds, and the type of the sum.
    histograms: Vec<(Bounds, WordType)>,
    pub(super) dynamic: Vec<DynamicLayout>,
    pub(super) infos: Vec<InfoLayout>,
}

impl LayoutBuilder {
    pub(super) fn new(schema: u32) -> Self {
        let (scalars, states, histograms) = (Vec::new(), Vec::new(), Vec::new());
        Self { schema, scalars, states, settable: Vec::new(), histograms, dynamic: Vec::new(), infos: Vec::new() }
    }

    /// Whether nothing has been added.
    pub(super) fn is_empty(&self) -> bool {
        self.words() == 0 && self.settable.is_empty() && self.dynamic.is_empty() && self.infos.is_empty()
    }

    /// The words so far: one per scalar; per histogram one for each bound, the overflow bucket and
    /// the sum.
    pub(super) fn words(&self) -> usize {
        self.scalars.len() + self.histograms.iter().map(|(bounds, _)| bounds.upper().len() + 2).sum::<usize>()
    }

    /// Adds `series` scalars of this many words, or as many histograms if there are `bounds`.
    /// Returns the index of the first one.
    pub(super) fn add_series(
        &mut self,
        metric_type: MetricType,
        word_type: WordType,
        bounds: Option<Bounds>,
        words: usize,
        series: usize,
    ) -> usize {
        let Some(bounds) = bounds else {
            let value = Scalar { word_type: Some(word_type), is_gauge: metric_type == MetricType::Gauge };
            let note = Scalar { word_type: Some(WordType::U64), is_gauge: false };
            let scalars = (0..series * words).map(|word| if word % words == 0 { value } else { note });
            self.scalars.extend(scalars);
            return self.scalars.len() - series * words;
        };
        self.histograms.extend(iter::repeat_n((bounds, word_type), series));
        self.histograms.len() - series
    }

    /// Adds this many states, of [`STATE_WORDS`] each. Returns the first one's word.
    pub(super) fn add_states(&mut self, states: usize) -> usize {
        let (first, words) = (self.scalars.len(), states * STATE_WORDS);
        self.scalars.extend(iter::repeat_n(Scalar { word_type: None, is_gauge: false }, words));
        self.states.extend((first..first + words).step_by(STATE_WORDS).map(|word| word as u16));
        first
    }

    /// Lays out the scalars, and behind them one block of words per histogram, in order. The caller
    /// has checked that they fit.
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
            settable: self.settable.into(),
            states: self.states.into(),
            histograms: histograms.collect(),
            infos: self.infos.into(),
            dynamic: self.dynamic.into(),
            runs,
        }
    }

    /// The types of all words, and of the diagnostics behind them.
    fn runs(&self) -> Box<[Run]> {
        let scalars = self.scalars.iter().map(|scalar| (scalar.word_type, 1));
        let histograms = self.histograms.iter();
        let histograms = histograms.flat_map(|(bounds, sum)| [(WordType::U64, bounds.upper().len() + 1), (*sum, 1)]);
        let summed = histograms.chain([(WordType::U64, Diagnostic::COUNT)]);
        let summed = summed.map(|(word_type, len)| (Some(word_type), len));
        let mut runs: Vec<Run> = Vec::new();
        for (word_type, len) in scalars.chain(summed) {
            let end = len + runs.last().map_or(0, |last| last.end);
            match runs.last_mut().filter(|last| last.word_type == word_type) {
                Some(last) => last.end = end,
                None => runs.push(Run { word_type, end }),
            }
        }
        runs.into()
    }
}
