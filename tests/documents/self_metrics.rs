//! What a page says about itself, and where that is documented.

use crate::common;
use std::{collections::BTreeMap, sync::mpsc, thread, time::Instant};

use tachometer::{Format, PageOptions, Registry, Renderer, Schema, Snapshot};

const TABLE: &str = include_str!("../../docs/self-metrics.md");

/// The crate's own samples without labels, except for buckets.
fn own(page: &str) -> BTreeMap<String, f64> {
    let samples = common::parse(page).into_iter();
    samples
        .filter(|((name, labels), _)| name.starts_with("tachometer_") && labels.is_empty())
        .map(|((name, _), value)| (name, value))
        .collect()
}

fn registry() -> Registry {
    let mut schema = Schema::builder(&["engine"]);
    schema.counter::<u64>("x", "").declare().unwrap();
    Registry::new(schema.build().unwrap())
}

/// What the registry's own part is on a page.
fn recorded(retries: f64, pages: f64, bytes: f64) -> [(&'static str, f64); 3] {
    [
        ("tachometer_render_seconds_count", pages),
        ("tachometer_rendered_bytes_total", bytes),
        ("tachometer_snapshot_retries_total", retries),
    ]
}

#[track_caller]
fn assert_own(page: &str, expected: [(&'static str, f64); 3]) {
    let mut own = own(page);
    own.remove("tachometer_render_seconds_sum").expect("a sum");
    let own: Vec<_> = own.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(own, expected);
}

/// Exposed name of each family of the crate's own, with its type and whether engines have it.
type Families = BTreeMap<String, (String, bool)>;

fn documented() -> Families {
    let rows =
        TABLE.lines().skip_while(|line| !line.starts_with("|---")).skip(1).take_while(|line| line.starts_with('|'));
    let mut families = Families::new();
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert!(["each engine", "the registry"].contains(&cells[3]) && cells.len() == 7, "{row}");
        for name in cells[1].split('`').skip(1).step_by(2) {
            let twice = families.insert(name.to_owned(), (cells[2].to_owned(), cells[3] == "each engine"));
            assert_eq!(twice, None, "{name} appears twice");
        }
    }
    families
}

fn printed(page: &str) -> Families {
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let of_engines = |name: &str| page.contains(&format!("\n{name}{{engine="));
    let own = types.filter(|(name, _)| name.starts_with("tachometer_"));
    own.map(|(name, kind)| (name.to_owned(), (kind.to_owned(), of_engines(name)))).collect()
}

#[test]
fn the_documented_table_is_what_a_page_has() {
    let mut schema = Schema::builder(&["engine"]);
    // So that there are registry-wide families and dynamic ones.
    schema.counter::<u64>("wide", "").registry_wide().dynamic_labels(["label"], 1).declare().unwrap();
    schema.counter::<u64>("open", "").dynamic_labels(["label"], 1).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let _engine = registry.attach(&["0"]).unwrap();
    let _collector = registry.collector(Schema::builder(&[]).build().unwrap(), |_| Ok(())).unwrap();
    assert_eq!(documented(), printed(&registry.page()));
}

/// Steps, recorders, open steps, discarded steps of an engine.
fn liveness(registry: &Registry, engine: &str) -> [u64; 4] {
    let page = registry.page();
    ["steps_total", "recorders", "open_steps", "discarded_steps_total"].map(|name| {
        let sample = format!("tachometer_{name}{{engine=\"{engine}\"}} ");
        page.lines().find_map(|line| line.strip_prefix(&sample)).unwrap().parse().unwrap()
    })
}

/// As docs/self-metrics.md says.
#[test]
fn a_page_tells_an_engine_that_hangs_from_one_that_panicked_and_one_that_is_idle() {
    let registry = registry();
    let engines = ["idle", "panicked", "hung"].map(|engine| registry.attach(&[engine]).unwrap());
    assert_eq!(liveness(&registry, "idle"), [0; 4], "it was attached and nothing more");
    let mut recorders = engines.iter().map(|engine| engine.recorder().unwrap());
    let [mut idle, panicked, mut hung] = std::array::from_fn(|_| recorders.next().unwrap());
    idle.step().commit();
    assert_eq!(liveness(&registry, "idle"), [1, 1, 0, 0]);

    let engine_thread = move || {
        let mut recorder = panicked;
        recorder.step().commit();
        let _step = recorder.step();
        panic!("in a step");
    };
    thread::spawn(engine_thread).join().unwrap_err();
    assert_eq!(liveness(&registry, "panicked"), [1, 0, 0, 1]);

    let (tell, told) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let engine_thread = thread::spawn(move || {
        hung.step().commit();
        let step = hung.step();
        tell.send(()).unwrap();
        released.recv().unwrap();
        step.commit();
        hung
    });
    told.recv().unwrap();
    for _ in 0..3 {
        assert_eq!(liveness(&registry, "hung"), [1, 1, 1, 0]);
    }
    release.send(()).unwrap();
    let _hung = engine_thread.join().unwrap();
    assert_eq!(liveness(&registry, "hung"), [2, 1, 0, 0]);
    assert_eq!(liveness(&registry, "idle"), [1, 1, 0, 0]);
}

/// The protocol's sequence stays odd after a discard, and is the same again for the next step.
#[test]
fn open_steps_are_those_that_are_neither_committed_nor_discarded() {
    let registry = registry();
    let engine = registry.attach(&["0"]).unwrap();
    let mut recorders = [(); 2].map(|()| engine.recorder().unwrap());
    let of = || liveness(&registry, "0");
    let [one, other] = &mut recorders;
    let open = other.step();
    assert_eq!(of(), [0, 2, 1, 0]);
    for discarded in 0..3 {
        let step = one.step();
        assert_eq!(of(), [0, 2, 2, discarded], "also after a discarded step");
        drop(step);
        assert_eq!(of(), [0, 2, 1, discarded + 1]);
    }
    open.commit();
    assert_eq!(of(), [1, 2, 0, 3]);
    one.step().commit();
    assert_eq!(of(), [2, 2, 0, 3]);
    std::mem::forget(one.step());
    assert_eq!(of(), [2, 2, 1, 3], "leaked");
    one.step().commit();
    assert_eq!(of(), [3, 2, 0, 4], "the leaked one was found");
    std::mem::forget(one.step());
    drop(other.step());
    drop(recorders);
    assert_eq!(of(), [3, 0, 0, 6]);
    let mut next = engine.recorder().unwrap();
    assert_eq!(of(), [3, 1, 0, 6], "the next recorder has none of its steps");
    let step = next.step();
    assert_eq!(of(), [3, 1, 1, 6]);
    step.commit();
    assert_eq!(of(), [4, 1, 0, 6]);
}

#[test]
fn the_first_page_shows_zeros() {
    let page = registry().page();
    assert_own(&page, recorded(0.0, 0.0, 0.0));
    assert_eq!(own(&page)["tachometer_render_seconds_sum"], 0.0);
}

#[test]
fn each_page_shows_what_those_before_it_took() {
    let (registry, begun) = (registry(), Instant::now());
    let mut bytes = 0;
    for pages in 0..20 {
        let page = registry.page();
        let took = own(&page)["tachometer_render_seconds_sum"];
        assert_own(&page, recorded(0.0, f64::from(pages), bytes as f64));
        assert!((pages == 0 || took > 0.0) && took < begun.elapsed().as_secs_f64(), "{took}");
        bytes += page.len();
    }
}

#[test]
fn what_stood_in_the_buffer_before_is_not_counted() {
    let registry = registry();
    let mut buffer = b"# another crate's page\n".to_vec();
    registry.render(&mut buffer);
    assert_own(&registry.page(), recorded(0.0, 1.0, (buffer.len() - "# another crate's page\n".len()) as f64));
}

#[test]
fn nothing_is_lost_when_two_threads_render() {
    const PAGES: usize = 1_000;
    let registry = registry();
    let render = || (0..PAGES).map(|_| registry.page().len()).sum::<usize>();
    let bytes: usize = thread::scope(|scope| {
        let threads = [(); 2].map(|()| scope.spawn(render));
        threads.map(|thread| thread.join().unwrap()).into_iter().sum()
    });
    assert_own(&registry.page(), recorded(0.0, 2.0 * PAGES as f64, bytes as f64));
}

#[test]
fn snapshots_and_other_renderers_render_no_page() {
    let schema = Schema::builder(&[]).build().unwrap();
    let (renderer, registry) = (Renderer::new(&schema), Registry::new(schema));
    let (mut snapshot, mut buffer) = (Snapshot::new(), Vec::new());
    for _ in 0..3 {
        registry.snapshot(&mut snapshot);
        renderer.render(&snapshot, Format::Text, &PageOptions::new(), &mut buffer);
    }
    assert_own(&registry.page(), recorded(0.0, 0.0, 0.0));
}

#[test]
fn registries_of_one_schema_count_for_themselves() {
    let schema = Schema::builder(&[]).build().unwrap();
    let registries = [Registry::new(schema.clone()), Registry::new(schema)];
    let first = registries[0].page().len();
    assert_own(&registries[1].page(), recorded(0.0, 0.0, 0.0));
    assert_own(&registries[0].page(), recorded(0.0, 1.0, first as f64));
}

#[test]
fn a_snapshot_has_the_registry_once_it_was_used() {
    let (registry, mut snapshot) = (registry(), Snapshot::new());
    assert!(snapshot.registry().is_none());
    registry.snapshot(&mut snapshot);
    assert!(snapshot.registry().is_some() && snapshot.engines().len() == 0);
}
