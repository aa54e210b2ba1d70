//! A fleet of simulated LLM engines that replays a workload while `/metrics` is served.
//!
//! `cargo run --release --example fleet` needs no arguments. This file only composes the parts:
//! arguments, workload, fleet, server, progress, closing report, exit code (0 all is well, 1 a
//! check failed, 2 bad input or arguments, or a report that can't be written).

mod args;
mod azure;
mod batch;
mod checks;
mod connections;
mod connector;
mod console;
mod engine;
mod expected;
mod fleet;
mod input;
mod kv_pool;
mod layout;
mod lines;
mod listen;
mod meters;
mod mooncake;
mod numbers;
mod optional;
mod optional_checks;
mod pace;
mod pages;
mod prefix_cache;
mod progress;
mod report;
mod serve;
mod timing;
mod trace;
mod transfer;
mod units;
mod whole;
mod workload;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use args::Args;
use checks::Check;
use clap::Parser;
use console::say;
use expected::Expected;
use fleet::Fleet;
use meters::{Declared, Meters};
use pace::Pace;
use report::Report;
use serve::Server;
use workload::Workload;

const CHECK_FAILED: u8 = 1;
const BAD_INPUT: u8 = 2;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(code) => code,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    say(format_args!("error: {error:#}"));
    ExitCode::from(BAD_INPUT)
}

fn run(args: &Args) -> Result<ExitCode> {
    let workload = read_workload(args)?;
    let layout = args.layout();
    let declared = Meters::declare(args.definition.into(), args.connector, layout, args.optional)?;
    let Declared { meters, ref registry, .. } = declared;
    let server =
        args.listen_address().map(|address| Server::start(address, registry.clone(), args.formats)).transpose()?;

    let started = Instant::now();
    let mut fleet = Fleet::start(&declared, layout, &workload, args.settings(), Pace::new(started, args.speed))?;
    progress::show_until_done(&fleet, registry, meters, layout, workload.len() as u64);
    let executed = fleet.join();
    if args.miscount {
        fleet.miscount(meters);
    }
    let seconds = started.elapsed().as_secs_f64();

    let engines = numbers::read(registry, meters, layout);
    let expected = Expected::of(&workload, layout);
    let checks = checks::evaluate(&engines, &expected, &executed, args.definition, args.connector);
    // Failed checks are reported, and the page stays up, even if the report can't be written.
    let mut code = exit_code(&checks);
    let report = Report { engines: &engines, checks: &checks, seconds };
    if let Err(error) = report.print(args.json).context("can't write the report to stdout") {
        code = fail(&error);
    }

    if let (true, Some(server)) = (args.hold, server) {
        server.hold_until_interrupted()?;
    }
    Ok(code)
}

fn read_workload(args: &Args) -> Result<Workload> {
    let limit = args.limit();
    let mut requests = match &args.trace {
        Some(path) => trace::read(path, limit, args.units())?,
        None => workload::built_in(),
    };
    requests.truncate(limit);
    Ok(requests.into())
}

/// Prints the failed checks, with both numbers.
fn exit_code(checks: &[Check]) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for check in checks.iter().filter(|check| !check.ok()) {
        say(check.failure());
        code = ExitCode::from(CHECK_FAILED);
    }
    code
}
