//! Payloads in JSON. Where Python has a tuple of label values as a key, JSON has the tuple as the
//! text of a list.

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{
    error::{PayloadError, Problem},
    value::{Key, Value},
};

impl<'a> Value<'a> {
    /// Reads a payload in JSON. A key that is the text of a list of texts, such as `["1:fs"]`, is a
    /// tuple of label values.
    ///
    /// # Errors
    /// If it isn't JSON, is nested too deeply, or has a key twice in one map.
    pub fn from_json(json: &'a [u8]) -> Result<Self, PayloadError> {
        serde_json::from_slice(json).map_err(|error| Problem::Unreadable(error.to_string().into()).into())
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a part of a payload")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::None)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value<'de>, E> {
        Ok(Value::Integer(number))
    }

    /// Beyond the range of `i64`, a float.
    fn visit_u64<E>(self, number: u64) -> Result<Value<'de>, E> {
        Ok(i64::try_from(number).map_or(Value::Float(number as f64), Value::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value<'de>, E> {
        Ok(Value::Float(number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(Cow::Owned(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value<'de>, A::Error> {
        let (mut map, mut keys) = (Vec::new(), HashSet::new());
        while let Some(key) = entries.next_key::<Name<'_>>()? {
            let key = self::key(key.0);
            if !mutant!(keys.insert(key.clone()), "JSON: a key may be there twice" => true) {
                return Err(A::Error::custom(format_args!("{key:?} is there twice")));
            }
            map.push((key, entries.next_value()?));
        }
        Ok(Value::Map(Cow::Owned(map)))
    }
}

/// A key, which is borrowed unless it has escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_str(ValueVisitor)? {
            Value::Text(name) => Ok(Self(name)),
            _ => Err(D::Error::custom("a key is text")),
        }
    }
}

fn key(name: Cow<'_, str>) -> Key<'_> {
    let labels = name.starts_with('[').then(|| serde_json::from_str::<Vec<String>>(&name));
    match labels {
        Some(Ok(labels)) => Key::Labels(labels.into_iter().map(Cow::Owned).collect()),
        _ => Key::Name(name),
    }
}
