//! Why the registry refuses an engine or a recorder.

use std::{error, fmt};

use crate::schema::SchemaError;

/// Why an engine wasn't attached.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttachError {
    /// There isn't one value for each engine label.
    LabelCount {
        /// The schema's engine labels.
        labels: Vec<String>,
        /// The values as given.
        values: Vec<String>,
    },
    /// An engine with these label values is already attached.
    AlreadyAttached {
        /// The values as given.
        values: Vec<String>,
    },
    /// An engine of another schema that joined the registry has these labels.
    AttachedToAnotherSchema {
        /// The values as given.
        values: Vec<String>,
    },
    /// A part was to be attached to an engine whose schema has other engine labels.
    OtherLabels {
        /// The engine labels of the schema that joined.
        labels: Vec<String>,
        /// Those of the engine.
        engine: Vec<String>,
    },
    /// A part was to be attached to an engine that isn't there: its schema has left, or it belongs
    /// to another registry.
    NotAttached {
        /// The engine's label values.
        values: Vec<String>,
    },
    /// The label values are too long, taken together.
    LabelsTooLong {
        /// The label whose value exceeds the limit.
        label: String,
        /// The limit, in bytes.
        limit: usize,
    },
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LabelCount { labels, values } => {
                write!(
                    f,
                    "engine label values {values:?} don't match the schema's labels {labels:?}: give one value per label, in order"
                )
            }
            Self::AlreadyAttached { values } => {
                write!(
                    f,
                    "an engine with label values {values:?} is attached already: drop the existing Engine first, or choose \
                     different label values"
                )
            }
            Self::AttachedToAnotherSchema { values } => {
                write!(
                    f,
                    "an engine of another schema has label values {values:?}: attach a part to it (Joined::attach_to), or choose \
                     different label values"
                )
            }
            Self::OtherLabels { labels, engine } => {
                write!(
                    f,
                    "the schema has engine labels {labels:?}, and the engine has {engine:?}: declare the same ones, or attach an \
                     engine of its own"
                )
            }
            Self::NotAttached { values } => {
                write!(
                    f,
                    "the engine with label values {values:?} isn't attached to this registry: attach it first, and keep its schema"
                )
            }
            Self::LabelsTooLong { label, limit } => {
                write!(f, "the value of engine label {label:?} makes the labels exceed {limit} bytes: shorten it")
            }
        }
    }
}

impl error::Error for AttachError {}

/// Why a collector wasn't registered.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CollectorError {
    /// Its schema has engine labels, and a collector has no engines.
    EngineLabels {
        /// The schema's engine labels.
        labels: Vec<String>,
    },
    /// Its schema has a registry-wide family, which no recorder of a collector could record.
    RegistryWide {
        /// The family.
        family: String,
    },
    /// The registry, or another collector, exposes a name of its schema; or it has a label that is
    /// [constant](crate::SchemaBuilder::const_label) on all pages.
    Clash(SchemaError),
}

impl fmt::Display for CollectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EngineLabels { labels } => {
                write!(
                    f,
                    "a collector's schema has engine labels {labels:?}: use dynamic labels, since it has no engines"
                )
            }
            Self::RegistryWide { family } => {
                write!(f, "family {family:?} of a collector is registry-wide: leave that out, since it has no engines")
            }
            Self::Clash(error) => write!(f, "a collector clashes with the registry: {error}"),
        }
    }
}

impl error::Error for CollectorError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Clash(error) => Some(error),
            _ => None,
        }
    }
}

/// Why an exclusive recorder was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecorderError {
    /// All recorders that the schema allows are in use
    /// ([`SchemaBuilder::max_recorders`](crate::SchemaBuilder::max_recorders)).
    TooMany {
        /// The engine's label values; `None` for the registry.
        engine: Option<Vec<String>>,
        /// The limit.
        limit: usize,
    },
}

impl fmt::Display for RecorderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::TooMany { engine, limit } = self;
        match engine {
            Some(values) => write!(f, "all {limit} recorders of engine {values:?} are in use")?,
            None => write!(f, "all {limit} recorders of the registry are in use")?,
        }
        write!(f, ": drop one, raise SchemaBuilder::max_recorders, or use a shared recorder")
    }
}

impl error::Error for RecorderError {}
