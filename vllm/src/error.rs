//! Why the set is refused.

use std::fmt;

use tachometer::SchemaError;

use crate::{BucketFamily, config::MAX_SPECULATIVE_TOKENS};

/// Why [`Families::declare`](crate::Families::declare) or
/// [`ConnectorFamilies::declare`](crate::connectors::ConnectorFamilies::declare) refused. Every
/// message names what is wrong and says what to do. It includes the message of its
/// [`source`](std::error::Error::source), if any.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum DeclareError {
    /// The schema already has one of the names, or is full.
    Schema(SchemaError),
    /// The configuration's bounds aren't valid upper bounds of a histogram.
    Bounds {
        /// The bucket family with these bounds.
        family: BucketFamily,
        /// What is wrong, reported for the first histogram that was to have these bounds.
        reason: SchemaError,
    },
    /// A bound is below zero. Nothing that these histograms observe can be negative.
    NegativeBound {
        /// The bucket family with this bound.
        family: BucketFamily,
        /// The bound as given.
        bound: f64,
    },
    /// More speculative tokens than the set has series for.
    TooManySpeculativeTokens {
        /// The number as given.
        tokens: usize,
    },
    /// A table of a connector contradicts itself.
    Table {
        /// The name of the family, or of the table.
        family: String,
        /// What is wrong.
        reason: &'static str,
    },
}

impl From<SchemaError> for DeclareError {
    fn from(error: SchemaError) -> Self {
        Self::Schema(error)
    }
}

impl fmt::Display for DeclareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema(error) => error.fmt(f),
            Self::Bounds { family, reason } => write!(f, "bounds of {family}: {reason}"),
            Self::NegativeBound { family, bound } => {
                write!(f, "bounds of {family}: {bound} is negative, but observations never are: begin at zero or above")
            }
            Self::Table { family, reason } => write!(f, "{family} {reason}: mend the row of the table"),
            Self::TooManySpeculativeTokens { tokens } => {
                write!(f, "{tokens} speculative tokens are too many: configure at most {MAX_SPECULATIVE_TOKENS}")
            }
        }
    }
}

impl std::error::Error for DeclareError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Schema(reason) | Self::Bounds { reason, .. } => Some(reason),
            Self::NegativeBound { .. } | Self::TooManySpeculativeTokens { .. } | Self::Table { .. } => None,
        }
    }
}
