//! Compares log lines with those of vLLM's own loggers for the same steps. The example `replay`
//! replays the scenarios in `tests/data`.

#[path = "../../tests/common/example.rs"]
mod example;
#[path = "../../tests/common/golden.rs"]
mod golden;
#[path = "../../tests/common/temp_file.rs"]
mod temp_file;

use std::collections::{BTreeSet, HashMap};

use example::Example;
use serde_json::Value;
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

/// One call of the loggers: its time, and each engine's estimated work since the previous call, in
/// operations and bytes.
struct Log {
    at: f64,
    work: HashMap<i64, [f64; 2]>,
}

/// The calls of the loggers in a scenario, from its start on.
fn logs(scenario: &str) -> Vec<Log> {
    let mut lines = scenario.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let start = lines.next().expect("the header")["t0_mono"].as_f64().unwrap();
    let mut logs = vec![Log { at: start, work: HashMap::new() }];
    let mut work = HashMap::new();
    for line in lines {
        if let Some(perf) = line.pointer("/scheduler/perf").filter(|perf| !perf.is_null()) {
            let [flops, read, write] =
                ["flops", "read_bytes", "write_bytes"].map(|of| perf[of].as_f64().unwrap_or(0.0));
            let [sum_of_flops, sum_of_bytes]: &mut [f64; 2] = work.entry(line["engine"].as_i64().unwrap()).or_default();
            *sum_of_flops += flops;
            *sum_of_bytes += read + write;
        }
        if line["type"] == "log" {
            logs.push(Log { at: start + line["t"].as_f64().unwrap(), work: std::mem::take(&mut work) });
        }
    }
    logs
}

/// The number after a name in a line, with the text on both sides.
fn split_number<'l>(line: &'l str, name: &str) -> Option<[&'l str; 3]> {
    let begin = line.find(name)? + name.len();
    let end = begin + line[begin..].find(' ')?;
    Some([&line[..begin], &line[begin..end], &line[end..]])
}

/// The line with other rates of drafts or of estimated work: those over this many seconds.
fn rates_over(line: &str, seconds: f64, [flops, bytes]: [f64; 2]) -> String {
    let rate = |amount: f64| if seconds > 0.0 { amount / seconds } else { 0.0 };
    let throughput = |name, count| {
        let [_, count, _] = split_number(line, count)?;
        Some((name, format!("{:.2}", rate(count.parse().unwrap()))))
    };
    let work = |name, amount| line.contains("MFU: ").then(|| (name, format!("{:.1}", rate(amount))));
    let rates = [
        throughput("Accepted throughput: ", " Accepted: "),
        throughput("Drafted throughput: ", " Drafted: "),
        throughput("Committed token throughput: ", " Committed: "),
        work("MFU: ", flops / 1e12),
        work("TF/s/device ", bytes / 1e9),
    ];
    rates.into_iter().flatten().fold(line.to_owned(), |line, (name, rate)| {
        let [before, _, after] = split_number(&line, name).unwrap_or_else(|| panic!("{name} isn't in {line}"));
        format!("{before}{rate}{after}")
    })
}

/// A deliberate difference: vLLM 0.33 computes the rates of drafts and of estimated work over the
/// time since their previous line, however many intervals that is. Here they cover the interval, as
/// all other rates do. Returns vLLM's messages with such rates, having checked vLLM's own, and how
/// many differ.
fn over_intervals(golden: &[String], logs: &[Log]) -> (Vec<String>, usize) {
    let (mut messages, mut different) = (Vec::new(), 0);
    let (mut calls, mut about, mut previous) = (0, String::new(), HashMap::new());
    for message in golden {
        if message.starts_with("# log()") {
            calls += 1;
        } else if let Some((prefix, _)) = message.split_once(": Avg prompt") {
            about = prefix.rsplit(' ').next().unwrap().to_owned();
        }
        let kind = ["MFU: ", "Decoding metrics: "].into_iter().find(|kind| message.contains(kind));
        let Some(kind) = kind else {
            messages.push(message.clone());
            continue;
        };
        let Log { at, work } = &logs[calls];
        let work = about.parse().ok().and_then(|engine: i64| work.get(&engine)).copied().unwrap_or_default();
        let since = previous.insert((kind, about.clone()), *at).unwrap_or(logs[0].at);
        assert_eq!(rates_over(message, at - since, work), *message, "vLLM's own rates");
        messages.push(rates_over(message, at - logs[calls - 1].at, work));
        different += usize::from(messages.last() != Some(message));
    }
    (messages, different)
}

fn replay(scenario: &str, config: &str, style: &str) -> Vec<String> {
    static REPLAY: Example = Example::new("replay");
    let output = REPLAY.command().args(["--config", config, "--log", style]).arg(scenario).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}

/// Compares the lines of a scenario, in all its configurations. Returns this crate's lines of all
/// configurations, and in how many of them rates are over another time than in vLLM's.
fn compare(name: &str) -> (Vec<String>, usize) {
    let text = golden::read(&format!("{name}/scenario.jsonl"));
    let logs = logs(&text);
    let scenario = TempFile::new(&format!("logs-{name}.jsonl"), text);
    let (mut all, mut compared, mut different) = (Vec::new(), BTreeSet::new(), 0);
    for config in ["base", "full", "extra", "diffusion"] {
        for style in STYLES {
            let file = format!("{config}.log.{}.txt", style.replace('-', "_"));
            let ours = replay(&scenario, config, style);
            let (golden, of_file) = over_intervals(&messages(&format!("{name}/{file}")), &logs);
            different += of_file;
            for (number, (ours, golden)) in ours.iter().zip(&golden).enumerate() {
                assert_eq!(without_repairs(ours), *golden, "message {number} of {name}/{file}");
            }
            assert_eq!(ours.len(), golden.len(), "{name}/{file}");
            all.extend(ours);
            compared.insert(file);
        }
    }
    assert_eq!(compared, golden::names(name, ".txt"), "what vLLM logged");
    (all, different)
}

#[test]
fn every_scenario_gives_the_lines_of_vllms_own_loggers_in_every_configuration() {
    compare("a");
    let (lines, over_another_time) = compare("logs");
    assert_eq!(over_another_time, 14);
    let repaired: Vec<_> = lines.iter().filter(|line| *line != &without_repairs(line)).collect();
    assert_eq!((lines.len(), repaired.len()), (262, 8), "{repaired:?}");
    assert!(repaired.iter().all(|line| line.contains(", Preemptions: 3, ")));
    let corrupted: Vec<_> = repaired.iter().filter(|line| line.contains("Corrupted: ")).collect();
    assert!(corrupted.len() == 2 && corrupted.iter().all(|line| line.contains(", Corrupted: 2 reqs")), "{corrupted:?}");
}
