//! What is refused while a schema is declared, with the culprit's name and the remedy.

use std::fmt;

/// Why a schema was refused. Every message names the culprit and says what to do.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SchemaError {
    /// A family name that Prometheus doesn't accept.
    InvalidFamilyName {
        /// The name as given.
        family: String,
    },
    /// A family name that begins with `__` or `tachometer_`.
    ReservedFamilyName {
        /// The name as given.
        family: String,
    },
    /// A counter that was declared with the suffix that exposition adds.
    CounterSuffix {
        /// The name as given.
        family: String,
    },
    /// Two families of one name.
    DuplicateFamily {
        /// The name as given.
        family: String,
    },
    /// Two families that would expose the same name.
    ExposedNameClash {
        /// The family that was refused.
        family: String,
        /// The family that has the name already.
        other: String,
        /// The name that both would expose.
        exposed: String,
    },
    /// The family's name doesn't end in its unit.
    UnitNotSuffix {
        /// The name as given.
        family: String,
        /// The unit as given.
        unit: String,
    },
    /// A label name that Prometheus doesn't accept.
    InvalidLabelName {
        /// Whose label it is: a family, or `engine labels`.
        subject: String,
        /// The name as given.
        label: String,
    },
    /// A label name with a meaning of its own: `le`, `quantile`, or one that begins with `__`.
    ReservedLabelName {
        /// Whose label it is: a family, or `engine labels`.
        subject: String,
        /// The name as given.
        label: String,
    },
    /// A label that a family has twice, or has although each engine has it.
    DuplicateLabel {
        /// Whose label it is: a family, or `engine labels`.
        subject: String,
        /// The name as given.
        label: String,
    },
    /// An info chose an engine label that the schema doesn't have.
    UnknownEngineLabel {
        /// The info.
        family: String,
        /// The name as given.
        label: String,
    },
    /// A label dimension without values.
    LabelWithoutValues {
        /// The family.
        family: String,
        /// The label.
        label: String,
    },
    /// A label dimension with a value that stands there twice.
    DuplicateLabelValue {
        /// The family.
        family: String,
        /// The label.
        label: String,
        /// The value.
        value: String,
    },
    /// A histogram without upper bounds.
    NoBounds {
        /// The family.
        family: String,
    },
    /// An upper bound that is NaN or infinite.
    BoundNotFinite {
        /// The family.
        family: String,
        /// Its place among the bounds, from 0.
        index: usize,
        /// The bound as given.
        bound: f64,
    },
    /// An upper bound that isn't greater than the one before.
    BoundNotIncreasing {
        /// The family.
        family: String,
        /// Its place among the bounds, from 0.
        index: usize,
        /// The bound as given.
        bound: f64,
    },
    /// More samples an engine, or of the registry's own, than the declared limit.
    TooManySamples {
        /// The family that exceeded it.
        family: String,
        /// The limit.
        limit: usize,
    },
    /// More words an engine, or of the registry's own, than a slab has.
    SlabTooLarge {
        /// The words needed.
        words: usize,
        /// The words that a slab has at most.
        limit: usize,
    },
    /// More text of names, help and labels than a renderer can keep.
    TooMuchText {
        /// The family that exceeded the limit.
        family: String,
        /// The limit, in bytes.
        limit: usize,
    },
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use SchemaError::*;
        match self {
            InvalidFamilyName { family } => {
                write!(f, "family name {family:?} is invalid: it must match [a-zA-Z_:][a-zA-Z0-9_:]*")
            }
            ReservedFamilyName { family } => {
                write!(f, "family name {family:?} is reserved: choose one that begins with neither __ nor tachometer_")
            }
            CounterSuffix { family } => {
                let base = family.strip_suffix("_total").unwrap_or(family);
                write!(f, "counter {family:?} must be declared as {base:?}: exposition adds _total")
            }
            DuplicateFamily { family } => {
                write!(f, "family {family:?} is declared already: rename one, or share the first one's handle")
            }
            ExposedNameClash { family, other, exposed } => {
                write!(f, "family {family:?} would expose {exposed:?}, and so does family {other:?}: rename one")
            }
            UnitNotSuffix { family, unit } => {
                write!(
                    f,
                    "family {family:?} has unit {unit:?} but its name doesn't end in \"_{unit}\": rename it, or drop the unit"
                )
            }
            InvalidLabelName { subject, label } => {
                write!(f, "label name {label:?} of {subject} is invalid: it must match [a-zA-Z_][a-zA-Z0-9_]*")
            }
            ReservedLabelName { subject, label } => {
                write!(f, "label name {label:?} of {subject} is reserved: it can't be le, quantile or begin with __")
            }
            DuplicateLabel { subject, label } => {
                write!(
                    f,
                    "label {label:?} of {subject} is declared twice (engine labels count for each family): drop one"
                )
            }
            UnknownEngineLabel { family, label } => {
                write!(
                    f,
                    "info {family:?} chose label {label:?}, which isn't an engine label of the schema: name one that is"
                )
            }
            LabelWithoutValues { family, label } => {
                write!(f, "label {label:?} of family {family:?} has no values: list them all, or drop the label")
            }
            DuplicateLabelValue { family, label, value } => {
                write!(f, "label {label:?} of family {family:?} lists value {value:?} twice: drop one")
            }
            NoBounds { family } => write!(f, "histogram {family:?} has no upper bounds: give at least one"),
            BoundNotFinite { family, index, bound } => write!(
                f,
                "bound {index} of histogram {family:?} is {bound}: bounds are finite, and +Inf is added on exposition"
            ),
            BoundNotIncreasing { family, index, bound } => {
                write!(
                    f,
                    "bound {index} of histogram {family:?}, {bound}, isn't greater than the one before: sort them, without repeats"
                )
            }
            TooManySamples { family, limit } => write!(
                f,
                "family {family:?} takes a page beyond {limit} samples an engine (or of the registry): declare less (or a \
                 smaller capacity), or raise SchemaBuilder::max_samples"
            ),
            SlabTooLarge { words, limit } => {
                write!(
                    f,
                    "the schema needs {words} words an engine (or of the registry) and a slab has at most {limit}: declare fewer \
                     series or buckets"
                )
            }
            TooMuchText { family, limit } => write!(
                f,
                "family {family:?} takes the text of names, help and labels beyond {limit} bytes: declare fewer series, or shorter \
                 label values"
            ),
        }
    }
}

impl std::error::Error for SchemaError {}
