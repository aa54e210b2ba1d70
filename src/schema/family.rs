//! A declared family: what exposition prints about it, and which words hold its series.

use super::{
    layout::{Diagnostic, DynamicIndex, HistogramIndex, InfoIndex, Liveness, Scope},
    number::{MetricType, WordType},
};

/// What holds a series.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SeriesSlot {
    Scalar(u16),
    /// A settable gauge, by its index.
    Settable(u16),
    /// 1 if the state in this word has this index, otherwise 0.
    OneOf {
        word: u16,
        index: u64,
    },
    Histogram(HistogramIndex),
    Diagnostic(Diagnostic),
    Liveness(Liveness),
}

/// What holds the samples of a family.
#[derive(Clone, Debug)]
pub(crate) enum Samples {
    /// One series per combination of label values. The last label varies fastest.
    Series(Vec<SeriesSlot>),
    /// One series per label set that was looked up.
    Dynamic(DynamicIndex),
    Info(InfoIndex),
}

/// A closed label: its name, and all its values.
#[derive(Clone, Debug)]
pub(crate) struct ClosedLabel {
    pub(crate) name: String,
    pub(crate) values: Vec<String>,
}

/// A declared family.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) metric_type: MetricType,
    pub(crate) word_type: WordType,
    pub(crate) scope: Scope,
    /// Recorded and in snapshots, but never printed.
    pub(crate) hidden: bool,
    /// The closed labels. The layout has the names of other labels.
    pub(crate) labels: Vec<ClosedLabel>,
    pub(crate) samples: Samples,
    /// Lines on a page, per engine or of the registry.
    pub(super) lines: usize,
}

impl Family {
    /// The name of the samples of a counter or gauge. A histogram adds suffixes to it.
    pub(crate) fn exposed_name(&self) -> String {
        let suffix = if self.metric_type == MetricType::Counter { "_total" } else { "" };
        format!("{}{suffix}", self.name)
    }

    /// Whether all engine labels are printed with its samples. An info chooses its own.
    pub(crate) fn has_all_engine_labels(&self) -> bool {
        self.scope == Scope::Engine && !matches!(self.samples, Samples::Info(_))
    }

    /// An upper bound of the bytes of text that a renderer keeps for the family. Each byte may need
    /// an escape.
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

    /// The labels and values of series `index`, in declared order.
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
