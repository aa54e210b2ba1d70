//! Which families the vLLM set has, under which configuration: against the table in `docs/vllm-families.md`, and against a page that a
//! real vLLM served.

#[path = "common/samples.rs"]
mod samples;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::Path,
};

use serde_json::Value;
use tachometer::{
    Registry, Schema,
    vllm::{BucketFamily, CacheConfig, Config, Families, LoraStats, SchedulerStats},
};

const TABLE: &str = include_str!("../docs/vllm-families.md");

/// A row of the table: a family.
#[derive(Debug)]
struct Row {
    name: &'static str,
    kind: &'static str,
    /// The bucket family in brackets.
    bounds: Option<&'static str>,
    /// Labels beside those of the engine, and their values if they are fixed.
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

/// What stands between backticks.
fn quoted(cell: &'static str) -> Vec<&'static str> {
    cell.split('`').skip(1).step_by(2).collect()
}

fn own_labels(cell: &'static str) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    if cell.starts_with("the 37 fields") {
        assert_eq!(CacheConfig::FIELDS, 37);
        return CacheConfig::fields().map(|field| (field, BTreeSet::new())).into();
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

/// A page of one engine, with a sample of each family.
fn page(config: &Config) -> String {
    let mut schema = Schema::builder().engine_labels(["engine", "model_name"]);
    let families = Families::declare(&mut schema, config).unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(["0", "m"]).unwrap();
    let mut recorder = engine.recorder().unwrap();
    let mut recording = families.recording(&mut recorder);
    recorder.record(|step| {
        recording.cache_config(step, &CacheConfig::default());
        recording.scheduler(step, &SchedulerStats { lora: Some(LoraStats::default()), ..Default::default() });
    });
    let mut page = Vec::new();
    registry.render(&mut page);
    String::from_utf8(page).unwrap()
}

/// Name and type of each family of a page.
fn families(page: &str) -> BTreeSet<(&str, &str)> {
    page.lines().filter_map(|line| line.strip_prefix("# TYPE vllm:")?.split_once(' ')).collect()
}

/// A configuration with one thing switched on.
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
        "nixl" => base.nixl(true),
        "mooncake" => base.mooncake(true),
        other => panic!("no such method of Config: {other}"),
    }
}

/// Everything but diffusion, which excludes speculative decoding.
fn everything() -> Config {
    let all = Config::new().model_name("m").spec_decode(3).lora(2).kv_consumer(true).kv_cache_metrics(true);
    all.watermark(true).nan_check(true).nixl(true).mooncake(true)
}

#[test]
fn the_table_has_each_family_and_says_what_switches_it_on() {
    let rows = rows();
    assert_eq!(rows.len(), 53 + 14);
    let of = |wanted: Option<&str>| -> BTreeSet<(&str, &str)> {
        let rows = rows.iter().filter(|row| row.with == wanted);
        rows.map(|row| (row.name.strip_prefix("vllm:").unwrap(), row.kind)).collect()
    };
    let base = page(&Config::new());
    let base = families(&base);
    assert_eq!(base, of(None), "always");
    let switches: BTreeSet<&str> = rows.iter().filter_map(|row| row.with).collect();
    assert_eq!(switches.len(), 10, "{switches:?}");
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

/// The labels of a family's samples, with the values of those that have fixed ones.
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
    for family in BucketFamily::ALL {
        let page = page(&everything().bounds(family, [0.25, 123.5]));
        for row in rows().iter().filter(|row| row.kind == "histogram") {
            let buckets = samples::samples(&page, &format!("{}_bucket", row.name));
            let own =
                buckets.len() == 3 && buckets.keys().any(|(_, labels)| labels.iter().any(|(_, le)| le == "123.5"));
            assert_eq!(own, row.bounds == Some(&family.to_string()), "{family}: {}", row.name);
        }
    }
}

/// A file that isn't part of the repository, where it is there.
fn shared(file: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(file);
    let text = fs::read_to_string(&path).ok();
    if text.is_none() {
        // Not `eprintln`, which the test harness swallows.
        writeln!(std::io::stderr(), "NOT TESTED: {} isn't there", path.display()).expect("stderr is open");
    }
    text
}

#[test]
fn the_table_has_vllms_families_in_vllms_order() {
    let Some(metrics) = shared("vllm/metrics.json") else { return };
    let metrics: Value = serde_json::from_str(&metrics).unwrap();
    let metrics = metrics["metrics"].as_array().unwrap();
    let suffix = |metric: &Value| if metric["type"] == "counter" { "_total" } else { "" };
    let vllms = metrics.iter().map(|metric| {
        let family = metric["family"].as_str().unwrap();
        (format!("{}{}", family.trim_end_matches("_total"), suffix(metric)), family, metric["type"].as_str().unwrap())
    });
    for ((counter, family, kind), row) in vllms.zip(&rows()[..53]) {
        let name = if kind == "counter" { counter.as_str() } else { family };
        assert_eq!((row.name, row.kind), (name, kind));
    }
}

#[test]
fn the_families_of_kv_connectors_have_vllms_bounds() {
    let Some(connectors) = shared("vllm/kv_connectors.json") else { return };
    let connectors: Value = serde_json::from_str(&connectors).unwrap();
    let page = page(&everything());
    let bounds = |family: &str| -> Vec<f64> {
        let buckets = samples::samples(&page, &format!("{family}_bucket{{"));
        let le = buckets.keys().flat_map(|(_, labels)| labels).filter(|(label, _)| label == "le");
        let mut bounds: Vec<f64> = le.map(|(_, le)| le.parse().unwrap()).collect();
        bounds.sort_by(f64::total_cmp);
        bounds
    };
    let mut compared = 0;
    for (family, described) in connectors["nixl"].as_object().unwrap() {
        let expected: Vec<f64> = match &described["bounds"] {
            Value::Array(bounds) => bounds.iter().map(|bound| bound.as_f64().unwrap()).collect(),
            Value::String(rule) if rule == "2^(10+i) for i = 1,3,..,23" => {
                (1..=23).step_by(2).map(|i| 2_f64.powi(10 + i)).collect()
            }
            _ => continue,
        };
        assert_eq!(bounds(family), [&expected[..], &[f64::INFINITY]].concat(), "{family}");
        let mooncakes = family.replace("nixl", "mooncake");
        if connectors["mooncake"].get(&mooncakes).is_some() {
            assert_eq!(bounds(&mooncakes), bounds(family), "{mooncakes}");
            compared += 1;
        }
        compared += 1;
    }
    assert_eq!(compared, 7);
}

/// The page of a real vLLM.
const CAPTURE: &str = "captures/inferstack_vllm-0.29.0_real.prom";

/// A field of the cache configuration that vLLM has dropped since.
const DROPPED: [(&str, &str); 1] = [("vllm:cache_config_info", "user_specified_mamba_block_size")];

#[test]
fn every_family_of_a_real_page_is_one_of_ours_with_the_same_labels() {
    let Some(capture) = shared(CAPTURE) else { return };
    let ours = page(&Config::new());
    let mut compared = 0;
    for (family, kind) in families(&capture).iter().filter(|(family, _)| !family.ends_with("_created")) {
        assert!(families(&ours).contains(&(*family, *kind)), "{family}");
        let label_names = |page: &str| -> BTreeSet<(String, BTreeSet<String>)> {
            let samples = samples::samples(page, &format!("vllm:{family}")).into_keys();
            let samples = samples.filter(|(name, _)| !name.ends_with("_created"));
            samples.map(|(name, labels)| (name, labels.into_iter().map(|(label, _)| label).collect())).collect()
        };
        for (name, mut labels) in label_names(&capture) {
            labels.retain(|label| !DROPPED.contains(&(&name, label)));
            let own = label_names(&ours).into_iter().find(|(own, _)| *own == name).expect("we have the sample").1;
            assert!(labels.is_subset(&own), "{name}: {labels:?} but {own:?}");
            assert!(name == DROPPED[0].0 || labels == own, "{name}: {labels:?} but {own:?}");
            compared += 1;
        }
    }
    assert!(compared > 50, "{compared}");
}

#[test]
fn the_identities_of_a_real_page() {
    let Some(capture) = shared(CAPTURE) else { return };
    let sum = |prefix: &str| samples::samples(&capture, prefix).values().sum::<f64>();
    let prompt_tokens = sum("vllm:prompt_tokens_total{");
    assert_eq!(prompt_tokens, sum("vllm:prompt_tokens_by_source_total{"));
    assert_eq!(prompt_tokens, sum("vllm:prefix_cache_queries_total{"));
    let computed = prompt_tokens - sum("vllm:prefix_cache_hits_total{");
    assert_eq!(computed, sum("vllm:request_prefill_kv_computed_tokens_sum{"));
    let (generated, requests) = (sum("vllm:generation_tokens_total{"), sum("vllm:request_success_total{"));
    assert_eq!(sum("vllm:inter_token_latency_seconds_count{"), generated - requests);
    assert_eq!(sum("vllm:iteration_tokens_total_sum{"), computed + generated);
}

/// The names of all tests: what stands in the files of tests and of the crate behind `fn`.
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
    const PAGE: &str = include_str!("../docs/from-vllm.md");
    let mut tests = BTreeSet::new();
    names_of_functions(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"), &mut tests);
    let tables = PAGE.split("## What differs").skip(1).flat_map(str::lines);
    let rows: Vec<_> = tables.filter(|line| line.starts_with("| ") && !line.starts_with("| what ")).collect();
    assert_eq!(rows.len(), 26);
    for row in rows {
        let shown_by = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let named = shown_by.split('`').skip(1).step_by(2);
        assert!(named.clone().all(|test| tests.contains(test)), "{row}");
        assert!(named.count() > 0 || row.starts_with("| several front end processes"), "{row}");
    }
}
