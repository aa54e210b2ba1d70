//! Payloads in MessagePack, as vLLM's engines send them. Tuples of label values are lists, as keys
//! of maps too.

use std::{borrow::Cow, collections::HashSet};

use super::{
    error::{PayloadError, Problem},
    python,
    value::{Key, Value},
};

/// How deep lists and maps may be nested.
const MAX_DEPTH: usize = 32;

impl<'a> Value<'a> {
    /// Reads a payload in MessagePack. It borrows the texts.
    ///
    /// # Errors
    /// If it isn't MessagePack, or something follows it; if it has binary data or an extension, is
    /// nested too deeply, or has a key twice in one map.
    pub fn from_msgpack(bytes: &'a [u8]) -> Result<Self, PayloadError> {
        let mut reader = Reader { rest: bytes };
        let value = reader.value(0)?;
        if reader.rest.is_empty() { Ok(value) } else { Err(unreadable("something follows it").into()) }
    }
}

fn unreadable(reason: &'static str) -> Problem {
    Problem::Unreadable(Cow::Borrowed(reason))
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, n: usize) -> Result<&'a [u8], Problem> {
        let (bytes, rest) = self.rest.split_at_checked(n).ok_or_else(|| unreadable("it ends too early"))?;
        self.rest = rest;
        Ok(bytes)
    }

    /// A number of so many bytes.
    fn number(&mut self, n: usize) -> Result<u64, Problem> {
        Ok(self.bytes(n)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A length of so many bytes. What it counts has at least one byte each, so memory is bounded
    /// by the size of the payload.
    fn length(&mut self, n: usize) -> Result<usize, Problem> {
        let length = self.number(n)? as usize;
        if length > self.rest.len() { Err(unreadable("it ends too early")) } else { Ok(length) }
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, Problem> {
        if depth > MAX_DEPTH {
            return Err(unreadable("it is nested too deeply"));
        }
        let tag = self.bytes(1)?[0];
        Ok(match tag {
            0x00..=0x7f => Value::Integer(tag.into()),
            0xe0..=0xff => Value::Integer(i64::from(tag as i8)),
            0x80..=0x8f => self.map(usize::from(tag & 0xf), depth)?,
            0x90..=0x9f => self.list(usize::from(tag & 0xf), depth)?,
            0xa0..=0xbf => self.text(usize::from(tag & 0x1f))?,
            0xc0 => Value::None,
            0xc2 | 0xc3 => Value::Bool(tag == 0xc3),
            0xca => Value::Float(f32::from_bits(self.number(4)? as u32).into()),
            0xcb => Value::Float(f64::from_bits(self.number(8)?)),
            0xcc..=0xcf => {
                let number = self.number(1 << (tag - 0xcc))?;
                i64::try_from(number).map_or(Value::Float(number as f64), Value::Integer)
            }
            0xd0..=0xd3 => {
                let bytes = 1 << (tag - 0xd0);
                let unused = 64 - 8 * bytes;
                Value::Integer((self.number(bytes)? << unused) as i64 >> unused)
            }
            0xd9..=0xdb => {
                let length = self.length(1 << (tag - 0xd9))?;
                self.text(length)?
            }
            0xdc | 0xdd => {
                let length = self.length(2 << (tag - 0xdc))?;
                self.list(length, depth)?
            }
            0xde | 0xdf => {
                let length = self.length(2 << (tag - 0xde))?;
                self.map(length, depth)?
            }
            _ => return Err(unreadable("it has binary data or an extension")),
        })
    }

    fn text(&mut self, length: usize) -> Result<Value<'a>, Problem> {
        let text = std::str::from_utf8(self.bytes(length)?).map_err(|_| unreadable("a text isn't UTF-8"))?;
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn list(&mut self, length: usize, depth: usize) -> Result<Value<'a>, Problem> {
        (0..length).map(|_| self.value(depth + 1)).collect::<Result<_, _>>().map(Value::List)
    }

    fn map(&mut self, length: usize, depth: usize) -> Result<Value<'a>, Problem> {
        let (mut map, mut keys) = (Vec::new(), HashSet::new());
        for _ in 0..length {
            let key = key(self.value(depth + 1)?)?;
            if !mutant!(keys.insert(key.clone()), "MessagePack: a key may be there twice" => true) {
                return Err(unreadable("a key is there twice"));
            }
            map.push((key, self.value(depth + 1)?));
        }
        Ok(Value::Map(Cow::Owned(map)))
    }
}

fn key(value: Value<'_>) -> Result<Key<'_>, Problem> {
    match value {
        Value::Text(name) => Ok(Key::Name(name)),
        Value::List(labels) => Ok(Key::Labels(labels.iter().map(label).collect::<Result<_, _>>()?)),
        _ => Err(unreadable("a key is neither text nor a list")),
    }
}

fn label<'a>(value: &Value<'a>) -> Result<Cow<'a, str>, Problem> {
    match value {
        Value::Text(text) => Ok(text.clone()),
        Value::List(_) | Value::Map(_) => Err(unreadable("a label value is a list or a map")),
        value => Ok(Cow::Owned(python::str(value))),
    }
}
