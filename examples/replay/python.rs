//! JSON values as Python's `str` prints them: that is how vLLM makes label values of a cache configuration.

use serde_json::Value;
use tachometer::vllm::FieldValue;

/// `None` for an object, which no field of a cache configuration is.
pub(crate) fn text(value: &Value) -> Option<FieldValue> {
    Some(match value {
        Value::Null => None::<bool>.into(),
        Value::Bool(value) => (*value).into(),
        Value::Number(number) if number.is_f64() => number.as_f64()?.into(),
        Value::Number(number) => number.to_string().into(),
        Value::String(text) => text.as_str().into(),
        Value::Array(values) => list(values)?.into(),
        Value::Object(_) => return None,
    })
}

/// A list shows its strings quoted.
fn list(values: &[Value]) -> Option<String> {
    let items = values.iter().map(|value| match value {
        Value::String(text) => Some(quoted(text)),
        other => text(other).map(|value| value.to_string()),
    });
    Some(format!("[{}]", items.collect::<Option<Vec<_>>>()?.join(", ")))
}

/// In single quotes, unless only they occur in the text.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut quoted = String::from(quote);
    for char in text.chars() {
        match char {
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            control if control.is_control() => quoted.push_str(&format!("\\x{:02x}", u32::from(control))),
            other => {
                if other == quote {
                    quoted.push('\\');
                }
                quoted.push(other);
            }
        }
    }
    quoted.push(quote);
    quoted
}
