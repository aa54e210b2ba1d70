//! Slabs of 65,536 words, the most there can be.

use crate::{one_engine::OneEngine, shown::snapshot};
use tachometer::{Registry, Schema, Snapshot};

/// A slab of 65,536 words, the most there can be: what is recorded into the last ones shows, and is
/// undone like any other.
#[test]
fn the_last_word_of_the_largest_slab_is_recorded() {
    let bounds: Vec<f64> = (1..=65_532).map(f64::from).collect();
    let OneEngine { registry, engine, handles: (first, last, wide) } = OneEngine::without_labels(|schema| {
        schema.max_samples(usize::MAX);
        (
            schema.counter::<u64>("first", "").declare().unwrap(),
            schema.gauge::<i64>("last", "").declare().unwrap(),
            schema.histogram::<u64>("wide", "", &bounds).declare().unwrap(),
        )
    });
    let mut recorder = engine.recorder().unwrap();
    for n in 1..=3 {
        let mut step = recorder.step();
        step.inc(first);
        step.set(last, n);
        step.observe(wide, 70_000); // the overflow bucket, right before the sum
        step.commit();
        recorder.step().observe(wide, 70_000);
    }
    let snapshot = snapshot(&registry);
    let engine = snapshot.engines().next().unwrap();
    assert_eq!((engine.counter(first), engine.gauge(last)), (3, 3));
    assert_eq!((engine.histogram(wide).count(), engine.histogram(wide).sum()), (3, 210_000));
    let below_infinity = engine.histogram(wide).cumulative_buckets().nth(65_531);
    assert_eq!(below_infinity, Some((65_532.0, 0)), "all are in the overflow bucket");
}

/// The same of counters alone, which fill a slab in another way.
#[test]
fn the_last_word_of_a_slab_full_of_scalars_is_recorded() {
    let values: Vec<String> = (0..256).map(|value| value.to_string()).collect();
    let values: [&str; 256] = std::array::from_fn(|value| values[value].as_str());
    let mut schema = Schema::builder(&[]);
    schema.max_samples(usize::MAX);
    let families: Vec<_> = (0..256)
        .map(|family| schema.gauge::<i64>(&format!("g{family}"), "").label("v", values).declare().unwrap())
        .collect();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&[]).unwrap();
    let mut recorder = engine.recorder().unwrap();
    let (first, last) = (families[0][0], families[255][255]);
    let mut step = recorder.step();
    step.set(first, 1);
    step.set(last, 2);
    step.commit();
    let mut snapshot = Snapshot::new();
    let mut shown = || {
        registry.snapshot(&mut snapshot);
        let engine = snapshot.engines().next().unwrap();
        [first, last].map(|gauge| engine.gauge(gauge))
    };
    assert_eq!(shown(), [1, 2]);
    drop(recorder);
    assert_eq!(shown(), [0, 0], "each gauge is given up");
}

/// A state set takes two words, however many states it has.
#[test]
fn the_last_of_very_many_states_is_selected() {
    const STATES: usize = 66_000;
    let values: Vec<String> = (0..STATES).map(|state| state.to_string()).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let OneEngine { registry, engine, handles: set } = OneEngine::without_labels(|schema| {
        schema.max_samples(usize::MAX);
        schema.state_set("state", "", "state", &values).declare().unwrap()
    });
    let mut recorder = engine.recorder().unwrap();
    let mut step = recorder.step();
    step.select_state(set, Some(STATES - 1));
    step.commit();
    let snapshot = snapshot(&registry);
    assert_eq!(snapshot.engines().next().unwrap().selected_state(set), Some(STATES - 1));
}
