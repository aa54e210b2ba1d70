//! Reads a page, to compare what the crates print.

use std::collections::BTreeMap;

/// A sample's name and labels.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    /// Without `le`, sorted.
    pub(crate) labels: Vec<String>,
    /// A bucket's bound, as [`bound`] writes it.
    pub(crate) le: Option<String>,
}

/// A page's samples of `vllm_` families.
pub(crate) type Samples = BTreeMap<Sample, f64>;

/// A bound as text, the same for all spellings of a number.
pub(crate) fn bound(value: f64) -> String {
    value.to_string()
}

pub(crate) fn parse(page: &[u8]) -> Samples {
    let page = std::str::from_utf8(page).expect("a page is UTF-8");
    page.lines().filter(|line| line.starts_with("vllm_")).map(sample).collect()
}

fn sample(line: &str) -> (Sample, f64) {
    let (series, value) = line.rsplit_once(' ').expect("a value behind a space");
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let (mut labels, mut le) = (labels.trim_end_matches('}').split(',').collect::<Vec<_>>(), None);
    labels.retain(|label| match label.strip_prefix("le=") {
        Some(quoted) => {
            le = Some(bound(number(quoted.trim_matches('"'))));
            false
        }
        None => !label.is_empty(),
    });
    labels.sort_unstable();
    let labels = labels.into_iter().map(str::to_owned).collect();
    (Sample { name: name.to_owned(), labels, le }, number(value))
}

fn number(text: &str) -> f64 {
    // Rust reads +Inf too.
    text.parse().unwrap_or_else(|_| panic!("not a number: {text:?}"))
}
