//! The rules for names: which names Prometheus accepts, which are reserved, and which a family
//! exposes.

use super::{error::SchemaError, types::MetricType};

/// The prefix of this crate's own families.
pub(super) const SELF_PREFIX: &str = "tachometer_";
/// The label of a histogram's buckets. All other families may have a label of this name.
pub(super) const BUCKET_LABEL: &str = "le";

/// Checks a family's name.
pub(super) fn check_family(name: &str, metric_type: MetricType) -> Result<(), SchemaError> {
    let family = || name.to_owned();
    if !is_name(name, |c| c == '_' || c == ':') {
        return Err(SchemaError::InvalidFamilyName { family: family() });
    }
    if name.starts_with("__") || is_self(name) {
        return Err(SchemaError::ReservedFamilyName { family: family() });
    }
    if metric_type == MetricType::Counter && name.ends_with("_total") {
        return Err(SchemaError::CounterSuffix { family: family() });
    }
    Ok(())
}

/// Whether a name is this crate's. The bare name too, since exposition adds suffixes to it.
fn is_self(name: &str) -> bool {
    name.strip_prefix("tachometer").is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', ':']))
}

/// Checks a label's name. `family` is `None` for an engine label.
pub(super) fn check_label(label: &str, family: Option<&str>) -> Result<(), SchemaError> {
    let (family, label_name) = (family.map(str::to_owned), label.to_owned());
    if !is_name(label, |c| c == '_') {
        return Err(SchemaError::InvalidLabelName { family, label: label_name });
    }
    if label.starts_with("__") {
        return Err(SchemaError::ReservedLabelName { family, label: label_name });
    }
    Ok(())
}

/// Whether a name consists of letters, digits and `extra`, and doesn't begin with a digit.
fn is_name(name: &str, extra: impl Fn(char) -> bool) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || extra(c);
    name.starts_with(|c: char| legal(c) && !c.is_ascii_digit()) && name.chars().all(legal)
}

/// What follows a family's name in the names that it exposes, in the text format or in OpenMetrics.
/// In OpenMetrics, the bare name is the name of the family. A counter with an exact name exposes
/// that name alone.
fn suffixes(metric_type: MetricType, exact: bool) -> &'static [&'static str] {
    match metric_type {
        MetricType::Counter if exact => &[""],
        MetricType::Counter => &["", "_total", "_created"],
        MetricType::Gauge => &[""],
        MetricType::Histogram => &["", "_bucket", "_sum", "_count", "_created"],
    }
}

/// All names that a family exposes.
pub(super) fn exposed(family: &str, metric_type: MetricType, exact: bool) -> impl Iterator<Item = String> + '_ {
    suffixes(metric_type, exact).iter().map(move |suffix| format!("{family}{suffix}"))
}

/// Whether a family exposes a name.
pub(crate) fn exposes(family: &str, metric_type: MetricType, exact: bool, name: &str) -> bool {
    name.strip_prefix(family).is_some_and(|suffix| suffixes(metric_type, exact).contains(&suffix))
}
