//! Families of the registry, and families that are never printed.

use crate::{common, one_step::OneStep as _, shown::snapshot};
use tachometer::{Counter, Gauge, Histogram, Recorder, Registry, Schema, Snapshot};

/// A family of each kind for the registry, between families of engines.
struct Rig {
    registry: Registry,
    steps: Counter<u64>,
    rejections: [[Counter<u64>; 2]; 1],
    load: Gauge<f64>,
    seconds: Histogram<f64>,
    waits: Gauge<i64>,
}

impl Rig {
    fn new(engine_labels: &[&str]) -> Self {
        let mut schema = Schema::builder(engine_labels);
        let steps = schema.counter("steps", "Of an engine.").declare().unwrap();
        let rejections = schema.counter("rejections", "Of the registry.").registry_wide();
        let rejections =
            rejections.label("model_name", ["m"]).label("reason", ["requests", "tokens"]).declare().unwrap();
        let load = schema.gauge("load_ratio", "Of the registry.").registry_wide().declare().unwrap();
        let waits = schema.gauge("waits", "Of an engine.").declare().unwrap();
        let seconds = schema.histogram("seconds", "Of the registry.", &[1.0]).registry_wide().declare().unwrap();
        Self { registry: Registry::new(schema.build().unwrap()), steps, rejections, load, seconds, waits }
    }

    /// The samples, without the lines about recorders.
    fn samples(&self) -> Vec<String> {
        let page = self.registry.page();
        common::parse(&page);
        page.lines()
            .filter(|line| !line.starts_with("# ") && !line.starts_with("tachometer_"))
            .map(str::to_owned)
            .collect()
    }

    fn record(&self, recorder: &mut Recorder) {
        recorder.record(|step| {
            step.inc(self.rejections[0][1]);
            step.set(self.load, 0.5);
            step.observe(self.seconds, 2.0);
        });
    }
}

/// What a page has of the registry's own families, once.
const OWN: [&str; 7] = [
    "rejections_total{model_name=\"m\",reason=\"requests\"} 0",
    "rejections_total{model_name=\"m\",reason=\"tokens\"} 1",
    "load_ratio 0.5",
    "seconds_bucket{le=\"1.0\"} 0",
    "seconds_bucket{le=\"+Inf\"} 1",
    "seconds_sum 2.0",
    "seconds_count 1",
];

#[test]
fn a_page_has_them_once_in_declared_order_without_engine_labels() {
    let rig = Rig::new(&["engine", "model_name"]);
    let mut recorder = rig.registry.recorder().unwrap();
    rig.record(&mut recorder);
    assert_eq!(rig.samples(), OWN, "without any engine");
    let engines = ["0", "1"].map(|engine| rig.registry.attach(&[engine, "m"]).unwrap());
    engines[0].recorder().unwrap().inc(rig.steps);
    let mut one = engines[1].recorder().unwrap();
    one.set(rig.waits, 7);
    let [zero, one] = ["{engine=\"0\",model_name=\"m\"}", "{engine=\"1\",model_name=\"m\"}"];
    let steps = [format!("steps_total{zero} 1"), format!("steps_total{one} 0")];
    let waits = [format!("waits{zero} 0"), format!("waits{one} 7")];
    let [before, after] = [&OWN[..3], &OWN[3..]].map(|lines| lines.iter().map(|line| (*line).to_owned()));
    assert_eq!(rig.samples(), steps.into_iter().chain(before).chain(waits).chain(after).collect::<Vec<_>>());
}

#[test]
fn a_snapshot_reads_them_as_one_step() {
    let rig = Rig::new(&["engine"]);
    let mut snapshot = Snapshot::new();
    assert!(snapshot.registry().is_none(), "not yet used");
    let mut recorder = rig.registry.recorder().unwrap();
    rig.record(&mut recorder);
    rig.registry.snapshot(&mut snapshot);
    let own = snapshot.registry().unwrap();
    assert_eq!((own.step(), own.label("engine"), snapshot.engines().len()), (1, None, 0));
    assert_eq!(rig.rejections[0].map(|reason| own.counter(reason)), [0, 1]);
    assert_eq!((own.gauge(rig.load), own.histogram(rig.seconds).count()), (0.5, 1));
}

#[test]
fn recorders_are_limited_and_the_next_one_goes_on() {
    let rig = Rig::new(&["engine"]);
    let mut recorder = rig.registry.recorder().unwrap();
    let others: Vec<_> = (1..64).map(|_| rig.registry.clone().recorder().unwrap()).collect();
    let refused = rig.registry.recorder().unwrap_err().to_string();
    assert!(refused.contains("64 recorders of the registry") && refused.contains("max_recorders"), "{refused}");
    drop(others);
    let engine = rig.registry.attach(&["0"]).unwrap();
    engine.recorder().unwrap().inc(rig.steps);
    rig.record(&mut recorder);
    drop(recorder);
    rig.record(&mut rig.registry.recorder().unwrap());
    assert!(rig.samples().contains(&"rejections_total{model_name=\"m\",reason=\"tokens\"} 2".to_owned()));
}

#[test]
fn what_the_registrys_recorder_rejects_is_counted_apart() {
    // Without engine labels the series would clash if they were in the engines' families.
    let rig = Rig::new(&[]);
    let _engine = rig.registry.attach(&[]).unwrap();
    let mut recorder = rig.registry.recorder().unwrap();
    recorder.observe(rig.seconds, f64::NAN);
    drop(recorder.step());
    let page = rig.registry.page();
    let samples = common::parse(&page);
    let sample = |name: &str| samples[&(format!("tachometer_{name}_total"), Vec::new())];
    let names = ["rejected_observations", "discarded_steps", "foreign_handles"];
    assert_eq!(names.map(|name| sample(&format!("registry_{name}"))), [1.0, 1.0, 0.0]);
    assert_eq!(names.map(sample), [0.0; 3]);
}

#[test]
fn a_schema_without_them_has_a_page_without_them() {
    let mut schema = Schema::builder(&[]);
    schema.counter::<u64>("steps", "").declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    registry.recorder().unwrap().step().commit();
    assert!(!registry.page().contains("tachometer_registry_"));
}

#[cfg(debug_assertions)]
#[test]
#[should_panic(expected = "engines and the registry have different schema numbers")]
fn an_engines_recorder_refuses_the_registrys_handles_in_debug() {
    let rig = Rig::new(&["engine"]);
    let engine = rig.registry.attach(&["0"]).unwrap();
    engine.recorder().unwrap().set(rig.load, 1.0);
}

#[cfg(debug_assertions)]
#[test]
#[should_panic(expected = "engines and the registry have different schema numbers")]
fn the_registrys_recorder_refuses_engines_handles_in_debug() {
    let rig = Rig::new(&["engine"]);
    rig.registry.recorder().unwrap().inc(rig.steps);
}

#[cfg(not(debug_assertions))]
#[test]
fn handles_of_the_other_scope_are_ignored_and_counted_in_release() {
    let rig = Rig::new(&[]);
    let engine = rig.registry.attach(&[]).unwrap();
    engine.recorder().unwrap().set(rig.load, 1.0);
    rig.registry.recorder().unwrap().inc(rig.steps);
    let page = rig.registry.page();
    for line in ["load_ratio 0.0", "steps_total 0", "tachometer_foreign_handles_total 1"] {
        assert!(page.lines().any(|other| other == line), "{line}");
    }
    assert!(page.contains("\ntachometer_registry_foreign_handles_total 1\n"));
}

#[test]
#[should_panic(expected = "families of the registry are read from Snapshot::registry")]
fn an_engines_view_refuses_the_registrys_handles() {
    let rig = Rig::new(&["engine"]);
    let _engine = rig.registry.attach(&["0"]).unwrap();
    let snapshot = snapshot(&rig.registry);
    let _ = snapshot.engines().next().unwrap().gauge(rig.load);
}

#[test]
fn hidden_families_are_read_but_not_printed() {
    let mut schema = Schema::builder(&["engine"]);
    let shown = schema.counter::<u64>("shown", "").declare().unwrap();
    let [a, b] = schema.gauge::<i64>("level", "").hidden().label("x", ["a", "b"]).declare().unwrap();
    let seconds = schema.histogram::<f64>("seconds", "", &[1.0]).hidden().declare().unwrap();
    let own = schema.gauge::<f64>("own", "").registry_wide().hidden().declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&["0"]).unwrap();
    let (mut recorder, mut registrys) = (engine.recorder().unwrap(), registry.recorder().unwrap());
    recorder.record(|step| {
        step.inc(shown);
        step.set(a, 1);
        step.set(b, 2);
        step.observe(seconds, 0.5);
    });
    registrys.set(own, 0.25);
    let snapshot = snapshot(&registry);
    let view = snapshot.engines().next().unwrap();
    assert_eq!((view.counter(shown), view.gauge(a), view.gauge(b)), (1, 1, 2));
    assert_eq!((view.histogram(seconds).count(), snapshot.registry().unwrap().gauge(own)), (1, 0.25));
    let names: Vec<_> = common::parse(&registry.page()).into_keys().map(|(name, _)| name).collect();
    assert_eq!(names.iter().filter(|name| !name.starts_with("tachometer_")).collect::<Vec<_>>(), ["shown_total"]);
}
