//! Whole numbers as tools write them: `6758`, but also `6758.0` and `1e3`, which mean the same.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

const EXPECTED: &str = "a whole number from 0 on";
/// Beyond it not every whole number is a float, so a float needn't be the number that was meant.
const MAX_FLOAT: f64 = 9_007_199_254_740_992.0;

/// A whole number from 0 on. In JSON, text isn't one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whole(pub(crate) u64);

impl Whole {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse().map(Self).ok().or_else(|| Self::from_float(text.parse().ok()?))
    }

    fn from_float(value: f64) -> Option<Self> {
        ((0.0..=MAX_FLOAT).contains(&value) && value.fract() == 0.0).then_some(Self(value as u64))
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(WholeVisitor)
    }
}

struct WholeVisitor;

impl Visitor<'_> for WholeVisitor {
    type Value = Whole;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(EXPECTED)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Whole, E> {
        Ok(Whole(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Whole, E> {
        Whole::from_float(value).ok_or_else(|| E::invalid_value(Unexpected::Float(value), &self))
    }
}
