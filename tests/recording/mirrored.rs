//! Counters that mirror a total which is kept elsewhere.

use crate::{one_engine::OneEngine, one_step::OneStep as _};
use tachometer::{Counter, SchemaBuilder};

fn declare(schema: &mut SchemaBuilder) -> (Counter<u64>, Counter<f64>) {
    let parked = schema.counter("worker_parks", "How often a worker of the runtime parked.").declare().unwrap();
    (parked, schema.counter("cpu_seconds", "CPU time of the process.").declare().unwrap())
}

#[test]
fn a_counter_follows_a_total_and_never_falls() {
    let rig = OneEngine::new(declare);
    let (parked, seconds) = rig.handles;
    let mut recorder = rig.recorder();
    let mut raise = |total, cpu| {
        recorder.record(|step| {
            step.raise_to(parked, total);
            step.raise_to(seconds, cpu);
        });
        rig.read(|engine| (engine.counter(parked), engine.counter(seconds)))
    };
    assert_eq!(raise(7, 0.25), (7, 0.25));
    assert_eq!(raise(7, 0.25), (7, 0.25), "the same total");
    assert_eq!(raise(9, 1.5), (9, 1.5));
    assert_eq!(rig.self_metric("rejected_observations"), 0);
    assert_eq!(raise(8, 1.25), (9, 1.5), "a lower one is rejected");
    assert_eq!(raise(u64::MAX, f64::NAN), (9, 1.5), "a difference that wrapped around, and no number");
    assert_eq!(raise(10, f64::INFINITY), (10, 1.5));
    assert_eq!(rig.self_metric("rejected_observations"), 5);
}

#[test]
fn it_is_part_of_the_step_and_adds_to_it() {
    let rig = OneEngine::new(declare);
    let (parked, _) = rig.handles;
    let mut recorder = rig.recorder();
    recorder.record(|step| {
        step.raise_to(parked, 5);
        step.inc(parked);
        step.raise_to(parked, 6);
    });
    assert_eq!(rig.read(|engine| engine.counter(parked)), 6);
    let mut discarded = recorder.step();
    discarded.raise_to(parked, 100);
    drop(discarded);
    assert_eq!(rig.read(|engine| engine.counter(parked)), 6, "a discarded step raises nothing");
    drop(recorder);
    rig.recorder().record(|step| step.raise_to(parked, 8));
    assert_eq!(rig.read(|engine| engine.counter(parked)), 8, "the next recorder goes on");
    assert_eq!(rig.self_metric("rejected_observations"), 0);
}
