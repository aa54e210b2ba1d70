//! The closing report: a table for people, or one JSON object for programs.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::checks::Check;
use crate::numbers::{EngineNumbers, Quantiles};

pub(crate) struct Report<'a> {
    pub(crate) engines: &'a [EngineNumbers],
    pub(crate) checks: &'a [Check],
    /// Wall time of the replay.
    pub(crate) seconds: f64,
}

impl Report<'_> {
    /// The sum of a number over all requests, each counted once: by the engine at which it ends.
    fn once(&self, number: fn(&EngineNumbers) -> u64) -> u64 {
        self.engines.iter().filter(|engine| engine.role.ends_requests()).map(number).sum()
    }

    fn steps(&self) -> u64 {
        self.engines.iter().map(|engine| engine.steps).sum()
    }

    /// Prints to stdout. A closed pipe (as with `head`) is fine.
    pub(crate) fn print(&self, json: bool) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let written = if json { self.write_json(&mut out) } else { self.write_table(&mut out) };
        match written.and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }

    fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        let object = JsonReport {
            requests: self.once(|engine| engine.requests),
            prompt_tokens: self.once(|engine| engine.prompt_tokens),
            generation_tokens: self.once(|engine| engine.generation_tokens),
            steps: self.steps(),
            seconds: self.seconds,
            engines: self.engines.iter().map(JsonEngine::from).collect(),
            checks: self.checks.iter().map(|check| JsonCheck { name: &check.name, ok: check.ok() }).collect(),
        };
        serde_json::to_writer(&mut *out, &object)?;
        writeln!(out)
    }

    fn write_table(&self, out: &mut impl Write) -> io::Result<()> {
        let mut table = Table::new();
        table.load_preset(presets::ASCII_MARKDOWN).set_header([
            "engine",
            "requests",
            "prompt: computed",
            "prompt: cached",
            "prompt: KV transfer",
            "generated",
            "steps",
            "tokens/iteration p50 / p99",
            "TTFT p50 / p99",
            "ITL p50 / p99",
        ]);
        table.add_rows(self.engines.iter().map(row));
        table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));

        writeln!(out, "{table}")?;
        writeln!(
            out,
            "{} requests, each counted where it ended: {} prompt tokens, {} generated; {} steps in {:.2} s",
            grouped(self.once(|engine| engine.requests)),
            grouped(self.once(|engine| engine.prompt_tokens)),
            grouped(self.once(|engine| engine.generation_tokens)),
            grouped(self.steps()),
            self.seconds,
        )?;
        let passed = self.checks.iter().filter(|check| check.ok()).count();
        let agreement = if passed == self.checks.len() { ": the metrics agree with the workload" } else { "" };
        writeln!(out, "{passed} of {} checks passed{agreement}", self.checks.len())
    }
}

fn row(engine: &EngineNumbers) -> Vec<String> {
    vec![
        format!("{} {}", engine.engine, engine.role.name()),
        grouped(engine.requests),
        grouped(engine.local_compute),
        grouped(engine.local_cache_hit),
        grouped(engine.external_kv_transfer),
        grouped(engine.generation_tokens),
        grouped(engine.steps),
        pair(engine.iteration_tokens, |tokens| format!("{tokens:.0}")),
        pair(engine.time_to_first_token, milliseconds),
        pair(engine.inter_token_latency, milliseconds),
    ]
}

fn pair(quantiles: Quantiles, show: fn(f64) -> String) -> String {
    // Quantiles are NaN where nothing was observed.
    if quantiles.median.is_nan() {
        return "-".to_owned();
    }
    format!("{} / {}", show(quantiles.median), show(quantiles.p99))
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.0} ms", seconds * 1e3)
}

/// With a comma between thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[derive(Serialize)]
struct JsonReport<'a> {
    requests: u64,
    prompt_tokens: u64,
    generation_tokens: u64,
    steps: u64,
    seconds: f64,
    engines: Vec<JsonEngine>,
    checks: Vec<JsonCheck<'a>>,
}

#[derive(Serialize)]
struct JsonEngine {
    engine: usize,
    role: &'static str,
    prompt_tokens: u64,
    prompt_tokens_by_source: JsonSources,
    generation_tokens: u64,
    iteration_tokens_sum: u64,
    iteration_tokens_count: u64,
    steps: u64,
    quantiles: JsonQuantiles,
}

/// Null where nothing was observed.
#[derive(Serialize)]
struct JsonQuantiles {
    iteration_tokens: JsonPair,
    time_to_first_token_seconds: JsonPair,
    inter_token_latency_seconds: JsonPair,
}

#[derive(Serialize)]
struct JsonPair {
    p50: f64,
    p99: f64,
}

impl From<Quantiles> for JsonPair {
    fn from(quantiles: Quantiles) -> Self {
        Self { p50: quantiles.median, p99: quantiles.p99 }
    }
}

#[derive(Serialize)]
struct JsonSources {
    local_compute: u64,
    local_cache_hit: u64,
    external_kv_transfer: u64,
}

#[derive(Serialize)]
struct JsonCheck<'a> {
    name: &'a str,
    ok: bool,
}

impl From<&EngineNumbers> for JsonEngine {
    fn from(numbers: &EngineNumbers) -> Self {
        Self {
            engine: numbers.engine,
            role: numbers.role.name(),
            prompt_tokens: numbers.prompt_tokens,
            prompt_tokens_by_source: JsonSources {
                local_compute: numbers.local_compute,
                local_cache_hit: numbers.local_cache_hit,
                external_kv_transfer: numbers.external_kv_transfer,
            },
            generation_tokens: numbers.generation_tokens,
            iteration_tokens_sum: numbers.iteration_tokens_sum,
            iteration_tokens_count: numbers.iteration_tokens_count,
            steps: numbers.steps,
            quantiles: JsonQuantiles {
                iteration_tokens: numbers.iteration_tokens.into(),
                time_to_first_token_seconds: numbers.time_to_first_token.into(),
                inter_token_latency_seconds: numbers.inter_token_latency.into(),
            },
        }
    }
}
