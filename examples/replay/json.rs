//! What JSON and serde don't provide: numbers that aren't finite, whole numbers written as floats,
//! fields that may be null but not missing, objects that can't be lists, the order of keys, and the
//! original text of numbers.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Unexpected, Visitor};
use serde_json::value::RawValue;

/// A number, or one of the strings `NaN`, `Infinity` and `-Infinity`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Float(pub(crate) f64);

impl<'de> Deserialize<'de> for Float {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FloatVisitor)
    }
}

struct FloatVisitor;

impl Visitor<'_> for FloatVisitor {
    type Value = Float;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"a number, "NaN", "Infinity" or "-Infinity""#)
    }

    fn visit_f64<E>(self, number: f64) -> Result<Float, E> {
        Ok(Float(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Float, E> {
        Ok(Float(number as f64))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Float, E> {
        Ok(Float(number as f64))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Float, E> {
        match text {
            "NaN" => Ok(Float(f64::NAN)),
            "Infinity" => Ok(Float(f64::INFINITY)),
            "-Infinity" => Ok(Float(f64::NEG_INFINITY)),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}

pub(crate) fn floats<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    let floats = Vec::<Float>::deserialize(deserializer)?;
    Ok(floats.into_iter().map(|Float(number)| number).collect())
}

/// A whole number, at least 0, which may be written as a float: `3.0`, `1e3`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count(pub(crate) u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = deserializer.deserialize_any(WholeVisitor("a whole number from 0 on"))?;
        number.try_into().map(Self).map_err(|_| D::Error::custom(format_args!("{number} isn't a count")))
    }
}

/// A whole number, which may be written as a float.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Signed(pub(crate) i64);

impl<'de> Deserialize<'de> for Signed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = deserializer.deserialize_any(WholeVisitor("a whole number"))?;
        number.try_into().map(Self).map_err(|_| D::Error::custom(format_args!("{number} has more than 64 bits")))
    }
}

/// Holds the description of what is expected.
struct WholeVisitor(&'static str);

impl Visitor<'_> for WholeVisitor {
    type Value = i128;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_u64<E>(self, number: u64) -> Result<i128, E> {
        Ok(number.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<i128, E> {
        Ok(number.into())
    }

    /// Integers beyond 64 bits arrive here too.
    fn visit_f64<E: Error>(self, number: f64) -> Result<i128, E> {
        let limit = 2_f64.powi(64);
        if number.fract() == 0.0 && -limit < number && number < limit {
            return Ok(number as i128);
        }
        Err(E::invalid_value(Unexpected::Float(number), &self))
    }
}

pub(crate) fn counts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
    let counts = Vec::<Count>::deserialize(deserializer)?;
    Ok(counts.into_iter().map(|Count(number)| number).collect())
}

/// For a field that may be missing.
pub(crate) fn some_counts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u64>>, D::Error> {
    counts(deserializer).map(Some)
}

/// A number, and its original text.
#[derive(Debug)]
pub(crate) struct Number {
    pub(crate) value: f64,
    pub(crate) written: Box<RawValue>,
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Box::<RawValue>::deserialize(deserializer)?;
        let value = serde_json::from_str(written.get()).map_err(|error| D::Error::custom(reason(&error)))?;
        Ok(Self { value, written })
    }
}

/// Without serde_json's position, which would be relative to a single line or value.
pub(crate) fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.strip_suffix(&format!(" at line {} column {}", error.line(), error.column())).unwrap_or(&text).to_owned()
}

/// For a field that may be null but not missing.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// An object. A derived `Deserialize` would also accept a list of the fields' values.
#[derive(Debug, Default)]
pub(crate) struct Object<T>(pub(crate) T);

impl<T> Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

/// The keys of an object whose values are counts, in the order of the text.
#[derive(Debug, Default)]
pub(crate) struct Names(Vec<String>);

impl Names {
    pub(crate) fn as_strs(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NamesVisitor)
    }
}

struct NamesVisitor;

impl<'de> Visitor<'de> for NamesVisitor {
    type Value = Names;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of counts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
        let mut names = Vec::new();
        while let Some((name, _)) = map.next_entry::<String, Count>()? {
            if names.contains(&name) {
                return Err(A::Error::custom(format_args!("{name:?} appears twice")));
            }
            names.push(name);
        }
        Ok(Names(names))
    }
}
