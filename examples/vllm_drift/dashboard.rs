//! Finds the panels of a Grafana dashboard that would be empty.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::{
    Findings,
    page::without_total,
    promql::{self, Matcher, Query},
    set::{Known, Set, is_fixed},
};

/// Labels that scrapers and exporters add.
const SCRAPERS: [&str; 12] = [
    "job",
    "instance",
    "namespace",
    "pod",
    "service",
    "container",
    "endpoint",
    "cluster",
    "node",
    "app",
    "le",
    "__name__",
];

pub(crate) fn check(set: &Set, dashboard: &Value) -> Result<Findings> {
    let Found { queries, libraries } = Found::default().with(dashboard, "the dashboard");
    ensure!(!queries.is_empty(), "the JSON has no panel with a query (expr), so it's no dashboard");
    let mut checker = Checker { set, findings: Findings::default(), notes: BTreeSet::new() };
    for panel in libraries {
        checker.notes.insert(format!("note: {panel:?}: its queries are in a library, so they weren't checked"));
    }
    for (panel, expression) in &queries {
        checker.query(panel, &promql::read(expression));
    }
    let Checker { mut findings, notes, .. } = checker;
    findings.drift.sort();
    findings.drift.dedup();
    findings.notes.extend(notes);
    findings.notes.push(format!("note: {} queries read", queries.len()));
    Ok(findings)
}

/// What a dashboard has.
#[derive(Default)]
struct Found<'d> {
    /// All queries, each with the title of its panel or the name of its variable.
    queries: Vec<(&'d str, &'d str)>,
    /// Panels whose queries are elsewhere.
    libraries: Vec<&'d str>,
}

impl<'d> Found<'d> {
    fn with(mut self, value: &'d Value, place: &'d str) -> Self {
        self.collect(value, place);
        self
    }

    fn collect(&mut self, value: &'d Value, place: &'d str) {
        match value {
            Value::Object(fields) => {
                let is_panel = ["targets", "panels", "libraryPanel"].iter().any(|key| fields.contains_key(*key));
                let named = fields.get("title").filter(|_| is_panel);
                let named = named.or_else(|| fields.get("name").filter(|_| fields.contains_key("query")));
                let place = named.and_then(Value::as_str).unwrap_or(place);
                if fields.get("libraryPanel").is_some_and(|panel| panel.get("model").is_none())
                    && !fields.contains_key("targets")
                {
                    self.libraries.push(place);
                }
                for (key, value) in fields {
                    match value {
                        Value::String(text) if key == "expr" => self.queries.push((place, text)),
                        Value::String(text) if key == "query" && is_of_variable(text) => {
                            self.queries.push((place, text));
                        }
                        _ => self.collect(value, place),
                    }
                }
            }
            Value::Array(values) => values.iter().for_each(|value| self.collect(value, place)),
            _ => {}
        }
    }
}

/// Whether it is the query of a variable that asks for metrics.
fn is_of_variable(query: &str) -> bool {
    query.contains("label_values(") || query.contains("query_result(")
}

struct Checker<'s> {
    set: &'s Set,
    findings: Findings,
    notes: BTreeSet<String>,
}

impl Checker<'_> {
    fn query(&mut self, panel: &str, query: &Query) {
        let set = self.set;
        let mut known = Vec::new();
        for selector in &query.selectors {
            let metric = selector.metric.as_str();
            match set.with_sample(metric) {
                Some(family) => {
                    known.push(family);
                    self.known(panel, metric, family, &selector.matchers);
                }
                None if metric.starts_with("vllm:") => {
                    let hint = similar(set, metric).map(|name| format!(", which has {name}")).unwrap_or_default();
                    self.findings.drift.push(format!("empty {panel:?}: {metric} isn't in the set{hint}"));
                }
                None if metric.is_empty() => self.chosen(panel, &selector.matchers),
                None => {
                    self.notes.insert(format!("note: {panel:?}: {metric} isn't vLLM's, so it wasn't checked"));
                }
            }
        }
        let has = |label: &String| {
            known.iter().any(|known| known.family.labels.contains_key(label)) || query.texts.contains(label)
        };
        for label in query.grouping.iter().filter(|label| !known.is_empty() && !is_scrapers(label) && !has(label)) {
            self.findings.drift.push(format!("label {panel:?}: groups by {label}, which no family of the query has"));
        }
    }

    /// Checks a selector without the name of a metric.
    fn chosen(&mut self, panel: &str, matchers: &[Matcher]) {
        let named = matchers.iter().find(|matcher| matcher.label == "__name__" && matcher.operator == "=~");
        let Some(Matcher { value: pattern, .. }) = named else {
            self.notes.insert(format!("note: {panel:?}: a variable chooses the metric, so it wasn't checked"));
            return;
        };
        let samples = self.set.families.values().flat_map(|known| &known.family.samples);
        let taken: BTreeSet<_> = samples.map(|sample| promql::takes(pattern, sample)).collect();
        if taken.contains(&None) || !pattern.contains("vllm") {
            self.notes.insert(format!("note: {panel:?}: a pattern chooses the metric, so it wasn't checked"));
        } else if !taken.contains(&Some(true)) {
            self.findings.drift.push(format!("empty {panel:?}: no metric of the set is like {pattern:?}"));
        }
    }

    /// Checks the matchers of a family of the set.
    fn known(&mut self, panel: &str, metric: &str, known: &Known, matchers: &[Matcher]) {
        if let Some(option) = known.with {
            self.notes.insert(format!("note: {panel:?}: {metric} needs the option {option}"));
        }
        for Matcher { label, operator, value } in matchers {
            // A matcher that takes what has no such label leaves the panel full.
            let refuses = |found: &String| match operator.as_str() {
                "=" => !value.is_empty() && !value.contains('$') && value != found,
                "=~" => promql::takes(value, found) == Some(false),
                _ => false,
            };
            match known.family.labels.get(label) {
                None if label == "le" && operator == "=" && has_no_bound(known, value) => {
                    self.findings.drift.push(format!("empty {panel:?}: {metric} has no le={value:?}"));
                }
                None if is_scrapers(label) => {}
                None => self.findings.drift.push(format!("label {panel:?}: {metric} has no label {label}")),
                Some(values) if is_fixed(label, metric) && !values.is_empty() && values.iter().all(refuses) => {
                    self.findings.drift.push(format!("empty {panel:?}: {metric} has no {label}{operator}{value:?}"));
                }
                Some(_) => {}
            }
        }
    }
}

fn has_no_bound(known: &Known, bound: &str) -> bool {
    bound.parse().is_ok_and(|bound: f64| bound.is_finite() && !known.family.bounds.contains(&bound))
}

fn is_scrapers(label: &str) -> bool {
    label.is_empty() || label.starts_with('$') || SCRAPERS.contains(&label)
}

/// A sample of the same family, under the name that it has now.
fn similar<'s>(set: &'s Set, metric: &str) -> Option<&'s str> {
    let names = ["_bucket", "_sum", "_count"].iter().filter_map(|suffix| metric.strip_suffix(suffix));
    let mut names = names.chain([metric, without_total(metric)]);
    let family = names.find_map(|name| set.families.get(name))?;
    family.family.samples.first().map(String::as_str)
}
