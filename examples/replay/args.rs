//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use tachometer_vllm::{IterationTokensDefinition, LogStyle};

const EXIT_CODES: &str =
    "Exit codes: 0 all well, 2 bad arguments, a malformed scenario, or output that can't be written.";

/// Replays a scenario of engine steps into the vLLM set and prints what a scrape, or the log, would
/// have shown.
#[derive(Debug, Parser)]
#[command(name = "replay", version, after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// The optional families
    #[arg(long, value_enum, required_unless_present = "connector")]
    pub(crate) config: Option<ConfigName>,

    /// The scenario is of a KV connector: print its families, or its log lines
    #[arg(long, conflicts_with_all = ["config", "definition", "scrape"])]
    pub(crate) connector: bool,

    /// Print the page before the connector reported anything
    #[arg(long, requires = "connector", conflicts_with = "log")]
    pub(crate) start: bool,

    /// What vllm:iteration_tokens_total counts
    #[arg(long, value_enum, default_value_t = Definition::Computed)]
    pub(crate) definition: Definition,

    /// Print the page at this scrape of the scenario, instead of the final one
    #[arg(long, value_name = "NAME")]
    pub(crate) scrape: Option<String>,

    /// Print the log lines at each of the scenario's log events, instead of a page
    #[arg(long, value_enum, value_name = "STYLE", conflicts_with = "scrape")]
    pub(crate) log: Option<Log>,

    /// JSON lines: a header, then one event per line
    #[arg(value_name = "SCENARIO.jsonl")]
    pub(crate) scenario: PathBuf,
}

/// A configuration of the set. `configs.rs` lists what each contains.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ConfigName {
    /// Nothing optional
    Base,
    /// Speculative decoding (pages: of 32 tokens at most), KV blocks, KV fetches, LoRA
    Full,
    /// Watermarks, corrupted requests, speculative decoding (as in full), KV blocks, different
    /// bounds for all bucket families
    Extra,
    /// A diffusion model
    Diffusion,
}

/// The names of [`LogStyle`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Log {
    /// Lines for each engine
    PerEngine,
    /// Lines for all engines together
    Aggregated,
}

impl From<Log> for LogStyle {
    fn from(log: Log) -> Self {
        match log {
            Log::PerEngine => Self::PerEngine,
            Log::Aggregated => Self::Aggregated,
        }
    }
}

/// The names of [`IterationTokensDefinition`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Definition {
    /// Prompt tokens computed here, and generated tokens
    Computed,
    /// All prompt tokens whatever their source, and generated tokens
    AllSources,
}

impl From<Definition> for IterationTokensDefinition {
    fn from(definition: Definition) -> Self {
        match definition {
            Definition::Computed => Self::Computed,
            Definition::AllSources => Self::AllSources,
        }
    }
}
