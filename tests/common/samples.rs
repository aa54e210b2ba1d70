//! The samples of a page with their labels as text: what a dashboard that selects `le="1.0"` sees.

use std::collections::BTreeMap;

/// A sample's name and its labels, sorted by name, as they are written (escapes too).
pub(crate) type Key = (String, Vec<(String, String)>);

pub(crate) type Samples = BTreeMap<Key, f64>;

/// All samples of a page whose names begin with `prefix`. Panics if one appears twice.
pub(crate) fn samples(page: &str, prefix: &str) -> Samples {
    let mut samples = Samples::new();
    for line in page.lines().filter(|line| line.starts_with(prefix)) {
        let (series, value) = line.rsplit_once(' ').expect("a value");
        let value = value.parse().unwrap_or_else(|_| panic!("{value:?} is no number"));
        let twice = samples.insert(key(series), value);
        assert_eq!(twice, None, "{series} appears twice");
    }
    samples
}

fn key(series: &str) -> Key {
    let Some((name, labels)) = series.split_once('{') else { return (series.to_owned(), Vec::new()) };
    let mut rest = labels.strip_suffix('}').expect("a closing brace");
    let mut labels = Vec::new();
    while let Some((label, value)) = rest.split_once("=\"") {
        let end = end_of_value(value);
        labels.push((label.trim_start_matches(',').to_owned(), value[..end].to_owned()));
        rest = &value[end + 1..];
    }
    labels.sort();
    (name.to_owned(), labels)
}

/// Where the closing quote is: the first that isn't escaped.
fn end_of_value(value: &str) -> usize {
    let mut escaped = false;
    let end = value.bytes().position(|byte| {
        let closing = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closing
    });
    end.expect("a closing quote")
}
