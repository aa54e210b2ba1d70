//! Compares the page of any vLLM, or a Grafana dashboard made for it, with this crate's vLLM set.
//!
//! `scripts/vllm-drift PAGE|DASHBOARD`. The set itself is the only source: this program declares it
//! with every option, and reads its own pages in the same way. Stdout gets the findings. Exit
//! codes: 0 nothing drifted, 1 something did, 2 bad arguments, or a file that can't be read.

mod compare;
mod dashboard;
mod page;
mod promql;
mod set;

use std::{
    env, fs,
    io::{self, Write},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use page::Page;
use set::Set;
use tachometer_vllm::VLLM_VERSION;

const USAGE: &str = "usage: vllm-drift PAGE|DASHBOARD (a page in Prometheus' text format, or a dashboard's JSON)";
const DRIFTED: u8 = 1;
const BAD_INPUT: u8 = 2;

/// What a comparison found, one line each.
#[derive(Default)]
pub(crate) struct Findings {
    /// What differs.
    drift: Vec<String>,
    /// What is as it should be, but worth knowing.
    notes: Vec<String>,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::from(DRIFTED),
        Ok(false) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed stderr is no reason to panic.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::from(BAD_INPUT)
        }
    }
}

/// Whether anything drifted.
fn run() -> Result<bool> {
    let mut arguments = env::args_os().skip(1);
    let (Some(path), None) = (arguments.next(), arguments.next()) else { bail!(USAGE) };
    if path == "--help" || path == "-h" {
        writeln!(io::stdout(), "{USAGE}").context("can't write to stdout")?;
        return Ok(false);
    }
    let text = fs::read_to_string(&path).with_context(|| path.to_string_lossy().into_owned())?;
    let text = text.trim_start_matches('\u{feff}');
    let set = Set::new()?;
    let findings = if text.trim_start().starts_with(['{', '[']) {
        dashboard::check(&set, &serde_json::from_str(text).context("the dashboard isn't JSON")?)?
    } else {
        compare::compare(&set, &Page::parse(text)?)?
    };
    let mut out = io::stdout().lock();
    findings.print(&mut out).context("can't write to stdout")?;
    Ok(!findings.drift.is_empty())
}

impl Findings {
    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        for line in self.drift.iter().chain(&self.notes) {
            writeln!(out, "{line}")?;
        }
        match self.drift.len() {
            0 => writeln!(out, "no drift from vLLM {VLLM_VERSION}"),
            1 => writeln!(out, "1 finding: drift from vLLM {VLLM_VERSION}"),
            findings => writeln!(out, "{findings} findings: drift from vLLM {VLLM_VERSION}"),
        }
    }
}
