//! A declared family: what exposition prints about it, and which words hold its series.

use super::{
    layout::{Diagnostic, DynamicIndex, DynamicLayout, HistogramIndex, InfoIndex, InfoLayout, Liveness, Scope},
    name,
    types::{MetricType, WordType},
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
    /// Of a counter: no suffix is appended.
    pub(crate) exact_name: bool,
    /// Only series with something recorded are shown.
    pub(crate) sparse: bool,
    pub(crate) unit: Option<String>,
    /// The closed labels. The layout has the names of other labels.
    pub(crate) labels: Vec<ClosedLabel>,
    pub(crate) samples: Samples,
    /// Lines on a page, per engine or of the registry.
    pub(super) lines: usize,
}

impl Family {
    /// What is appended to the name, except by a histogram, whose samples have several suffixes.
    pub(crate) fn suffix(&self) -> &'static str {
        if self.metric_type == MetricType::Counter && !self.exact_name { "_total" } else { "" }
    }

    /// Whether a page has this name as the family's, or as one of its samples'.
    pub(crate) fn exposes(&self, name: &str) -> bool {
        name::exposes(&self.name, self.metric_type, self.exact_name, name)
    }

    /// The names of its own labels, given those of a layout.
    pub(super) fn label_names<'f>(&'f self, dynamic: &'f [DynamicLayout], infos: &'f [InfoLayout]) -> Vec<&'f String> {
        match self.samples {
            Samples::Series(_) => self.labels.iter().map(|label| &label.name).collect(),
            Samples::Dynamic(index) => dynamic[index.0 as usize].labels.iter().collect(),
            Samples::Info(info) => infos[info.0 as usize].labels.iter().collect(),
        }
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
        let headers = 4 * (name + self.help.len());
        // At most one more line per series: the time of its creation.
        let lines = name.saturating_mul(self.lines.saturating_mul(2));
        labels.fold(headers.saturating_add(lines), usize::saturating_add)
    }

    /// Name and value of a closed label (an index in declared order), for series `series`.
    pub(crate) fn label_pair(&self, series: usize, label: usize) -> (&str, &str) {
        let series_per_value = self.labels[label + 1..].iter().map(|label| label.values.len()).product::<usize>();
        let ClosedLabel { name, values } = &self.labels[label];
        (name, &values[series / series_per_value % values.len()])
    }

    /// All closed labels of series `series`, in declared order.
    pub(crate) fn label_pairs(&self, series: usize) -> impl Iterator<Item = (&str, &str)> {
        (0..self.labels.len()).map(move |label| self.label_pair(series, label))
    }
}
