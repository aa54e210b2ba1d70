//! Counts instructions of the main operations; `scripts/instructions` prints the table. On machines
//! where times are noisy, these numbers are the same in each run.
//!
//! Runs itself under valgrind, once per operation, and has only [`counted`] inspected. As in the
//! bench `record`, an operation's price includes what it makes the next step do, and fetching its
//! value. The engine has the vLLM base set: histograms of f64 have 19 bounds, those of u64 have 13.

mod common;

use std::{env, hint::black_box, process::Command};

use tachometer::{Recorder, Step};

use crate::common::{
    Latencies, Rotation,
    one_step::OneStep as _,
    random, spread_integer,
    vllm::{Fleet, Steps},
};

/// Repetitions: enough to spread the occasional refresh of the fallback copy, and to get whole
/// numbers.
const ROUNDS: u64 = 4_096;

/// Pages of 16 engines, each with thousands of lines.
const PAGES: u64 = 16;

/// Operations, and how many of them a step holds: few enough that its log doesn't overflow.
const IN_A_STEP: [(&str, u64); 9] = [
    ("add, u64", 64),
    ("add, f64", 64),
    ("set, i64", 64),
    ("set_state, f64", 64),
    ("observe, f64", 64),
    ("observe, u64", 64),
    ("observe_n, f64", 64),
    ("observe_all of 64, spread", 8),
    ("observe_all of 64, clustered", 8),
];

const EMPTY: &str = "an empty step";
const PAGE: &str = "a line of a page of 16 engines";

/// Operations outside of a step.
const OTHERS: [&str; 7] = [
    EMPTY,
    "an addition, discarded",
    "a vLLM step, batch of 1",
    "a vLLM step, batch of 64",
    "a vLLM step, batch of 256",
    "a snapshot of one engine",
    PAGE,
];

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--bench"] => print_table(),
        // As a test: each one once.
        [] | ["--test"] | ["--test", "--bench"] => {
            let in_a_step = IN_A_STEP.iter().map(|(name, _)| name);
            in_a_step.chain(&OTHERS).for_each(|name| _ = run(name, 1));
        }
        [name, a_step] => println!("{}", run(name, a_step.parse().expect("a number"))),
        _ => panic!("--bench, --test, or an operation and how many of it a step holds; not {arguments:?}"),
    }
}

fn print_table() {
    println!("| instructions | in a step | as a step of its own |\n|---|---|---|");
    let empty = instructions(EMPTY, 1);
    for (name, a_step) in IN_A_STEP {
        let in_a_step = instructions(name, a_step) - empty / a_step as f64;
        println!("| {name} | {in_a_step:.0} | {:.0} |", instructions(name, 1));
    }
    for name in OTHERS {
        println!("| {name} | | {:.0} |", instructions(name, 1));
    }
}

/// Instructions per operation when a step holds `a_step` of it, as counted by a separate run under
/// valgrind.
fn instructions(name: &str, a_step: u64) -> f64 {
    let this = env::current_exe().expect("a bench is a file");
    let valgrind = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=instructions::counted*"])
        .arg(this)
        .args([name, &a_step.to_string()])
        .output()
        .expect("valgrind is installed");
    let [operations, log] = [valgrind.stdout, valgrind.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let collected = log.lines().find_map(|line| number(line.split_once("Collected :")?.1));
    let counted = collected.zip(number(&operations)).filter(|(collected, _)| *collected > 0.0);
    let (collected, operations) = counted.unwrap_or_else(|| panic!("valgrind counted nothing: {log}"));
    collected / operations
}

/// The function whose instructions are counted.
#[inline(never)]
fn counted(rounds: u64, mut round: impl FnMut()) {
    (0..rounds).for_each(|_| round());
}

/// Runs an operation repeatedly. Returns how often.
fn run(name: &str, a_step: u64) -> u64 {
    let mut fleet = Fleet::new(if name == PAGE { 16 } else { 1 });
    fleet.run(); // so that nothing is done for the first time
    match name {
        "a vLLM step, batch of 1" => vllm_step(fleet, 1),
        "a vLLM step, batch of 64" => vllm_step(fleet, 64),
        "a vLLM step, batch of 256" => vllm_step(fleet, 256),
        "a snapshot of one engine" => {
            let mut snapshot = fleet.snapshot();
            counted(ROUNDS, || fleet.registry.snapshot(black_box(&mut snapshot)));
            ROUNDS
        }
        PAGE => page(&fleet),
        _ => {
            in_a_step(fleet, name, a_step);
            ROUNDS * a_step
        }
    }
}

fn in_a_step(mut fleet: Fleet, name: &str, a_step: u64) {
    let set = fleet.families;
    let mut random = random();
    let [spread, clustered] =
        Latencies::ALL.map(|(_, latencies)| latencies.rotation(&fleet.bounds(set.inter_token_latency)));
    let (mut spread, mut clustered) = (spread, clustered);
    let mut tokens = Rotation::new(|| spread_integer(&fleet.bounds(set.iteration_tokens), &mut random));
    let recorder = &mut fleet.recorders[0];
    let seconds = set.inter_token_latency;
    match name {
        EMPTY => counted(ROUNDS, || recorder.step().commit()),
        "an addition, discarded" => {
            recorder.step().commit(); // leaves nothing to catch up
            counted(ROUNDS, || recorder.step().add(set.prompt_tokens, tokens.next()));
        }
        "add, u64" => steps(recorder, a_step, |step| step.add(set.prompt_tokens, tokens.next())),
        "add, f64" => steps(recorder, a_step, |step| step.add(set.estimated_flops, clustered.next())),
        "set, i64" => steps(recorder, a_step, |step| step.set(set.requests_running, tokens.next() as i64)),
        "set_state, f64" => steps(recorder, a_step, |step| step.set_state(set.kv_cache_usage, clustered.next())),
        "observe, f64" => steps(recorder, a_step, |step| step.observe(seconds, spread.next())),
        "observe, u64" => steps(recorder, a_step, |step| step.observe(set.iteration_tokens, tokens.next())),
        "observe_n, f64" => steps(recorder, a_step, |step| step.observe_n(seconds, spread.next(), 3)),
        "observe_all of 64, spread" => steps(recorder, a_step, |step| step.observe_all(seconds, spread.window(64))),
        "observe_all of 64, clustered" => {
            steps(recorder, a_step, |step| step.observe_all(seconds, clustered.window(64)));
        }
        _ => panic!("no operation is called {name:?}"),
    }
}

/// Counts steps of `a_step` operations.
fn steps(recorder: &mut Recorder, a_step: u64, mut operation: impl FnMut(&mut Step<'_>)) {
    counted(ROUNDS, || {
        let mut step = recorder.step();
        (0..a_step).for_each(|_| operation(&mut step));
        step.commit();
    });
}

fn vllm_step(mut fleet: Fleet, batch: usize) -> u64 {
    let mut steps = Steps::new(&fleet, batch, Latencies::Clustered);
    let (recorder, metrics) = (&mut fleet.recorders[0], &mut fleet.metrics[0]);
    counted(ROUNDS, || recorder.record(|step| steps.record(metrics, step)));
    ROUNDS
}

fn page(fleet: &Fleet) -> u64 {
    let mut page = Vec::new();
    fleet.registry.render(&mut page);
    counted(PAGES, || {
        page.clear();
        fleet.registry.render(black_box(&mut page));
    });
    PAGES * page.iter().filter(|byte| **byte == b'\n').count() as u64
}
