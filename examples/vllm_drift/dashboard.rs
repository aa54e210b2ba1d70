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
    let mut queries = Vec::new();
    collect(dashboard, "the dashboard", &mut queries);
    ensure!(!queries.is_empty(), "the JSON has no panel with a query (expr), so it's no dashboard");
    let mut checker = Checker { set, findings: Findings::default(), notes: BTreeSet::new() };
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

/// All queries, each with the title of its panel or the name of its variable.
fn collect<'d>(value: &'d Value, place: &'d str, queries: &mut Vec<(&'d str, &'d str)>) {
    match value {
        Value::Object(fields) => {
            let named = fields.get("title").filter(|_| fields.contains_key("targets") || fields.contains_key("panels"));
            let named = named.or_else(|| fields.get("name").filter(|_| fields.contains_key("query")));
            let place = named.and_then(Value::as_str).unwrap_or(place);
            for (key, value) in fields {
                match value {
                    Value::String(text) if key == "expr" => queries.push((place, text)),
                    Value::String(text) if key == "query" && text.contains("label_values(") => {
                        queries.push((place, text));
                    }
                    _ => collect(value, place, queries),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, place, queries)),
        _ => {}
    }
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
                None if metric.is_empty() => {
                    self.notes.insert(format!("note: {panel:?}: a variable chooses the metric, so it wasn't checked"));
                }
                None => {
                    self.notes.insert(format!("note: {panel:?}: {metric} isn't vLLM's, so it wasn't checked"));
                }
            }
        }
        let has = |label: &String| known.iter().any(|known| known.family.labels.contains_key(label));
        for label in query.grouping.iter().filter(|label| !known.is_empty() && !is_scrapers(label) && !has(label)) {
            self.findings.drift.push(format!("label {panel:?}: groups by {label}, which no family of the query has"));
        }
    }

    /// Checks the matchers of a family of the set.
    fn known(&mut self, panel: &str, metric: &str, known: &Known, matchers: &[Matcher]) {
        if let Some(option) = known.with {
            self.notes.insert(format!("note: {panel:?}: {metric} needs the option {option}"));
        }
        for Matcher { label, operator, value } in matchers.iter().filter(|matcher| !is_scrapers(&matcher.label)) {
            // A matcher that takes what has no such label leaves the panel full.
            let asks = operator == "=" && !value.is_empty() && !value.contains('$');
            match known.family.labels.get(label) {
                None => self.findings.drift.push(format!("label {panel:?}: {metric} has no label {label}")),
                Some(values) if asks && is_fixed(label, metric) && !values.contains(value) => {
                    self.findings.drift.push(format!("empty {panel:?}: {metric} has no {label}={value:?}"));
                }
                Some(_) => {}
            }
        }
    }
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
