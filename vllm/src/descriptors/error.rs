//! Why a descriptor is refused.

use std::fmt;

use tachometer::SchemaError;

/// Why a descriptor is refused. Each message names the culprit.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum DescriptorError {
    /// It isn't JSON, lacks a required field, or has one of another type. Or it has a type of
    /// metric or a kind of sample that the proposal doesn't know.
    Unreadable {
        /// What is wrong, and where.
        reason: String,
    },
    /// The version isn't 1.
    Version {
        /// The version as given.
        version: u64,
    },
    /// The connector's id, a name or a path is empty.
    Empty {
        /// The field.
        field: &'static str,
        /// The metric, from 0. `None` for the connector's id.
        metric: Option<usize>,
    },
    /// A histogram without buckets.
    NoBuckets {
        /// The metric.
        name: String,
    },
    /// A kind of sample that doesn't fit the type of the metric.
    Kind {
        /// The metric.
        name: String,
        /// Its type.
        metric_type: &'static str,
    },
    /// More than the limit allows.
    TooMany {
        /// Entries, families, samples, labels or bytes of text.
        what: &'static str,
        /// The number.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// The families can't be declared: no page may hold one of them, or the schema is full.
    Schema(SchemaError),
}

impl From<SchemaError> for DescriptorError {
    fn from(error: SchemaError) -> Self {
        Self::Schema(error)
    }
}

impl fmt::Display for DescriptorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { reason } => write!(f, "unreadable: {reason}"),
            Self::Version { version } => write!(f, "descriptor_version is {version}: only 1 is known"),
            Self::Empty { field, metric: Some(metric) } => write!(f, "{field} of metric {metric} is empty"),
            Self::Empty { field, metric: None } => write!(f, "{field} is empty"),
            Self::NoBuckets { name } => write!(f, "histogram {name:?} has no buckets"),
            Self::Kind { name, metric_type } => write!(f, "the sample_kind of {name:?} doesn't fit a {metric_type}"),
            Self::TooMany { what, found, limit } => {
                write!(f, "the descriptor has {found} {what}, and {limit} are allowed: raise Limits::{what}")
            }
            Self::Schema(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for DescriptorError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Schema(reason) => Some(reason),
            _ => None,
        }
    }
}
