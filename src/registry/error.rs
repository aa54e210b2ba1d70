//! What the registry refuses.

use std::{error, fmt};

/// Why an engine wasn't attached.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttachError {
    /// Not one value for each engine label.
    LabelCount {
        /// The schema's engine labels.
        labels: Vec<String>,
        /// The values as given.
        values: Vec<String>,
    },
    /// An engine with these label values is attached.
    AlreadyAttached {
        /// The values as given.
        values: Vec<String>,
    },
    /// Label values that are too long together.
    LabelsTooLong {
        /// The label whose value takes them beyond the limit.
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
                    "engine labels {values:?} don't fit the schema's {labels:?}: give one value for each, in order"
                )
            }
            Self::AlreadyAttached { values } => {
                write!(
                    f,
                    "an engine with labels {values:?} is attached already: drop the existing Engine first, or choose different label values"
                )
            }
            Self::LabelsTooLong { label, limit } => {
                write!(f, "the value of engine label {label:?} takes the labels beyond {limit} bytes: shorten it")
            }
        }
    }
}

impl error::Error for AttachError {}

/// Why there is no further exclusive recorder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecorderError {
    /// As many are in use as the schema allows ([`SchemaBuilder::max_recorders`](crate::SchemaBuilder::max_recorders)).
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
            Some(values) => write!(f, "{limit} recorders of engine {values:?} are in use, which is the limit")?,
            None => write!(f, "{limit} recorders of the registry are in use, which is the limit")?,
        }
        write!(f, ": drop one, raise SchemaBuilder::max_recorders, or record from any thread with a shared recorder")
    }
}

impl error::Error for RecorderError {}
