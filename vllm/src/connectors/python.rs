//! Values as Python prints them.

use super::value::{Number, Value};
use crate::FieldValue;

/// `str(value)`.
pub(super) fn str(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        Value::None => "None".to_owned(),
        Value::Bool(value) => FieldValue::from(*value).to_string(),
        value => value.number().map(repr_of_number).unwrap_or_default(),
    }
}

/// `repr(number)`.
pub(super) fn repr_of_number(number: Number) -> String {
    match number {
        Number::Integer(number) => number.to_string(),
        Number::Float(number) => repr_of_float(number),
    }
}

pub(super) fn repr_of_float(number: f64) -> String {
    FieldValue::from(number).to_string()
}

/// `repr(text)`: in single quotes, unless it contains single quotes and no double quotes.
pub(super) fn repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut quoted = String::from(quote);
    for char in text.chars() {
        match (char, u32::from(char)) {
            ('\\', _) => quoted.push_str("\\\\"),
            ('\n', _) => quoted.push_str("\\n"),
            ('\r', _) => quoted.push_str("\\r"),
            ('\t', _) => quoted.push_str("\\t"),
            _ if char == quote => quoted.extend(['\\', quote]),
            (_, code) if !is_printable(char) => quoted.push_str(&escaped(code)),
            _ => quoted.push(char),
        }
    }
    quoted.push(quote);
    quoted
}

fn escaped(code: u32) -> String {
    match code {
        code @ ..=0xff => format!("\\x{code:02x}"),
        code @ ..=0xffff => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    }
}

/// Rust escapes what Python escapes, and combining characters at the beginning of a text.
fn is_printable(char: char) -> bool {
    let text: String = ['.', char].into_iter().collect();
    char == '"' || char == '\'' || !text.escape_debug().any(|char| char == '\\')
}

/// `repr` of a tuple of texts.
pub(super) fn repr_of_tuple(texts: impl ExactSizeIterator<Item = impl AsRef<str>>) -> String {
    let alone = texts.len() == 1;
    let texts: Vec<_> = texts.map(|text| repr(text.as_ref())).collect();
    format!("({}{})", texts.join(", "), if alone { "," } else { "" })
}
