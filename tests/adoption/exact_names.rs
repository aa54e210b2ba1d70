//! Counters whose names dashboards know without `_total`, as those of Text Generation Inference.

use crate::{common, one_engine::OneEngine};
use tachometer::{Schema, SchemaError};

#[test]
fn a_page_shows_the_name_as_it_was_given() {
    let rig = OneEngine::new(|schema| {
        let requests = schema.counter::<u64>("tgi_request_count", "Requests.").exact_name().declare().unwrap();
        let seconds = schema.counter::<f64>("smg_db_seconds", "").exact_name().unit("seconds").registry_wide();
        let [read, _] = seconds.label("op", ["read", "write"]).declare().unwrap();
        let success = schema.counter::<u64>("tgi_request_success", "By method.").exact_name();
        (requests, read, success.dynamic_labels(["method"], 2).declare().unwrap())
    });
    let (requests, read, success) = rig.handles;
    rig.engine.shared_recorder().add(requests, 2);
    rig.engine.shared_recorder().with_label_values(success, ["single"]).inc();
    rig.registry.shared_recorder().add(read, 0.5);
    let page = rig.page();
    common::parse(&page);
    let expected = [
        "# HELP tgi_request_count Requests.",
        "# TYPE tgi_request_count counter",
        "tgi_request_count{engine=\"0\"} 2",
        "# TYPE smg_db_seconds counter",
        "smg_db_seconds{op=\"read\"} 0.5",
        "smg_db_seconds{op=\"write\"} 0.0",
        "# HELP tgi_request_success By method.",
        "# TYPE tgi_request_success counter",
        "tgi_request_success{engine=\"0\",method=\"other\"} 0",
        "tgi_request_success{engine=\"0\",method=\"single\"} 1",
    ];
    assert_eq!(page.lines().take(expected.len()).collect::<Vec<_>>(), expected);
}

#[test]
fn it_takes_this_name_alone() {
    let mut schema = Schema::builder(&[]);
    schema.counter::<u64>("x", "").exact_name().declare().unwrap();
    // No sample `x_created` or `x_total` comes from it.
    schema.gauge::<f64>("x_created", "").declare().unwrap();
    let twice = schema.gauge::<f64>("x", "").declare().unwrap_err();
    assert_eq!(twice, SchemaError::DuplicateFamily { family: "x".into() });
    let histogram = schema.histogram::<u64>("y", "", &[1.0]).declare();
    histogram.unwrap();
    let clash = schema.counter::<u64>("y_count", "").exact_name().declare().unwrap_err();
    assert!(matches!(clash, SchemaError::ExposedNameClash { .. }), "{clash}");
    // With the suffix it is the counter `z`, which has one way to be declared.
    let suffix = schema.counter::<u64>("z_total", "").exact_name().declare().unwrap_err();
    assert_eq!(suffix, SchemaError::CounterSuffix { family: "z_total".into() });
}
