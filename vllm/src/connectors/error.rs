//! Why a payload isn't recorded.

use std::{borrow::Cow, fmt};

/// Why a payload isn't recorded, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadError {
    /// From the inside to the outside.
    place: Vec<String>,
    problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Missing(Box<str>),
    UnknownName,
    NotAMap,
    NotAList,
    NotANumber,
    NotText,
    NotAName,
    NotLabels,
    NumberOfLabels {
        expected: usize,
        found: usize,
    },
    NotAnInteger,
    Negative,
    NotFinite,
    Tag {
        expected: &'static str,
    },
    #[cfg(feature = "payloads")]
    Unreadable(Cow<'static, str>),
}

impl PayloadError {
    #[cold]
    pub(super) fn inside(mut self, place: impl FnOnce() -> String) -> Self {
        self.place.push(place());
        self
    }
}

impl From<Problem> for PayloadError {
    #[cold]
    fn from(problem: Problem) -> Self {
        Self { place: Vec::new(), problem }
    }
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_empty() {
            return write!(f, "the payload {}", self.problem);
        }
        for (index, place) in self.place.iter().rev().enumerate() {
            write!(f, "{}{place}", if index > 0 { " > " } else { "" })?;
        }
        write!(f, ": it {}", self.problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: Cow<'static, str> = match self {
            Self::Missing(name) => format!("lacks the key {name:?}").into(),
            Self::UnknownName => "isn't a name that the connector declared".into(),
            Self::NotAMap => "isn't a map".into(),
            Self::NotAList => "isn't a list of numbers".into(),
            Self::NotANumber => "isn't a number".into(),
            Self::NotText => "isn't text, but a label value".into(),
            Self::NotAName => "isn't a name".into(),
            Self::NotLabels => "isn't a tuple of label values".into(),
            Self::NumberOfLabels { expected, found } => {
                format!("has {found} label values instead of {expected}").into()
            }
            Self::NotAnInteger => "isn't an integer, but adds to a counter of integers".into(),
            Self::Negative => "is negative, but adds to a counter".into(),
            Self::NotFinite => "isn't a number that can be added up".into(),
            Self::Tag { expected } => format!("isn't tagged as {expected} in \"types\"").into(),
            #[cfg(feature = "payloads")]
            Self::Unreadable(reason) => format!("can't be read: {reason}").into(),
        };
        f.write_str(&text)
    }
}

impl std::error::Error for PayloadError {}
