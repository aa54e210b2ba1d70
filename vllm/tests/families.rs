//! Which families the vLLM set has in which configuration: compares the set with the table in
//! `docs/vllm-families.md`, and the table with vLLM's families.

#[path = "../../tests/common/golden.rs"]
mod golden;
#[path = "../../tests/common/samples.rs"]
mod samples;
#[path = "../../tests/common/vllm_page.rs"]
mod vllm_page;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde::Deserialize;
use tachometer_vllm::{BucketFamily, CacheConfig, Config, VLLM_VERSION};
use vllm_page::{families, page};

const TABLE: &str = include_str!("../../docs/vllm-families.md");

/// A row of the table: a family.
#[derive(Debug)]
struct Row {
    name: &'static str,
    kind: &'static str,
    /// The bucket family in brackets.
    bounds: Option<&'static str>,
    /// Labels besides the engine labels, with their values if these are fixed.
    labels: BTreeMap<&'static str, BTreeSet<&'static str>>,
    engine_labels: BTreeSet<&'static str>,
    /// `None`: always.
    with: Option<&'static str>,
}

fn rows() -> Vec<Row> {
    let rows = TABLE.lines().filter(|line| line.starts_with("| `vllm:"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [name, kind, labels, with, adds] = cells[..] else { panic!("not five cells: {row}") };
        assert!(adds.len() > 5, "{row}");
        let (kind, bounds) = kind.split_once(' ').map_or((kind, None), |(kind, bounds)| (kind, Some(bounds)));
        Row {
            name: quoted(name)[0],
            kind,
            bounds: bounds.map(|bounds| quoted(bounds)[0]),
            labels: own_labels(labels),
            engine_labels: engine_labels(labels),
            with: (with != "always").then(|| quoted(with)[0]),
        }
    })
    .collect()
}

/// The texts between backticks.
fn quoted(cell: &'static str) -> Vec<&'static str> {
    cell.split('`').skip(1).step_by(2).collect()
}

fn own_labels(cell: &'static str) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    if cell.starts_with("the 37 fields") {
        assert_eq!(CacheConfig::DEFAULTS.len(), 37);
        return CacheConfig::DEFAULTS.iter().map(|(field, _)| (*field, BTreeSet::new())).collect();
    }
    let labels = cell.split("; ").filter(|label| label.starts_with('`'));
    labels.map(|label| (quoted(label)[0], quoted(label)[1..].iter().copied().collect())).collect()
}

fn engine_labels(cell: &str) -> BTreeSet<&'static str> {
    match cell {
        cell if cell.ends_with("; no engine labels") => BTreeSet::new(),
        cell if cell.ends_with("; `engine`, no other engine labels") => ["engine"].into(),
        _ => ["engine", "model_name"].into(),
    }
}

/// A configuration with one option enabled.
fn with(switch: &str) -> Config {
    let base = Config::new();
    match switch {
        "spec_decode" => base.spec_decode(3),
        "diffusion" => base.diffusion(true),
        "kv_consumer" => base.kv_consumer(true),
        "nan_check" => base.nan_check(true),
        "watermark" => base.watermark(true),
        "model_name" => base.model_name("m"),
        "kv_cache_metrics" => base.kv_cache_metrics(true),
        "lora" => base.lora(2),
        other => panic!("no such method of Config: {other}"),
    }
}

/// Everything except diffusion, which excludes speculative decoding.
fn everything() -> Config {
    let all = Config::new().model_name("m").spec_decode(3).lora(2).kv_consumer(true).kv_cache_metrics(true);
    all.watermark(true).nan_check(true)
}

#[test]
fn the_table_has_each_family_and_says_what_switches_it_on() {
    let rows = rows();
    assert_eq!(rows.len(), 53);
    let of = |wanted: Option<&str>| -> BTreeSet<(&str, &str)> {
        let rows = rows.iter().filter(|row| row.with == wanted);
        rows.map(|row| (row.name.strip_prefix("vllm:").unwrap(), row.kind)).collect()
    };
    let base = page(&Config::new());
    let base = families(&base);
    assert_eq!(base, of(None), "always");
    let switches: BTreeSet<&str> = rows.iter().filter_map(|row| row.with).collect();
    assert_eq!(switches.len(), 8, "{switches:?}");
    for switch in switches {
        let page = page(&with(switch));
        assert_eq!(families(&page).difference(&base).copied().collect::<BTreeSet<_>>(), of(Some(switch)), "{switch}");
    }
}

#[test]
fn a_diffusion_model_has_no_families_of_speculative_decoding() {
    assert_eq!(families(&page(&with("diffusion").spec_decode(3))), families(&page(&with("diffusion"))));
}

#[test]
fn the_table_has_each_familys_labels_and_their_values() {
    for config in [everything(), with("diffusion")] {
        let page = page(&config);
        let pages_families = families(&page);
        for row in rows().iter().filter(|row| pages_families.contains(&(&row.name["vllm:".len()..], row.kind))) {
            let mut expected: BTreeMap<&str, BTreeSet<&str>> = row.labels.clone();
            expected.extend(row.engine_labels.iter().map(|label| (*label, BTreeSet::new())));
            assert_eq!(labels(&page, row, &expected), expected, "{}", row.name);
        }
    }
}

/// The labels of a family's samples, with their values if these are fixed.
fn labels<'e>(
    page: &str,
    row: &Row,
    expected: &BTreeMap<&'e str, BTreeSet<&'e str>>,
) -> BTreeMap<&'e str, BTreeSet<&'e str>> {
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let samples = samples::samples(page, row.name);
    let suffixes: &[&str] = if row.kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
    let of_family =
        samples.keys().filter(|(name, _)| suffixes.iter().any(|suffix| *name == format!("{}{suffix}", row.name)));
    for (label, value) in of_family.flat_map(|(_, labels)| labels).filter(|(label, _)| label != "le") {
        let (label, values) = expected.get_key_value(label.as_str()).unwrap_or_else(|| panic!("{}: {label}", row.name));
        let known = values.get(value.as_str()).copied();
        assert!(known.is_some() || values.is_empty(), "{}: {label}={value}", row.name);
        found.entry(label).or_default().extend(known);
    }
    found
}

#[test]
fn the_table_has_the_bucket_family_of_each_histogram() {
    for &family in BucketFamily::ALL {
        let page = page(&everything().bounds(family, [0.25, 123.5]));
        for row in rows().iter().filter(|row| row.kind == "histogram") {
            let buckets = samples::samples(&page, &format!("{}_bucket", row.name));
            let own =
                buckets.len() == 3 && buckets.keys().any(|(_, labels)| labels.iter().any(|(_, le)| le == "123.5"));
            assert_eq!(own, row.bounds == Some(&family.to_string()), "{family}: {}", row.name);
        }
    }
}

/// What is known about one of vLLM's families.
#[derive(Deserialize)]
struct Family {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    /// With their values, if these are fixed.
    labels: BTreeMap<String, BTreeSet<String>>,
    bounds: Option<String>,
    /// As printed.
    #[serde(default)]
    le: BTreeSet<String>,
}

/// The upper bounds of a family's buckets, as printed.
fn bounds(page: &str, family: &str) -> BTreeSet<String> {
    let buckets = samples::samples(page, &format!("{family}_bucket{{")).into_keys();
    buckets.flat_map(|(_, labels)| labels).filter_map(|(label, le)| (label == "le").then_some(le)).collect()
}

#[test]
fn the_table_has_vllms_families_in_vllms_order() {
    const FAMILIES: &str = include_str!("data/families.jsonl");
    let page = page(&everything().max_model_len(131_072));
    let (rows, mut lines) = (rows(), FAMILIES.lines());
    for row in &rows {
        let vllms: Family = serde_json::from_str(lines.next().expect("as many as in the table")).unwrap();
        let shown = (row.name, row.kind, row.bounds);
        assert_eq!(shown, (&*vllms.name, &*vllms.kind, vllms.bounds.as_deref()));
        let of_row = row.labels.clone().into_iter();
        let of_row = of_row.chain(row.engine_labels.iter().map(|label| (*label, BTreeSet::new())));
        let owned = |values: BTreeSet<&str>| values.into_iter().map(str::to_owned).collect();
        let labels: BTreeMap<_, _> = of_row.map(|(label, values)| (label.to_owned(), owned(values))).collect();
        assert_eq!(labels, vllms.labels, "{}", row.name);
        assert_eq!(bounds(&page, row.name), vllms.le, "{}", row.name);
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn the_documents_name_the_release_that_the_set_equals() {
    let (minor, _) = VLLM_VERSION.rsplit_once('.').unwrap();
    for page in [TABLE, include_str!("../../docs/from-vllm.md"), include_str!("../README.md")] {
        let named: Vec<_> = page.match_indices("vLLM 0.").map(|(at, _)| &page[at + "vLLM ".len()..]).collect();
        assert!(!named.is_empty() && named.iter().all(|rest| rest.starts_with(minor)), "{minor}: {page}");
    }
    assert!(include_str!("data/README.md").contains(&format!("vLLM {VLLM_VERSION}")));
}

/// The names of all tests: whatever follows `fn` in the files of the tests and of the crate.
fn names_of_functions(directory: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names_of_functions(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(path).unwrap();
            names.extend(text.split("fn ").skip(1).filter_map(|rest| Some(rest.split_once('(')?.0.to_owned())));
        }
    }
}

#[test]
fn each_deliberate_difference_names_a_test_that_there_is() {
    const PAGE: &str = include_str!("../../docs/from-vllm.md");
    let mut tests = BTreeSet::new();
    for directory in ["tests", "../tests"] {
        names_of_functions(&Path::new(env!("CARGO_MANIFEST_DIR")).join(directory), &mut tests);
    }
    let tables = PAGE.split("## What differs").skip(1).flat_map(str::lines);
    let rows: Vec<_> = tables.filter(|line| line.starts_with("| ") && !line.starts_with("| what ")).collect();
    assert_eq!(rows.len(), 42);
    for row in rows {
        let shown_by = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let named = shown_by.split('`').skip(1).step_by(2);
        assert!(named.clone().all(|test| tests.contains(test)), "{row}");
        assert!(named.count() > 0 || row.starts_with("| several front end processes"), "{row}");
    }
}
