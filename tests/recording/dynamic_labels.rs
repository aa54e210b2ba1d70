//! Families whose label values aren't known beforehand: looked up, bounded, removed.

use crate::common;
use std::{sync::Barrier, thread};

use tachometer::{Counter, DynamicFamily, Engine, Gauge, Histogram, Registry, Schema, SchemaError, Snapshot};

/// An engine, and a counter by tenant with room for two of them.
struct Rig {
    registry: Registry,
    engine: Engine,
    tokens: DynamicFamily<Counter<u64>, 1>,
}

impl Rig {
    fn new() -> Self {
        let mut schema = Schema::builder(&["engine"]);
        let tokens = schema.counter("tokens", "Tokens, by tenant.").dynamic_labels(["tenant"], 2).declare().unwrap();
        let registry = Registry::new(schema.build().unwrap());
        Self { engine: registry.attach(&["0"]).unwrap(), registry, tokens }
    }

    /// Tenants and their tokens, as a snapshot has them and as a page prints them.
    fn tokens(&self) -> Vec<(String, u64)> {
        let mut snapshot = Snapshot::new();
        self.registry.snapshot(&mut snapshot);
        let view = snapshot.engines().next().unwrap();
        let read: Vec<_> = view.counters(self.tokens).map(|([tenant], n)| (tenant.to_owned(), n)).collect();
        let lines = read.iter().map(|(tenant, n)| format!("tokens_total{{engine=\"0\",tenant=\"{tenant}\"}} {n}"));
        assert_eq!(lines.collect::<Vec<_>>(), lines_of(&page(&self.registry), "tokens_total"));
        read
    }

    fn overflowed(&self) -> Vec<String> {
        lines_of(&page(&self.registry), "tachometer_overflowed")
    }
}

fn page(registry: &Registry) -> String {
    let mut page = Vec::new();
    registry.render(&mut page);
    let page = String::from_utf8(page).unwrap();
    common::parse(&page);
    page
}

fn lines_of(page: &str, family: &str) -> Vec<String> {
    page.lines().filter(|line| line.starts_with(family)).map(str::to_owned).collect()
}

fn rows(rows: &[(&str, u64)]) -> Vec<(String, u64)> {
    rows.iter().map(|(tenant, n)| ((*tenant).to_owned(), *n)).collect()
}

#[test]
fn series_are_printed_in_the_order_of_their_values_with_the_overflow_series() {
    let rig = Rig::new();
    assert!(rig.tokens().is_empty(), "nobody can look up yet");
    let recorder = rig.engine.shared_recorder();
    assert_eq!(rig.tokens(), rows(&[("other", 0)]));
    recorder.with_label_values(rig.tokens, ["z"]).add(1);
    recorder.with_label_values(rig.tokens, ["a"]).add(2);
    recorder.with_label_values(rig.tokens, ["z"]).inc();
    assert_eq!(rig.tokens(), rows(&[("a", 2), ("other", 0), ("z", 2)]));
}

#[test]
fn what_has_no_room_goes_to_the_overflow_series_and_is_counted() {
    let rig = Rig::new();
    let recorder = rig.engine.shared_recorder();
    let series = ["a", "b", "c", "c", "other"].map(|tenant| recorder.with_label_values(rig.tokens, [tenant]));
    assert_eq!(rig.overflowed(), ["tachometer_overflowed_label_values_total{engine=\"0\"} 2"], "c twice, not other");
    series.iter().for_each(|series| series.add(1));
    assert_eq!(rig.tokens(), rows(&[("a", 1), ("b", 1), ("other", 3)]));
    let names: Vec<_> = series.iter().flat_map(|series| series.values()).collect();
    assert_eq!(names, ["a", "b", "other", "other", "other"]);
}

#[test]
fn a_removed_series_is_gone_and_makes_room() {
    let rig = Rig::new();
    let recorder = rig.engine.shared_recorder();
    let [a, _b] = ["a", "b"].map(|tenant| recorder.with_label_values(rig.tokens, [tenant]));
    a.add(5);
    assert!(recorder.remove(rig.tokens, ["a"]));
    assert!(!recorder.remove(rig.tokens, ["a"]), "it is gone");
    recorder.with_label_values(rig.tokens, ["c"]).add(7);
    a.add(5);
    assert_eq!(rig.tokens(), rows(&[("b", 0), ("c", 7), ("other", 0)]));
}

#[test]
fn label_values_that_come_again_begin_at_zero_and_old_handles_add_nothing() {
    let rig = Rig::new();
    let recorder = rig.engine.shared_recorder();
    let before = recorder.with_label_values(rig.tokens, ["a"]);
    before.add(5);
    recorder.remove(rig.tokens, ["a"]);
    let after = recorder.with_label_values(rig.tokens, ["a"]);
    before.add(5);
    assert_eq!(rig.tokens(), rows(&[("a", 0), ("other", 0)]));
    after.add(1);
    assert_eq!(rig.tokens(), rows(&[("a", 1), ("other", 0)]));
}

/// Values that a client chose: their length is limited, whatever there is room for.
#[test]
fn a_value_that_is_too_long_goes_to_the_overflow_series_and_is_counted() {
    let mut schema = Schema::builder(&[]);
    let tokens = schema.counter::<u64>("tokens", "").dynamic_labels(["tenant", "path"], 20);
    let tokens = tokens.max_value_len(8).declare().unwrap();
    let seconds = schema.histogram::<f64>("seconds", "", &[1.0]).dynamic_labels(["tenant"], 20).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&[]).unwrap();
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
    let mut schema = Schema::builder(&[]);
    let tokens = schema.counter::<u64>("tokens", "").dynamic_labels(["tenant"], 2);
    let tokens = tokens.overflow_value("(too \"many\")").max_value_len(5).declare().unwrap();
    let pairs = schema.counter::<u64>("pairs", "").dynamic_labels(["a", "b"], 0).overflow_value("").declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&[]).unwrap();
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
    let rig = Rig::new();
    let recorder = rig.engine.shared_recorder();
    recorder.with_label_values(rig.tokens, ["other"]).add(1);
    assert!(!recorder.remove(rig.tokens, ["other"]));
    assert_eq!(rig.tokens(), rows(&[("other", 1)]));
}

#[test]
fn without_room_there_is_only_the_overflow_series() {
    let mut schema = Schema::builder(&[]);
    let level = schema.gauge::<f64>("level", "").dynamic_labels(["a", "b"], 0).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&[]).unwrap();
    engine.shared_recorder().with_label_values(level, ["x", "other"]).set(1.5);
    assert_eq!(lines_of(&page(&registry), "level"), ["level{a=\"other\",b=\"other\"} 1.5"]);
    assert!(
        lines_of(&page(&registry), "tachometer_overflowed")
            .contains(&"tachometer_overflowed_label_values_total 1".to_owned())
    );
}

#[test]
fn only_all_values_together_are_the_overflow_series() {
    let mut schema = Schema::builder(&[]);
    let level = schema.gauge::<i64>("level", "").dynamic_labels(["a", "b"], 2).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&[]).unwrap();
    let recorder = engine.shared_recorder();
    recorder.with_label_values(level, ["x", "other"]).set(1);
    recorder.with_label_values(level, ["other", "y"]).set(2);
    let lines = ["{a=\"other\",b=\"other\"} 0", "{a=\"other\",b=\"y\"} 2", "{a=\"x\",b=\"other\"} 1"];
    assert_eq!(lines_of(&page(&registry), "level"), lines.map(|line| format!("level{line}")));
    assert!(recorder.remove(level, ["x", "other"]));
}

#[test]
fn gauges_are_set_and_changed() {
    let mut schema = Schema::builder(&[]);
    let whole = schema.gauge::<i64>("whole", "").dynamic_labels(["l"], 1).declare().unwrap();
    let ratio = schema.gauge::<f64>("ratio", "").dynamic_labels(["l"], 1).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&[]).unwrap();
    let recorder = engine.shared_recorder();
    let (whole, ratio) = (recorder.with_label_values(whole, ["v"]), recorder.with_label_values(ratio, ["v"]));
    whole.set(5);
    whole.add(-7);
    whole.dec();
    ratio.set(0.5);
    ratio.inc();
    ratio.add(f64::NAN);
    ratio.add(f64::INFINITY);
    let page = page(&registry);
    assert_eq!(lines_of(&page, "whole{l=\"v\"}"), ["whole{l=\"v\"} -3"]);
    assert_eq!(lines_of(&page, "ratio{l=\"v\"}"), ["ratio{l=\"v\"} 1.5"]);
    assert!(page.contains("\ntachometer_rejected_observations_total 2\n"));
}

#[test]
fn a_float_gauge_that_was_set_to_nan_or_infinite_takes_no_additions_until_it_is_set_again() {
    let mut schema = Schema::builder(&[]);
    let ratio = schema.gauge::<f64>("ratio", "").dynamic_labels(["l"], 1).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&[]).unwrap();
    let ratio = engine.shared_recorder().with_label_values(ratio, ["v"]);
    let shown = || lines_of(&page(&registry), "ratio{l=\"v\"}");
    for (value, text) in [(f64::NAN, "NaN"), (f64::NEG_INFINITY, "-Inf")] {
        ratio.set(value);
        ratio.add(1.0);
        assert_eq!(shown(), [format!("ratio{{l=\"v\"}} {text}")]);
    }
    ratio.set(0.5);
    ratio.inc();
    assert_eq!(shown(), ["ratio{l=\"v\"} 1.5"]);
    assert!(page(&registry).contains("\ntachometer_rejected_observations_total 2\n"));
}

/// The parser refuses a page that has a sample twice.
#[test]
fn values_that_differ_by_escapes_are_different_series() {
    let mut schema = Schema::builder(&[]);
    let hits: DynamicFamily<Counter<u64>, 2> =
        schema.counter("hits", "").dynamic_labels(["l", "m"], 20).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&[]).unwrap();
    let recorder = engine.shared_recorder();
    let values = ["", "\n", "\\n", "\\\\n", "\"", "\\\"", "\",m=\""];
    values.iter().for_each(|value| recorder.with_label_values(hits, [value, ""]).inc());
    assert_eq!(lines_of(&page(&registry), "hits_total").len(), values.len() + 1, "and the overflow series");
}

/// Its buffers are taken over by what has other families, capacities and bounds.
#[test]
fn one_snapshot_serves_registries_of_different_schemas() {
    let registry = |bounds: &[f64], engines: usize| {
        let mut schema = Schema::builder(&["engine"]);
        let seconds: DynamicFamily<Histogram<f64>, 1> =
            schema.histogram("seconds", "", bounds).dynamic_labels(["l"], bounds.len()).declare().unwrap();
        let registry = Registry::new(schema.build().unwrap());
        let engines: Vec<_> = (0..engines).map(|engine| registry.attach(&[&engine.to_string()]).unwrap()).collect();
        // The first has no series.
        engines
            .iter()
            .skip(1)
            .for_each(|engine| engine.shared_recorder().with_label_values(seconds, ["v"]).observe(0.5));
        (registry, engines, seconds)
    };
    let (registries, mut snapshot) = ([registry(&[1.0], 2), registry(&[1.0, 2.0, 3.0], 4)], Snapshot::new());
    for (registry, engines, seconds) in registries.iter().cycle().take(4) {
        registry.snapshot(&mut snapshot);
        assert_eq!(snapshot.engines().len(), engines.len());
        for (index, engine) in snapshot.engines().enumerate() {
            let read: Vec<_> = engine.histograms(*seconds).map(|(values, view)| (values, view.count())).collect();
            assert_eq!(read, [(["other"], 0), (["v"], 1)][..if index == 0 { 0 } else { 2 }]);
        }
    }
}

#[test]
fn histograms_are_printed_and_read_whole() {
    let mut schema = Schema::builder(&["engine"]);
    let ttft: DynamicFamily<Histogram<f64>, 1> = schema
        .histogram("ttft_seconds", "", &[0.1, 1.0])
        .unit("seconds")
        .dynamic_labels(["tenant"], 1)
        .declare()
        .unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&["0"]).unwrap();
    let series = engine.shared_recorder().with_label_values(ttft, ["a"]);
    series.observe(0.0625);
    series.observe_n(0.5, 2);
    series.observe_all(&[0.5, 2.0, f64::NAN]);
    series.observe(f64::NAN);
    let page = page(&registry);
    let printed: Vec<_> = lines_of(&page, "ttft_seconds").into_iter().filter(|line| line.contains("\"a\"")).collect();
    let expected =
        ["bucket{,le=\"0.1\"} 1", "bucket{,le=\"1.0\"} 4", "bucket{,le=\"+Inf\"} 5", "sum{} 3.5625", "count{} 5"];
    let expected = expected.map(|line| format!("ttft_seconds_{}", line.replace('{', "{engine=\"0\",tenant=\"a\"")));
    assert_eq!(printed, expected);
    assert!(page.contains("tachometer_rejected_observations_total{engine=\"0\"} 2\n"));

    let mut snapshot = Snapshot::new();
    registry.snapshot(&mut snapshot);
    let engine = snapshot.engines().next().unwrap();
    let read: Vec<_> = engine.histograms(ttft).map(|([tenant], view)| (tenant, view.count(), view.sum())).collect();
    assert_eq!(read, [("a", 5, 3.5625), ("other", 0, 0.0)]);
}

#[test]
fn a_negative_addition_is_rejected_and_stays_counted_when_the_series_is_removed() {
    let mut schema = Schema::builder(&[]);
    let cost = schema.counter::<f64>("cost", "").dynamic_labels(["tenant"], 1).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&[]).unwrap();
    let recorder = engine.shared_recorder();
    let series = recorder.with_label_values(cost, ["a"]);
    series.add(-1.0);
    recorder.remove(cost, ["a"]);
    series.add(-1.0);
    assert!(page(&registry).contains("\ntachometer_rejected_observations_total 2\n"));
}

#[test]
fn the_registry_has_open_labels_too() {
    let mut schema = Schema::builder(&["engine"]);
    let routed: DynamicFamily<Counter<u64>, 1> =
        schema.counter("routed", "").registry_wide().dynamic_labels(["tenant"], 1).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let recorder = registry.shared_recorder();
    ["a", "b"].iter().for_each(|tenant| recorder.with_label_values(routed, [tenant]).inc());
    let page = page(&registry);
    assert_eq!(lines_of(&page, "routed"), ["routed_total{tenant=\"a\"} 1", "routed_total{tenant=\"other\"} 1"]);
    assert!(page.contains("\ntachometer_registry_overflowed_label_values_total 1\n"));
    let mut snapshot = Snapshot::new();
    registry.snapshot(&mut snapshot);
    assert!(snapshot.registry().unwrap().counters(routed).eq([(["a"], 1), (["other"], 1)]));
}

#[test]
fn a_hidden_family_is_read_and_not_printed() {
    let mut schema = Schema::builder(&[]);
    let hidden: DynamicFamily<Gauge<i64>, 1> =
        schema.gauge("hidden", "").hidden().dynamic_labels(["tenant"], 1).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&[]).unwrap();
    engine.shared_recorder().with_label_values(hidden, ["a"]).inc();
    assert!(!page(&registry).contains("hidden"));
    let mut snapshot = Snapshot::new();
    registry.snapshot(&mut snapshot);
    assert!(snapshot.engines().next().unwrap().gauges(hidden).eq([(["a"], 1), (["other"], 0)]));
}

#[test]
fn each_engine_has_series_of_its_own() {
    let rig = Rig::new();
    let other = rig.registry.attach(&["1"]).unwrap();
    rig.engine.shared_recorder().with_label_values(rig.tokens, ["a"]).add(1);
    let series = other.shared_recorder().with_label_values(rig.tokens, ["a"]);
    series.add(2);
    let lines = [
        "{engine=\"0\",tenant=\"a\"} 1",
        "{engine=\"0\",tenant=\"other\"} 0",
        "{engine=\"1\",tenant=\"a\"} 2",
        "{engine=\"1\",tenant=\"other\"} 0",
    ];
    assert_eq!(lines_of(&page(&rig.registry), "tokens_total"), lines.map(|line| format!("tokens_total{line}")));
    drop(other);
    series.add(2);
    assert_eq!(lines_of(&page(&rig.registry), "tokens_total").len(), 2);
    let _again = rig.registry.attach(&["1"]).unwrap().shared_recorder();
    assert_eq!(rig.tokens(), rows(&[("a", 1), ("other", 0)]));
}

#[test]
fn values_are_escaped() {
    let rig = Rig::new();
    rig.engine.shared_recorder().with_label_values(rig.tokens, ["a\"\\\nb"]).add(1);
    assert!(page(&rig.registry).contains("tokens_total{engine=\"0\",tenant=\"a\\\"\\\\\\nb\"} 1\n"));
}

#[test]
fn what_is_wrong_is_refused_when_it_is_declared() {
    let mut schema = Schema::builder(&["engine"]);
    schema.max_samples(11);
    schema.counter::<u64>("long", "").dynamic_labels(["x"], 9).declare().unwrap();
    let too_many = SchemaError::TooManySamples { family: "one_more".into(), limit: 11 };
    assert_eq!(schema.counter::<u64>("one_more", "").dynamic_labels(["x"], 1).declare().unwrap_err(), too_many);
    assert_eq!(schema.gauge::<i64>("one_more", "").dynamic_labels(["x"], usize::MAX).declare().unwrap_err(), too_many);
    let twice = schema.gauge::<i64>("twice", "").dynamic_labels(["x", "x"], 0).declare().unwrap_err();
    assert_eq!(twice, SchemaError::DuplicateLabel { family: Some("twice".into()), label: "x".into() });
    let again = schema.gauge::<i64>("long", "").dynamic_labels(["x"], 0).declare().unwrap_err();
    assert_eq!(again, SchemaError::DuplicateFamily { family: "long".into() });
    let le = schema.histogram::<u64>("le", "", &[1.0]).dynamic_labels(["le"], 0).declare().unwrap_err();
    assert_eq!(le, SchemaError::ReservedLabelName { family: Some("le".into()), label: "le".into() });

    let mut schema = Schema::builder(&["engine"]);
    let error = schema.counter::<u64>("clash", "").dynamic_labels(["engine"], 1).declare().unwrap_err();
    assert_eq!(error, SchemaError::DuplicateLabel { family: Some("clash".into()), label: "engine".into() });
}

#[test]
#[should_panic(expected = "a family of another schema was used with this recorder")]
fn a_foreign_family_panics() {
    let other = Rig::new();
    _ = Rig::new().engine.shared_recorder().with_label_values(other.tokens, ["a"]);
}

/// Whoever looks up first: all get the same series, and no more than there is room for.
#[test]
fn threads_that_look_up_at_a_time_share_the_series() {
    const THREADS: u64 = 4;
    const ROUNDS: u64 = 200;
    let rig = Rig::new();
    let (recorder, start) = (rig.engine.shared_recorder(), Barrier::new(THREADS as usize));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (recorder, start, rig) = (recorder.clone(), &start, &rig);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    start.wait();
                    let tenants = [["a", "b"], ["b", "a"]][(thread % 2) as usize];
                    tenants.iter().for_each(|tenant| recorder.with_label_values(rig.tokens, [tenant]).inc());
                    if start.wait().is_leader() {
                        let n = THREADS;
                        assert_eq!(rig.tokens(), rows(&[("a", n), ("b", n), ("other", 0)]), "round {round}");
                        assert!(["a", "b"].iter().all(|tenant| recorder.remove(rig.tokens, [tenant])));
                    }
                }
            });
        }
    });
    assert!(rig.overflowed()[0].ends_with(" 0"));
}
