//! The command line.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Parser, ValueEnum};
use tachometer_vllm::IterationTokensDefinition;

use crate::batch::Settings;
use crate::connector::Connector;
use crate::layout::Layout;
use crate::listen;
use crate::optional::Optional;
use crate::trace::MAX_TOKENS;
use crate::units::{TimeUnit, Units};

/// More engines would mean more threads than a laptop handles well.
const MAX_ENGINES: i64 = 256;

const EXIT_CODES: &str =
    "Exit codes: 0 all well, 1 a check failed, 2 bad input or arguments, or a report that can't be written.";

/// Replays a workload through several simulated LLM engines and serves their /metrics meanwhile.
#[derive(Debug, Parser)]
#[command(name = "fleet", version, after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// Engines that only prefill (P/D disaggregation)
    #[arg(long, value_name = "P", default_value_t = 2, value_parser = engine_count())]
    prefill: usize,

    /// Engines that only decode (P/D disaggregation)
    #[arg(long, value_name = "D", default_value_t = 2, value_parser = engine_count())]
    decode: usize,

    /// N engines that both prefill and decode, instead of --prefill and --decode
    #[arg(long, value_name = "N", conflicts_with_all = ["prefill", "decode"], value_parser = engine_count())]
    mixed: Option<usize>,

    /// Mooncake JSONL or Azure CSV, plain or gzipped; `-` is stdin (default: a built-in, seeded
    /// workload)
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,

    /// Tokens that each hash of a Mooncake trace stands for [default: 512]
    #[arg(long, value_name = "TOKENS", requires = "trace", value_parser = clap::value_parser!(u64).range(1..=MAX_TOKENS))]
    block_size: Option<u64>,

    /// The unit of a Mooncake trace's timestamps [default: ms]
    #[arg(long, value_name = "UNIT", value_enum, requires = "trace")]
    time_unit: Option<TimeUnit>,

    /// Only the first N requests, in the order of the file
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    /// Virtual seconds per second, or `max` for as fast as the machine goes
    #[arg(long, value_name = "X|max", default_value = "10", allow_hyphen_values = true)]
    pub(crate) speed: Speed,

    /// Where to serve /metrics: ADDRESS:PORT, or a port of 127.0.0.1; port 0 picks a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9464", conflicts_with = "no_listen", value_parser = listen::address)]
    listen: String,

    /// Don't serve /metrics
    #[arg(long)]
    no_listen: bool,

    /// The formats of /metrics
    #[arg(long = "format", value_enum, default_value_t = Formats::Negotiated, conflicts_with = "no_listen")]
    pub(crate) formats: Formats,

    /// Go on serving after the replay, until Ctrl-C
    #[arg(long, conflicts_with = "no_listen")]
    pub(crate) hold: bool,

    /// The connector whose families report KV transfers
    #[arg(long, value_enum, default_value_t = Connector::Nixl)]
    pub(crate) connector: Connector,

    /// What vllm:iteration_tokens_total counts
    #[arg(long, value_enum, default_value_t = Definition::Computed)]
    pub(crate) definition: Definition,

    /// Also what vLLM's configuration switches on: speculative decoding (or a diffusion model),
    /// lives of KV blocks, LoRA adapters, images, watermarks, estimated work. Prefix caches are
    /// small then
    #[arg(long, value_name = "KIND", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "spec-decode")]
    pub(crate) optional: Option<Optional>,

    /// Print one JSON object on stdout instead of the table
    #[arg(long)]
    pub(crate) json: bool,

    /// Count one generation token too many, to see checks fail
    #[arg(long, hide = true)]
    pub(crate) miscount: bool,
}

impl Args {
    pub(crate) fn layout(&self) -> Layout {
        match self.mixed {
            Some(engines) => Layout::Mixed { engines },
            None => Layout::Disaggregated { prefill: self.prefill, decode: self.decode },
        }
    }

    pub(crate) fn units(&self) -> Units {
        Units { block_size: self.block_size, time: self.time_unit }
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings { block_size: self.units().block_size(), optional: self.optional }
    }

    pub(crate) fn listen_address(&self) -> Option<&str> {
        (!self.no_listen).then_some(self.listen.as_str())
    }

    /// The largest number of requests to replay.
    pub(crate) fn limit(&self) -> usize {
        self.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
    }
}

fn engine_count() -> impl clap::builder::TypedValueParser<Value = usize> {
    use clap::builder::TypedValueParser as _;
    clap::value_parser!(u16).range(1..=MAX_ENGINES).map(usize::from)
}

/// How fast virtual time runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Speed {
    /// Virtual seconds per second of wall time.
    Times(f64),
    /// Without any waiting.
    Max,
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        match text.parse::<f64>() {
            Ok(times) if times > 0.0 && times.is_finite() => Ok(Self::Times(times)),
            _ => Err("expected a number above 0, or `max`".to_owned()),
        }
    }
}

/// Which format a scraper gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Formats {
    /// What its Accept header asks for
    Negotiated,
    /// Text 0.0.4, whatever it asks for
    Text,
}

/// The names of [`IterationTokensDefinition`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Definition {
    /// Prompt tokens computed here, and generated tokens
    Computed,
    /// All prompt tokens whatever their source, and generated tokens
    AllSources,
    /// Tokens of each model execution: prompt chunks and generated tokens
    Scheduled,
}

impl From<Definition> for IterationTokensDefinition {
    fn from(definition: Definition) -> Self {
        match definition {
            Definition::Computed => Self::Computed,
            Definition::AllSources => Self::AllSources,
            Definition::Scheduled => Self::Scheduled,
        }
    }
}
