//! Reads a page in Prometheus' text format: what families it has, not what they count.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};

/// The families of a page, by name; counters without `_total`.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) families: BTreeMap<String, Family>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Family {
    pub(crate) kind: String,
    /// Labels and their values, without a histogram's `le`.
    pub(crate) labels: BTreeMap<String, BTreeSet<String>>,
    /// The upper bounds of a histogram, as numbers in order, without `+Inf`.
    pub(crate) bounds: Vec<f64>,
    /// The names of its samples.
    pub(crate) samples: BTreeSet<String>,
}

impl Page {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut page = Self::default();
        for (number, line) in text.lines().enumerate() {
            page.line(line.trim()).with_context(|| format!("line {}", number + 1))?;
        }
        ensure!(!page.families.is_empty(), "the page has no family: no line begins with # TYPE");
        Ok(page)
    }

    fn line(&mut self, line: &str) -> Result<()> {
        if let Some(declared) = line.strip_prefix("# TYPE ") {
            let (name, kind) = declared.split_once(' ').context("a family without type")?;
            let name = if kind == "counter" { without_total(name) } else { name };
            self.families.entry(name.to_owned()).or_default().kind = kind.to_owned();
        } else if !line.is_empty() && !line.starts_with('#') {
            self.sample(line)?;
        }
        Ok(())
    }

    fn sample(&mut self, line: &str) -> Result<()> {
        let end = line.find(['{', ' ']).context("neither a comment nor a sample")?;
        let (name, rest) = line.split_at(end);
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => labels(rest)?,
            None => (Vec::new(), rest),
        };
        let value = rest.split_whitespace().next().context("a sample without value")?;
        value.parse::<f64>().with_context(|| format!("{value:?}"))?;
        // Samples of a family without TYPE aren't compared.
        let Some(family) = self.family_of(name) else { return Ok(()) };
        family.samples.insert(name.to_owned());
        for (label, value) in labels {
            if label == "le" && family.kind == "histogram" {
                let bound: f64 = value.parse().with_context(|| format!("le={value:?}"))?;
                if bound.is_finite() && !family.bounds.contains(&bound) {
                    family.bounds.push(bound);
                }
            } else {
                family.labels.entry(label).or_default().insert(value);
            }
        }
        Ok(())
    }

    fn family_of(&mut self, sample: &str) -> Option<&mut Family> {
        let suffixes = ["", "_total", "_bucket", "_sum", "_count"];
        let mut names = suffixes.iter().filter_map(|suffix| sample.strip_suffix(suffix));
        let name = names.find(|name| self.families.contains_key(*name))?;
        self.families.get_mut(name)
    }
}

/// A counter's name without the suffix of its samples.
pub(crate) fn without_total(name: &str) -> &str {
    name.strip_suffix("_total").unwrap_or(name)
}

/// Reads labels up to the closing brace. Returns them, and what follows.
pub(crate) fn labels(mut rest: &str) -> Result<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Ok((labels, rest));
        }
        let (name, quoted) = rest.split_once("=\"").context("labels without end")?;
        let (value, after) = quoted_text(quoted).context("a label value without end")?;
        labels.push((name.to_owned(), value));
        rest = after;
    }
}

/// The text up to the closing quotation mark, without its escapes, and what follows.
fn quoted_text(text: &str) -> Option<(String, &str)> {
    let (mut value, mut characters) = (String::new(), text.char_indices());
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                escaped => value.push(escaped),
            },
            other => value.push(other),
        }
    }
    None
}
