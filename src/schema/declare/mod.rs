//! Declarations. Each kind of family is described by a [`FamilySpec`], which the builder checks and
//! adds.

pub(crate) mod dynamic;
pub(crate) mod family;
pub(crate) mod info;
mod self_families;

use std::collections::HashSet;

use super::{
    bounds::Bounds,
    error::SchemaError,
    family::ClosedLabel,
    handle::Handle,
    layout::{MAX_WORDS, SPARSE_WORDS, STATE_WORDS, Scope},
    types::{MetricType, Storage, WordType},
};

/// A family as described, before it is checked.
#[derive(Debug)]
pub(super) struct FamilySpec {
    pub(super) name: String,
    pub(super) help: String,
    pub(super) metric_type: MetricType,
    pub(super) word_type: WordType,
    pub(super) storage: Storage,
    pub(super) scope: Scope,
    pub(super) hidden: bool,
    /// Of a counter: no suffix is appended.
    pub(super) exact_name: bool,
    pub(super) sparse: bool,
    pub(super) unit: Option<String>,
    /// Upper bounds. Empty for counters and gauges.
    pub(super) bounds: Vec<f64>,
    pub(super) labels: Labels,
}

/// The labels of a family, besides the engine labels.
#[derive(Debug)]
pub(super) enum Labels {
    /// Closed labels: names with all values.
    Closed(Vec<ClosedLabel>),
    Dynamic(DynamicLabels),
    /// Names only, for a single series. `engine_labels` are those of its samples; `None` means all
    /// of the schema's.
    Info {
        names: Vec<String>,
        engine_labels: Option<Vec<String>>,
    },
}

/// Dynamic labels: names only.
#[derive(Clone, Debug)]
pub(super) struct DynamicLabels {
    pub(super) names: Vec<String>,
    /// The greatest number of series, besides the overflow series.
    pub(super) capacity: usize,
    /// The greatest length of a label value, in bytes.
    pub(super) max_value_len: usize,
    /// Each label value of the overflow series.
    pub(super) overflow_value: String,
}

/// How much a family takes.
pub(super) struct Size {
    pub(super) series: usize,
    /// Words of a slab.
    pub(super) words: usize,
    /// Lines of a page, per engine or of the registry.
    pub(super) lines: usize,
}

impl FamilySpec {
    /// A family of engines whose series have handles of type `H`, with nothing optional.
    fn new<H: Handle>(name: &str, help: &str, bounds: &[f64]) -> Self {
        Self {
            name: name.to_owned(),
            help: help.to_owned(),
            metric_type: H::METRIC_TYPE,
            word_type: H::WORD_TYPE,
            storage: H::STORAGE,
            scope: Scope::Engine,
            hidden: false,
            exact_name: false,
            sparse: false,
            unit: None,
            bounds: bounds.to_owned(),
            labels: Labels::Closed(Vec::new()),
        }
    }

    /// How many states a state set has: the values of its first label. 0 for all other families.
    pub(super) fn states(&self) -> usize {
        match &self.labels {
            Labels::Closed(labels) if self.storage == Storage::StateSet => labels[0].values.len(),
            _ => 0,
        }
    }

    /// The numbers of values of its closed labels, except for that of a state set's states.
    fn lens(&self) -> Vec<usize> {
        let Labels::Closed(labels) = &self.labels else { return Vec::new() };
        let states = usize::from(self.storage == Storage::StateSet);
        labels.iter().skip(states).map(|label| label.values.len()).collect()
    }

    /// A sparse counter or gauge has a second word, which says that something was recorded. A
    /// histogram's buckets say it, and a state's stamp.
    pub(super) fn words_per_scalar(&self) -> usize {
        let is_scalar = self.metric_type != MetricType::Histogram;
        let is_state = matches!(self.storage, Storage::State | Storage::StateSet);
        if self.sparse && is_scalar && !is_state { SPARSE_WORDS } else { 1 }
    }

    pub(super) fn check_unit(&self) -> Result<(), SchemaError> {
        match &self.unit {
            Some(unit) if unit.is_empty() || !self.name.ends_with(&format!("_{unit}")) => {
                Err(SchemaError::UnitNotSuffix { family: self.name.clone(), unit: unit.clone() })
            }
            _ => Ok(()),
        }
    }

    /// The names of its own labels.
    pub(super) fn label_names(&self) -> Vec<&String> {
        match &self.labels {
            Labels::Closed(labels) => labels.iter().map(|label| &label.name).collect(),
            Labels::Dynamic(DynamicLabels { names, .. }) | Labels::Info { names, .. } => names.iter().collect(),
        }
    }

    /// Checks that each closed label has values, and that none is repeated.
    pub(super) fn check_values(&self) -> Result<(), SchemaError> {
        let labels = match &self.labels {
            Labels::Closed(labels) => labels,
            Labels::Dynamic(_) | Labels::Info { .. } => return Ok(()),
        };
        for ClosedLabel { name, values } in labels {
            let (family, label) = (self.name.clone(), name.clone());
            if values.is_empty() {
                return Err(SchemaError::LabelWithoutValues { family, label });
            }
            let mut seen = HashSet::new();
            if let Some(value) = values.iter().find(|value| !seen.insert(*value)) {
                return Err(SchemaError::DuplicateLabelValue { family, label, value: value.clone() });
            }
        }
        Ok(())
    }

    /// The bounds of a histogram, checked. `None` for other families.
    pub(super) fn checked_bounds(&self) -> Result<Option<Bounds>, SchemaError> {
        let histogram = self.metric_type == MetricType::Histogram;
        histogram.then(|| Bounds::new(&self.name, &self.bounds)).transpose()
    }

    /// The size of the family. A histogram has a word for each bound, one for the overflow bucket
    /// and one for the sum. It has a line for each bound, and one each for `+Inf`, sum and count.
    pub(super) fn size(&self) -> Result<Size, SchemaError> {
        let (words, lines) = match self.metric_type {
            MetricType::Histogram => (self.bounds.len() + 2, self.bounds.len() + 3),
            MetricType::Counter | MetricType::Gauge => (1, 1),
        };
        let words = match self.storage {
            Storage::Summed => words * self.words_per_scalar(),
            Storage::Settable => 0,
            Storage::State | Storage::StateSet => STATE_WORDS,
        };
        let (series, words) = match &self.labels {
            Labels::Closed(labels) => {
                let samples = labels.iter().map(|label| label.values.len()).fold(1, usize::saturating_mul);
                (samples, (samples / self.states().max(1)).saturating_mul(words))
            }
            // Each series has a row of its own, outside of the slab.
            Labels::Dynamic(_) if words > MAX_WORDS => {
                return Err(SchemaError::SlabTooLarge { words, limit: MAX_WORDS });
            }
            // One more: the overflow series.
            Labels::Dynamic(labels) => (labels.capacity.saturating_add(1), 0),
            Labels::Info { .. } => (1, 0),
        };
        Ok(Size { series, words, lines: if self.hidden { 0 } else { series.saturating_mul(lines) } })
    }
}
