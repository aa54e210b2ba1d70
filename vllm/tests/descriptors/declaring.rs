//! What can be declared, and what is refused by name.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tachometer::Schema;
use tachometer_vllm::{
    connectors::{self as payload, Key},
    descriptors::{Descriptor, DescriptorError, Limits},
};

use crate::rig::{declare, metric, with};

#[test]
fn what_no_page_may_hold_is_refused_by_name() {
    let (counter, histogram) = (metric("x", "inc_by_u64"), metric("h", "observe_each_f64"));
    for (metrics, named) in [
        (vec![metric("1 x", "inc_by_u64")], "\"1 x\""),
        (vec![metric("tachometer_x", "set_f64")], "\"tachometer_x\""),
        (vec![with(counter.clone(), "const_labels", json!({"engine": "7"}))], "\"engine\""),
        (vec![with(counter.clone(), "const_labels", json!({"a b": "7"}))], "\"a b\""),
        (vec![with(histogram.clone(), "const_labels", json!({"le": "7"}))], "\"le\""),
        (vec![with(histogram.clone(), "buckets", json!([2.0, 1.0]))], "\"h\""),
        (vec![with(histogram.clone(), "buckets", json!([1.0, 1.0]))], "\"h\""),
        (vec![with(histogram.clone(), "buckets", json!([]))], "\"h\""),
        (vec![counter.clone(), metric("x", "observe_each_f64")], "\"x\""),
        (vec![counter, metric("x", "set_u64")], "\"x\""),
        (vec![histogram.clone(), with(histogram.clone(), "buckets", json!([3.0]))], "\"h\""),
        (vec![histogram, metric("h_count", "set_u64")], "\"h_count\""),
    ] {
        let error = declare(&metrics, Limits::default()).map(drop).unwrap_err();
        assert!(matches!(error, DescriptorError::Schema(_)), "{error}");
        assert!(error.to_string().contains(named), "{error}");
    }
}

#[test]
fn a_descriptor_has_limits() {
    let counters: Vec<_> = (0..5).map(|n| metric(&format!("x{n}"), "inc_by_u64")).collect();
    let labelled = |n: usize| with(metric("y", "inc_by_u64"), "const_labels", json!({"n": n.to_string()}));
    let labelled: Vec<_> = (0..10).map(labelled).collect();
    let histogram = [metric("h", "observe_each_f64")]; // two buckets, +Inf, sum and count
    let limits = |families, samples| Limits { families, samples, ..Default::default() };
    assert!(declare(&counters, limits(5, 5)).is_ok());
    assert!(declare(&labelled, limits(1, 10)).is_ok());
    assert!(declare(&histogram, limits(1, 5)).is_ok());
    let refused = |metrics: &[Value], limits| declare(metrics, limits).map(drop).unwrap_err();
    let too_many = |what, found, limit| DescriptorError::TooMany { what, found, limit };
    assert_eq!(refused(&counters, limits(4, 9)), too_many("families", 5, 4));
    assert_eq!(refused(&labelled, limits(1, 9)), too_many("samples", 10, 9));
    assert_eq!(refused(&histogram, limits(1, 4)), too_many("samples", 5, 4));
    let long = [with(metric("x", "set_f64"), "documentation", "long".repeat(70_000))];
    assert_eq!(refused(&long, Limits::default()), too_many("text", 280_002, 262_144));
    let long = with(histogram[0].clone(), "const_labels", json!({"x": "y".repeat(60_000)}));
    assert_eq!(refused(&[long], Limits::default()), too_many("text", 300_011, 262_144));
    let many: BTreeMap<String, String> = (0..9).map(|n| (format!("l{n}"), String::new())).collect();
    let many = with(histogram[0].clone(), "const_labels", json!(many));
    assert_eq!(refused(&[many], Limits::default()), too_many("labels", 9, 8));
    let many = vec![metric("y", "inc_by_u64"); 257];
    assert_eq!(refused(&many, Limits::default()), too_many("entries", 257, 256));
    // As many labels as entries would take memory by the square of the document.
    let label = |n: usize| with(metric("y", "inc_by_u64"), "const_labels", json!({format!("l{n}"): ""}));
    let many: Vec<_> = (0..5_000).map(label).collect();
    let limits = Limits { entries: usize::MAX, ..Default::default() };
    assert_eq!(refused(&many, limits), too_many("labels", 9, 8));
}

/// A lot of something: refused, without a page or a schema of that size.
#[test]
fn huge_descriptors_are_refused() {
    const HUGE: usize = 20_000;
    let limits = Limits { entries: usize::MAX, ..Default::default() };
    let refused = |metrics: &[Value]| declare(metrics, limits).map(drop).unwrap_err();
    let too_many = |what, found, limit| DescriptorError::TooMany { what, found, limit };
    let bounds: Vec<usize> = (0..HUGE).collect();
    let histogram = with(metric("h", "observe_each_f64"), "buckets", bounds);
    assert_eq!(refused(&[histogram]), too_many("samples", HUGE + 3, 2_000));
    let name = metric(&"n".repeat(1_000_000), "inc_by_u64");
    assert!(matches!(refused(&[name]), DescriptorError::TooMany { what: "text", .. }));
    let labels: BTreeMap<String, &str> = (0..HUGE).map(|n| (format!("l{n}"), "")).collect();
    let labelled = with(metric("x", "inc_by_u64"), "const_labels", json!(labels));
    assert_eq!(refused(&[labelled]), too_many("labels", HUGE, 8));
    let families: Vec<_> = (0..HUGE).map(|n| metric(&format!("x{n}"), "inc_by_u64")).collect();
    assert_eq!(refused(&families), too_many("families", 65, 64));
}

/// JSON has neither NaN nor infinities, but MessagePack has.
#[test]
fn bounds_that_are_no_numbers_are_refused_by_name() {
    for bound in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let buckets = [1.0, bound];
        let metric: [(Key<'_>, payload::Value<'_>); 5] = [
            ("name".into(), "h".into()),
            ("type".into(), "histogram".into()),
            ("samples_path".into(), "h".into()),
            ("sample_kind".into(), "observe_each_f64".into()),
            ("buckets".into(), payload::Value::Floats(&buckets)),
        ];
        let metrics = [payload::Value::map(&metric), payload::Value::map(&metric)];
        let document = [
            ("descriptor_version".into(), 1.into()),
            ("connector_id".into(), "C".into()),
            ("metrics".into(), payload::Value::list(&metrics)),
        ];
        let payload = [("_metrics_descriptor".into(), payload::Value::map(&document))];
        let descriptor = Descriptor::of_payload(&payload::Value::map(&payload)).unwrap().unwrap();
        let mut schema = Schema::builder(&["engine"]);
        let error = descriptor.declare(&mut schema, Limits::default()).unwrap_err();
        assert!(error.to_string().contains("\"h\""), "{error}");
    }
}
