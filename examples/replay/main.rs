//! Replays a scenario of engine steps into the vLLM set, and prints the page.
//!
//! `cargo run --release --example replay -- --config base SCENARIO.jsonl`. The page goes to stdout, and nothing else does.
//! Exit codes: 0 all well, 2 bad arguments, a malformed scenario (stderr says in which line), or a page that can't be written.

mod args;
mod configs;
mod event;
mod json;
mod python;
mod replay;
mod scenario;
mod stats;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use args::Args;
use clap::Parser;
use event::Line;
use replay::Replay;
use scenario::Scenario;

const BAD_INPUT: u8 = 2;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody may be reading, which is no reason to panic.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::from(BAD_INPUT)
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let scenario = Scenario::read(&args.scenario).with_context(|| args.scenario.display().to_string())?;
    if let Some(name) = &args.scrape {
        check_scrape(name, &scenario)?;
    }
    let page = page(args, &scenario)?;
    print(&page).context("can't write the page to stdout")
}

fn check_scrape(name: &str, scenario: &Scenario) -> Result<()> {
    if scenario.scrapes().any(|scrape| scrape == name) {
        return Ok(());
    }
    bail!(
        "--scrape {name}: the scenario has no such scrape; it has [{}]",
        scenario.scrapes().collect::<Vec<_>>().join(", ")
    )
}

/// The page at the scrape that was asked for, or the final one.
fn page(args: &Args, scenario: &Scenario) -> Result<Vec<u8>> {
    let header = &scenario.header;
    let config = configs::config(args.config, header).iteration_tokens(args.definition.into());
    // All that is wrong here is the header's fault.
    let mut replay = Replay::start(header, &config)
        .with_context(|| format!("{}: line {}", args.scenario.display(), scenario.header_line))?;
    for event in &scenario.events {
        if matches!(event, Line::Scrape(scrape) if Some(&scrape.name) == args.scrape.as_ref()) {
            break;
        }
        replay.apply(event);
    }
    Ok(replay.page())
}

/// That nobody reads on (as behind `head`) is fine.
fn print(page: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(page).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
