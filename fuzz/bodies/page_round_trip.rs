//! Any help text, label value and float: the page must be one that a parser accepts, and read back
//! to the same.

use openmetrics_parser::{
    OpenMetricsValue, PrometheusValue, openmetrics::parse_openmetrics, prometheus::parse_prometheus,
};
use tachometer::{Format, PageOptions, Registry, Schema};

/// Eight bytes of a float, then text that is split in two.
pub(crate) fn run(data: &[u8]) {
    let Some((bits, text)) = data.split_first_chunk() else { return };
    let value = f64::from_le_bytes(*bits);
    // This parser takes a carriage return for the end of a line; the format doesn't, and has no
    // escape for it.
    let text = String::from_utf8_lossy(text).replace('\r', "");
    let (help, label) = text.split_once('|').unwrap_or(("", &text));

    let mut schema = Schema::builder(&["engine"]);
    let gauge = schema.gauge::<f64>("x", help).declare().expect("any help text will do");
    let registry = Registry::new(schema.build().expect("a valid schema"));
    let engine = registry.attach(&[label]).expect("any label value will do");
    let mut recorder = engine.recorder().expect("the first recorder");
    let mut step = recorder.step();
    step.set(gauge, value);
    step.commit();
    let page = registry.page();
    let parsed = parse_prometheus(&page).unwrap_or_else(|error| panic!("{error}, in\n{page}"));
    let sample = parsed.families["x"].iter_samples().next().expect("a sample");
    let labels = sample.get_labelset().expect("labels");
    assert_eq!(labels.get_label_value("engine"), Some(label));
    let PrometheusValue::Gauge(read) = &sample.value else { panic!("not a gauge, in\n{page}") };
    assert!(read.as_f64() == value || value.is_nan() && read.as_f64().is_nan(), "{value} became {read:?}");

    let mut page = Vec::new();
    registry.render_as(Format::OpenMetrics, &PageOptions::new().families(["x"]), &mut page);
    let page = String::from_utf8(page).expect("UTF-8");
    let parsed = parse_openmetrics(&page).unwrap_or_else(|error| panic!("{error}, in\n{page}"));
    let sample = parsed.families["x"].iter_samples().next().expect("a sample");
    assert_eq!(sample.get_labelset().expect("labels").get_label_value("engine"), Some(label));
    let OpenMetricsValue::Gauge(read) = &sample.value else { panic!("not a gauge, in\n{page}") };
    assert!(read.as_f64() == value || value.is_nan() && read.as_f64().is_nan(), "{value} became {read:?}");
}
