//! Compares log lines with those of vLLM's own loggers for the same steps. The example `replay`
//! replays the scenarios in `tests/data`.

#[path = "../../tests/common/example.rs"]
mod example;
#[path = "../../tests/common/golden.rs"]
mod golden;
#[path = "../../tests/common/temp_file.rs"]
mod temp_file;

use std::collections::BTreeSet;

use example::Example;
use temp_file::TempFile;

const STYLES: [&str; 2] = ["per-engine", "aggregated"];

/// What vLLM logged, without the kinds of lines that this crate doesn't print. A message with line
/// feeds is one message.
fn messages(file: &str) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    for line in golden::read(file).lines() {
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

/// Deliberate differences: vLLM 0.33 never prints preemptions, and always prints 0 corrupted
/// requests.
fn without_repairs(line: &str) -> String {
    let mut parts: Vec<_> = line.split(", ").filter(|part| !part.starts_with("Preemptions: ")).collect();
    if let Some(corrupted) = parts.iter_mut().find(|part| part.starts_with("Corrupted: ")) {
        *corrupted = "Corrupted: 0 reqs";
    }
    parts.join(", ")
}

fn replay(scenario: &str, config: &str, style: &str) -> Vec<String> {
    static REPLAY: Example = Example::new("replay");
    let output = REPLAY.command().args(["--config", config, "--log", style]).arg(scenario).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}

/// Compares the lines of a scenario, in all its configurations. Returns this crate's lines of all
/// configurations.
fn compare(name: &str) -> Vec<String> {
    let scenario = TempFile::new(&format!("logs-{name}.jsonl"), golden::read(&format!("{name}/scenario.jsonl")));
    let (mut all, mut compared) = (Vec::new(), BTreeSet::new());
    for config in ["base", "full", "extra", "diffusion"] {
        for style in STYLES {
            let file = format!("{config}.log.{}.txt", style.replace('-', "_"));
            let (ours, golden) = (replay(&scenario, config, style), messages(&format!("{name}/{file}")));
            for (number, (ours, golden)) in ours.iter().zip(&golden).enumerate() {
                assert_eq!(without_repairs(ours), *golden, "message {number} of {name}/{file}");
            }
            assert_eq!(ours.len(), golden.len(), "{name}/{file}");
            all.extend(ours);
            compared.insert(file);
        }
    }
    assert_eq!(compared, golden::names(name, ".txt"), "what vLLM logged");
    all
}

#[test]
fn every_scenario_gives_the_lines_of_vllms_own_loggers_in_every_configuration() {
    compare("a");
    let lines = compare("logs");
    let repaired: Vec<_> = lines.iter().filter(|line| *line != &without_repairs(line)).collect();
    assert_eq!((lines.len(), repaired.len()), (262, 8), "{repaired:?}");
    assert!(repaired.iter().all(|line| line.contains(", Preemptions: 3, ")));
    let corrupted: Vec<_> = repaired.iter().filter(|line| line.contains("Corrupted: ")).collect();
    assert!(corrupted.len() == 2 && corrupted.iter().all(|line| line.contains(", Corrupted: 2 reqs")), "{corrupted:?}");
}
