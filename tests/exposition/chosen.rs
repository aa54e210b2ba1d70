//! A page of chosen families has just the lines that a page of all families has of them.

use std::collections::BTreeMap;

use proptest::{prelude::*, sample::subsequence};
use tachometer::{
    Counter, DynamicFamily, Engine, Exactly, Format, Gauge, Histogram, Info, Joined, PageOptions, Recorder, Registry,
    Schema, SettableGauge, State, StateSet,
};

/// One handle of each kind.
#[derive(Clone, Copy)]
struct Handles {
    count: [Counter<u64>; 2],
    amount: Counter<f64>,
    sparse: [Counter<u64>; 2],
    level: Gauge<i64>,
    ratio: [SettableGauge<f64>; 2],
    share: [State<f64>; 2],
    mode: StateSet,
    seconds: [Histogram<f64>; 2],
    adapters: Info<Exactly<1>>,
    shared_info: Info<Exactly<1>>,
    tenants: DynamicFamily<Counter<u64>, Exactly<1>>,
    waits: DynamicFamily<Histogram<f64>, Exactly<1>>,
    wide: Counter<u64>,
    wide_level: State<i64>,
}

const NAMES: [&str; 14] = [
    "count_total",
    "amount",
    "sparse_total",
    "level",
    "ratio",
    "share",
    "mode",
    "seconds_sum",
    "adapters_info",
    "shared_info",
    "tenants",
    "waits_bucket",
    "wide",
    "wide_level",
];
/// Of the schema that joined, and the crate's own.
const OTHERS: [&str; 10] = [
    "hidden",
    "loads",
    "joined_info",
    "joined_wide",
    "tachometer_steps",
    "tachometer_open_steps",
    "tachometer_rejected_observations_total",
    "tachometer_registry_rejected_observations",
    "tachometer_snapshot_retries",
    "no_such_name",
];

fn schema() -> (Schema, Handles) {
    let mut schema = Schema::builder(&["engine"]);
    let handles = Handles {
        count: schema.counter("count", "").label("x", ["a", "b"]).declare().unwrap(),
        amount: schema.counter("amount", "").declare().unwrap(),
        sparse: schema.counter("sparse", "").sparse().label("x", ["a", "b"]).declare().unwrap(),
        level: schema.gauge("level", "").declare().unwrap(),
        ratio: schema.gauge("ratio", "").settable().sparse().label("x", ["a", "b"]).declare().unwrap(),
        share: schema.gauge("share", "").state().sparse().label("x", ["a", "b"]).declare().unwrap(),
        mode: schema.state_set("mode", "", "mode", &["on", "off"]).declare().unwrap(),
        seconds: schema.histogram("seconds", "", &[0.1, 1.0]).label("x", ["a", "b"]).declare().unwrap(),
        adapters: schema.info("adapters_info", "", ["running"]).declare().unwrap(),
        shared_info: schema.info("shared_info", "", ["x"]).engine_labels(&[]).declare().unwrap(),
        tenants: schema.counter("tenants", "").dynamic_labels(["tenant"], 4).declare().unwrap(),
        waits: schema.histogram("waits", "", &[1.0]).dynamic_labels(["tenant"], 4).declare().unwrap(),
        wide: schema.counter("wide", "").registry_wide().declare().unwrap(),
        wide_level: schema.gauge("wide_level", "").state().registry_wide().declare().unwrap(),
    };
    schema.gauge::<i64>("hidden", "").hidden().declare().unwrap();
    (schema.build().unwrap(), handles)
}

struct Joint {
    joined: Joined,
    loads: Counter<f64>,
    info: Info<Exactly<1>>,
    wide: Counter<u64>,
}

fn joint(registry: &Registry) -> Joint {
    let mut schema = Schema::builder(&["engine"]);
    let loads = schema.counter("loads", "").declare().unwrap();
    let info = schema.info("joined_info", "", ["x"]).declare().unwrap();
    let wide = schema.counter("joined_wide", "").registry_wide().declare().unwrap();
    Joint { joined: registry.join(schema.build().unwrap()).unwrap(), loads, info, wide }
}

/// Records something of each kind, with two recorders and from outside of steps.
fn record(recorders: &mut [Recorder], engine: &Engine, handles: &Handles, seed: u64) {
    for recorder in recorders {
        let mut step = recorder.step();
        handles.count.into_iter().for_each(|count| step.add(count, seed));
        step.add(handles.amount, 0.25);
        step.inc(handles.sparse[0]);
        step.set(handles.level, -(seed as i64));
        step.set_state(handles.share[1], seed as f64);
        step.select_state(handles.mode, Some(seed as usize % 2));
        step.observe(handles.seconds[1], seed as f64 / 8.0);
        step.observe(handles.seconds[0], f64::NAN);
        step.set_info(handles.adapters, [seed.to_string().as_str()], seed as f64);
        step.set_info(handles.shared_info, ["x"], seed as f64);
        step.commit();
    }
    let shared = engine.shared_recorder();
    shared.add(handles.amount, 0.5);
    shared.set_gauge(handles.ratio[seed as usize % 2], seed as f64 - 3.0); // 0 was recorded, too
    let tenant = format!("tenant {}", seed % 3);
    shared.with_label_values(handles.tenants, [tenant.as_str()]).inc();
    shared.with_label_values(handles.waits, [tenant.as_str()]).observe(0.5);
}

/// The lines of each family, by the name in its `TYPE` line. Without what each page changes.
fn families(page: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut families: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut current = "";
    for line in page.lines().filter(|line| !line.starts_with("# HELP") && !line.starts_with("tachometer_render")) {
        if let Some(typed) = line.strip_prefix("# TYPE ") {
            current = typed.split(' ').next().unwrap();
        }
        families.entry(current).or_default().push(line);
    }
    families
}

fn page(registry: &Registry, options: &PageOptions) -> String {
    let mut page = Vec::new();
    registry.render_as(Format::Text, options, &mut page);
    String::from_utf8(page).unwrap()
}

/// Fails unless the page of these names has the chosen families of the whole page.
fn check(registry: &Registry, names: &[&str]) {
    // This one first: the other would leave everything in the buffers.
    let chosen = page(registry, &PageOptions::new().families(names.iter().copied()));
    let whole = page(registry, &PageOptions::new());
    let bare = |name: &str| {
        ["_total", "_sum", "_bucket"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name).to_owned()
    };
    let names: Vec<_> = names.iter().map(|name| bare(name)).collect();
    let mut expected = families(&whole);
    expected.retain(|family, _| names.contains(&bare(family)));
    assert_eq!(families(&chosen), expected);
    let order = |page: &str| -> Vec<String> {
        let lines = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        lines.map(|line| bare(line.split(' ').next().unwrap())).filter(|name| names.contains(name)).collect()
    };
    assert_eq!(order(&chosen), order(&whole));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn they_are_those_of_the_whole_page(
        rounds in prop::collection::vec((any::<bool>(), 0..9_u64, subsequence(NAMES.to_vec(), 0..5), subsequence(OTHERS.to_vec(), 0..4)), 1..8),
    ) {
        let (schema, handles) = schema();
        let registry = Registry::new(schema);
        let joint = joint(&registry);
        let mut engines = Vec::new();
        for (number, (leaves, seed, names, others)) in rounds.into_iter().enumerate() {
            if leaves && engines.len() > 1 {
                drop(engines.remove(0));
            }
            let engine = registry.attach(&[&number.to_string()]).unwrap();
            let part = joint.joined.attach_to(&engine).unwrap();
            let mut recorders = [engine.recorder().unwrap(), engine.recorder().unwrap()];
            record(&mut recorders, &engine, &handles, seed);
            part.recorder().unwrap().step().commit();
            part.shared_recorder().add(joint.loads, f64::NAN);
            part.shared_recorder().add(joint.loads, 0.5);
            part.shared_recorder().set_info(joint.info, [seed.to_string().as_str()], 1.0);
            joint.joined.shared_recorder().inc(joint.wide);
            registry.shared_recorder().add(handles.wide, seed);
            let mut wide = registry.recorder().unwrap();
            let mut step = wide.step();
            step.set_state(handles.wide_level, seed as i64);
            step.commit();
            engines.push((engine, part, recorders));
            check(&registry, &[names, others].concat());
        }
    }
}

/// Each on the first page of a registry, whose buffers hold nothing yet.
#[test]
fn each_family_alone() {
    for name in NAMES.into_iter().chain(OTHERS) {
        let (schema, handles) = schema();
        let registry = Registry::new(schema);
        let joint = joint(&registry);
        let engine = registry.attach(&["0"]).unwrap();
        let part = joint.joined.attach_to(&engine).unwrap();
        record(&mut [engine.recorder().unwrap()], &engine, &handles, 3);
        part.shared_recorder().add(joint.loads, 0.5);
        part.shared_recorder().set_info(joint.info, [name], 1.0);
        joint.joined.shared_recorder().inc(joint.wide);
        check(&registry, &[name]);
        check(&registry, &[]);
    }
}
