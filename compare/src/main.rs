//! Measures Tachometer and other crates at the same work, in one run on one machine.
//!
//! All crates must print the same samples before anything is timed. `gates.rs` has the targets.
#![forbid(unsafe_code)]

mod gates;
mod measure;
mod moving;
mod page;
mod peers;
mod processor;
mod report;
mod shape;
mod values;
mod works;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::{Parser, builder::PossibleValuesParser};

use crate::{
    measure::paired,
    report::{Report, amount, chart, table},
    works::{Kind, WORKS, calibration, check, chosen, torn, two_engines},
};

/// Compares Tachometer with other crates: time per operation, and torn scrapes.
#[derive(Parser)]
struct Arguments {
    /// Run this work only; may be repeated.
    #[arg(long, value_name = "WORK", value_parser = PossibleValuesParser::new(WORKS.map(|(id, _)| id)))]
    only: Vec<String>,
    /// Write the rows to a file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw a chart (SVG) of each work. If all works ran, write a page of all figures too.
    #[arg(long, value_name = "DIR")]
    plot: Option<PathBuf>,
    /// Fail below a gate.
    #[arg(long)]
    gate: bool,
    /// Print README's table of ratios on the standard output, and all else on the standard error.
    #[arg(long)]
    readme: bool,
    /// Only check that all crates print the same samples.
    #[arg(long)]
    check: bool,
}

impl Arguments {
    fn say(&self, text: &str) {
        if self.readme { eprintln!("{text}") } else { println!("{text}") }
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    moving::check()?;
    let samples = check::same_samples().context("the crates don't print the same samples")?;
    arguments.say(&format!("all crates print the same {samples} samples"));
    if arguments.check {
        return Ok(ExitCode::SUCCESS);
    }
    processor::pin(0);
    let machine = machine();
    arguments.say(&machine);
    let mut report = Report::default();
    for (work, kind) in chosen(&arguments.only) {
        run(work, kind, &mut report);
        arguments.say(table(&report, work).trim_end());
    }
    arguments.say(report.targets().trim_end());
    publish(&arguments, &report, &machine)?;
    let missed = report.verdicts.iter().filter(|verdict| !verdict.passed).count();
    if arguments.gate && missed > 0 {
        arguments.say(&format!("{missed} of {} gates missed", report.verdicts.len()));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn run(work: &'static str, kind: Kind, report: &mut Report) {
    match kind {
        Kind::Paired(contenders) => report.add_paired(work, &paired(&mut contenders())),
        Kind::TwoEngines => report.add_two_engines(work, &paired(&mut two_engines::contenders())),
        Kind::Torn => {
            let (torn, snapshots) = torn::run();
            report.add_torn(work, &torn, &snapshots, &processor::name());
        }
    }
}

fn publish(arguments: &Arguments, report: &Report, machine: &str) -> anyhow::Result<()> {
    if let Some(path) = &arguments.json {
        let json = serde_json::to_string_pretty(&report.published())?;
        std::fs::write(path, json + "\n").with_context(|| format!("{} can't be written", path.display()))?;
    }
    if let Some(directory) = &arguments.plot {
        chart::draw(report, machine, directory)?;
        if arguments.only.is_empty() {
            let path = directory.join("README.md");
            std::fs::write(&path, report.figures(machine))
                .with_context(|| format!("{} can't be written", path.display()))?;
        }
    }
    if arguments.readme {
        print!("{}", report.ratios(machine));
    }
    Ok(())
}

/// The machine, and what it takes for an uncontended `fetch_add` and to copy memory.
fn machine() -> String {
    let (add, copy) = calibration();
    format!(
        "{}, {}, {}; an uncontended fetch_add takes {}, a memcpy of 32 KiB {}",
        processor::name(),
        processor::compiler(),
        jiff::Timestamp::now().strftime("%Y-%m-%d"),
        amount(add, "ns"),
        amount(copy, "ns"),
    )
}
