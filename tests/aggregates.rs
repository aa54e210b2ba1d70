//! Families that tell of all engines at once, worked out of gauges when a page is rendered.

mod common;

#[path = "common/one_step.rs"]
mod one_step;

use one_step::OneStep as _;
use tachometer::{Aggregate, Engine, Gauge, GaugeValue, Registry, Schema, SchemaBuilder, SchemaError};

/// What a page shows of a gauge's sum and maximum, `x_sum` and `x_max`, over engines that have these values.
fn sum_and_max<T: GaugeValue>(values: &[T]) -> Vec<String> {
    let mut schema = Schema::builder().engine_labels(["engine"]);
    let gauge = schema.gauge::<T>("x", "").aggregate("x_sum", Aggregate::Sum).aggregate("x_max", Aggregate::Max);
    let gauge = gauge.declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engines = attach(&registry, values.len());
    let mut recorders: Vec<_> = engines.iter().map(|engine| engine.recorder().unwrap()).collect();
    recorders.iter_mut().zip(values).for_each(|(recorder, value)| recorder.set(gauge, *value));
    lines(&registry, "x_")
}

fn attach(registry: &Registry, engines: usize) -> Vec<Engine> {
    (0..engines).map(|engine| registry.attach([engine.to_string()]).unwrap()).collect()
}

/// The samples whose names begin so.
fn lines(registry: &Registry, prefix: &str) -> Vec<String> {
    page(registry).lines().filter(|line| line.starts_with(prefix)).map(str::to_owned).collect()
}

fn page(registry: &Registry) -> String {
    let mut page = Vec::new();
    registry.render(&mut page);
    let page = String::from_utf8(page).unwrap();
    common::parse(&page);
    page
}

#[test]
fn a_sum_and_a_maximum_of_all_engines() {
    assert_eq!(sum_and_max::<i64>(&[3, -5, 4]), ["x_sum 2", "x_max 4"]);
    assert_eq!(sum_and_max(&[0.5, -2.0, 1.25]), ["x_sum -0.25", "x_max 1.25"]);
    assert_eq!(sum_and_max::<i64>(&[-3, -5]), ["x_sum -8", "x_max -3"]);
}

#[test]
fn without_engines_there_is_a_sum_but_no_maximum() {
    assert_eq!(sum_and_max::<i64>(&[]), ["x_sum 0"]);
    assert_eq!(sum_and_max::<f64>(&[]), ["x_sum 0.0"]);
}

#[test]
fn a_sum_of_integers_stops_at_the_ends_of_its_range_in_any_order() {
    assert_eq!(sum_and_max(&[i64::MAX, 1]), [format!("x_sum {}", i64::MAX), format!("x_max {}", i64::MAX)]);
    assert_eq!(sum_and_max(&[i64::MIN, -1]), [format!("x_sum {}", i64::MIN), "x_max -1".to_owned()]);
    for values in [[i64::MAX, 1, -2], [1, i64::MAX, -2], [-2, 1, i64::MAX]] {
        assert_eq!(sum_and_max(&values)[0], format!("x_sum {}", i64::MAX - 1));
    }
}

#[test]
fn a_maximum_leaves_out_nan_unless_there_is_nothing_else() {
    assert_eq!(sum_and_max(&[f64::NAN, 1.0, f64::NAN]), ["x_sum NaN", "x_max 1.0"]);
    assert_eq!(sum_and_max(&[-1.0, f64::NAN]), ["x_sum NaN", "x_max -1.0"]);
    assert_eq!(sum_and_max(&[f64::NAN, f64::NAN]), ["x_sum NaN", "x_max NaN"]);
}

#[test]
fn infinities_count_as_in_any_sum() {
    assert_eq!(sum_and_max(&[f64::INFINITY, 1.0]), ["x_sum +Inf", "x_max +Inf"]);
    assert_eq!(sum_and_max(&[f64::INFINITY, f64::NEG_INFINITY]), ["x_sum NaN", "x_max +Inf"]);
}

#[test]
fn a_family_of_its_own_stands_behind_the_gauge() {
    let mut schema = Schema::builder().engine_labels(["engine"]);
    schema
        .gauge::<i64>("x", "Slots.")
        .aggregate("all", Aggregate::Sum)
        .aggregate("top", Aggregate::Max)
        .declare()
        .unwrap();
    schema.gauge::<i64>("y", "Later.").declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let _engines = attach(&registry, 1);
    let expected = "\
# HELP x Slots.
# TYPE x gauge
x{engine=\"0\"} 0
# HELP all Sum over engines: Slots.
# TYPE all gauge
all 0
# HELP top Maximum over engines: Slots.
# TYPE top gauge
top 0
# HELP y Later.
";
    assert!(page(&registry).starts_with(expected), "{}", page(&registry));
}

#[test]
fn each_label_set_has_a_sample() {
    let mut schema = Schema::builder().engine_labels(["engine"]);
    let gauge = schema.gauge::<i64>("x", "").aggregate("x_all", Aggregate::Sum).label("a", ["1", "2"]);
    let [[first, _], [_, last]] = gauge.label("b", ["\"", "4"]).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engines = attach(&registry, 2);
    let mut recorders = [&engines[0], &engines[1]].map(|engine| engine.recorder().unwrap());
    recorders[0].set(first, 1);
    recorders[1].set(first, 2);
    recorders[1].set(last, 5);
    let expected = [
        "x_all{a=\"1\",b=\"\\\"\"} 3",
        "x_all{a=\"1\",b=\"4\"} 0",
        "x_all{a=\"2\",b=\"\\\"\"} 0",
        "x_all{a=\"2\",b=\"4\"} 5",
    ];
    assert_eq!(lines(&registry, "x_all{"), expected);
}

#[test]
fn of_a_hidden_gauge_only_the_aggregate_is_printed() {
    let mut schema = Schema::builder().engine_labels(["engine"]);
    let gauge = schema.gauge::<i64>("x", "Hidden.").hidden().aggregate("all", Aggregate::Max).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engines = attach(&registry, 1);
    let mut recorder = engines[0].recorder().unwrap();
    recorder.set(gauge, 7);
    assert_eq!(lines(&registry, "all "), ["all 7"]);
    assert!(page(&registry).starts_with("# HELP all Maximum over engines: Hidden.\n"));
}

/// A gauge `x`, whose sum is `all`.
fn level() -> (Registry, Gauge<i64>) {
    let mut schema = Schema::builder().engine_labels(["engine"]);
    let gauge = schema.gauge("x", "").aggregate("all", Aggregate::Sum).declare().unwrap();
    (Registry::new(schema.build().unwrap()), gauge)
}

#[test]
fn engines_count_while_they_are_attached() {
    let (registry, gauge) = level();
    let mut engines = attach(&registry, 2);
    let mut recorders = [&engines[0], &engines[1]].map(|engine| engine.recorder().unwrap());
    recorders[0].set(gauge, 3);
    recorders[1].set(gauge, 4);
    assert_eq!(lines(&registry, "all "), ["all 7"]);
    drop(engines.remove(0));
    assert_eq!(lines(&registry, "all "), ["all 4"]);
    engines.push(registry.attach(["0"]).unwrap());
    assert_eq!(lines(&registry, "all "), ["all 4"]);
}

#[test]
fn all_recorders_of_an_engine_count() {
    let (registry, gauge) = level();
    let engines = attach(&registry, 2);
    let mut recorders = [0, 0, 1].map(|engine: usize| engines[engine].recorder().unwrap());
    for (recorder, value) in recorders.iter_mut().zip([1, 10, 100]) {
        recorder.set(gauge, value);
    }
    engines[1].shared_recorder().add_gauge(gauge, 1_000);
    assert_eq!(lines(&registry, "all "), ["all 1111"]);
}

/// Declares with one more aggregate, `name`, beside a counter `c`, and expects the refusal; after it the gauge and its other
/// aggregate can be declared.
fn refused(name: &str) -> SchemaError {
    let mut schema = Schema::builder().engine_labels(["engine"]);
    schema.counter::<u64>("c", "").declare().unwrap();
    let gauge = |schema: &mut SchemaBuilder, last: &str| {
        let gauge = schema.gauge::<i64>("x", "").aggregate("all", Aggregate::Sum);
        gauge.aggregate(last, Aggregate::Max).declare().map(drop)
    };
    let error = gauge(&mut schema, name).unwrap_err();
    gauge(&mut schema, "free").expect("the builder is as it was");
    error
}

#[test]
fn names_are_refused_like_those_of_other_families() {
    let named = |name: &str| name.to_owned();
    assert_eq!(refused("a-b"), SchemaError::InvalidFamilyName { family: named("a-b") });
    assert_eq!(refused("tachometer_x"), SchemaError::ReservedFamilyName { family: named("tachometer_x") });
    for name in ["c", "x", "all"] {
        assert_eq!(refused(name), SchemaError::DuplicateFamily { family: named(name) });
    }
    let clash =
        |exposed| SchemaError::ExposedNameClash { family: named(exposed), other: named("c"), exposed: named(exposed) };
    assert_eq!(refused("c_total"), clash("c_total"));
}

#[test]
fn an_aggregate_claims_its_name() {
    let mut schema = Schema::builder();
    schema.gauge::<i64>("x", "").aggregate("all_sum", Aggregate::Sum).declare().unwrap();
    let error = schema.gauge::<i64>("all_sum", "").declare().unwrap_err();
    assert_eq!(error, SchemaError::DuplicateFamily { family: "all_sum".into() });
    let error = schema.histogram::<f64>("all", "", &[1.0]).declare().unwrap_err();
    let [family, other, exposed] = ["all", "all_sum", "all_sum"].map(str::to_owned);
    assert_eq!(error, SchemaError::ExposedNameClash { family, other, exposed });
}

#[test]
fn the_registrys_own_families_have_no_aggregates() {
    let mut schema = Schema::builder();
    let gauge = schema.gauge::<i64>("x", "").registry_wide().aggregate("all", Aggregate::Sum);
    let error = gauge.declare().unwrap_err();
    assert_eq!(error, SchemaError::AggregateOfRegistry { family: "x".into() });
    assert!(error.to_string().contains("drop its aggregates, or registry_wide"));
}

#[test]
fn its_samples_count_as_the_registrys() {
    let mut schema = Schema::builder().max_samples(2);
    let declare = |schema: &mut SchemaBuilder, name: &str, all: [&str; 2]| {
        let gauge = schema.gauge::<i64>(name, "").hidden().label("a", ["1", "2"]);
        let gauge = gauge.aggregate(all[0], Aggregate::Sum);
        if all[1].is_empty() {
            gauge.declare().map(drop)
        } else {
            gauge.aggregate(all[1], Aggregate::Max).declare().map(drop)
        }
    };
    let too_many = |family: &str| Err(SchemaError::TooManySamples { family: family.into(), limit: 2 });
    assert_eq!(declare(&mut schema, "x", ["sum", "max"]), too_many("max"));
    assert_eq!(declare(&mut schema, "x", ["sum", ""]), Ok(()));
    assert_eq!(declare(&mut schema, "y", ["other", ""]), too_many("other"));
    schema.gauge::<i64>("z", "").label("a", ["1", "2"]).declare().expect("engines have room of their own");
}
