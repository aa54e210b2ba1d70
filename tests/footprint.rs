//! What an engine, a family, a recorder and a snapshot take: the table "Footprint" of DESIGN.md, as
//! upper bounds: how large a list, a pointer's counts or an allocator's header are is up to the
//! standard library and to `arc-swap`.
// Where cache lines are padded to 128 bytes.
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]

#[path = "common/allocator.rs"]
mod allocator;

use tachometer::{
    Counter, DynamicSeries, Engine, Gauge, Histogram, Recorder, Registry, Schema, SchemaBuilder, SharedRecorder,
    Snapshot, Step, View,
};
use tachometer_vllm as vllm;

const LABELS: [&str; 2] = ["engine", "model_name"];
const VALUES: [&str; 2] = ["0", "meta-llama/Llama-3.1-8B"];

/// A registry of what `declare` declares.
fn registry(labels: &[&str], declare: impl FnOnce(&mut SchemaBuilder)) -> Registry {
    let mut schema = Schema::builder(labels);
    declare(&mut schema);
    Registry::new(schema.build().unwrap())
}

/// Bytes that one more engine holds.
fn engine(labels: &[&str], values: &[&str], declare: impl FnOnce(&mut SchemaBuilder)) -> usize {
    let registry = registry(labels, declare);
    let attach = || registry.attach(values).unwrap();
    drop(attach()); // the thread's first use of the list of engines allocates too
    let (engine, bytes): (Engine, _) = allocator::held(attach);
    let (_recorder, recorder_bytes) = allocator::held(|| engine.recorder().unwrap());
    assert!(recorder_bytes <= 16, "a recorder holds nothing outside of itself, except for one pointer per info");
    bytes as usize
}

/// Bytes that a second recorder and its slab hold.
fn further_recorder(declare: impl FnOnce(&mut SchemaBuilder)) -> usize {
    let registry = registry(&[], declare);
    let engine = registry.attach(&[]).unwrap();
    let _first = engine.recorder().unwrap();
    let (_second, bytes) = allocator::held(|| engine.recorder().unwrap());
    bytes as usize
}

/// Bytes of an engine's shards.
fn shards(shards: usize, declare: impl FnOnce(&mut SchemaBuilder)) -> usize {
    let mut schema = Schema::builder(&["engine"]);
    declare(&mut schema);
    let registry = {
        schema.shards(shards);
        Registry::new(schema.build().unwrap())
    };
    let engine = registry.attach(&["0"]).unwrap();
    let (_shared, bytes) = allocator::held(|| engine.shared_recorder());
    bytes as usize
}

/// Bytes of each shard.
fn shard(declare: impl Fn(&mut SchemaBuilder)) -> usize {
    let more = shards(4, &declare) - shards(2, &declare);
    assert_eq!(more % 2, 0);
    more / 2
}

/// Bytes of a dynamic series, with its entry in the list.
fn dynamic_series() -> usize {
    let mut family = None;
    let registry = registry(&LABELS, |schema| {
        family = Some(schema.counter::<u64>("tokens", "").dynamic_labels(["tenant"], 8).declare().unwrap());
    });
    let engine = registry.attach(&VALUES).unwrap();
    let recorder = engine.shared_recorder();
    let look_up = |tenant| drop(recorder.with_label_values(family.unwrap(), [tenant]));
    look_up("first");
    let ((), bytes) = allocator::held(|| look_up("other0"));
    bytes as usize
}

/// Bytes that a snapshot holds for each engine beyond the first 16.
fn snapshot(declare: impl FnOnce(&mut SchemaBuilder)) -> usize {
    let mut snapshot = Snapshot::new();
    held_by(|registry| registry.snapshot(&mut snapshot), &registry(&["engine"], declare))
}

/// The same of a view of three series.
fn router_view() -> usize {
    let mut families = None;
    let registry = registry(&["engine"], |schema| {
        families = Some(vllm::Families::declare(schema, &vllm::Config::new()).unwrap());
    });
    let vllm::Families { requests_waiting, requests_running, kv_cache_usage, .. } = families.unwrap();
    let mut view = View::new((requests_waiting, requests_running, kv_cache_usage));
    held_by(|registry| registry.view(&mut view), &registry)
}

fn held_by(mut read: impl FnMut(&Registry), registry: &Registry) -> usize {
    const ENGINES: usize = 16;
    let attach = |engine: usize| registry.attach(&[&engine.to_string()]).unwrap();
    let _engines: [Engine; ENGINES] = std::array::from_fn(attach);
    let ((), half) = allocator::held(|| read(registry));
    let _others: [Engine; ENGINES] = std::array::from_fn(|engine| attach(ENGINES + engine));
    let ((), more) = allocator::held(|| read(registry));
    assert!(half > 0);
    more as usize / ENGINES
}

fn nothing(_: &mut SchemaBuilder) {}

fn counter(schema: &mut SchemaBuilder) {
    schema.counter::<u64>("counter", "A counter.").declare().unwrap();
}

fn gauge(schema: &mut SchemaBuilder) {
    schema.gauge::<f64>("gauge", "A gauge.").declare().unwrap();
}

fn settable(schema: &mut SchemaBuilder) {
    schema.gauge::<f64>("gauge", "A gauge.").settable().declare().unwrap();
}

fn histogram(bounds: usize) -> impl FnOnce(&mut SchemaBuilder) {
    let bounds: Vec<f64> = (0..bounds).map(|bound| bound as f64).collect();
    move |schema| _ = schema.histogram::<f64>("seconds", "A histogram.", &bounds).declare().unwrap()
}

fn vllm_base(schema: &mut SchemaBuilder) {
    vllm::Families::declare(schema, &vllm::Config::new()).unwrap();
}

/// As vLLM's configuration `full` of speculative decoding, KV cache metrics, a KV consumer and
/// LoRA.
fn vllm_full(schema: &mut SchemaBuilder) {
    let config = vllm::Config::new().spec_decode(3).kv_cache_metrics(true).kv_consumer(true).lora(4);
    vllm::Families::declare(schema, &config).unwrap();
}

fn log_lines(schema: &mut SchemaBuilder) -> vllm::Families {
    vllm::Families::declare(schema, &vllm::Config::new().log_lines(true)).unwrap()
}

/// Bytes that an `EngineMetrics` holds on the heap.
fn engine_metrics(declare: impl FnOnce(&mut SchemaBuilder) -> vllm::Families) -> usize {
    let mut families = None;
    let registry = registry(&["engine"], |schema| families = Some(declare(schema)));
    let engine = registry.attach(&["0"]).unwrap();
    let mut recorder = engine.recorder().unwrap();
    let (_metrics, bytes) = allocator::held(|| families.unwrap().engine_metrics(&mut recorder));
    bytes as usize
}

/// The rows of the table: what, and its bytes.
fn measured() -> Vec<(&'static str, usize)> {
    let (empty, labelled) = (engine(&[], &[], nothing), engine(&LABELS, &VALUES, nothing));
    let handles = [size_of::<Counter<u64>>(), size_of::<Gauge<i64>>(), size_of::<Histogram<f64>>()];
    assert_eq!(handles, [handles[0]; 3]);
    assert_eq!(engine(&[], &[], gauge), engine(&[], &[], counter));
    assert_eq!(engine(&[], &[], settable), empty);
    assert_eq!(snapshot(settable), snapshot(counter));
    vec![
        ("an engine without families and labels", empty),
        ("– its labels, `engine=\"0\"` and a model's name of 23 bytes", labelled - empty),
        ("– each counter or gauge", engine(&[], &[], counter) - empty),
        ("– each histogram of 19 bounds", engine(&[], &[], histogram(19)) - empty),
        ("– the vLLM base set", engine(&LABELS, &VALUES, vllm_base) - labelled),
        ("– the vLLM set `full`", engine(&LABELS, &VALUES, vllm_full) - labelled),
        (
            "– log lines, besides the base set",
            engine(&LABELS, &VALUES, |schema| _ = log_lines(schema)) - engine(&LABELS, &VALUES, vllm_base),
        ),
        ("– the windows of its hit rates, if there are log lines", engine_metrics(log_lines)),
        ("its recorder, nearly all of it the two logs", size_of::<Recorder>()),
        ("an open step", size_of::<Step<'_>>()),
        ("each further recorder of an engine, and its slab, without families", further_recorder(nothing)),
        ("– each counter or gauge", further_recorder(counter) - further_recorder(nothing)),
        ("an engine's shards, from the first shared recorder on", shards(0, nothing) - shard(nothing)),
        ("– each shard, without families", shard(nothing)),
        ("– each counter or gauge in a shard", shard(counter) - shard(nothing)),
        ("– a shard of the vLLM base set", shard(vllm_base)),
        ("– each settable gauge, however many shards", shards(4, settable) - shards(4, nothing)),
        ("a shared recorder", size_of::<SharedRecorder>()),
        ("a dynamic series of a counter, with engine labels as above and a label value of 6 bytes", dynamic_series()),
        ("a handle of a dynamic series", size_of::<DynamicSeries<Counter<u64>>>()),
        ("a snapshot, for each engine without families", snapshot(nothing)),
        ("– each counter or gauge", snapshot(counter) - snapshot(nothing)),
        ("– the vLLM base set", snapshot(vllm_base) - snapshot(nothing)),
        ("– the vLLM set `full`", snapshot(vllm_full) - snapshot(nothing)),
        ("a view of three series, for each engine with the vLLM base set", router_view()),
        ("a handle", handles[0]),
        ("all handles of the vLLM set", size_of::<vllm::Families>()),
    ]
}

/// A bound far above what is measured would say nothing.
#[track_caller]
fn assert_bounds(most: usize, bytes: usize, what: &str) {
    assert!((bytes..=bytes + bytes / 10).contains(&most), "{what}: {bytes} bytes, at most {most} it says");
}

#[test]
fn the_table_in_the_design_is_what_is_measured() {
    let section = include_str!("../DESIGN.md").split("\n## Footprint\n").nth(1).expect("a section of that name");
    let rows = section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = rows.skip(2).map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    let documented: Vec<(_, usize)> =
        cells.map(|cells| (cells[1], cells[2].replace(',', "").parse().unwrap())).collect();
    let measured = measured();
    let names = |rows: &[(&'static str, usize)]| rows.iter().map(|row| row.0).collect::<Vec<_>>();
    assert_eq!(names(&documented), names(&measured));
    for ((what, most), (_, bytes)) in documented.into_iter().zip(measured) {
        assert_bounds(most, bytes, what);
    }
}

#[test]
fn the_readme_says_what_an_engine_of_the_vllm_set_takes() {
    for (declare, what) in
        [(vllm_base as fn(&mut SchemaBuilder), " kB with nothing optional"), (vllm_full, " kB with the options")]
    {
        let before =
            include_str!("../README.md").split_once(what).unwrap_or_else(|| panic!("not said any more: {what}")).0;
        let kilobytes: f64 = before.rsplit(' ').next().unwrap().parse().unwrap();
        let rounded = 50;
        assert_bounds((kilobytes * 1e3) as usize + rounded, engine(&LABELS, &VALUES, declare), what);
    }
}

#[test]
fn recorders_side_by_side_share_no_cache_line() {
    assert!(align_of::<Recorder>() >= 128);
}

#[test]
fn a_word_is_24_bytes_an_engine_and_8_a_snapshot() {
    let (empty, empty_snapshot) = (engine(&[], &[], nothing), snapshot(nothing));
    for bounds in [1, 2, 10, 100, 1_000] {
        assert_eq!(engine(&[], &[], histogram(bounds)) - empty, 24 * (bounds + 2));
        assert_eq!(snapshot(histogram(bounds)) - empty_snapshot, 8 * (bounds + 2));
    }
}
