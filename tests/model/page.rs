//! The page that a twin would print, as samples, compared with what a parser that isn't ours reads.

use super::{
    collecting, dynamic, guards, joined,
    plan::{Family, LabelSet, Plan},
    states,
    twin::{Cell, TwinEngine},
};
use crate::common;

/// A sample that the page must have.
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    number: Number,
    /// How far a float may be off.
    slack: f64,
}

#[derive(Clone, Copy)]
enum Number {
    Integer(i128),
    Float(f64),
}

/// Fails unless the page has just the samples of these engines and what was collected, and counts
/// the pages before it and their bytes.
pub(crate) fn check(
    page: &str,
    plan: &Plan,
    engines: &[&TwinEngine],
    collected: Option<(u64, Option<i64>)>,
    [pages, bytes]: [usize; 2],
) {
    let page = without_seconds(page, pages);
    let page = page.as_str();
    let mut expected: Vec<Sample> = engines.iter().flat_map(|engine| samples(plan, engine)).collect();
    let mut add = |name: &str, number: i128| {
        let (name, labels) = (name.to_owned(), plan.const_labels.clone());
        expected.push(Sample { name, labels, number: Number::Integer(number), slack: 0.0 });
    };
    add("tachometer_rendered_bytes_total", bytes as i128);
    add("tachometer_snapshot_retries_total", 0);
    if let Some((failures, value)) = collected {
        add("tachometer_collector_failures_total", failures.into());
        value.into_iter().for_each(|value| add(collecting::NAME, value.into()));
    }
    check_integers(page, &expected);
    let mut read = common::parse(page);
    for Sample { name, labels, number, slack } in expected {
        let number = match number {
            // This parser reads a count as an `i64`.
            Number::Integer(count) if name.ends_with("_count") => count.min(i64::MAX.into()) as f64,
            Number::Integer(integer) => integer as f64,
            Number::Float(float) => float,
        };
        let key = (name, labels);
        let seen = read.remove(&key).unwrap_or_else(|| panic!("{key:?} isn't in\n{page}"));
        let same = seen == number || seen.is_nan() && number.is_nan() || (seen - number).abs() <= slack;
        assert!(same, "{key:?} is {seen}, not {number}, in\n{page}");
    }
    assert!(read.is_empty(), "{read:?} doesn't belong in\n{page}");
}

/// The page without how long pages took, which nobody knows; but their number must be there.
fn without_seconds(page: &str, pages: usize) -> String {
    let (seconds, others): (Vec<&str>, Vec<&str>) =
        page.split_inclusive('\n').partition(|line| line.contains("tachometer_render_seconds"));
    let (name, number) = ("tachometer_render_seconds_count", format!(" {pages}\n"));
    assert!(seconds.iter().any(|line| line.starts_with(name) && line.ends_with(&number)), "{pages} pages: {page}");
    others.concat()
}

/// Compares integers by their digits: the parser reads those beyond an `i64` as floats.
fn check_integers(page: &str, expected: &[Sample]) {
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    let parts = samples.filter_map(|line| Some((line.split(['{', ' ']).next()?, line.rsplit(' ').next()?)));
    let mut seen: Vec<_> =
        parts.filter_map(|(name, number)| Some((name.to_owned(), number.parse::<i128>().ok()?))).collect();
    let integer = |sample: &Sample| match sample.number {
        Number::Integer(integer) => Some((sample.name.clone(), integer)),
        Number::Float(_) => None,
    };
    let mut expected: Vec<_> = expected.iter().filter_map(integer).collect();
    seen.sort();
    expected.sort();
    assert_eq!(seen, expected, "integers of\n{page}");
}

fn samples(plan: &Plan, engine: &TwinEngine) -> Vec<Sample> {
    let engine_labels = plan.engine_labels.iter().cloned().zip(engine.values.iter().cloned());
    let engine_labels: Vec<_> = plan.const_labels.iter().cloned().chain(engine_labels).collect();
    let [recorders, open_steps] = engine.recorders_and_open_steps();
    let own = [
        ("tachometer_steps_total", engine.steps() + engine.parts.steps()),
        ("tachometer_recorders", recorders as u64),
        ("tachometer_open_steps", open_steps as u64),
        ("tachometer_rejected_observations_total", engine.rejected),
        ("tachometer_discarded_steps_total", engine.discarded),
        ("tachometer_foreign_handles_total", 0),
        ("tachometer_overflowed_label_values_total", engine.dynamic.as_ref().map_or(0, |twin| twin.overflowed)),
    ];
    let mut samples: Vec<Sample> = Vec::new();
    let mut add = |name: String, labels: &[&[(String, String)]], number, slack| {
        let mut labels = labels.concat();
        labels.sort();
        samples.push(Sample { name, labels, number, slack });
    };
    for (name, count) in own {
        add(name.to_owned(), &[&engine_labels], Number::Integer(count.into()), 0.0);
    }
    for (twin, (tenant, index)) in engine.dynamic.iter().flat_map(|twin| twin.tenants.iter().map(move |of| (twin, of)))
    {
        let tenant = [(dynamic::LABEL.to_owned(), (*tenant).to_owned())];
        add(dynamic::NAME.to_owned(), &[&engine_labels, &tenant], Number::Integer(twin.totals[*index].into()), 0.0);
    }
    if let Some(part) = engine.parts.part {
        add(joined::NAME.to_owned(), &[&engine_labels], Number::Integer(part.total.into()), 0.0);
    }
    for (name, labels, number, slack) in others(plan, engine) {
        add(name, &[&engine_labels, &labels], number, slack);
    }
    for ((family, set), cell) in &engine.total() {
        let family = &plan.families[*family];
        for (suffix, bound, number, slack) in family.numbers(cell) {
            let bound: Vec<_> = bound.map(|bound| ("le".to_owned(), bound)).into_iter().collect();
            add(format!("{}{suffix}", family.name), &[&engine_labels, set, &bound], number, slack);
        }
    }
    samples
}

/// What families have that aren't in each plan: names, own labels and numbers, and how far a float
/// may be off.
fn others(plan: &Plan, engine: &TwinEngine) -> impl Iterator<Item = (String, LabelSet, Number, f64)> {
    plan.has_states.then(|| of_states(engine).chain(of_guards(engine))).into_iter().flatten()
}

/// States and settable gauges.
fn of_states(engine: &TwinEngine) -> impl Iterator<Item = (String, LabelSet, Number, f64)> {
    states::samples(&engine.states(), &engine.settable).into_iter().map(|sample| {
        let (name, labels, number) = match sample {
            states::Sample::Integer(name, labels, value) => (name, labels, Number::Integer(value.into())),
            states::Sample::Float(name, value) => (name, Vec::new(), Number::Float(value)),
        };
        (name.to_owned(), owned(labels), number, 0.0)
    })
}

/// Guards and timers.
fn of_guards(engine: &TwinEngine) -> impl Iterator<Item = (String, LabelSet, Number, f64)> {
    guards::samples(&engine.guards, engine.dynamic.is_some()).into_iter().map(|sample| {
        let (number, slack) = match sample.number {
            guards::Number::Integer(integer) => (Number::Integer(integer), 0.0),
            guards::Number::Float(float) => (Number::Float(float), 0.0),
            guards::Number::AtMost(most) => (Number::Float(most / 2.0), most / 2.0),
        };
        (sample.name, owned(sample.labels), number, slack)
    })
}

fn owned(labels: Vec<(&str, &str)>) -> LabelSet {
    labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

impl Family {
    /// A series' samples: suffix of the name, upper bound, number, slack.
    fn numbers(&self, cell: &Cell) -> Vec<(&'static str, Option<String>, Number, f64)> {
        let suffix = if self.kind.is_counter() { "_total" } else { "" };
        let (buckets, sum, slack) = match cell {
            Cell::U64(value) => return vec![(suffix, None, Number::Integer((*value).into()), 0.0)],
            Cell::I64(value) => return vec![(suffix, None, Number::Integer((*value).into()), 0.0)],
            Cell::F64(value) => return vec![(suffix, None, Number::Float(*value), 0.0)],
            Cell::HistogramU64 { buckets, sum } => (buckets, Number::Integer((*sum).into()), 0.0),
            Cell::HistogramF64 { buckets, sum } => (buckets, Number::Float(sum.value), sum.slack),
        };
        let counts = cumulative(buckets);
        let count = *counts.last().expect("the overflow bucket");
        let bounds = self.bounds.iter().chain([&f64::INFINITY]).map(f64::to_string);
        let buckets = bounds.zip(counts).map(|(bound, n)| ("_bucket", Some(bound), Number::Integer(n.into()), 0.0));
        let totals = [("_sum", None, sum, slack), ("_count", None, Number::Integer(count.into()), 0.0)];
        let sum_can_fall = self.bounds.iter().any(|bound| *bound < 0.0);
        buckets.chain(totals.into_iter().filter(|_| !sum_can_fall)).collect()
    }
}

/// Observations at or below each bound; cut off at the greatest `u64`.
pub(crate) fn cumulative(buckets: &[u64]) -> Vec<u64> {
    let mut count = 0_u64;
    let mut add = |bucket: &u64| {
        count = count.saturating_add(*bucket);
        count
    };
    buckets.iter().map(&mut add).collect()
}
