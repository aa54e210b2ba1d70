//! `docs/vllm-connectors.md` lists the families of the tables.

use std::{env, fmt::Write as _, fs};

use tachometer_vllm::{
    Config,
    connectors::{Absent, At, Exists, FamilyRow, KvConnector, Metric, Offloading, OffloadingSpec, Sample, Table},
};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/vllm-connectors.md");
const BEGIN: &str = "<!-- families -->\n";
const END: &str = "<!-- end of families -->\n";

/// The connectors with all of their families.
fn connectors() -> Vec<KvConnector<'static>> {
    let spec = OffloadingSpec::Tiering { kvcr: true, info_labels: &[] };
    vec![
        KvConnector::NixlPull,
        KvConnector::Mooncake,
        KvConnector::MooncakeStore,
        KvConnector::Offloading(Offloading { spec, store_threshold: 2 }),
        KvConnector::SimpleCpuOffload,
        KvConnector::Hf3fs,
        KvConnector::HiSparse { kv_cache_metrics: true },
        KvConnector::Umbp,
    ]
}

fn listed() -> String {
    let mut text = String::new();
    for connector in connectors() {
        connector.with_table(&Config::new(), |table| list(table, &mut text)).unwrap();
    }
    text
}

fn list(table: &Table<'_>, text: &mut String) {
    writeln!(text, "\n### `{}`\n", table.name).unwrap();
    text.push_str("| family | type | labels | series exist | numbers in the payload |\n|---|---|---|---|---|\n");
    for row in table.families {
        let samples: Vec<_> = row.samples.iter().map(numbers).collect();
        let (labels, exist) = labels(row);
        let kind = match row.metric {
            Metric::Histogram(bounds) => format!("histogram, {} bounds to {}", bounds.len(), bounds[bounds.len() - 1]),
            metric => metric.type_name().to_owned(),
        };
        writeln!(text, "| `{}` | {kind} | {labels} | {exist} | {} |", row.name, samples.join("; ")).unwrap();
    }
}

fn labels(row: &FamilyRow<'_>) -> (String, &'static str) {
    let quoted = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match row.exists {
        Exists::StartBy { label, values } => (format!("`{label}`: {}", quoted(values)), "from the start"),
        Exists::Start => ("–".to_owned(), "from the start"),
        Exists::FirstEvent if row.labels.is_empty() => ("–".to_owned(), "once reported"),
        Exists::FirstEvent => (quoted(row.labels), "once reported"),
    }
}

fn numbers(sample: &Sample<'_>) -> String {
    let path = sample.path.iter().map(|at| match at {
        At::Key(name) => (*name).to_owned(),
        At::Labels => "(…)".to_owned(),
        At::EachKey => "*".to_owned(),
        At::EachRecord(_) => "[…]".to_owned(),
    });
    let absent = match sample.absent {
        Absent::Refused => "must be there",
        Absent::Nothing => "may be absent",
        Absent::Zero => "0 if absent",
    };
    format!("`{}`: {:?}, {absent}", path.collect::<Vec<_>>().join(" "), sample.take)
}

#[test]
fn the_page_lists_the_families_of_the_tables() {
    let page = fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the beginning of the list");
    let (shown, after) = rest.split_once(END).expect("its end");
    if env::var_os("TACHOMETER_UPDATE_GOLDEN").is_some() {
        fs::write(PAGE, format!("{before}{BEGIN}{}\n{END}{after}", listed())).unwrap();
    } else {
        assert_eq!(shown, format!("{}\n", listed()), "TACHOMETER_UPDATE_GOLDEN=1 writes the page");
    }
}
