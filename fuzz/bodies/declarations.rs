//! Any names, help texts, labels and limits: a declaration is refused for a rule that it breaks, or
//! its family reads back from the page as declared. The rules are written here a second time, as
//! the documentation of `SchemaError` and `SchemaBuilder` words them.

use std::collections::{BTreeMap, BTreeSet};

use openmetrics_parser::{MetricsExposition, PrometheusType, PrometheusValue, prometheus::parse_prometheus};
use tachometer::{AttachError, Engine, Registry, Schema, SchemaError, Snapshot};

use crate::model::{
    bytes::Bytes,
    plan::{Family, Handles, Kind, Label},
};

pub(crate) fn run(data: &[u8]) {
    let mut bytes = Bytes(data);
    let engine_labels: Vec<String> = (0..bytes.below(3)).map(|_| name(&mut bytes)).collect();
    let max_samples = *bytes.choose(&[20_000, 0, 3, 12, 30]);
    let mut builder = Schema::builder(&strs(&engine_labels));
    builder.max_samples(max_samples);
    let mut accepted: Vec<Family> = Vec::new();
    for _ in 0..1 + bytes.below(4) {
        let family = family(&mut bytes);
        let result = Handles::declare(&mut builder, &family).map(drop);
        if check(&broken_by_family(&family, &engine_labels, &accepted, max_samples), result) {
            accepted.push(family);
        }
    }
    let constant = (bytes.below(2) == 1).then(|| (name(&mut bytes), text(&mut bytes)));
    if let Some((name, value)) = &constant {
        builder.const_label(name, value);
    }
    let schema = builder.build();
    let broken = broken_by_schema(&engine_labels, constant.as_ref().map(|(name, _)| name), &accepted);
    if check(&broken, schema.as_ref().map(drop).map_err(Clone::clone)) {
        let registry = Registry::new(schema.expect("just checked"));
        let engines = engines(&mut bytes, &registry, &engine_labels);
        let all_labels =
            |(_, labels): &(Engine, LabelSet)| labels.clone().into_iter().chain(constant.clone()).collect();
        let engine_labels: Vec<_> = engines.iter().map(all_labels).collect();
        check_walk(&registry, &engine_labels, &accepted);
        check_page(&registry, &engine_labels, &accepted);
    }
}

/// Up to two engines with any values, and their labels.
fn engines(bytes: &mut Bytes<'_>, registry: &Registry, labels: &[String]) -> Vec<(Engine, LabelSet)> {
    let mut engines: Vec<(Engine, LabelSet)> = Vec::new();
    for _ in 0..bytes.below(3) {
        let values: Vec<String> = labels.iter().map(|_| text(bytes)).collect();
        let set: LabelSet = labels.iter().cloned().zip(values.clone()).collect();
        match registry.attach(&strs(&values)) {
            Ok(engine) if engines.iter().all(|(_, other)| *other != set) => engines.push((engine, set)),
            Err(AttachError::AlreadyAttached { .. }) if engines.iter().any(|(_, other)| *other == set) => {}
            result => panic!("{values:?}: {result:?}"),
        }
    }
    engines
}

type LabelSet = BTreeMap<String, String>;
type Page = MetricsExposition<PrometheusType, PrometheusValue>;

/// Fails unless a walk finds these families with their help, unit and label sets.
fn check_walk(registry: &Registry, engines: &[LabelSet], families: &[Family]) {
    let mut snapshot = Snapshot::new();
    registry.snapshot(&mut snapshot);
    for family in families {
        let found = snapshot.families().find(|found| found.name() == family.name).expect("it was accepted");
        assert_eq!((found.help(), found.unit()), (family.help.as_str(), family.unit.as_deref()), "{}", family.name);
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let mut seen: Vec<LabelSet> = found.samples().map(|sample| sample.labels().map(owned).collect()).collect();
        let mut expected = label_sets(engines, family);
        seen.sort();
        expected.sort();
        assert_eq!(seen, expected, "samples of {}", family.name);
    }
}

/// The label sets of all samples of a family.
fn label_sets(engines: &[LabelSet], family: &Family) -> Vec<LabelSet> {
    let with = |engine: &LabelSet, own: Vec<(String, String)>| engine.clone().into_iter().chain(own).collect();
    engines.iter().flat_map(|engine| family.series().into_iter().map(move |own| with(engine, own))).collect()
}

/// Fails unless the page has these families (and six about the recorders, and three about pages)
/// with their help, type and label sets.
fn check_page(registry: &Registry, engines: &[LabelSet], families: &[Family]) {
    let page = registry.page();
    if families.iter().any(parser_strips_too_much) {
        return;
    }
    let parsed = parse_prometheus(&page).unwrap_or_else(|error| panic!("{error}, in\n{page}"));
    // A family without a sample isn't there, as without engines.
    let shown = |family: &&Family| !engines.is_empty() && !family.series().is_empty();
    let of_engines = if engines.is_empty() { 0 } else { 6 };
    let expected = families.iter().filter(shown).count() + of_engines + 3;
    assert_eq!(parsed.families.len(), expected, "families of\n{page}");
    for family in families {
        let suffix = if family.kind.is_counter() && !family.exact_name { "_total" } else { "" };
        let name = format!("{}{suffix}", family.name);
        let kind = match family.kind {
            Kind::CounterU64 | Kind::CounterF64 => PrometheusType::Counter,
            Kind::GaugeI64 | Kind::GaugeF64 => PrometheusType::Gauge,
            Kind::HistogramU64 | Kind::HistogramF64 => PrometheusType::Histogram,
        };
        check_family(&parsed, &name, &family.help, kind, label_sets(engines, family));
    }
}

fn check_family(page: &Page, name: &str, help: &str, kind: PrometheusType, mut series: Vec<LabelSet>) {
    if series.is_empty() {
        return assert!(!page.families.contains_key(name), "{name} has no sample, and is in\n{page:?}");
    }
    let read = page.families.get(name).unwrap_or_else(|| panic!("{name} isn't in\n{page:?}"));
    assert_eq!(read.help, help, "help of {name}");
    assert_eq!(read.family_type, kind, "type of {name}");
    let pairs = |labels: openmetrics_parser::LabelSet<'_>| -> LabelSet {
        labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    let mut seen: Vec<LabelSet> = read.iter_samples().map(|sample| pairs(sample.get_labelset().unwrap())).collect();
    seen.sort();
    series.sort();
    assert_eq!(seen, series, "series of {name} in\n{page:?}");
}

/// This parser takes the suffix of a histogram's sample off as often as it occurs, so that it
/// loses a part of a name such as `x_count`.
fn parser_strips_too_much(family: &Family) -> bool {
    family.kind.is_histogram() && ["_bucket", "_sum", "_count"].iter().any(|suffix| family.name.ends_with(suffix))
}

/// Fails unless the result is the error of a broken rule, or there is none of either. Returns
/// whether it was accepted.
fn check(broken: &BTreeSet<&'static str>, result: Result<(), SchemaError>) -> bool {
    let error = result.as_ref().err().map(|error| format!("{error:?}"));
    let error = error.as_deref().map(|error| error.split(|c: char| !c.is_alphanumeric()).next().unwrap_or(""));
    match error {
        Some(error) => assert!(broken.contains(error), "{result:?}, but broken is {broken:?}"),
        None => assert!(broken.is_empty(), "accepted, but broken is {broken:?}"),
    }
    error.is_none()
}

/// The rules that a family breaks which is declared after `earlier`.
fn broken_by_family(
    family: &Family,
    engine_labels: &[String],
    earlier: &[Family],
    max_samples: usize,
) -> BTreeSet<&'static str> {
    let name = &family.name;
    let exposed = exposed(family);
    let total = earlier.iter().chain([family]).map(samples).sum::<usize>();
    let unit_is_suffix = |unit: &String| !unit.is_empty() && name.ends_with(&format!("_{unit}"));
    let labels: Vec<String> =
        engine_labels.iter().chain(family.labels.iter().map(|label| &label.name)).cloned().collect();
    let rules = [
        ("InvalidFamilyName", !is_name(name, true)),
        ("ReservedFamilyName", ["__", "tachometer_", "tachometer:"].iter().any(|prefix| name.starts_with(prefix))),
        ("CounterSuffix", family.kind.is_counter() && name.ends_with("_total")),
        ("DuplicateFamily", earlier.iter().any(|other| other.name == *name)),
        ("ExposedNameClash", earlier.iter().flat_map(self::exposed).any(|other| exposed.contains(&other))),
        ("UnitNotSuffix", family.unit.as_ref().is_some_and(|unit| !unit_is_suffix(unit))),
        ("LabelWithoutValues", family.labels.iter().any(|label| label.values.is_empty())),
        ("DuplicateLabelValue", family.labels.iter().any(|label| any_twice(&label.values))),
        ("TooManySamples", total > max_samples),
    ];
    broken(rules.into_iter().chain(label_rules(&labels, family.kind.is_histogram())))
}

/// The rules that the labels break which all samples have.
fn broken_by_schema(
    engine_labels: &[String],
    constant: Option<&String>,
    accepted: &[Family],
) -> BTreeSet<&'static str> {
    let labels: Vec<_> = constant.into_iter().chain(engine_labels).cloned().collect();
    let clashes = |family: &Family| family.labels.iter().any(|label| Some(&label.name) == constant);
    let rules = [
        ("ReservedLabelName", constant.is_some_and(|label| label == "le")),
        ("DuplicateLabel", accepted.iter().any(clashes)),
    ];
    broken(rules.into_iter().chain(label_rules(&labels, false)))
}

fn broken(rules: impl IntoIterator<Item = (&'static str, bool)>) -> BTreeSet<&'static str> {
    rules.into_iter().filter(|(_, broken)| *broken).map(|(rule, _)| rule).collect()
}

fn label_rules(labels: &[String], of_histogram: bool) -> [(&'static str, bool); 3] {
    let reserved = |label: &String| label == "le" && of_histogram || label.starts_with("__");
    [
        ("InvalidLabelName", labels.iter().any(|label| !is_name(label, false))),
        ("ReservedLabelName", labels.iter().any(reserved)),
        ("DuplicateLabel", any_twice(labels)),
    ]
}

fn any_twice(list: &[String]) -> bool {
    list.iter().collect::<BTreeSet<_>>().len() < list.len()
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`, in families' names with colons as well.
fn is_name(name: &str, colons: bool) -> bool {
    let letter = |byte: &u8| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'_') || colons && *byte == b':';
    let bytes = name.as_bytes();
    bytes.first().is_some_and(letter) && bytes.iter().all(|byte| letter(byte) || byte.is_ascii_digit())
}

/// What a family exposes, also in OpenMetrics.
fn exposed(family: &Family) -> Vec<String> {
    let suffixes: &[&str] = match family.kind {
        _ if family.exact_name => &[""],
        Kind::CounterU64 | Kind::CounterF64 => &["", "_total", "_created"],
        Kind::GaugeI64 | Kind::GaugeF64 => &[""],
        Kind::HistogramU64 | Kind::HistogramF64 => &["", "_bucket", "_sum", "_count", "_created"],
    };
    suffixes.iter().map(|suffix| format!("{}{suffix}", family.name)).collect()
}

/// Lines of a page: of a histogram one per bound, then `+Inf`, sum and count.
fn samples(family: &Family) -> usize {
    family.series().len() * if family.kind.is_histogram() { family.bounds.len() + 3 } else { 1 }
}

fn family(bytes: &mut Bytes<'_>) -> Family {
    let kind = Kind::decode(bytes);
    let label = |bytes: &mut Bytes<'_>| {
        let name = name(bytes);
        Label { name, values: (0..*bytes.choose(&[1, 2, 3, 0])).map(|_| text(bytes)).collect() }
    };
    let (name, choice) = (name(bytes), bytes.below(4));
    Family {
        kind,
        name,
        exact_name: choice == 2 && kind.is_counter(),
        unit: (choice == 3).then(|| (*bytes.choose(&["seconds", "a", "total", "_", ""])).to_owned()),
        help: text(bytes),
        labels: (0..bytes.below(3)).map(|_| label(bytes)).collect(),
        bounds: if kind.is_histogram() { vec![-1.0, 0.5, 1e9][bytes.below(3)..].to_vec() } else { Vec::new() },
    }
}

/// Most often one of few names, so that they collide.
fn name(bytes: &mut Bytes<'_>) -> String {
    const BASES: [&str; 4] = ["a", "b", "a_total", "engine"];
    const SUFFIXES: [&str; 10] =
        ["", "", "_total", "_count", "_sum", "_bucket", "_created", "_seconds", "_a", "_seconds_total"];
    const PARTS: [&str; 10] = ["a", "_", "__", ":", "9", "-", "é", "tachometer_", "le", "quantile"];
    match bytes.below(8) {
        0 => text(bytes),
        parts @ 1..=2 => (0..parts).map(|_| *bytes.choose(&PARTS)).collect(),
        _ => format!("{}{}", bytes.choose(&BASES), bytes.choose(&SUFFIXES)),
    }
}

/// Any text, but without carriage returns: the parser takes them for ends of lines; the format
/// doesn't, and has no escape for them.
fn text(bytes: &mut Bytes<'_>) -> String {
    let len = bytes.below(16).min(bytes.0.len());
    let (text, rest) = bytes.0.split_at(len);
    bytes.0 = rest;
    String::from_utf8_lossy(text).replace('\r', "")
}

fn strs(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}
