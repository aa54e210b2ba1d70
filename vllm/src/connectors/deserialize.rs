//! Reads a part of a payload as any type that can be deserialized.

use serde::{
    de::{
        Deserializer, Error as _, IntoDeserializer, Visitor,
        value::{Error, MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};

use super::value::{Key, Value};

impl<'de> IntoDeserializer<'de, Error> for &'de Value<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> IntoDeserializer<'de, Error> for &'de Key<'_> {
    type Deserializer = <String as IntoDeserializer<'de, Error>>::Deserializer;

    fn into_deserializer(self) -> Self::Deserializer {
        match self {
            Key::Name(name) => name.to_string(),
            // As in JSON.
            Key::Labels(values) => format!("{values:?}"),
        }
        .into_deserializer()
    }
}

impl<'de> Deserializer<'de> for &'de Value<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Value::None => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(number) => visitor.visit_i64(*number),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::Integers(numbers) => visitor.visit_seq(SeqDeserializer::new(numbers.iter().copied())),
            Value::Floats(numbers) => visitor.visit_seq(SeqDeserializer::new(numbers.iter().copied())),
            Value::List(items) => visitor.visit_seq(SeqDeserializer::new(items.iter())),
            Value::Map(entries) => {
                visitor.visit_map(MapDeserializer::new(entries.iter().map(|(key, value)| (key, value))))
            }
            Value::Column(_) => Err(Error::custom("a column of numbers is only recorded")),
        }
    }

    /// A struct is a map, and no list of its fields.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Value::Map(_) => self.deserialize_any(visitor),
            _ if mutant!(false, "descriptor: a list is read as a struct" => true) => self.deserialize_any(visitor),
            _ => Err(Error::custom("it isn't a map")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Value::None => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Value::Text(name) => visitor.visit_enum((**name).into_deserializer()),
            _ => Err(Error::custom("it isn't the name of a variant")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map identifier ignored_any
    }
}
