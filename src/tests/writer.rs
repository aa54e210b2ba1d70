//! P1 by counting: what a step makes the writer's thread do besides plain loads and stores.

use std::{cell::Cell, rc::Rc};

use super::{
    counted::{Counts, counts_of},
    one_engine::OneEngine,
    one_step::OneStep,
    probes::at_each_probe,
};
use crate::{Counter, Exactly, Gauge, Histogram, Info, Recorder, State, StateSet, Step, probe::Probe};

struct Handles {
    count: Counter<u64>,
    seconds: Counter<f64>,
    running: Gauge<i64>,
    usage: Gauge<f64>,
    sizes: Histogram<u64>,
    latencies: Histogram<f64>,
    adapters: Info<Exactly<1>>,
    share: State<f64>,
    sleep: StateSet,
}

fn one_engine() -> OneEngine<Handles> {
    engine_with_shards(0)
}

fn engine_with_shards(shards: usize) -> OneEngine<Handles> {
    OneEngine::new(|schema| Handles {
        count: schema.shards(shards).counter("count", "").declare().unwrap(),
        seconds: schema.counter("seconds", "").declare().unwrap(),
        running: schema.gauge("running", "").declare().unwrap(),
        usage: schema.gauge("usage", "").declare().unwrap(),
        sizes: schema.histogram("sizes", "", &[1.0, 8.0, 64.0]).declare().unwrap(),
        latencies: schema.histogram("latencies", "", &[0.1, 1.0]).declare().unwrap(),
        share: schema.gauge("share", "").state().declare().unwrap(),
        sleep: schema.state_set("sleep", "", "state", &["a", "b", "c"]).declare().unwrap(),
        adapters: schema.info("adapters", "", ["running"]).declare().unwrap(),
    })
}

/// Calls every method, also with what is rejected, and with batches that are counted bound by bound
/// and value by value.
fn record(step: &mut Step<'_>, handles: &Handles, round: u64) {
    step.add(handles.count, round);
    step.inc(handles.count);
    step.add(handles.seconds, 0.5);
    step.add(handles.seconds, -1.0);
    step.set(handles.running, round as i64);
    step.set(handles.usage, step.gauge(handles.usage) + 0.25);
    step.observe(handles.sizes, round);
    step.observe_n(handles.sizes, 2, round);
    step.observe_all(handles.sizes, &[1, 2, 3, 100]);
    step.observe_all(handles.latencies, &[0.05, 0.5, f64::NAN]);
    step.set_state(handles.share, 0.5);
    step.select_state(handles.sleep, Some(round as usize % 4));
    step.reject(1);
    step.set_info(handles.adapters, ["sql"], round as f64);
}

/// Ends the step of a round.
fn end(step: Step<'_>, round: u64) {
    match round % 7 {
        3 => drop(step),
        5 => std::mem::forget(step), // the next step recovers
        _ => step.commit(),
    }
}

/// A few entries, none, or more than the log holds.
fn entries(round: u64) -> u64 {
    [1, 0, 20][round as usize % 3]
}

fn step(recorder: &mut Recorder, handles: &Handles, round: u64) {
    let mut step = recorder.step();
    (0..entries(round)).for_each(|_| record(&mut step, handles, round));
    end(step, round);
}

/// One release fence per step, at its opening (E2), and another one in a commit that refreshes the
/// fallback copy (E4).
#[test]
fn a_step_makes_no_read_modify_write_and_one_fence() {
    let rig = one_engine();
    let (_further, mut recorder, handles) = (rig.recorder(), rig.recorder(), &rig.handles);
    recorder.record(|step| step.set_info(handles.adapters, ["sql"], 0.0));
    let refreshes = Rc::new(Cell::new(0));
    at_each_probe({
        let refreshes = Rc::clone(&refreshes);
        move |probe| refreshes.set(refreshes.get() + u64::from(probe == Probe::Refreshing))
    });
    let mut steps_that_refreshed = 0;
    for round in 0..1_000 {
        refreshes.set(0);
        let counts = counts_of(|| step(&mut recorder, handles, round));
        let expected = Counts { read_modify_writes: 0, release_fences: 1 + refreshes.get() };
        assert_eq!(counts, expected, "round {round}");
        assert!(refreshes.get() <= 1);
        steps_that_refreshed += refreshes.get();
    }
    assert!(
        (1..1_000).contains(&steps_that_refreshed),
        "some steps refreshed, and some didn't: {steps_that_refreshed}"
    );
}

/// A thread with a shard of its own adds to it as a step does to its slab.
#[test]
fn a_thread_with_its_own_shard_makes_no_read_modify_write() {
    let rig = engine_with_shards(1_024);
    let (shared, handles) = (rig.engine.shared_recorder(), &rig.handles);
    shared.inc(handles.count); // takes the thread's index
    let counts = counts_of(|| {
        shared.add(handles.count, 1 << 40);
        shared.add(handles.seconds, 0.5);
        shared.observe(handles.latencies, 0.5);
        shared.observe_n(handles.sizes, 7, 3);
        shared.observe_all(handles.latencies, &[0.05; 20]);
    });
    assert_eq!(counts, Counts::default());
    assert_eq!(
        rig.read(|engine| (engine.counter(handles.count), engine.histogram(handles.latencies).count())),
        ((1 << 40) + 1, 21)
    );
}

/// The counts above would see a read-modify-write.
#[test]
fn read_modify_writes_are_counted() {
    let rig = one_engine();
    let (shared, mut recorder, handles) = (rig.engine.shared_recorder(), rig.recorder(), &rig.handles);
    let counts = counts_of(|| shared.inc(handles.count)); // in the shard of all threads
    assert_eq!(counts, Counts { read_modify_writes: 1, release_fences: 0 });
    let new_labels = counts_of(|| recorder.record(|step| step.set_info(handles.adapters, ["code"], 0.0)));
    assert!(new_labels.read_modify_writes > 0, "new label values are the exception");
}
