//! Replays a scenario of engine steps into the vLLM set, and prints the page or the log lines.
//!
//! `cargo run --release --example replay -- --config base SCENARIO.jsonl`. Stdout gets the
//! requested output and nothing else. Exit codes: 0 all is well, 2 bad arguments, a malformed
//! scenario (stderr gives the line), or output that can't be written.
//!
//! `-- --connector SCENARIO.jsonl` replays what a KV connector reports instead, and prints only its
//! families, or its log lines.

mod args;
mod configs;
mod connector;
mod event;
mod json;
mod python;
mod replay;
mod scenario;
mod stats;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use args::{Args, ConfigName};
use clap::Parser;
use event::{Line, Log};
use replay::Replay;
use scenario::Scenario;
use tachometer_vllm::LogStyle;

const BAD_INPUT: u8 = 2;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed stderr is no reason to panic.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::from(BAD_INPUT)
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let Some(config) = args.config else {
        let output = connector::output(args).with_context(|| args.scenario.display().to_string())?;
        return print(&output).context("can't write to stdout");
    };
    let scenario = Scenario::read(&args.scenario).with_context(|| args.scenario.display().to_string())?;
    if let Some(name) = &args.scrape {
        check_scrape(name, &scenario)?;
    }
    let replay = start(args, config, &scenario)?;
    let output = match args.log {
        Some(log) => log_lines(replay, &scenario, log.into()).into_bytes(),
        None => page(replay, &scenario, args.scrape.as_deref()),
    };
    print(&output).context("can't write to stdout")
}

fn check_scrape(name: &str, scenario: &Scenario) -> Result<()> {
    if scenario.scrapes().any(|scrape| scrape == name) {
        return Ok(());
    }
    let scrapes = scenario.scrapes().collect::<Vec<_>>().join(", ");
    bail!("--scrape {name}: the scenario has no such scrape; it has [{scrapes}]")
}

fn start(args: &Args, name: ConfigName, scenario: &Scenario) -> Result<Replay> {
    let header = &scenario.header;
    let config = if args.log.is_some() { configs::for_log_lines } else { configs::for_pages };
    let config = config(name, header).iteration_tokens(args.definition.into());
    // Any error here comes from the header.
    let place = || format!("{}: line {}", args.scenario.display(), scenario.header_line);
    Replay::start(header, &config).with_context(place)
}

/// The page at the requested scrape, or the final one.
fn page(mut replay: Replay, scenario: &Scenario, scrape: Option<&str>) -> Vec<u8> {
    for event in &scenario.events {
        if matches!(event, Line::Scrape(at) if Some(at.name.as_str()) == scrape) {
            break;
        }
        replay.apply(event);
    }
    replay.page()
}

/// The loggers' lines, each time below a line with the time.
fn log_lines(mut replay: Replay, scenario: &Scenario, style: LogStyle) -> String {
    let t0 = scenario.header.t0_mono;
    let mut lines = replay.log_lines(style, t0).expect("they are switched on");
    let mut log = String::new();
    for event in &scenario.events {
        replay.apply(event);
        if let Line::Log(Log { t }) = event {
            log.push_str(&format!("# log() at t={}\n", python::text(&t.written).expect("a number")));
            for line in lines.next(&replay.snapshot(), t0 + t.value) {
                log.push_str(&format!("{} {}\n", line.level, line.text));
            }
        }
    }
    log
}

/// A closed pipe (as with `head`) is fine.
fn print(output: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(output).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
