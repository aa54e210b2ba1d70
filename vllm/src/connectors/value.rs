//! A payload: what a connector reports of a step.

use std::{borrow::Cow, fmt};

use super::error::Problem;

/// A payload, or a part of one. It borrows what Rust code has anyway: a column of numbers
/// ([`Floats`](Self::Floats), [`Integers`](Self::Integers)), or a field of each row
/// ([`Column`](Self::Column)).
///
/// ```
/// use tachometer_vllm::connectors::Value;
///
/// let durations = [0.25, 0.5];
/// let payload = [
///     ("save_duration".into(), Value::Floats(&durations)),
///     ("num_failed_save".into(), 0.into()),
/// ];
/// let payload = Value::map(&payload);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Nothing: `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// A float.
    Float(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// A list of integers.
    Integers(&'a [u64]),
    /// A list of floats.
    Floats(&'a [f64]),
    /// A list of floats: a field of each row.
    Column(&'a dyn Column),
    /// A list.
    List(Cow<'a, [Value<'a>]>),
    /// A map. Its order is that of the log line.
    Map(Cow<'a, [(Key<'a>, Value<'a>)]>),
}

/// A key of a map.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key<'a> {
    /// A name.
    Name(Cow<'a, str>),
    /// A tuple of label values.
    Labels(Cow<'a, [Cow<'a, str>]>),
}

/// The empty tuple of label values.
pub const NO_LABELS: Key<'static> = Key::Labels(Cow::Borrowed(&[]));

/// A number of each row: a column that isn't in one piece. A pair of rows and a function that takes
/// the number of a row is one.
pub trait Column: Sync {
    /// The number of rows.
    fn len(&self) -> usize;

    /// Whether there are no rows.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes the numbers of the rows from `first` on.
    fn fill(&self, first: usize, numbers: &mut [f64]);
}

impl<R: Sync, F: Fn(&R) -> f64 + Sync> Column for (&[R], F) {
    fn len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    fn fill(&self, first: usize, numbers: &mut [f64]) {
        for (number, row) in numbers.iter_mut().zip(&self.0[first..]) {
            *number = self.1(row);
        }
    }
}

impl fmt::Debug for dyn Column + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} numbers]", self.len())
    }
}

/// Something that can be recorded: a [`Value`], or a type that looks like one.
pub trait Payload {
    /// Calls `f` with the payload.
    fn with_value<R>(&self, f: impl FnOnce(&Value<'_>) -> R) -> R;
}

impl Payload for Value<'_> {
    fn with_value<R>(&self, f: impl FnOnce(&Value<'_>) -> R) -> R {
        f(self)
    }
}

/// A number, as it was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Integer(i64),
    Float(f64),
}

impl Number {
    pub(crate) fn as_f64(self) -> f64 {
        match self {
            Self::Integer(number) => number as f64,
            Self::Float(number) => number,
        }
    }

    /// The integer that a counter can grow by.
    pub(super) fn as_count(self) -> Result<u64, Problem> {
        const LIMIT: f64 = 18_446_744_073_709_551_616.0; // 2^64
        match self {
            Self::Integer(number) => u64::try_from(number).map_err(|_| Problem::Negative),
            Self::Float(number) if number < 0.0 => Err(Problem::Negative),
            Self::Float(number) if number.fract() == 0.0 && number < LIMIT => Ok(number as u64),
            Self::Float(_) => Err(Problem::NotAnInteger),
        }
    }
}

/// Numbers of a column that are read at a time.
const CHUNK: usize = 32;

impl<'a> Value<'a> {
    /// A map of these entries.
    #[must_use]
    pub fn map(entries: &'a [(Key<'a>, Value<'a>)]) -> Self {
        Self::Map(Cow::Borrowed(entries))
    }

    /// A list of these items.
    #[must_use]
    pub fn list(items: &'a [Value<'a>]) -> Self {
        Self::List(Cow::Borrowed(items))
    }

    pub(crate) fn number(&self) -> Option<Number> {
        match *self {
            Self::Integer(number) => Some(Number::Integer(number)),
            Self::Float(number) => Some(Number::Float(number)),
            _ => None,
        }
    }

    /// The value under a name, if this is a map that has it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Map(entries) = self else { return None };
        entry(entries, name)
    }

    /// Calls `f` with each number of a list.
    #[inline]
    pub(super) fn each_number(&self, mut f: impl FnMut(Number) -> Result<(), Problem>) -> Result<(), Problem> {
        match self {
            Self::Floats(numbers) => numbers.iter().try_for_each(|number| f(Number::Float(*number))),
            Self::Integers(numbers) => {
                numbers.iter().try_for_each(|number| f(Number::Integer(i64::try_from(*number).unwrap_or(i64::MAX))))
            }
            Self::Column(column) => each_of_column(*column, |number| f(Number::Float(number))),
            Self::List(items) => items.iter().try_for_each(|item| f(item.number().ok_or(Problem::NotANumber)?)),
            _ => Err(Problem::NotAList),
        }
    }

    /// Calls `f` with each number of a list, or with a single one. Leaves out what isn't a number.
    #[cfg(feature = "payloads")]
    pub(crate) fn numbers_if_any(&self, mut f: impl FnMut(Number)) {
        match (self, self.number()) {
            (_, Some(number)) => f(number),
            (Self::List(items), _) => mutant!(
                items.iter().filter_map(Self::number).for_each(f),
                "descriptor: a list ends at what is no number" => items.iter().map_while(Self::number).for_each(f),
            ),
            _ => {
                // It fails for what is no list.
                let _ = self.each_number(|number| {
                    f(number);
                    Ok(())
                });
            }
        }
    }

    pub(super) fn is_empty_map(&self) -> bool {
        matches!(self, Self::Map(entries) if entries.is_empty())
    }
}

/// The value under a name.
pub(super) fn entry<'v, 'k, 'a>(entries: &'v [(Key<'k>, Value<'a>)], name: &str) -> Option<&'v Value<'a>> {
    entries.iter().find_map(|(key, value)| matches!(key, Key::Name(key) if *key == *name).then_some(value))
}

#[inline]
fn each_of_column(column: &dyn Column, mut f: impl FnMut(f64) -> Result<(), Problem>) -> Result<(), Problem> {
    let (mut numbers, length) = ([0.0; CHUNK], column.len());
    for first in (0..length).step_by(CHUNK) {
        let numbers = &mut numbers[..CHUNK.min(length - first)];
        column.fill(first, numbers);
        numbers.iter().try_for_each(|number| f(*number))?;
    }
    Ok(())
}

impl<'a> From<&'a str> for Key<'a> {
    fn from(name: &'a str) -> Self {
        Self::Name(Cow::Borrowed(name))
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<f64> for Value<'_> {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

/// Beyond the range of `i64`, its greatest number.
impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<i32> for Value<'_> {
    fn from(number: i32) -> Self {
        Self::Integer(number.into())
    }
}
