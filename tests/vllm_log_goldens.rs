//! Log lines against those of vLLM's own loggers on the same steps: scenarios are replayed by the example `replay`.
//!
//! `tests/data/vllm_logs` is a scenario with what vLLM logged in one configuration. The others aren't part of the repository; where
//! they aren't there, the test says so.

#[path = "common/example.rs"]
mod example;

use std::{fs, io::Write, path::Path};

use example::Example;

const STYLES: [&str; 2] = ["per-engine", "aggregated"];

/// What vLLM logged, without the kinds of lines that aren't built. A message with line feeds is one.
fn golden(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut messages: Vec<String> = Vec::new();
    for line in text.lines() {
        if ["INFO ", "DEBUG ", "# "].iter().any(|begin| line.starts_with(begin)) {
            messages.push(line.to_owned());
        } else {
            messages.last_mut().expect("the first line begins a message").push('\n');
        }
    }
    let not_built = |message: &String| {
        ["cache_config_info with", ": Iteration(", "INFO **CUDAGraph"].iter().any(|part| message.contains(part))
    };
    messages.retain(|message| !not_built(message));
    messages
}

/// Deliberate differences: vLLM 0.33 never prints preemptions, and always prints no corrupted requests.
fn without_repairs(line: &str) -> String {
    let mut parts: Vec<_> = line.split(", ").filter(|part| !part.starts_with("Preemptions: ")).collect();
    if let Some(corrupted) = parts.iter_mut().find(|part| part.starts_with("Corrupted: ")) {
        *corrupted = "Corrupted: 0 reqs";
    }
    parts.join(", ")
}

fn replay(scenario: &Path, config: &str, style: &str) -> Vec<String> {
    static REPLAY: Example = Example::new("replay");
    let output = REPLAY.command().args(["--config", config, "--log", style]).arg(scenario).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}

/// Compares the lines of a scenario in a configuration. Returns how many were compared.
fn compare(directory: &Path, config: &str) -> usize {
    let lines = STYLES.map(|style| {
        let ours = replay(&directory.join("scenario.jsonl"), config, style);
        let golden = golden(&directory.join(format!("{config}.log.{}.txt", style.replace('-', "_"))));
        for (number, (ours, golden)) in ours.iter().zip(&golden).enumerate() {
            assert_eq!(without_repairs(ours), *golden, "message {number} of {config}, {style}");
        }
        assert_eq!(ours.len(), golden.len(), "{config}, {style}");
        ours.len()
    });
    lines.iter().sum()
}

#[test]
fn a_scenario_gives_the_lines_of_vllms_own_loggers() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/vllm_logs");
    assert_eq!(compare(&directory, "extra"), 45 + 22);
    let repaired: Vec<_> = STYLES.map(|style| replay(&directory.join("scenario.jsonl"), "extra", style)).concat();
    let repaired: Vec<_> = repaired.iter().filter(|line| *line != &without_repairs(line)).collect();
    assert_eq!(repaired.len(), 2, "{repaired:?}");
    assert!(repaired.iter().all(|line| line.contains(", Preemptions: 3, ") && line.contains(", Corrupted: 2 reqs")));
}

#[test]
fn every_scenario_gives_the_lines_of_vllms_own_loggers_in_every_configuration() {
    for scenario in ["a", "logs"] {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/vllm/goldens").join(scenario);
        if !directory.is_dir() {
            // Not `eprintln`, which the test harness swallows.
            writeln!(std::io::stderr(), "NOT TESTED: {} isn't there", directory.display()).expect("stderr is open");
            continue;
        }
        for config in ["base", "full", "extra", "diffusion"] {
            compare(&directory, config);
        }
    }
}
