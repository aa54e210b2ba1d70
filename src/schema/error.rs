//! Why a schema is refused. Each error names the culprit and the remedy.

use std::fmt;

/// Why a schema was refused. Each message names the culprit and says what to do.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SchemaError {
    /// Prometheus doesn't accept the family name.
    InvalidFamilyName {
        /// The name as given.
        family: String,
    },
    /// The family name begins with `__`, `tachometer_` or `tachometer:`, or is `tachometer`.
    ReservedFamilyName {
        /// The name as given.
        family: String,
    },
    /// The name of the counter has the suffix that exposition adds.
    CounterSuffix {
        /// The name as given.
        family: String,
    },
    /// Two families have the same name.
    DuplicateFamily {
        /// The name as given.
        family: String,
    },
    /// Two families would expose the same name.
    ExposedNameClash {
        /// The family that was refused.
        family: String,
        /// The family that exposes the name already.
        other: String,
        /// The name that both would expose.
        exposed: String,
    },
    /// The name of the family doesn't end in its unit.
    UnitNotSuffix {
        /// The name as given.
        family: String,
        /// The unit as given.
        unit: String,
    },
    /// Prometheus doesn't accept the label name.
    InvalidLabelName {
        /// The family; `None` for an engine label or a constant one.
        family: Option<String>,
        /// The name as given.
        label: String,
    },
    /// The label name has a meaning of its own: it begins with `__`, or it is `le`, the label of a
    /// histogram's buckets, and a histogram would have it.
    ReservedLabelName {
        /// The family; `None` for an engine label or a constant one.
        family: Option<String>,
        /// The name as given.
        label: String,
    },
    /// A family has a label twice, or has one of the engine labels or of the constant ones; or one
    /// of these is repeated.
    DuplicateLabel {
        /// The family; `None` for an engine label or a constant one.
        family: Option<String>,
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
    /// A closed label has no values.
    LabelWithoutValues {
        /// The family.
        family: String,
        /// The label.
        label: String,
    },
    /// A closed label lists a value twice.
    DuplicateLabelValue {
        /// The family.
        family: String,
        /// The label.
        label: String,
        /// The value.
        value: String,
    },
    /// A histogram has no upper bounds.
    NoBounds {
        /// The family.
        family: String,
    },
    /// An upper bound is NaN or infinite.
    BoundNotFinite {
        /// The family.
        family: String,
        /// The index of the bound, from 0.
        index: usize,
        /// The bound as given.
        bound: f64,
    },
    /// An upper bound isn't greater than the one before.
    BoundNotIncreasing {
        /// The family.
        family: String,
        /// The index of the bound, from 0.
        index: usize,
        /// The bound as given.
        bound: f64,
    },
    /// An engine, or the registry, would have more samples than the limit allows.
    TooManySamples {
        /// The family that exceeds the limit.
        family: String,
        /// The limit.
        limit: usize,
    },
    /// An engine, or the registry, would need more words than a slab can have.
    SlabTooLarge {
        /// The number of words needed.
        words: usize,
        /// The most words of a slab.
        limit: usize,
    },
    /// Names, help and labels would be more text than a renderer can keep.
    TooMuchText {
        /// The family that exceeds the limit.
        family: String,
        /// The limit, in bytes.
        limit: usize,
    },
}

impl SchemaError {
    /// The family that was refused. `None` if the error is about the engine labels, the constant
    /// ones or the schema as a whole.
    #[must_use]
    pub fn family(&self) -> Option<&str> {
        match self {
            Self::InvalidFamilyName { family }
            | Self::ReservedFamilyName { family }
            | Self::CounterSuffix { family }
            | Self::DuplicateFamily { family }
            | Self::ExposedNameClash { family, .. }
            | Self::UnitNotSuffix { family, .. }
            | Self::UnknownEngineLabel { family, .. }
            | Self::LabelWithoutValues { family, .. }
            | Self::DuplicateLabelValue { family, .. }
            | Self::NoBounds { family }
            | Self::BoundNotFinite { family, .. }
            | Self::BoundNotIncreasing { family, .. }
            | Self::TooManySamples { family, .. }
            | Self::TooMuchText { family, .. } => Some(family),
            Self::InvalidLabelName { family, .. }
            | Self::ReservedLabelName { family, .. }
            | Self::DuplicateLabel { family, .. } => family.as_deref(),
            Self::SlabTooLarge { .. } => None,
        }
    }

    fn problem(&self) -> String {
        match self {
            Self::InvalidFamilyName { family } => format!("family name {family:?} is invalid"),
            Self::ReservedFamilyName { family } => format!("family name {family:?} is reserved"),
            Self::CounterSuffix { family } => format!("counter {family:?} ends in \"_total\""),
            Self::DuplicateFamily { family } => format!("family {family:?} is declared already"),
            Self::ExposedNameClash { family, other, exposed } => {
                format!("family {family:?} would expose {exposed:?}, and so does family {other:?}")
            }
            Self::UnitNotSuffix { family, unit } => format!("family {family:?} doesn't end in its unit, \"_{unit}\""),
            Self::InvalidLabelName { family, label } => label_of(label, family, "has an invalid name"),
            Self::ReservedLabelName { family, label } => label_of(label, family, "has a reserved name"),
            Self::DuplicateLabel { family, label } => label_of(label, family, "is declared twice"),
            Self::UnknownEngineLabel { family, label } => {
                format!("info {family:?} chooses label {label:?}, which isn't an engine label")
            }
            Self::LabelWithoutValues { family, label } => format!("label {label:?} of family {family:?} has no values"),
            Self::DuplicateLabelValue { family, label, value } => {
                format!("label {label:?} of family {family:?} lists value {value:?} twice")
            }
            Self::NoBounds { family } => format!("histogram {family:?} has no upper bounds"),
            Self::BoundNotFinite { family, index, bound } => {
                format!("bound {index} of histogram {family:?} is {bound}")
            }
            Self::BoundNotIncreasing { family, index, bound } => {
                format!("bound {index} of histogram {family:?}, {bound}, isn't greater than the one before")
            }
            Self::TooManySamples { family, limit } => {
                format!("family {family:?} exceeds the limit of {limit} samples per engine (or for the registry)")
            }
            Self::SlabTooLarge { words, limit } => {
                format!("an engine (or the registry) would need {words} words, and a slab has at most {limit}")
            }
            Self::TooMuchText { family, limit } => {
                format!("with family {family:?}, names, help and labels exceed {limit} bytes")
            }
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::InvalidFamilyName { .. } => "it must match [a-zA-Z_:][a-zA-Z0-9_:]*",
            Self::ReservedFamilyName { .. } => {
                "choose one that begins with neither __ nor tachometer_ nor tachometer: and isn't tachometer"
            }
            Self::CounterSuffix { .. } => {
                "declare it without the suffix and without exact_name, since exposition adds the suffix"
            }
            Self::DuplicateFamily { .. } => "rename one, or share the handle of the first",
            Self::ExposedNameClash { .. } => "rename one",
            Self::UnitNotSuffix { .. } => "rename it, or leave out the unit",
            Self::InvalidLabelName { .. } => "it must match [a-zA-Z_][a-zA-Z0-9_]*",
            Self::ReservedLabelName { .. } => "choose one that doesn't begin with __ and, on a histogram, isn't le",
            Self::DuplicateLabel { .. } => "remove one (a family has the engine labels and the constant ones too)",
            Self::UnknownEngineLabel { .. } => "choose one that the schema has, or none if the info is registry-wide",
            Self::LabelWithoutValues { .. } => "list all of them, or leave out the label",
            Self::DuplicateLabelValue { .. } => "remove one",
            Self::NoBounds { .. } => "give at least one",
            Self::BoundNotFinite { .. } => "give finite bounds; exposition adds +Inf",
            Self::BoundNotIncreasing { .. } => "sort the bounds, without repeats",
            Self::TooManySamples { .. } => {
                "declare fewer series or buckets, choose a smaller capacity, or raise SchemaBuilder::max_samples"
            }
            Self::SlabTooLarge { .. } => "declare fewer series or buckets",
            Self::TooMuchText { .. } => "declare fewer series, or shorter label values",
        }
    }
}

fn label_of(label: &str, family: &Option<String>, problem: &str) -> String {
    match family {
        Some(family) => format!("label {label:?} of family {family:?} {problem}"),
        None => format!("label {label:?} among the engine labels and constant labels {problem}"),
    }
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.problem(), self.remedy())
    }
}

impl std::error::Error for SchemaError {}
