//! The escapes of the text formats. All other text stays as it is, in UTF-8.

/// Appends a label value, or a help text of OpenMetrics. Backslash, line feed and quote are
/// escaped.
pub(crate) fn quoted(text: &str, out: &mut Vec<u8>) {
    escape(text, true, out);
}

/// Appends a help text of the Prometheus format. Backslash and line feed are escaped; quotes
/// aren't.
pub(crate) fn help(text: &str, out: &mut Vec<u8>) {
    escape(text, false, out);
}

fn escape(text: &str, quotes: bool, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'"' if mutant!(quotes, "text: quotes not escaped" => false) => out.extend_from_slice(b"\\\""),
            byte => out.push(byte),
        }
    }
}

/// Appends `name="value"`.
pub(crate) fn label_pair(name: &str, value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    quoted(value, out);
    out.push(b'"');
}

/// `engine="0",model_name="m"`: the pairs, behind those that `before` already has.
pub(crate) fn label_pairs<'a>(before: &[u8], pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Box<[u8]> {
    let mut text = before.to_owned();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push(b',');
        }
        label_pair(name, value, &mut text);
    }
    text.into()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn escaped(f: fn(&str, &mut Vec<u8>), text: &str) -> String {
        let mut out = Vec::new();
        f(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_help_keeps_quotes() {
        let text = "a\\b\nc\"d\te\u{e9}";
        assert_eq!(escaped(quoted, text), "a\\\\b\\nc\\\"d\te\u{e9}");
        assert_eq!(escaped(help, text), "a\\\\b\\nc\"d\te\u{e9}");
    }
}
