//! Each error names its culprit, and each accepted family gets the right words.

use super::*;

type Declare = fn(&mut SchemaBuilder) -> Result<(), SchemaError>;

/// Declares one family after the other. Only the last one must be refused.
fn refused(declare: &[Declare]) -> String {
    let mut builder = Schema::builder(&[]);
    let (last, before) = declare.split_last().unwrap();
    before.iter().for_each(|declare| declare(&mut builder).unwrap());
    last(&mut builder).unwrap_err().to_string()
}

macro_rules! declare {
    ($kind:ident::<$t:ty>($($arg:expr),*) $($rest:tt)*) => {
        (|b: &mut SchemaBuilder| b.$kind::<$t>($($arg),*)$($rest)*.declare().map(drop)) as Declare
    };
}

#[track_caller]
fn assert_mentions(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{message:?} doesn't mention {part:?}");
    }
}

#[test]
fn invalid_and_reserved_names_are_refused() {
    for name in ["", "9x", "a-b", "a b", "é", "a\"b", "{"] {
        let mut builder = Schema::builder(&[]);
        let error = builder.counter::<u64>(name, "").declare().unwrap_err();
        assert_eq!(error, SchemaError::InvalidFamilyName { family: name.to_owned() });
    }
    assert_mentions(&refused(&[declare!(gauge::<i64>("__x", ""))]), &["__x", "reserved"]);
    for name in ["tachometer_x", "tachometer_", "tachometer:x", "tachometer:", "tachometer"] {
        let mut builder = Schema::builder(&[]);
        let error = builder.counter::<u64>(name, "").declare().unwrap_err();
        assert_eq!(error, SchemaError::ReservedFamilyName { family: name.to_owned() });
        let error = builder.info(name, "", ["x"]).declare().unwrap_err();
        assert_eq!(error, SchemaError::ReservedFamilyName { family: name.to_owned() });
        let error = builder.gauge::<i64>(name, "").dynamic_labels(["x"], 1).declare().unwrap_err();
        assert_eq!(error, SchemaError::ReservedFamilyName { family: name.to_owned() });
    }
    for name in ["tachometers", "tachometer2_x", "my_tachometer_x", "my:tachometer:x", "Tachometer_x"] {
        Schema::builder(&[]).counter::<u64>(name, "").declare().unwrap();
    }
    assert_mentions(&refused(&[declare!(counter::<u64>("x_total", ""))]), &["\"x_total\"", "without the suffix"]);
    let exact = declare!(counter::<u64>("x_total", "").exact_name());
    assert_mentions(&refused(&[exact]), &["\"x_total\"", "without exact_name"]);
}

#[test]
fn a_histogram_may_end_in_total_as_vllm_has_one() {
    Schema::builder(&[]).histogram::<u64>("vllm:iteration_tokens_total", "", &[1.0]).declare().unwrap();
}

#[test]
fn labels_are_checked() {
    let label = |name: &str| {
        let mut builder = Schema::builder(&[]);
        builder.histogram::<u64>("x", "", &[1.0]).label(name, ["a"]).declare().unwrap_err().to_string()
    };
    assert_mentions(&label("a:b"), &["a:b", "family \"x\"", "invalid"]);
    assert_mentions(&label(""), &["invalid"]);
    assert_mentions(&label("le"), &["\"le\" of family \"x\"", "reserved", "on a histogram"]);
    assert_mentions(&label("__x"), &["__x", "reserved"]);
    assert_mentions(&refused(&[declare!(counter::<u64>("x", "").label("s", []))]), &["\"s\"", "no values"]);
    assert_mentions(
        &refused(&[declare!(counter::<u64>("x", "").label("s", ["v", "v"]))]),
        &["\"s\"", "\"v\"", "twice"],
    );
    assert_mentions(
        &refused(&[declare!(counter::<u64>("x", "").label("s", ["v"]).label("s", ["w"]))]),
        &["\"s\"", "twice"],
    );
}

#[test]
fn infos_are_checked_like_other_families() {
    let info = |name: &str, labels: [&str; 2]| Schema::builder(&[]).info(name, "", labels).declare().unwrap_err();
    assert_mentions(&info("a-b", ["x", "y"]).to_string(), &["a-b", "invalid"]);
    assert_mentions(&info("tachometer_x", ["x", "y"]).to_string(), &["tachometer_x", "reserved"]);
    assert_mentions(&info("i", ["x", "a:b"]).to_string(), &["a:b", "family \"i\"", "invalid"]);
    assert_mentions(&info("i", ["x", "__y"]).to_string(), &["__y", "reserved"]);
    assert_mentions(&info("i", ["x", "x"]).to_string(), &["\"x\"", "family \"i\"", "twice"]);
    let mut builder = Schema::builder(&[]);
    builder.max_samples(2);
    builder.info("i", "", ["x"]).declare().unwrap();
    let twice = builder.info("i", "", ["y"]).declare().unwrap_err();
    assert_eq!(twice, SchemaError::DuplicateFamily { family: "i".into() });
    builder.histogram::<f64>("h", "", &[1.0]).hidden().declare().unwrap();
    let clash = builder.info("h_count", "", ["y"]).declare().unwrap_err();
    assert_mentions(&clash.to_string(), &["\"h_count\"", "family \"h\""]);
    builder.info("j", "", []).declare().unwrap();
    let full = builder.info("k", "", []).declare().unwrap_err();
    assert_eq!(full, SchemaError::TooManySamples { family: "k".into(), limit: 2 });
}

#[test]
fn an_infos_engine_labels_are_checked() {
    let declare = |chosen: Option<&[&str]>, own: [&str; 1]| {
        let mut builder = Schema::builder(&["engine", "model_name"]);
        let info = builder.info("i", "", own);
        match chosen {
            Some(chosen) => info.engine_labels(chosen).declare(),
            None => info.declare(),
        }
    };
    let message = |chosen, own| declare(chosen, own).unwrap_err().to_string();
    assert_mentions(&message(None, ["engine"]), &["\"engine\"", "family \"i\"", "twice"]);
    assert_mentions(&message(Some(&["engine"]), ["engine"]), &["\"engine\"", "family \"i\"", "twice"]);
    assert_mentions(&message(Some(&["engine", "engine"]), ["x"]), &["\"engine\"", "twice"]);
    assert_mentions(&message(Some(&["model"]), ["x"]), &["info \"i\"", "\"model\"", "isn't an engine label"]);
    // A label that isn't printed with it is free.
    declare(Some(&["engine"]), ["model_name"]).unwrap();
}

#[test]
fn families_of_the_registry_have_their_own_words_and_labels() {
    let mut builder = Schema::builder(&["engine"]);
    builder.max_samples(1);
    builder.counter::<u64>("a", "").declare().unwrap();
    let wide = builder.counter::<u64>("b", "").registry_wide().label("engine", ["x"]).declare().unwrap();
    let full = builder.counter::<u64>("c", "").registry_wide().declare().unwrap_err();
    assert_eq!(full, SchemaError::TooManySamples { family: "c".into(), limit: 1 });
    builder.gauge::<f64>("d", "").hidden().declare().unwrap();
    let schema = builder.build().unwrap();
    let [engine, registry] = Scope::ALL.map(|scope| schema.layout(scope));
    let self_metrics = 2 + 6 + 2; // two counters, and a histogram of six bounds
    assert_eq!((engine.words, registry.words), (2, 1 + self_metrics));
    assert_eq!((wide[0].schema, wide[0].word), (registry.schema, 0));
    assert_ne!(engine.schema, registry.schema);
}

#[test]
fn engine_labels_are_checked() {
    let build = |labels: &[&str]| Schema::builder(labels).build().unwrap_err().to_string();
    assert_mentions(&build(&["a-b"]), &["a-b", "engine labels"]);
    assert_mentions(&build(&["__a"]), &["__a", "reserved"]);
    assert_mentions(&build(&["a", "a"]), &["\"a\"", "twice"]);
    let mut builder = Schema::builder(&["le"]);
    let clash = builder.histogram::<u64>("h", "", &[1.0]).declare().unwrap_err();
    assert_mentions(&clash.to_string(), &["\"le\" of family \"h\"", "reserved"]);
    builder.histogram::<u64>("h", "", &[1.0]).registry_wide().declare().unwrap();
    builder.build().unwrap();
    let mut builder = Schema::builder(&["engine"]);
    let clash = builder.counter::<u64>("x", "").label("engine", ["0"]).declare().unwrap_err();
    assert_mentions(&clash.to_string(), &["\"engine\"", "family \"x\""]);
    builder.counter::<u64>("x", "").registry_wide().label("engine", ["0"]).declare().unwrap();
}

#[test]
fn le_and_quantile_are_labels_like_others_where_there_are_no_buckets() {
    let mut builder = Schema::builder(&["quantile"]);
    builder.counter::<u64>("c", "").label("le", ["1"]).declare().unwrap();
    builder.gauge::<i64>("g", "").dynamic_labels(["gt", "le"], 1).declare().unwrap();
    builder.info("i", "", ["le"]).declare().unwrap();
    builder.state_set("s", "", "le", &["a"]).declare().unwrap();
    builder.histogram::<u64>("h", "", &[1.0]).declare().unwrap();
    builder.build().unwrap();
}

#[test]
fn constant_labels_are_checked_against_all_others() {
    let refused = |constant: &[&str], declare: &[Declare]| {
        let mut builder = Schema::builder(&["engine"]);
        declare.iter().for_each(|declare| declare(&mut builder).unwrap());
        constant.iter().for_each(|name| _ = builder.const_label(name, "v"));
        builder.build().unwrap_err().to_string()
    };
    assert_mentions(&refused(&["a-b"], &[]), &["\"a-b\" among the engine labels and constant labels", "invalid"]);
    assert_mentions(&refused(&["__a"], &[]), &["\"__a\"", "reserved"]);
    assert_mentions(&refused(&["le"], &[]), &["\"le\"", "reserved"]);
    assert_mentions(&refused(&["a", "a"], &[]), &["\"a\"", "twice"]);
    assert_mentions(&refused(&["engine"], &[]), &["\"engine\"", "twice"]);
    let families: [Declare; 4] = [
        declare!(counter::<u64>("x", "").label("a", ["1"])),
        declare!(counter::<u64>("x", "").registry_wide().label("a", ["1"])),
        declare!(gauge::<i64>("x", "").hidden().dynamic_labels(["b", "a"], 1)),
        |builder| builder.info("x", "", ["a"]).engine_labels(&[]).declare().map(drop),
    ];
    for family in families {
        assert_mentions(&refused(&["c", "a"], &[family]), &["\"a\" of family \"x\"", "twice", "constant"]);
    }
}

#[test]
fn names_that_would_be_exposed_twice_are_refused() {
    let x = declare!(counter::<u64>("x", ""));
    assert_mentions(&refused(&[x, declare!(gauge::<i64>("x", ""))]), &["\"x\"", "declared already"]);
    let histogram_x = declare!(histogram::<f64>("x", "", &[1.0]));
    assert_mentions(&refused(&[histogram_x, declare!(counter::<u64>("x_count", ""))]), &["x_count", "family \"x\""]);
    assert_mentions(&refused(&[histogram_x, declare!(gauge::<i64>("x_bucket", ""))]), &["x_bucket"]);
    assert_mentions(&refused(&[x, declare!(histogram::<f64>("x_total", "", &[1.0]))]), &["x_total", "family \"x\""]);
    assert_mentions(&refused(&[declare!(gauge::<i64>("x_sum", "")), histogram_x]), &["x_sum"]);
    assert_mentions(&refused(&[x, declare!(gauge::<i64>("x_created", ""))]), &["x_created"]);
}

#[test]
fn a_refused_family_leaves_the_builder_as_it_was() {
    let mut builder = Schema::builder(&[]);
    builder.gauge::<i64>("x_sum", "").declare().unwrap();
    builder.histogram::<f64>("x", "", &[1.0]).declare().unwrap_err();
    builder.gauge::<i64>("x_count", "").declare().unwrap();
    assert_eq!(builder.build().unwrap().layout(Scope::Engine).words, 2);
}

#[test]
fn a_unit_is_a_suffix_or_refused() {
    declare!(counter::<f64>("x_seconds", "").unit("seconds"))(&mut Schema::builder(&[])).unwrap();
    for unit in ["seconds", ""] {
        let error = Schema::builder(&[]).counter::<f64>("x", "").unit(unit).declare().unwrap_err();
        assert_eq!(error, SchemaError::UnitNotSuffix { family: "x".into(), unit: unit.into() });
    }
    assert_mentions(&refused(&[declare!(gauge::<f64>("xseconds", "").unit("seconds"))]), &["_seconds"]);
}

#[test]
fn limits_are_declared_and_kept() {
    let mut builder = Schema::builder(&[]);
    builder.max_samples(6);
    builder.counter::<u64>("a", "").label("s", ["1", "2"]).declare().unwrap();
    builder.histogram::<f64>("b", "", &[1.0]).declare().unwrap();
    let error = builder.counter::<u64>("c", "").declare().unwrap_err();
    assert_eq!(error, SchemaError::TooManySamples { family: "c".into(), limit: 6 });

    let bounds: Vec<f64> = (0..40_000).map(f64::from).collect();
    let mut builder = Schema::builder(&[]);
    builder.max_samples(usize::MAX);
    builder.histogram::<f64>("a", "", &bounds).declare().unwrap();
    let error = builder.histogram::<f64>("b", "", &bounds).declare().unwrap_err();
    assert_eq!(error, SchemaError::SlabTooLarge { words: 80_004, limit: 65_536 });
}

/// Each declaration checks the limit. `build` checks it again, since it may have been set after
/// them.
#[test]
fn a_limit_holds_whenever_it_is_set() {
    let mut builder = Schema::builder(&["engine"]);
    builder.gauge::<i64>("a", "").declare().unwrap();
    builder.histogram::<f64>("b", "", &[1.0]).hidden().declare().unwrap();
    builder.info("c", "", ["x"]).declare().unwrap();
    builder.counter::<u64>("d", "").dynamic_labels(["x"], 3).declare().unwrap();
    builder.counter::<u64>("e", "").registry_wide().label("s", ["1", "2", "3"]).declare().unwrap();
    builder.max_samples(5);
    let error = builder.build().unwrap_err();
    assert_eq!(error, SchemaError::TooManySamples { family: "d".into(), limit: 5 }, "1 + 0 + 1 + 4");

    let mut builder = Schema::builder(&[]);
    builder.counter::<u64>("e", "").registry_wide().label("s", ["1", "2", "3"]).declare().unwrap();
    builder.max_samples(2);
    assert_eq!(builder.build().unwrap_err(), SchemaError::TooManySamples { family: "e".into(), limit: 2 });
}

/// The limit is 4 GiB, since offsets into the text are 32 bits wide. Here it is small. The size
/// that is checked is an upper bound, so whatever is accepted fits.
#[test]
fn text_that_a_renderer_cannot_keep_is_refused_by_name() {
    let with_limit = |limit| {
        let mut builder = Schema::builder(&[]);
        builder.max_text(limit);
        builder.counter::<u64>("short", "").declare().unwrap();
        builder.counter::<u64>("long", "").label("s", ["\\".repeat(3_000).as_str()]).declare().unwrap();
        builder.build()
    };
    assert_eq!(with_limit(6_000).unwrap_err(), SchemaError::TooMuchText { family: "long".into(), limit: 6_000 });
    with_limit(20_000).unwrap();
    let mut builder = Schema::builder(&[]);
    builder.max_text(600);
    builder.gauge::<i64>("x", &"\n".repeat(500)).declare().unwrap();
    assert_mentions(&builder.build().unwrap_err().to_string(), &["family \"x\"", "600 bytes"]);
}

/// Of gauges only: every word is in the list of gauges.
#[test]
fn a_slab_may_be_filled_to_the_last_word_with_scalars() {
    let values: Vec<String> = (0..256).map(|value| value.to_string()).collect();
    let values: [&str; 256] = std::array::from_fn(|value| values[value].as_str());
    for families in [255, 256] {
        let mut builder = Schema::builder(&[]);
        builder.max_samples(usize::MAX);
        for family in 0..families {
            builder.gauge::<i64>(&format!("g{family}"), "").label("v", values).declare().unwrap();
        }
        let layout = builder.build().unwrap().layout(Scope::Engine).clone();
        assert_eq!((layout.words, layout.gauges.len()), (families * 256, families * 256));
        assert!(layout.gauges.iter().copied().map(usize::from).eq(0..families * 256));
    }
}

#[test]
fn a_slab_may_be_filled_to_the_last_word() {
    let bounds: Vec<f64> = (0..65_533).map(f64::from).collect();
    let mut builder = Schema::builder(&[]);
    builder.max_samples(usize::MAX);
    builder.counter::<u64>("a", "").declare().unwrap();
    builder.histogram::<f64>("b", "", &bounds).declare().unwrap();
    let layout = builder.build().unwrap().layout(Scope::Engine).clone();
    assert_eq!((layout.words, layout.histograms[0].sum), (65_536, 65_535));
}

#[test]
fn handles_come_in_the_order_of_labels_and_values() {
    let mut builder = Schema::builder(&[]);
    let first = builder.counter::<u64>("a", "").declare().unwrap();
    let grid = builder.gauge::<i64>("b", "").label("x", ["1", "2"]).label("y", ["1", "2", "3"]).declare().unwrap();
    assert_eq!(first.word, 0);
    assert_eq!(grid.map(|row| row.map(|gauge| gauge.word)), [[1, 2, 3], [4, 5, 6]]);
    let schema = builder.build().unwrap();
    assert!(schema.families()[1].label_pairs(5).eq([("x", "2"), ("y", "3")]));
    assert!(schema.families()[1].label_pairs(1).eq([("x", "1"), ("y", "2")]));
}

#[test]
fn scalars_come_before_histograms() {
    let mut builder = Schema::builder(&[]);
    builder.histogram::<f64>("h", "", &[1.0, 2.0]).label("s", ["1", "2"]).declare().unwrap();
    let late = builder.counter::<u64>("c", "").declare().unwrap();
    let layout = builder.build().unwrap().layout(Scope::Engine).clone();
    assert_eq!(late.word, 0);
    let words: Vec<_> = layout.histograms.iter().map(|histogram| (histogram.first, histogram.sum)).collect();
    assert_eq!(words, [(1, 4), (5, 8)]);
    assert_eq!(layout.words, 9);
}

#[test]
fn shards_are_limited() {
    let shards = |builder: SchemaBuilder| builder.build().unwrap().limits().shards();
    let set = [0, 1, 3, 64, 65, 1_024, usize::MAX].map(|n| {
        let mut builder = Schema::builder(&[]);
        builder.shards(n);
        shards(builder)
    });
    assert_eq!(set, [0, 1, 3, 64, 65, 1_024, 1_024]);
    let default = shards(Schema::builder(&[]));
    assert!((3..=64).contains(&default), "{default}");
}
