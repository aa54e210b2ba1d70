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
    /// As many engines are attached as the schema allows.
    TooManyEngines {
        /// The limit.
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
                    "an engine with labels {values:?} is attached already: drop its Engine first, or name this one apart"
                )
            }
            Self::LabelsTooLong { label, limit } => {
                write!(f, "the value of engine label {label:?} takes the labels beyond {limit} bytes: shorten it")
            }
            Self::TooManyEngines { limit } => {
                write!(f, "{limit} engines are attached, the limit: drop one, or raise SchemaBuilder::max_engines")
            }
        }
    }
}

impl error::Error for AttachError {}

/// As many recorders of an engine, or of the registry, are in use as the schema allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooManyRecorders {
    /// The engine's label values; `None` if it is the registry.
    pub(super) engine: Option<Vec<String>>,
    pub(super) limit: usize,
}

impl fmt::Display for TooManyRecorders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = self.limit;
        match &self.engine {
            Some(values) => write!(f, "{limit} recorders of engine {values:?} are in use, the limit")?,
            None => write!(f, "{limit} of the registry's own recorders are in use, the limit")?,
        }
        write!(f, ": drop one, raise SchemaBuilder::max_recorders, or record from any thread with a shared recorder")
    }
}

impl error::Error for TooManyRecorders {}
