//! Schemas that join a running registry, and leave it again.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/one_step.rs"]
mod one_step;
#[path = "../common/shown.rs"]
mod shown;

mod labels;
mod leaving;
mod names;
mod pages;
mod parts;
mod self_metrics;

use tachometer::{Counter, Registry, Schema};

/// A schema of one counter.
pub(crate) fn schema(labels: &[&str], family: &str) -> (Schema, Counter<u64>) {
    let mut builder = Schema::builder(labels);
    let count = builder.counter(family, "").declare().expect("a valid family");
    (builder.build().expect("a valid schema"), count)
}

/// A registry whose engines have the label `engine` and the counter `count`.
pub(crate) fn registry() -> (Registry, Counter<u64>) {
    let (schema, count) = schema(&["engine"], "count");
    (Registry::new(schema), count)
}

/// The samples of a page that a strict parser accepts, without those about pages.
pub(crate) fn samples(registry: &Registry) -> Vec<String> {
    let page = registry.page();
    common::parse(&page);
    let about_pages = ["tachometer_snapshot_", "tachometer_render", "# "];
    let lines = page.lines().filter(|line| !about_pages.iter().any(|begin| line.starts_with(begin)));
    lines.map(str::to_owned).collect()
}

/// Those that the crate doesn't add.
pub(crate) fn declared(registry: &Registry) -> Vec<String> {
    samples(registry).into_iter().filter(|line| !line.starts_with("tachometer_")).collect()
}

/// The samples of one of the crate's own families.
pub(crate) fn own(registry: &Registry, family: &str) -> Vec<String> {
    let begin = format!("tachometer_{family}");
    let lines = samples(registry).into_iter();
    lines.filter_map(|line| line.strip_prefix(&begin).map(str::to_owned)).collect()
}
