//! JSON values as Python's `str` prints them. vLLM makes the label values of a cache configuration
//! this way.
//!
//! Numbers keep their original text, since an integer may have more digits than a machine integer,
//! and `-0` is an integer while `-0.0` isn't.

use serde_json::value::RawValue;
use tachometer_vllm::FieldValue;
use unicode_general_category::{GeneralCategory, get_general_category};

use crate::json::reason;

/// `Err` for an object, since no field of a cache configuration is one, and for a number that is
/// out of range.
pub(crate) fn text(value: &RawValue) -> Result<FieldValue, String> {
    let json = value.get();
    Ok(match json.as_bytes()[0] {
        b'n' => None::<bool>.into(),
        b't' => true.into(),
        b'f' => false.into(),
        b'"' => string(json)?.into(),
        b'[' => list(json)?.into(),
        b'{' => return Err("it can't be an object".to_owned()),
        _ => number(json)?,
    })
}

fn number(json: &str) -> Result<FieldValue, String> {
    if json.contains(['.', 'e', 'E']) {
        return serde_json::from_str::<f64>(json).map(FieldValue::from).map_err(|error| reason(&error));
    }
    Ok(if json == "-0" { "0" } else { json }.into())
}

fn string(json: &str) -> Result<String, String> {
    serde_json::from_str(json).map_err(|error| reason(&error))
}

/// Strings in a list are quoted.
fn list(json: &str) -> Result<String, String> {
    let values: Vec<&RawValue> = serde_json::from_str(json).map_err(|error| reason(&error))?;
    let items = values.into_iter().map(|value| match value.get() {
        json if json.starts_with('"') => Ok(quoted(&string(json)?)),
        _ => text(value).map(|value| value.to_string()),
    });
    Ok(format!("[{}]", items.collect::<Result<Vec<_>, _>>()?.join(", ")))
}

/// In single quotes, unless the text contains single quotes and no double quotes.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut quoted = String::from(quote);
    for char in text.chars() {
        match char {
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            _ if char == quote => quoted.extend(['\\', quote]),
            _ if is_printable(char) => quoted.push(char),
            _ => quoted.push_str(&escaped(char)),
        }
    }
    quoted.push(quote);
    quoted
}

/// As Python's `str.isprintable`: neither of a category "other" nor a separator, except the space.
fn is_printable(char: char) -> bool {
    use GeneralCategory::*;
    let hidden =
        [Control, Format, Surrogate, PrivateUse, Unassigned, LineSeparator, ParagraphSeparator, SpaceSeparator];
    char == ' ' || !hidden.contains(&get_general_category(char))
}

fn escaped(char: char) -> String {
    match u32::from(char) {
        code @ ..=0xff => format!("\\x{code:02x}"),
        code @ ..=0xffff => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    }
}
