//! A family as declared: what exposition prints about it, and where its series are.

use super::{
    layout::{Diagnostic, DynamicIndex, HistogramIndex, InfoIndex, Scope},
    number::{MetricType, WordType},
};

/// Where a series is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SeriesSlot {
    Scalar(u16),
    Histogram(HistogramIndex),
    Diagnostic(Diagnostic),
}

/// Where a family's samples come from.
#[derive(Clone, Debug)]
pub(crate) enum Samples {
    /// One series per combination of label values; the last label varies fastest.
    Series(Vec<SeriesSlot>),
    /// One series per set of label values that was looked up.
    Dynamic(DynamicIndex),
    Info(InfoIndex),
}

/// A label with its closed list of values.
#[derive(Clone, Debug)]
pub(crate) struct ClosedLabel {
    pub(crate) name: String,
    pub(crate) values: Vec<String>,
}

/// A family.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) metric_type: MetricType,
    pub(crate) word_type: WordType,
    pub(crate) scope: Scope,
    /// Recorded and read, never printed.
    pub(crate) hidden: bool,
    /// Labels with a closed list of values; others are in the layout.
    pub(crate) labels: Vec<ClosedLabel>,
    pub(crate) samples: Samples,
    /// Lines of a page that one engine (or the registry) has of it.
    pub(super) lines: usize,
}

impl Family {
    /// The name that samples of counters and gauges have, and to which histograms add suffixes.
    pub(crate) fn exposed_name(&self) -> String {
        let suffix = if self.metric_type == MetricType::Counter { "_total" } else { "" };
        format!("{}{suffix}", self.name)
    }

    /// Whether its samples have all engine labels; an info chooses its own.
    pub(crate) fn has_all_engine_labels(&self) -> bool {
        self.scope == Scope::Engine && !matches!(self.samples, Samples::Info(_))
    }

    /// An upper bound of the bytes of text that a renderer keeps for it, since each byte may need an escape.
    pub(super) fn text_bound(&self) -> usize {
        const NUMBERS_AND_FRAME: usize = 64;
        let name = self.name.len() + NUMBERS_AND_FRAME;
        let labels = self.labels.iter().map(|ClosedLabel { name, values }| {
            let pairs = values.iter().map(|value| name.len() + 2 * value.len() + NUMBERS_AND_FRAME).sum::<usize>();
            pairs.saturating_mul(self.lines / values.len())
        });
        let header = 2 * (name + self.help.len());
        labels.fold(header.saturating_add(name.saturating_mul(self.lines)), usize::saturating_add)
    }

    /// The label pairs of series `index`, in the order of the labels.
    pub(crate) fn label_pairs(&self, mut index: usize) -> Vec<(&str, &str)> {
        let mut pairs = Vec::with_capacity(self.labels.len());
        for ClosedLabel { name, values } in self.labels.iter().rev() {
            pairs.push((name.as_str(), values[index % values.len()].as_str()));
            index /= values.len();
        }
        pairs.reverse();
        pairs
    }
}
