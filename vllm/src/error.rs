//! Why the set couldn't be declared.

use std::fmt;

use tachometer::SchemaError;

use crate::{BucketFamily, families::MAX_SPECULATIVE_TOKENS};

/// Why [`Families::declare`](crate::Families::declare) refused. Every message names the culprit and says what to do.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum DeclareError {
    /// The schema has one of the names already, or is full.
    Schema(SchemaError),
    /// Bounds of the configuration that aren't upper bounds of a histogram.
    Bounds {
        /// Whose bounds they are.
        family: BucketFamily,
        /// What is wrong, with the first histogram that was to have them.
        reason: SchemaError,
    },
    /// A bound below zero: nothing in these histograms can be negative.
    NegativeBound {
        /// Whose bound it is.
        family: BucketFamily,
        /// The bound as given.
        bound: f64,
    },
    /// More speculative tokens than there can be series for.
    TooManySpeculativeTokens {
        /// The number as given.
        tokens: usize,
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
                write!(
                    f,
                    "bounds of {family}: {bound} is negative, and what is observed never is: begin at zero or above"
                )
            }
            Self::TooManySpeculativeTokens { tokens } => {
                write!(f, "{tokens} speculative tokens: there can be {MAX_SPECULATIVE_TOKENS} at most")
            }
        }
    }
}

impl std::error::Error for DeclareError {}
