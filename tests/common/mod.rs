//! A page, read by a parser that isn't ours.

use std::collections::BTreeMap;

use openmetrics_parser::{PrometheusValue, prometheus::parse_prometheus};

/// A sample's name and labels (sorted by name; `le` as a number), and its value.
pub(crate) type Samples = BTreeMap<(String, Vec<(String, String)>), f64>;

/// All samples of a page. Panics on a page that the parser refuses, or that has a sample twice.
pub(crate) fn parse(page: &str) -> Samples {
    let exposition = parse_prometheus(page).unwrap_or_else(|error| panic!("{error}, in\n{page}"));
    let mut samples = Samples::new();
    for (name, family) in &exposition.families {
        for sample in family.iter_samples() {
            let labels = sample.get_labelset().expect("labels");
            let labels: Vec<_> = labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            for (suffix, bound, value) in numbers(&sample.value) {
                let le = bound.map(|bound| ("le".to_owned(), bound.to_string()));
                let mut labels: Vec<_> = labels.iter().cloned().chain(le).collect();
                labels.sort();
                let twice = samples.insert((format!("{name}{suffix}"), labels), value);
                assert_eq!(twice, None, "{name}{suffix} appears twice, in\n{page}");
            }
        }
    }
    samples
}

/// The numbers of a series: suffix of the name, upper bound, value.
fn numbers(value: &PrometheusValue) -> Vec<(&'static str, Option<f64>, f64)> {
    match value {
        PrometheusValue::Counter(counter) => vec![("", None, counter.value.as_f64())],
        PrometheusValue::Gauge(gauge) => vec![("", None, gauge.as_f64())],
        PrometheusValue::Histogram(histogram) => {
            let buckets = histogram.buckets.iter();
            let buckets = buckets.map(|bucket| ("_bucket", Some(bucket.upper_bound), bucket.count.as_f64()));
            let sum = histogram.sum.as_ref().map(|sum| ("_sum", None, sum.as_f64()));
            let count = histogram.count.map(|count| ("_count", None, count as f64));
            buckets.chain(sum).chain(count).collect()
        }
        other => panic!("a kind of family that we don't have: {other:?}"),
    }
}
