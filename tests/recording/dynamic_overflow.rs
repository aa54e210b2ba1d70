//! Dynamic series without room for all label values: what goes to the overflow series.

use super::dynamic_labels::{lines_of, one_engine, page, rows};
use crate::one_engine::OneEngine;

#[test]
fn what_has_no_room_goes_to_the_overflow_series_and_is_counted() {
    let rig = one_engine();
    let recorder = rig.engine.shared_recorder();
    let series = ["a", "b", "c", "c", "other"].map(|tenant| recorder.with_label_values(rig.handles, [tenant]));
    assert_eq!(rig.self_metric("overflowed_label_values"), 2, "c twice, not other");
    series.iter().for_each(|series| series.add(1));
    assert_eq!(rig.tokens(), rows(&[("a", 1), ("b", 1), ("other", 3)]));
    let names: Vec<_> = series.iter().flat_map(|series| series.values()).collect();
    assert_eq!(names, ["a", "b", "other", "other", "other"]);
}

/// Values that a client chose: their length is limited, whatever there is room for.
#[test]
fn a_value_that_is_too_long_goes_to_the_overflow_series_and_is_counted() {
    let OneEngine { registry, engine, handles: (tokens, seconds) } = OneEngine::without_labels(|schema| {
        let tokens = schema.counter::<u64>("tokens", "").dynamic_labels(["tenant", "path"], 20);
        (
            tokens.max_value_len(8).declare().unwrap(),
            schema.histogram::<f64>("seconds", "", &[1.0]).dynamic_labels(["tenant"], 20).declare().unwrap(),
        )
    });
    let recorder = engine.shared_recorder();
    let long = "x".repeat(1 << 20);
    let values = [["12345678", "a"], ["éééé", "a"], ["a", "12345678"]];
    values.iter().for_each(|values| assert!(recorder.with_label_values(tokens, *values).values().eq(*values)));
    let too_long = [["123456789", "a"], ["a", "ééééé"], ["a", &long], [&long, "other"]];
    for values in too_long {
        let series = recorder.with_label_values(tokens, values);
        assert!(series.values().eq(["other", "other"]), "{} and {} bytes", values[0].len(), values[1].len());
        series.inc();
        assert!(!recorder.remove(tokens, values), "there is no such series");
    }
    for client in 0..20 {
        // Beyond the default, and just within it.
        recorder.with_label_values(seconds, [&format!("{client}{long}")]).observe(0.5);
        recorder.with_label_values(seconds, [&format!("{client:0>256}")]).observe(0.5);
        recorder.with_label_values(seconds, [&format!("{client:0>257}")]).observe(0.5);
    }
    let page = page(&registry);
    assert_eq!(lines_of(&page, "tokens_total{tenant=\"other\""), ["tokens_total{tenant=\"other\",path=\"other\"} 4"]);
    assert_eq!(lines_of(&page, "seconds_count{tenant=\"other\"}"), ["seconds_count{tenant=\"other\"} 40"]);
    let counted = lines_of(&page, "tachometer_overflowed_label_values_total");
    assert_eq!(counted, ["tachometer_overflowed_label_values_total 44"]);
    assert!(page.len() < 20 * 4 * 350, "{} bytes: at most four lines per value", page.len());
}

/// A tenant may be called `other`, if the program says what all others are called.
#[test]
fn the_value_of_the_overflow_series_can_be_chosen() {
    let OneEngine { registry, engine, handles: (tokens, pairs) } = OneEngine::without_labels(|schema| {
        let tokens = schema.counter::<u64>("tokens", "").dynamic_labels(["tenant"], 2);
        let tokens = tokens.overflow_value("(too \"many\")").max_value_len(5);
        (
            tokens.declare().unwrap(),
            schema.counter::<u64>("pairs", "").dynamic_labels(["a", "b"], 0).overflow_value("").declare().unwrap(),
        )
    });
    let recorder = engine.shared_recorder();
    for tenant in ["other", "a", "b", "(too \"many\")", "other"] {
        recorder.with_label_values(tokens, [tenant]).inc();
    }
    recorder.with_label_values(pairs, ["x", "other"]).inc();
    assert!(!recorder.remove(tokens, ["(too \"many\")"]), "it stays");
    let lines =
        ["(too \\\"many\\\")\"} 2", "a\"} 1", "other\"} 2"].map(|rest| format!("tokens_total{{tenant=\"{rest}"));
    let page_before = page(&registry);
    assert_eq!(lines_of(&page_before, "tokens_total"), lines);
    assert_eq!(lines_of(&page_before, "pairs_total"), ["pairs_total{a=\"\",b=\"\"} 1"]);
    let counted = lines_of(&page_before, "tachometer_overflowed_label_values_total");
    assert_eq!(counted, ["tachometer_overflowed_label_values_total 2"], "b and x: the overflow value itself isn't one");
    assert!(recorder.remove(tokens, ["other"]), "a tenant like any other");
    assert_eq!(lines_of(&page(&registry), "tokens_total"), lines[..2]);
}

#[test]
fn the_overflow_series_stays() {
    let rig = one_engine();
    let recorder = rig.engine.shared_recorder();
    recorder.with_label_values(rig.handles, ["other"]).add(1);
    assert!(!recorder.remove(rig.handles, ["other"]));
    assert_eq!(rig.tokens(), rows(&[("other", 1)]));
}

#[test]
fn without_room_there_is_only_the_overflow_series() {
    let OneEngine { registry, engine, handles: level } = OneEngine::without_labels(|schema| {
        schema.gauge::<f64>("level", "").dynamic_labels(["a", "b"], 0).declare().unwrap()
    });
    engine.shared_recorder().with_label_values(level, ["x", "other"]).set(1.5);
    assert_eq!(lines_of(&page(&registry), "level"), ["level{a=\"other\",b=\"other\"} 1.5"]);
    assert!(
        lines_of(&page(&registry), "tachometer_overflowed")
            .contains(&"tachometer_overflowed_label_values_total 1".to_owned())
    );
}

#[test]
fn only_all_values_together_are_the_overflow_series() {
    let OneEngine { registry, engine, handles: level } = OneEngine::without_labels(|schema| {
        schema.gauge::<i64>("level", "").dynamic_labels(["a", "b"], 2).declare().unwrap()
    });
    let recorder = engine.shared_recorder();
    recorder.with_label_values(level, ["x", "other"]).set(1);
    recorder.with_label_values(level, ["other", "y"]).set(2);
    let lines = ["{a=\"other\",b=\"other\"} 0", "{a=\"other\",b=\"y\"} 2", "{a=\"x\",b=\"other\"} 1"];
    assert_eq!(lines_of(&page(&registry), "level"), lines.map(|line| format!("level{line}")));
    assert!(recorder.remove(level, ["x", "other"]));
}
