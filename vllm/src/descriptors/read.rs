//! Reads descriptors. It accepts what the proposal's own parser accepts, also what no page may
//! hold: declaring refuses that.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::DescriptorError;
use crate::connectors::Value;

/// The keys of a payload that the proposal removes before it takes samples: the descriptor, and a
/// number of steps.
pub(super) const DESCRIPTOR: &str = "_metrics_descriptor";
pub(super) const STEPS: &str = "_n_steps";

/// A descriptor that was read: which families a connector has, and where in its payloads their
/// numbers are.
#[derive(Clone, Debug, PartialEq)]
pub struct Descriptor {
    connector_id: String,
    pub(super) entries: Vec<Entry>,
}

/// One metric of a descriptor.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) help: String,
    pub(super) metric_type: MetricType,
    pub(super) kind: SampleKind,
    /// Keys, from the outside to the inside.
    pub(super) path: Vec<String>,
    /// Of a histogram.
    pub(super) bounds: Vec<f64>,
    pub(super) scale: f64,
    pub(super) const_labels: BTreeMap<String, String>,
}

/// The document without its metrics. Further fields are ignored.
#[derive(Deserialize)]
struct Head {
    descriptor_version: u64,
    connector_id: String,
}

#[derive(Deserialize)]
struct Metric {
    name: String,
    #[serde(rename = "type")]
    metric_type: MetricType,
    samples_path: String,
    sample_kind: SampleKind,
    #[serde(default)]
    documentation: String,
    buckets: Option<Vec<f64>>,
    #[serde(default = "one")]
    scale: f64,
    #[serde(default)]
    const_labels: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum MetricType {
    Counter,
    Gauge,
    Histogram,
}

/// How the numbers at the path are taken.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum SampleKind {
    IncByU64,
    IncBySumU64,
    IncByF64,
    SetU64,
    SetF64,
    ObserveEachF64,
    ObserveEachU64AsF64,
}

impl Descriptor {
    /// Reads a document in JSON.
    ///
    /// # Errors
    /// [`DescriptorError`]: one bad metric refuses the whole document. Names, labels and the order
    /// of bounds aren't checked here, but when they are [declared](Self::declare).
    pub fn from_json(json: &[u8]) -> Result<Self, DescriptorError> {
        let unreadable = |error: serde_json::Error| DescriptorError::Unreadable { reason: error.to_string() };
        Self::new(&serde_json::from_slice(json).map_err(unreadable)?)
    }

    /// Reads the document that a connector's first payload brings along, under
    /// `_metrics_descriptor`. `None` if there is none. Of several connectors (`MultiConnector`),
    /// each has its own, in its part of the payload.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json).
    pub fn of_payload(payload: &Value<'_>) -> Option<Result<Self, DescriptorError>> {
        payload.get(DESCRIPTOR).map(Self::new)
    }

    fn new(document: &Value<'_>) -> Result<Self, DescriptorError> {
        let Head { descriptor_version: version, connector_id } = read(document, || "the document".to_owned())?;
        if mutant!(version != 1, "descriptor: any version is read" => false) {
            return Err(DescriptorError::Version { version });
        }
        if mutant!(connector_id.is_empty(), "descriptor: an empty id is read" => false) {
            return Err(DescriptorError::Empty { field: "connector_id", metric: None });
        }
        let Some(Value::List(metrics)) = document.get("metrics") else {
            return Err(DescriptorError::Unreadable { reason: "the document has no list of metrics".to_owned() });
        };
        let metrics = metrics.iter().enumerate();
        let entries = metrics.map(|(index, metric)| Entry::new(index, read(metric, || format!("metric {index}"))?));
        Ok(Self { connector_id, entries: entries.collect::<Result<_, _>>()? })
    }

    /// The name of the connector that has these families: the class in Python.
    #[must_use]
    pub fn connector_id(&self) -> &str {
        &self.connector_id
    }
}

impl Entry {
    fn new(index: usize, metric: Metric) -> Result<Self, DescriptorError> {
        let Metric { name, metric_type, sample_kind: kind, .. } = metric;
        let empty = |field| DescriptorError::Empty { field, metric: Some(index) };
        if mutant!(name.is_empty(), "descriptor: an empty name is read" => false) {
            return Err(empty("name"));
        }
        if mutant!(metric.samples_path.is_empty(), "descriptor: an empty path is read" => false) {
            return Err(empty("samples_path"));
        }
        if mutant!(metric_type != kind.metric_type(), "descriptor: kinds of other types are read" => false) {
            return Err(DescriptorError::Kind { name, metric_type: metric_type.as_str() });
        }
        let bounds = match (metric_type, metric.buckets) {
            (MetricType::Histogram, Some(bounds)) => bounds,
            (MetricType::Histogram, None) if mutant!(true, "descriptor: no buckets are read as none" => false) => {
                return Err(DescriptorError::NoBuckets { name });
            }
            _ => Vec::new(),
        };
        let path = metric.samples_path.split('.').map(str::to_owned).collect();
        let (help, scale, const_labels) = (metric.documentation, metric.scale, metric.const_labels);
        Ok(Self { name, help, metric_type, kind, path, bounds, scale, const_labels })
    }

    /// The name without the suffix that exposition adds.
    pub(super) fn family(&self) -> &str {
        match self.metric_type {
            MetricType::Counter => self.name.strip_suffix("_total").unwrap_or(&self.name),
            MetricType::Gauge | MetricType::Histogram => &self.name,
        }
    }
}

impl SampleKind {
    fn metric_type(self) -> MetricType {
        match self {
            Self::IncByU64 | Self::IncBySumU64 | Self::IncByF64 => MetricType::Counter,
            Self::SetU64 | Self::SetF64 => MetricType::Gauge,
            Self::ObserveEachF64 | Self::ObserveEachU64AsF64 => MetricType::Histogram,
        }
    }
}

impl MetricType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

fn read<'de, T: Deserialize<'de>>(part: &'de Value<'_>, place: impl FnOnce() -> String) -> Result<T, DescriptorError> {
    T::deserialize(part).map_err(|error| DescriptorError::Unreadable { reason: format!("{}: {error}", place()) })
}

fn one() -> f64 {
    1.0
}
