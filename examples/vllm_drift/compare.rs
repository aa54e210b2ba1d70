//! Compares a page with the set.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};

use crate::{
    Findings,
    page::{Family, Page},
    set::{Known, Set, is_fixed},
};

pub(crate) fn compare(set: &Set, page: &Page) -> Result<Findings> {
    let theirs: BTreeMap<&str, &Family> = page
        .families
        .iter()
        .map(|(name, family)| (name.as_str(), family))
        .filter(|(name, _)| is_vllms(set, name))
        .filter(|(name, _)| !name.strip_suffix("_created").is_some_and(|name| page.families.contains_key(name)))
        .collect();
    ensure!(!theirs.is_empty(), "no family of the page is vLLM's");
    let mut findings = Findings::default();
    for (name, family) in &theirs {
        match set.families.get(*name) {
            Some(known) => {
                findings.drift.extend(changes(known, family).map(|change| format!("changed {name}: {change}")));
            }
            None => findings.drift.push(format!("new {name}: {}, {}", family.kind, names(family.labels.keys()))),
        }
    }
    let absent = set.families.iter().filter(|(name, _)| !theirs.contains_key(name.as_str()));
    let (mut optional, mut all_of_option) = (BTreeMap::new(), BTreeSet::new());
    for (name, known) in absent {
        match known.with {
            None => findings.drift.push(format!("gone {name}: the page lacks it")),
            Some(option) => optional.entry(option).or_insert_with(Vec::new).push(name.as_str()),
        }
    }
    all_of_option.extend(theirs.keys().filter_map(|name| set.families.get(*name)?.with));
    for (option, absent) in optional {
        // A page that shows some of an option's families should show all of them.
        if all_of_option.contains(option) {
            findings.drift.extend(absent.iter().map(|name| format!("gone {name}: the page has others of {option}")));
        } else {
            findings.notes.push(format!("note: the page shows nothing of {option}"));
        }
    }
    let others = page.families.len() - theirs.len();
    findings
        .notes
        .push(format!("note: {} families compared, {others} left out, since they aren't vLLM's", theirs.len()));
    Ok(findings)
}

/// Other programs' families may be on the same page: those of Python and of the process, say.
fn is_vllms(set: &Set, name: &str) -> bool {
    name.starts_with("vllm:") || set.families.contains_key(name)
}

/// How a family differs from the set's.
fn changes(known: &Known, theirs: &Family) -> impl Iterator<Item = String> + use<> {
    let ours = &known.family;
    let kind = (ours.kind != theirs.kind).then(|| format!("a {}, was a {}", theirs.kind, ours.kind));
    // A family without samples shows neither labels nor bounds.
    let shown = !theirs.samples.is_empty();
    let labels = (shown && !ours.labels.keys().eq(theirs.labels.keys())).then(|| {
        let new = theirs.labels.keys().filter(|label| !ours.labels.contains_key(*label));
        let gone = ours.labels.keys().filter(|label| !theirs.labels.contains_key(*label));
        format!("labels: new {}, gone {}", names(new), names(gone))
    });
    let bounds =
        (shown && !same_bounds(known, theirs)).then(|| format!("bounds: {:?}, were {:?}", theirs.bounds, ours.bounds));
    kind.into_iter().chain(labels).chain(values(ours, theirs)).chain(bounds)
}

/// The changed values of labels with a fixed list of them.
fn values(ours: &Family, theirs: &Family) -> Vec<String> {
    let metric = ours.samples.first().map_or("", String::as_str);
    let fixed = ours.labels.iter().filter(|(label, values)| is_fixed(label, metric) && !values.is_empty());
    let changed = fixed.filter_map(|(label, ours)| {
        let theirs = theirs.labels.get(label).filter(|theirs| *theirs != ours)?;
        Some(format!("{label}: new {}, gone {}", names(theirs.difference(ours)), names(ours.difference(theirs))))
    });
    changed.collect()
}

/// Whether the bounds are the set's. Some end at the longest context, which the page's may not
/// reach.
fn same_bounds(known: &Known, theirs: &Family) -> bool {
    let ours = &known.family.bounds;
    if known.grows { ours.starts_with(&theirs.bounds) && !theirs.bounds.is_empty() } else { *ours == theirs.bounds }
}

fn names<'n>(names: impl Iterator<Item = &'n String>) -> String {
    let names: Vec<_> = names.map(String::as_str).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(" ") }
}
