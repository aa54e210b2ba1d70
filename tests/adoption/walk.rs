//! A walk over a snapshot finds what the page says.

use crate::{
    common::{self, Samples},
    one_step::OneStep as _,
    shown,
};
use tachometer::{
    Counter, DynamicFamily, Engine, Exactly, FamilyView, Gauge, Histogram, HistogramView, Info, MetricType,
    ObservationValue, Recorder, Registry, SampleValue, SampleView, Schema, SchemaBuilder, SettableGauge, Snapshot,
    StateSet,
};

/// A family of each kind.
#[derive(Clone, Copy)]
struct Handles {
    requests: [[Counter<u64>; 2]; 2],
    busy: Counter<f64>,
    config: Info<Exactly<1>>,
    level: Gauge<i64>,
    ratio: Gauge<f64>,
    odd: SettableGauge<f64>,
    mode: StateSet,
    tokens: Histogram<u64>,
    change: Histogram<f64>,
    ttft: DynamicFamily<Histogram<f64>, Exactly<1>>,
}

impl Handles {
    fn declare(schema: &mut SchemaBuilder) -> Self {
        let requests = schema.counter("requests", "Requests,\nby two labels.").label("x", ["a", "b"]);
        let requests = requests.label("y", ["c", "d\n"]).declare().unwrap();
        let busy = schema.counter("busy_seconds", "").unit("seconds").exact_name().declare().unwrap();
        let config = schema.info("config_info", "An info.", ["size"]).engine_labels(&["model_name"]).declare().unwrap();
        schema.info("never_set_info", "No sample.", ["x"]).declare().unwrap();
        schema.gauge::<i64>("unseen", "").hidden().declare().unwrap();
        let ttft = schema.histogram("ttft_seconds", "By tenant.", &[0.5]).unit("seconds");
        Self {
            requests,
            busy,
            config,
            ttft: ttft.dynamic_labels(["tenant"], 4).declare().unwrap(),
            level: schema.gauge("level", "").declare().unwrap(),
            ratio: schema.gauge("load_ratio", "").registry_wide().unit("ratio").declare().unwrap(),
            odd: schema.gauge("odd", "").settable().declare().unwrap(),
            mode: schema.state_set("mode", "A state.", "mode", &["on", "off"]).declare().unwrap(),
            tokens: schema.histogram("tokens", "", &[1.0, 8.0]).registry_wide().declare().unwrap(),
            change: schema.histogram("change", "", &[-1.0, 1.5]).declare().unwrap(),
        }
    }

    fn record(self, engine: &Engine, recorder: &mut Recorder, text: &str) {
        recorder.record(|step| {
            step.add(self.requests[1][0], 5);
            (0..2).for_each(|_| step.add(self.requests[0][1], i64::MAX as u64));
            step.add(self.busy, 0.25);
            step.set_info(self.config, [text], 1.5);
            step.set(self.level, -3);
            step.select_state(self.mode, Some(1));
            step.observe_all(self.change, &[-2.0, 0.5, 7.0, 7.0]);
        });
        let shared = engine.shared_recorder();
        shared.set_gauge(self.odd, f64::NEG_INFINITY);
        shared.with_label_values(self.ttft, [text]).observe(0.75);
    }
}

/// Two engines and the registry itself, each with values of every type.
pub(crate) struct Rig {
    pub(crate) registry: Registry,
    _engines: Vec<(Engine, Recorder)>,
    _own: Recorder,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let mut schema = Schema::builder(&["engine", "model_name"]);
        schema.const_label("cluster", "eu \"1\"");
        let handles = Handles::declare(&mut schema);
        let registry = Registry::new(schema.build().unwrap());
        let engines = [("0", "m"), ("1", "back\\slash")].map(|(number, text)| {
            let engine = registry.attach(&[number, text]).unwrap();
            let mut recorder = engine.recorder().unwrap();
            handles.record(&engine, &mut recorder, text);
            (engine, recorder)
        });
        let mut own = registry.recorder().unwrap();
        own.record(|step| {
            step.observe_n(handles.tokens, 3, 2);
            step.set(handles.ratio, 0.5);
        });
        Self { registry, _engines: engines.into(), _own: own }
    }
}

/// What the page must have for a walk's samples, as another parser reads them.
fn samples_of(snapshot: &Snapshot) -> Samples {
    let mut samples = Samples::new();
    for family in snapshot.families() {
        for sample in family.samples() {
            let mut add = |suffix: &str, bound: Option<f64>, value: f64| {
                let labels = sample.labels().map(|(name, value)| (name.to_owned(), value.to_owned()));
                let mut labels: Vec<_> = labels.chain(bound.map(|le| ("le".to_owned(), le.to_string()))).collect();
                labels.sort();
                let twice = samples.insert((format!("{}{suffix}", family.name()), labels), value);
                assert_eq!(twice, None, "{family:?} has {sample:?} twice");
            };
            match sample.value() {
                SampleValue::U64(value) => add(family.suffix(), None, value as f64),
                SampleValue::I64(value) => add(family.suffix(), None, value as f64),
                SampleValue::F64(value) => add(family.suffix(), None, value),
                SampleValue::U64Histogram(view) => histogram(&view, view.sum() as f64, add),
                SampleValue::F64Histogram(view) => histogram(&view, view.sum(), add),
            }
        }
    }
    samples
}

fn histogram<T: ObservationValue>(view: &HistogramView<'_, T>, sum: f64, mut add: impl FnMut(&str, Option<f64>, f64)) {
    let mut count = 0;
    for (bound, in_bucket) in view.upper_bounds().iter().chain([&f64::INFINITY]).zip(view.bucket_counts()) {
        count += in_bucket;
        add("_bucket", Some(*bound), count as f64);
    }
    if view.upper_bounds()[0] >= 0.0 {
        add("_sum", None, sum);
        add("_count", None, view.count() as f64);
    }
}

#[test]
fn its_samples_are_those_of_the_page() {
    let rig = Rig::new();
    let snapshot = shown::snapshot(&rig.registry);
    assert_eq!(samples_of(&snapshot), common::parse(&rig.registry.page()));
    assert_eq!(Snapshot::new().families().count(), 0, "before the first use");
}

fn family<'s>(snapshot: &'s Snapshot, name: &str) -> FamilyView<'s> {
    snapshot.families().find(|family| family.name() == name).unwrap()
}

/// The samples of a family that have a label.
fn with<'s>(snapshot: &'s Snapshot, name: &str, label: (&str, &str)) -> Vec<SampleView<'s>> {
    family(snapshot, name).samples().filter(|sample| sample.labels().any(|pair| pair == label)).collect()
}

#[test]
fn families_have_names_help_types_and_units() {
    let rig = Rig::new();
    let snapshot = shown::snapshot(&rig.registry);
    let about = |name| {
        let family = family(&snapshot, name);
        (family.suffix(), family.help(), family.metric_type(), family.unit(), family.samples().count())
    };
    use MetricType::{Counter, Gauge, Histogram};
    assert_eq!(about("requests"), ("_total", "Requests,\nby two labels.", Counter, None, 8));
    assert_eq!(about("busy_seconds"), ("", "", Counter, Some("seconds"), 2));
    assert_eq!(about("config_info"), ("", "An info.", Gauge, None, 2));
    assert_eq!(about("never_set_info"), ("", "No sample.", Gauge, None, 0));
    assert_eq!(about("mode"), ("", "A state.", Gauge, None, 4));
    assert_eq!(about("load_ratio"), ("", "", Gauge, Some("ratio"), 1));
    assert_eq!(about("ttft_seconds"), ("", "By tenant.", Histogram, Some("seconds"), 4));
    assert_eq!(about("tachometer_recorders").2, Gauge);
    let names: Vec<_> = snapshot.families().map(|family| family.name()).collect();
    assert_eq!(&names[..3], ["requests", "busy_seconds", "config_info"], "in declared order");
    assert!(!names.contains(&"unseen"), "hidden");
}

#[test]
fn values_have_the_types_of_their_families() {
    let rig = Rig::new();
    let snapshot = shown::snapshot(&rig.registry);
    let values = |name, label| with(&snapshot, name, label).iter().map(SampleView::value).collect::<Vec<_>>();
    let engine = ("engine", "1");
    use SampleValue::{F64, F64Histogram, I64, U64, U64Histogram};
    assert!(matches!(values("requests", engine)[..], [U64(0), U64(n), U64(5), U64(0)] if n == u64::MAX - 1));
    assert!(matches!(values("busy_seconds", engine)[..], [F64(0.25)]));
    assert!(matches!(values("level", engine)[..], [I64(-3)]));
    assert!(matches!(values("odd", engine)[..], [F64(f64::NEG_INFINITY)]));
    assert!(matches!(values("mode", engine)[..], [U64(0), U64(1)]));
    assert!(matches!(values("config_info", ("size", "back\\slash"))[..], [F64(1.5)]));
    assert!(matches!(values("tachometer_recorders", engine)[..], [U64(1)]));
    let [U64Histogram(tokens)] = values("tokens", ("cluster", "eu \"1\""))[..] else { panic!("not one") };
    assert_eq!((tokens.upper_bounds(), tokens.bucket_counts(), tokens.sum()), (&[1.0, 8.0][..], &[0, 2, 0][..], 6));
    let [F64Histogram(ttft)] = values("ttft_seconds", ("tenant", "m"))[..] else { panic!("not one") };
    assert_eq!((ttft.bucket_counts(), ttft.sum()), (&[0, 1][..], 0.75));
    let labels: Vec<_> = with(&snapshot, "config_info", ("size", "m"))[0].labels().collect();
    assert_eq!(labels, [("cluster", "eu \"1\""), ("model_name", "m"), ("size", "m")]);
    let labels: Vec<_> = with(&snapshot, "requests", engine)[1].labels().collect();
    let expected = [("cluster", "eu \"1\""), ("engine", "1"), ("model_name", "back\\slash"), ("x", "a"), ("y", "d\n")];
    assert_eq!(labels, expected);
}
