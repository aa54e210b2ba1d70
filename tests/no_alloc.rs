//! Nothing is allocated, grown or freed while a warm step is recorded, committed, read or rendered.
//! Every public call of that path is made here: a new one that isn't fails.
//!
//! The allocator counts per thread, so a test harness's other threads don't disturb it.

#[path = "common/no_alloc.rs"]
mod no_alloc;
#[path = "common/one_step.rs"]
mod one_step;

use std::{hint::black_box, time::Duration};

use no_alloc::{allocator, assert_each_is_called, assert_none};
use one_step::OneStep as _;

use tachometer::{
    Counter, DynamicFamily, Exactly, Format, Gauge, Histogram, Info, PageOptions, Recorder, Registry, Renderer, Schema,
    SettableGauge, Snapshot, State, StateSet, View,
};

#[test]
fn the_counter_counts() {
    assert_eq!(allocator::calls(|| Box::new(1)), 2, "allocated and freed");
    assert_eq!(allocator::calls(|| vec![0_u8; 100].push(1)), 3, "growth counts too");
    assert_eq!(allocator::calls(|| black_box([0_u8; 100])), 0);
}

/// One handle of each kind.
#[derive(Clone, Copy)]
struct Handles {
    sparse: Counter<u64>,
    count: Counter<u64>,
    amount: Counter<f64>,
    level: Gauge<i64>,
    ratio: SettableGauge<f64>,
    share: State<f64>,
    mode: StateSet,
    seconds: Histogram<f64>,
    tokens: Histogram<u64>,
    adapters: Info<Exactly<2>>,
    wide: Counter<u64>,
    open: Open,
}

/// Families with dynamic labels, with room for one series each.
#[derive(Clone, Copy)]
struct Open {
    count: DynamicFamily<Counter<f64>, Exactly<2>>,
    level: DynamicFamily<Gauge<i64>, Exactly<1>>,
    seconds: DynamicFamily<Histogram<f64>, Exactly<1>>,
}

fn schema() -> (Schema, Handles) {
    let mut schema = Schema::builder(&["engine", "model_name"]);
    let handles = Handles {
        sparse: schema.counter("sparse", "").sparse().declare().unwrap(),
        count: schema.counter("count", "").declare().unwrap(),
        amount: schema.counter("amount", "").declare().unwrap(),
        level: schema.gauge("level", "").declare().unwrap(),
        ratio: schema.gauge("ratio", "").settable().declare().unwrap(),
        share: schema.gauge("share", "").state().declare().unwrap(),
        mode: schema.state_set("mode", "", "mode", &["on", "off"]).declare().unwrap(),
        seconds: schema.histogram("seconds", "", &[0.1, 1.0]).declare().unwrap(),
        tokens: schema.histogram("tokens", "", &[1.0, 10.0]).declare().unwrap(),
        adapters: schema.info("adapters", "", ["running", "waiting"]).engine_labels(&["model_name"]).declare().unwrap(),
        wide: schema.counter("wide", "").registry_wide().declare().unwrap(),
        open: Open {
            count: schema.counter("open_count", "").dynamic_labels(["a", "b"], 1).declare().unwrap(),
            level: schema.gauge("open_level", "").dynamic_labels(["a"], 1).declare().unwrap(),
            seconds: schema.histogram("open_seconds", "", &[0.1, 1.0]).dynamic_labels(["a"], 1).declare().unwrap(),
        },
    };
    (schema.build().unwrap(), handles)
}

#[test]
fn recording_allocates_nothing() {
    let (schema, handles) = schema();
    let registry = Registry::new(schema);
    let engine = registry.attach(&["0", "m"]).unwrap();
    let mut recorder = engine.recorder().unwrap();
    steps(&mut recorder, handles);
    single_calls(&mut recorder, handles);
    infos(&mut recorder, handles.adapters);
    let mut own = registry.recorder().unwrap();
    assert_none("the registry's recorder", || own.inc(handles.wide));
}

fn steps(recorder: &mut Recorder, Handles { sparse, count, amount, level, share, mode, seconds, tokens, .. }: Handles) {
    assert_none("each operation, and commit", || {
        let mut step = recorder.step();
        step.add(count, 1);
        step.inc(amount);
        step.inc(sparse);
        step.raise_to(count, 0);
        step.set(level, 1);
        step.set_state(share, 0.5);
        step.select_state(mode, Some(1));
        black_box(step.gauge(level));
        step.observe(seconds, 0.5);
        step.observe(seconds, f64::NAN);
        step.observe_duration(seconds, Duration::from_millis(50));
        step.observe_n(tokens, 5, 3);
        step.observe_all(seconds, &[0.05; 100]);
        step.observe_all(seconds, &[0.05, f64::NAN]);
        step.reject(1);
        step.commit();
    });
    assert_none("a step that overflows its log", || {
        let mut step = recorder.step();
        (0..1_000).for_each(|_| step.inc(count));
        step.commit();
    });
    assert_none("discard", || drop(recorder.step()));
    assert_none("a leaked step", || std::mem::forget(recorder.step()));
}

#[test]
fn recording_from_any_thread_allocates_nothing() {
    let (schema, Handles { sparse, count, amount, ratio, seconds, tokens, wide, .. }) = schema();
    let registry = Registry::new(schema);
    let engine = registry.attach(&["0", "m"]).unwrap();
    let (shared, own) = (engine.shared_recorder(), registry.shared_recorder());
    let calls = || {
        shared.add(count, 1);
        shared.add(count, u64::MAX);
        shared.inc(amount);
        shared.inc(sparse);
        shared.set_gauge(ratio, 0.5);
        shared.add_gauge(ratio, 0.5);
        shared.add_gauge(ratio, f64::NAN);
        shared.sub_gauge(ratio, 0.5);
        shared.inc_gauge(ratio);
        shared.dec_gauge(ratio);
        shared.observe(seconds, 0.5);
        shared.observe(seconds, f64::NAN);
        shared.observe_duration(seconds, Duration::from_millis(50));
        shared.observe_n(tokens, 5, 3);
        shared.observe_all(seconds, &[0.05; 100]);
        shared.observe_all(seconds, &[0.05, f64::NAN]);
        shared.reject(1);
        own.inc(wide);
        drop(shared.clone());
        drop(engine.shared_recorder());
    };
    assert_none("a shared recorder", calls);
    std::thread::scope(|scope| {
        scope.spawn(|| assert_none("a shared recorder in another thread", calls));
    });
    let (mut snapshot, mut page) = (Snapshot::new(), Vec::new());
    let mut only = View::new((count, ratio));
    let _recorders = [engine.recorder().unwrap(), engine.recorder().unwrap()];
    assert_none("a snapshot of shards and two slabs", || registry.snapshot(&mut snapshot));
    assert_none("chosen series of shards and two slabs", || registry.view(&mut only));
    assert_none("a page of shards and two slabs", || {
        page.clear();
        registry.render(&mut page);
    });
}

#[test]
fn guards_infos_and_handles_of_any_thread_allocate_nothing() {
    let (schema, Handles { ratio, seconds, adapters, .. }) = schema();
    let registry = Registry::new(schema);
    let engine = registry.attach(&["0", "m"]).unwrap();
    let shared = engine.shared_recorder();
    assert_none("guards", || {
        drop((shared.in_flight(ratio), shared.timer(seconds)));
        let timer = shared.timer(seconds);
        timer.discard();
    });
    assert_none("an info with the same label values", || shared.set_info(adapters, ["sql", ""], 1.0));
    shared.clear_info(adapters);
    assert_none("an info that is clear already", || shared.clear_info(adapters));
    assert_none("an engine that is found", || {
        drop((engine.clone(), registry.get_or_attach(&["0", "m"]).unwrap()));
    });
}

fn single_calls(recorder: &mut Recorder, Handles { count, level, seconds, tokens, .. }: Handles) {
    assert_none("the closure form, and single calls", || {
        recorder.record(|step| step.inc(count));
        recorder.add(count, 1);
        recorder.inc(count);
        recorder.set(level, 1);
        recorder.observe(seconds, 0.5);
        recorder.observe_n(tokens, 5, 3);
        recorder.observe_all(seconds, &[0.05; 100]);
    });
}

fn infos(recorder: &mut Recorder, adapters: Info<Exactly<2>>) {
    assert_none("an info with the same label values", || {
        recorder.record(|step| step.set_info(adapters, ["sql,chat", ""], 1.0));
    });
    recorder.record(|step| step.clear_info(adapters));
    assert_none("an info that is clear already", || recorder.record(|step| step.clear_info(adapters)));
    let other_values = || recorder.record(|step| step.set_info(adapters, ["sql", ""], 2.0));
    assert!(allocator::calls(other_values) > 0, "other label values are the exception that is documented");
}

/// Looking up what is there, or what there is no room for, allocates nothing either.
#[test]
fn recording_dynamic_labels_allocates_nothing() {
    let (schema, Handles { open, .. }) = schema();
    let registry = Registry::new(schema);
    let engine = registry.attach(&["0", "m"]).unwrap();
    let shared = engine.shared_recorder();
    let (count, level, seconds) = (
        shared.with_label_values(open.count, ["x", "y"]),
        shared.with_label_values(open.level, ["x"]),
        shared.with_label_values(open.seconds, ["x"]),
    );
    let calls = || {
        let series = shared.with_label_values(open.count, ["x", "y"]);
        series.add(0.5);
        series.add(f64::NAN);
        black_box(series.get());
        shared.with_label_values(open.count, ["no", "room"]).inc();
        black_box(series.values().len());
        drop((count.clone(), level.clone(), seconds.clone()));
        let series = &level;
        series.set(3);
        series.dec();
        drop(series.in_flight());
        let series = &seconds;
        series.observe(0.5);
        series.observe_duration(Duration::from_millis(50));
        series.observe_n(0.5, 3);
        drop(series.timer());
        series.observe_all(&[0.5, 0.7, f64::NAN]);
    };
    assert_none("series with dynamic labels", calls);
    let (mut snapshot, mut page) = (Snapshot::new(), Vec::new());
    assert_none("a snapshot of them", || registry.snapshot(&mut snapshot));
    assert_none("getters", || {
        let view = snapshot.engines().next().unwrap();
        black_box((view.counters(open.count).last(), view.gauges(open.level).last()));
        black_box(view.histograms(open.seconds).map(|(values, view)| (values, view.count())).last());
    });
    assert_none("a page of them", || {
        page.clear();
        registry.render(&mut page);
    });
}

#[test]
fn reading_allocates_nothing() {
    let (schema, handles) = schema();
    let Handles { count, level, seconds, adapters, wide, .. } = handles;
    let renderer = Renderer::new(&schema);
    let registry = Registry::new(schema);
    let engines = ["0", "1", "2"].map(|engine| registry.attach(&[engine, "m"]).unwrap());
    engines[1].recorder().unwrap().record(|step| step.set_info(adapters, ["sql", ""], 1.0));
    let (mut snapshot, mut page) = (Snapshot::new(), Vec::new());
    assert_none("snapshot", || registry.snapshot(&mut snapshot));
    let (mut chosen, mut of_registry) = (View::new((count, [level], seconds)), View::new(wide));
    assert_none("a router's view", || {
        registry.view(&mut chosen);
        registry.view(&mut of_registry);
        let view = chosen.engine(&["1", "m"]).unwrap();
        black_box((view.get(), view.label("engine"), view.label_values(), view.incarnation()));
        black_box((view.step(), view.retries(), view.lingers()));
        black_box((chosen.engines().len(), of_registry.registry().unwrap().get()));
    });
    assert_none("getters", || call_getters(&snapshot, handles));
    assert_none("a walk", || walk(&snapshot));
    assert_none("a renderer of the user's", || {
        page.clear();
        renderer.render(&snapshot, Format::Text, &PageOptions::new(), &mut page);
    });
    assert_none("render", || {
        page.clear();
        registry.render(&mut page);
    });
    assert!(!page.is_empty());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_none("render in another thread, once that has rendered", || {
                page.clear();
                registry.render(&mut page);
            });
        });
    });
}

/// A part of an engine, in a schema that joined: recording, reading, and the page of both schemas.
#[test]
fn a_schema_that_joined_allocates_nothing() {
    let (registry, (schema, handles)) = (Registry::new(crate::schema().0), joined_schema());
    let engine = registry.attach(&["0", "m"]).unwrap();
    let joined = registry.join(schema.clone()).unwrap();
    let parts = [joined.attach_to(&engine).unwrap(), joined.attach(&["m", "1"]).unwrap()];
    let (mut recorder, shared) = (parts[0].recorder().unwrap(), parts[1].shared_recorder());
    assert_none("recording", || {
        recorder.inc(handles);
        shared.inc(handles);
    });
    let (mut snapshot, mut view, mut page) = (Snapshot::new(), View::new(handles), Vec::new());
    assert_none("a snapshot", || registry.snapshot(&mut snapshot));
    assert_none("a joined schema's rows", || {
        black_box(snapshot.joined(&schema).unwrap().engine(&["m", "0"]).unwrap().counter(handles));
    });
    assert_none("a view", || registry.view(&mut view));
    assert_pages(&registry, &mut page);
    drop(joined);
    assert_none("recording into what has left", || {
        recorder.inc(handles);
        shared.inc(handles);
    });
}

/// Pages in both formats, whole and of chosen families.
fn assert_pages(registry: &Registry, page: &mut Vec<u8>) {
    let chosen = ["count", "level", "ratio", "seconds_sum", "joined_count_total", "adapters", "tachometer_steps", "x"];
    for options in [PageOptions::new(), PageOptions::new().created(), PageOptions::new().families(chosen).created()] {
        for format in [Format::Text, Format::OpenMetrics] {
            registry.render_as(format, &options, page);
            assert_none("a page", || {
                page.clear();
                registry.render_as(format, &options, page);
            });
        }
    }
}

/// The same engine labels in another order, so that a page writes the crate's own lines anew.
fn joined_schema() -> (Schema, Counter<u64>) {
    let mut schema = Schema::builder(&["model_name", "engine"]);
    let count = schema.counter("joined_count", "").declare().unwrap();
    (schema.build().unwrap(), count)
}

fn call_getters(
    snapshot: &Snapshot,
    Handles { count, level, ratio, share, mode, seconds, adapters, wide, .. }: Handles,
) {
    let view = snapshot.engines().next().unwrap();
    black_box((view.label("engine"), view.label_values(), view.incarnation(), view.step(), view.retries()));
    black_box((view.lingers(), snapshot.replaced().len()));
    black_box((
        view.counter(count),
        view.gauge(level),
        view.settable(ratio),
        view.state(share),
        view.selected_state(mode),
    ));
    let view = snapshot.engine(&["1", "m"]).unwrap();
    let histogram = view.histogram(seconds);
    black_box((histogram.count(), histogram.sum(), histogram.quantile(0.5)));
    black_box((histogram.upper_bounds(), histogram.bucket_counts()));
    black_box(histogram.cumulative_buckets().last());
    let info = view.info(adapters).unwrap();
    black_box((info.values(), info.value()));
    black_box(snapshot.registry().unwrap().counter(wide));
}

fn walk(snapshot: &Snapshot) {
    for family in snapshot.families() {
        black_box((family.name(), family.suffix(), family.help(), family.metric_type(), family.unit()));
        for sample in family.samples() {
            black_box((sample.labels().last(), sample.value()));
        }
    }
}

/// Sources, and what their methods are called on in this file.
const CALLS: [(&str, &[&str]); 7] = [
    ("record/mod.rs", &["recorder."]),
    ("record/guard.rs", &["shared.", "series.", "timer."]),
    ("record/shared.rs", &["shared."]),
    ("record/dynamic.rs", &["series.", ")."]),
    ("record/step.rs", &["step."]),
    ("snapshot/", &["snapshot.", "view.", "histogram.", "info.", "family.", "sample."]),
    ("exposition/renderer.rs", &["renderer."]),
];

#[test]
fn every_call_of_the_path_is_made_here() {
    assert_each_is_called(include_str!("no_alloc.rs"), &CALLS);
}
