//! Labels that all samples of a page have.

use crate::{common, one_step::OneStep as _};
use tachometer::{Registry, Schema, SchemaBuilder};

/// A family of each kind that has labels of its own, or none.
fn declare(schema: &mut SchemaBuilder) {
    schema.counter::<u64>("a", "").declare().unwrap();
    schema.histogram::<u64>("b", "", &[1.0]).label("x", ["1", "2"]).declare().unwrap();
    schema.gauge::<f64>("c", "").registry_wide().declare().unwrap();
    schema.gauge::<f64>("d", "").registry_wide().label("x", ["1"]).declare().unwrap();
    schema.state_set("e", "", "x", &["on", "off"]).declare().unwrap();
    schema.gauge::<i64>("f", "").settable().declare().unwrap();
}

/// A page on which each kind of family has a sample.
fn page(engine_labels: &[&str], constant: &[(&str, &str)]) -> String {
    let mut schema = Schema::builder(engine_labels);
    constant.iter().for_each(|(name, value)| _ = schema.const_label(name, value));
    declare(&mut schema);
    let dynamic = schema.counter::<u64>("g", "").dynamic_labels(["y"], 1).declare().unwrap();
    let wide = schema.histogram::<f64>("h", "", &[1.0]).registry_wide().dynamic_labels(["y"], 1).declare().unwrap();
    let with_labels = schema.info("i_info", "", ["z"]).declare().unwrap();
    let without = schema.info("j_info", "", []).engine_labels(&[]).declare().unwrap();
    let wide_info = schema.info("k_info", "", ["z"]).registry_wide().declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&vec!["0"; engine_labels.len()]).unwrap();
    engine.recorder().unwrap().record(|step| {
        step.set_info(with_labels, ["v"], 1.0);
        step.set_info(without, [], 2.0);
    });
    _ = engine.shared_recorder().with_label_values(dynamic, ["v"]);
    _ = registry.shared_recorder().with_label_values(wide, ["v"]);
    registry.shared_recorder().set_info(wide_info, ["v"], 3.0);
    registry.page()
}

#[test]
fn all_samples_have_them_before_their_other_labels() {
    let constant = [("cluster", "eu \"1\"\\\n"), ("role", "decode")];
    let text = r#"cluster="eu \"1\"\\\n",role="decode""#;
    for engine_labels in [&["engine"][..], &[]] {
        let (plain, labelled) = (page(engine_labels, &[]), page(engine_labels, &constant));
        let expected = plain.lines().map(|line| match line.split_once('{') {
            _ if line.starts_with('#') => line.to_owned(),
            Some((name, labels)) => format!("{name}{{{text},{labels}"),
            None => line.replacen(' ', &format!("{{{text}}} "), 1),
        });
        assert_eq!(labelled.lines().collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        assert_eq!(common::parse(&labelled).len(), common::parse(&plain).len());
    }
}
