//! `vllm:cache_config_info` takes any fields, in the order given.

use tachometer::{Registry, Schema, SchemaError};
use tachometer_vllm::{CacheConfig, Config, DeclareError, Families};

fn declare(fields: &CacheConfig) -> Result<(Registry, Families), DeclareError> {
    let mut schema = Schema::builder(&["engine"]);
    let families = Families::declare(&mut schema, &Config::new().cache_config(fields.clone()))?;
    Ok((Registry::new(schema.build().unwrap()), families))
}

/// The info's sample after engine 0 recorded `shown`.
fn sample(declared: &CacheConfig, shown: &CacheConfig) -> Option<String> {
    let (registry, families) = declare(declared).unwrap();
    let engine = registry.attach(&["0"]).unwrap();
    let mut recorder = engine.recorder().unwrap();
    let metrics = families.engine_metrics(&mut recorder);
    let mut step = recorder.step();
    metrics.cache_config(&mut step, shown);
    step.commit();
    let page = registry.page();
    let rejected = page.contains("\ntachometer_rejected_observations_total{engine=\"0\"} 1\n");
    let sample = page.lines().find(|line| line.starts_with("vllm:cache_config_info{")).map(str::to_owned);
    assert_eq!(sample.is_none(), rejected, "shown, or counted: {page}");
    sample
}

#[test]
fn any_fields_are_shown_in_the_order_given() {
    let fields = CacheConfig::from_iter([("zeta", "1"), ("alpha", "a \"b\"\n"), ("_c9", "")]);
    let expected = r#"vllm:cache_config_info{engine="0",zeta="1",alpha="a \"b\"\n",_c9=""} 1.0"#;
    assert_eq!(sample(&fields, &fields).as_deref(), Some(expected));
    let none = CacheConfig::from_iter([("", "")][..0].iter().copied());
    assert_eq!(sample(&none, &none).as_deref(), Some(r#"vllm:cache_config_info{engine="0"} 1.0"#));
    let many = CacheConfig::from_iter((0..100).map(|field| (format!("f{field}"), field)));
    assert!(sample(&many, &many).unwrap().contains(r#",f99="99"}"#));
}

#[test]
fn a_label_name_that_no_page_may_hold_is_refused_by_name() {
    for name in ["1 x", "", "engine", "__x", "a-b", "\u{e9}"] {
        let fields = CacheConfig::from_iter([("block_size", 16), (name, 1)]);
        let error = declare(&fields).map(drop).unwrap_err();
        let DeclareError::Schema(error) = error else { panic!("{error}") };
        assert_eq!(error.family(), Some("vllm:cache_config_info"));
        let (SchemaError::InvalidLabelName { label, .. }
        | SchemaError::ReservedLabelName { label, .. }
        | SchemaError::DuplicateLabel { label, .. }) = &error
        else {
            panic!("{error}")
        };
        assert_eq!(label, name);
        assert!(error.to_string().contains(&format!("{name:?}")), "{error}");
    }
}

#[test]
#[cfg_attr(debug_assertions, should_panic(expected = "other fields than Config::cache_config"))]
fn fields_other_than_the_declared_ones_are_rejected() {
    let declared = CacheConfig::from_iter([("a", "1"), ("b", "2")]);
    let swapped = CacheConfig::from_iter([("b", "2"), ("a", "1")]);
    assert_eq!(sample(&declared, &swapped), None);
}
