//! A million steps between two marks. `scripts/syscalls` shows that they make no system call.
//!
//! A mark is a system call too: one that asks for the parent's process id, and that nothing else
//! makes. `--yield` makes another system call in a step, so that the script can check that it would
//! notice.

mod common;

use std::{env, hint::black_box, os::unix::process::parent_id, thread};

use crate::common::{
    Latencies,
    one_step::OneStep as _,
    vllm::{Fleet, Steps, full},
};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let is_given = |argument: &str| arguments.iter().any(|other| other == argument);
    let steps = if is_given("--test") { 1_000 } else { 1_000_000 };
    let yields_at = is_given("--yield").then_some(steps / 2);
    let mut fleet = Fleet::with(&full(), 1);
    let mut reported = Steps::new(&fleet, 8, Latencies::Spread);
    let (recorder, metrics) = (&mut fleet.recorders[0], &mut fleet.metrics[0]);
    recorder.record(|step| reported.record(metrics, step)); // the infos' label values are new
    black_box(parent_id());
    for number in 0..steps {
        let mut step = recorder.step();
        reported.record(metrics, &mut step);
        if yields_at == Some(number) {
            thread::yield_now();
        }
        match number % 100 {
            7 => drop(step),
            _ => step.commit(),
        }
    }
    black_box(parent_id());
}
