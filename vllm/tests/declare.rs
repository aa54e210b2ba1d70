//! The vLLM set is declared whole or not at all.

use tachometer::{Registry, Schema, SchemaBuilder, SchemaError};
use tachometer_vllm::{BucketFamily, Config, DeclareError, Families};

/// A builder with a family of the user's.
fn builder() -> SchemaBuilder {
    let mut schema = Schema::builder(&["engine"]);
    schema.counter::<u64>("steps", "Steps of the engine.").declare().unwrap();
    schema
}

/// Everything optional that goes together.
fn full() -> Config {
    let config = Config::new().model_name("m").spec_decode(32).lora(4).kv_consumer(true).kv_cache_metrics(true);
    let config = config.watermark(true).nan_check(true);
    config.log_lines(true).shared_hit_rates(true).mfu(true)
}

/// The page of an engine that did nothing.
fn page(schema: SchemaBuilder) -> String {
    let registry = Registry::new(schema.build().unwrap());
    let _engine = registry.attach(&["0"]).unwrap();
    registry.page()
}

/// The page and the handles of the full set, declared into `schema`.
fn declared(mut schema: SchemaBuilder) -> (String, String) {
    let families = Families::declare(&mut schema, &full()).unwrap();
    (page(schema), handles(&families))
}

/// The handles' words, without the number of their schema.
fn handles(families: &Families) -> String {
    let text = format!("{families:?}");
    let mut pieces = text.split("schema: ");
    let first = pieces.next().unwrap().to_owned();
    pieces.fold(first, |text, piece| text + piece.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// Declares `config`, which must be refused. Then the full set goes into the same builder, as if
/// nothing had happened.
fn refuse_then_declare(mut schema: SchemaBuilder, config: &Config) -> DeclareError {
    let before = format!("{schema:?}").len();
    let error = Families::declare(&mut schema, config).expect_err("refused");
    assert_eq!(format!("{schema:?}").len(), before, "{error}");
    assert_eq!(declared(schema), declared(builder()), "{error}");
    error
}

#[test]
fn too_many_speculative_tokens_leave_nothing_behind() {
    let error = refuse_then_declare(builder(), &full().spec_decode(40));
    assert_eq!(error, DeclareError::TooManySpeculativeTokens { tokens: 40 });
}

#[test]
fn bad_bounds_of_any_family_leave_nothing_behind() {
    for &family in BucketFamily::ALL {
        for bad in [&[][..], &[2.0, 1.0], &[1.0, 1.0], &[f64::NAN], &[1.0, f64::INFINITY]] {
            let error = refuse_then_declare(builder(), &full().bounds(family, bad));
            assert!(matches!(error, DeclareError::Bounds { family: of, .. } if of == family), "{error}");
        }
        let error = refuse_then_declare(builder(), &full().bounds(family, [-1.0, 1.0]));
        assert_eq!(error, DeclareError::NegativeBound { family, bound: -1.0 });
    }
}

#[test]
fn bounds_that_outgrow_the_slab_leave_nothing_behind() {
    let bounds: Vec<f64> = (0..40_000).map(f64::from).collect();
    let mut schema = builder();
    schema.max_samples(1_000_000);
    let error = refuse_then_declare(schema, &full().bounds(BucketFamily::RequestLatency, bounds));
    assert!(matches!(error, DeclareError::Schema(SchemaError::SlabTooLarge { .. })), "{error}");
}

/// Each limit below what the set needs is reached at a different family.
#[test]
fn a_schema_that_gets_full_is_left_as_it_was() {
    for limit in (1..380).step_by(20) {
        let mut schema = builder();
        schema.max_samples(limit);
        let error = Families::declare(&mut schema, &full()).expect_err("the set has more samples");
        assert!(matches!(error, DeclareError::Schema(SchemaError::TooManySamples { .. })), "{error}");
        schema.max_samples(20_000);
        assert_eq!(declared(schema), declared(builder()), "limit {limit}");
    }
}

#[test]
fn a_name_that_is_taken_leaves_the_others_free() {
    let mut schema = builder();
    schema.gauge::<f64>("vllm:request_params_n", "A name in the middle of the set.").declare().unwrap();
    for _ in 0..2 {
        let error = Families::declare(&mut schema, &full()).unwrap_err();
        assert_eq!(
            error,
            DeclareError::Schema(SchemaError::DuplicateFamily { family: "vllm:request_params_n".to_owned() })
        );
    }
    schema.counter::<u64>("vllm:spec_decode_num_drafts", "The first name of the set.").declare().unwrap();
    let page = page(schema);
    let families = page.lines().filter(|line| line.starts_with("# TYPE vllm:")).count();
    assert_eq!(families, 2, "only the user's own, in\n{page}");
}
