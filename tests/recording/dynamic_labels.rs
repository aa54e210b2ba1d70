//! Families whose label values aren't known beforehand: looked up, bounded, removed.

use crate::{common, one_engine::OneEngine, shown};
use std::{sync::Barrier, thread};

use tachometer::{Counter, DynamicFamily, Exactly, Histogram, Registry, Schema, SchemaError, Snapshot};

type Tokens = DynamicFamily<Counter<u64>, Exactly<1>>;

/// A counter by tenant with room for two of them.
pub(super) fn one_engine() -> OneEngine<Tokens> {
    OneEngine::new(|schema| {
        schema.counter("tokens", "Tokens, by tenant.").dynamic_labels(["tenant"], 2).declare().unwrap()
    })
}

impl OneEngine<Tokens> {
    /// Tenants and their tokens, as a snapshot has them and as a page prints them.
    pub(super) fn tokens(&self) -> Vec<(String, u64)> {
        let read: Vec<_> =
            self.read(|engine| engine.counters(self.handles).map(|([tenant], n)| (tenant.to_owned(), n)).collect());
        let lines = read.iter().map(|(tenant, n)| format!("tokens_total{{engine=\"0\",tenant=\"{tenant}\"}} {n}"));
        assert_eq!(lines.collect::<Vec<_>>(), lines_of(&page(&self.registry), "tokens_total"));
        read
    }
}

/// A page that a parser accepts.
pub(super) fn page(registry: &Registry) -> String {
    let page = registry.page();
    common::parse(&page);
    page
}

pub(super) fn lines_of(page: &str, family: &str) -> Vec<String> {
    page.lines().filter(|line| line.starts_with(family)).map(str::to_owned).collect()
}

pub(super) fn rows(rows: &[(&str, u64)]) -> Vec<(String, u64)> {
    rows.iter().map(|(tenant, n)| ((*tenant).to_owned(), *n)).collect()
}

#[test]
fn series_are_printed_in_the_order_of_their_values_with_the_overflow_series() {
    let rig = one_engine();
    assert!(rig.tokens().is_empty(), "nobody can look up yet");
    let recorder = rig.engine.shared_recorder();
    assert_eq!(rig.tokens(), rows(&[("other", 0)]));
    recorder.with_label_values(rig.handles, ["z"]).add(1);
    recorder.with_label_values(rig.handles, ["a"]).add(2);
    recorder.with_label_values(rig.handles, ["z"]).inc();
    assert_eq!(rig.tokens(), rows(&[("a", 2), ("other", 0), ("z", 2)]));
}

#[test]
fn a_removed_series_is_gone_and_makes_room() {
    let rig = one_engine();
    let recorder = rig.engine.shared_recorder();
    let [a, _b] = ["a", "b"].map(|tenant| recorder.with_label_values(rig.handles, [tenant]));
    a.add(5);
    assert!(recorder.remove(rig.handles, ["a"]));
    assert!(!recorder.remove(rig.handles, ["a"]), "it is gone");
    recorder.with_label_values(rig.handles, ["c"]).add(7);
    a.add(5);
    assert_eq!(rig.tokens(), rows(&[("b", 0), ("c", 7), ("other", 0)]));
}

#[test]
fn label_values_that_come_again_begin_at_zero_and_old_handles_add_nothing() {
    let rig = one_engine();
    let recorder = rig.engine.shared_recorder();
    let before = recorder.with_label_values(rig.handles, ["a"]);
    before.add(5);
    recorder.remove(rig.handles, ["a"]);
    let after = recorder.with_label_values(rig.handles, ["a"]);
    before.add(5);
    assert_eq!(rig.tokens(), rows(&[("a", 0), ("other", 0)]));
    after.add(1);
    assert_eq!(rig.tokens(), rows(&[("a", 1), ("other", 0)]));
}

#[test]
fn gauges_are_set_and_changed() {
    let OneEngine { registry, engine, handles: (whole, ratio) } = OneEngine::without_labels(|schema| {
        (
            schema.gauge::<i64>("whole", "").dynamic_labels(["l"], 1).declare().unwrap(),
            schema.gauge::<f64>("ratio", "").dynamic_labels(["l"], 1).declare().unwrap(),
        )
    });
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
    let OneEngine { registry, engine, handles: ratio } = OneEngine::without_labels(|schema| {
        schema.gauge::<f64>("ratio", "").dynamic_labels(["l"], 1).declare().unwrap()
    });
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
    let OneEngine { registry, engine, handles: hits } = OneEngine::without_labels(|schema| {
        schema.counter::<u64>("hits", "").dynamic_labels(["l", "m"], 20).declare().unwrap()
    });
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
        let seconds: DynamicFamily<Histogram<f64>, Exactly<1>> =
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
    let OneEngine { registry, engine, handles: ttft } = OneEngine::new(|schema| {
        schema
            .histogram::<f64>("ttft_seconds", "", &[0.1, 1.0])
            .unit("seconds")
            .dynamic_labels(["tenant"], 1)
            .declare()
            .unwrap()
    });
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

    let snapshot = shown::snapshot(&registry);
    let engine = snapshot.engines().next().unwrap();
    let read: Vec<_> = engine.histograms(ttft).map(|([tenant], view)| (tenant, view.count(), view.sum())).collect();
    assert_eq!(read, [("a", 5, 3.5625), ("other", 0, 0.0)]);
}

#[test]
fn a_negative_addition_is_rejected_and_stays_counted_when_the_series_is_removed() {
    let OneEngine { registry, engine, handles: cost } = OneEngine::without_labels(|schema| {
        schema.counter::<f64>("cost", "").dynamic_labels(["tenant"], 1).declare().unwrap()
    });
    let recorder = engine.shared_recorder();
    let series = recorder.with_label_values(cost, ["a"]);
    series.add(-1.0);
    recorder.remove(cost, ["a"]);
    series.add(-1.0);
    assert!(page(&registry).contains("\ntachometer_rejected_observations_total 2\n"));
}

#[test]
fn the_registry_has_dynamic_labels_too() {
    let mut schema = Schema::builder(&["engine"]);
    let routed: DynamicFamily<Counter<u64>, Exactly<1>> =
        schema.counter("routed", "").registry_wide().dynamic_labels(["tenant"], 1).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let recorder = registry.shared_recorder();
    ["a", "b"].iter().for_each(|tenant| recorder.with_label_values(routed, [tenant]).inc());
    let page = page(&registry);
    assert_eq!(lines_of(&page, "routed"), ["routed_total{tenant=\"a\"} 1", "routed_total{tenant=\"other\"} 1"]);
    assert!(page.contains("\ntachometer_registry_overflowed_label_values_total 1\n"));
    let snapshot = shown::snapshot(&registry);
    assert!(snapshot.registry().unwrap().counters(routed).eq([(["a"], 1), (["other"], 1)]));
}

#[test]
fn a_hidden_family_is_read_and_not_printed() {
    let OneEngine { registry, engine, handles: hidden } = OneEngine::without_labels(|schema| {
        schema.gauge::<i64>("hidden", "").hidden().dynamic_labels(["tenant"], 1).declare().unwrap()
    });
    engine.shared_recorder().with_label_values(hidden, ["a"]).inc();
    assert!(!page(&registry).contains("hidden"));
    let snapshot = shown::snapshot(&registry);
    assert!(snapshot.engines().next().unwrap().gauges(hidden).eq([(["a"], 1), (["other"], 0)]));
}

#[test]
fn each_engine_has_series_of_its_own() {
    let rig = one_engine();
    let other = rig.registry.attach(&["1"]).unwrap();
    rig.engine.shared_recorder().with_label_values(rig.handles, ["a"]).add(1);
    let series = other.shared_recorder().with_label_values(rig.handles, ["a"]);
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
    let rig = one_engine();
    rig.engine.shared_recorder().with_label_values(rig.handles, ["a\"\\\nb"]).add(1);
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
    let other = one_engine();
    _ = one_engine().engine.shared_recorder().with_label_values(other.handles, ["a"]);
}

/// Whoever looks up first: all get the same series, and no more than there is room for.
#[test]
fn threads_that_look_up_at_a_time_share_the_series() {
    const THREADS: u64 = 4;
    const ROUNDS: u64 = 200;
    let rig = one_engine();
    let (recorder, start) = (rig.engine.shared_recorder(), Barrier::new(THREADS as usize));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (recorder, start, rig) = (recorder.clone(), &start, &rig);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    start.wait();
                    let tenants = [["a", "b"], ["b", "a"]][(thread % 2) as usize];
                    tenants.iter().for_each(|tenant| recorder.with_label_values(rig.handles, [tenant]).inc());
                    if start.wait().is_leader() {
                        let n = THREADS;
                        assert_eq!(rig.tokens(), rows(&[("a", n), ("b", n), ("other", 0)]), "round {round}");
                        assert!(["a", "b"].iter().all(|tenant| recorder.remove(rig.handles, [tenant])));
                    }
                }
            });
        }
    });
    assert_eq!(rig.self_metric("overflowed_label_values"), 0);
}
