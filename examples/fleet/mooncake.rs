//! A line of a Mooncake trace (FAST'25): `{"timestamp": ms, "input_length": …, "output_length": …,
//! "hash_ids": […]}`.
//!
//! `hash_ids` names the prompt's blocks of 512 tokens, and may be missing, null, or of a different
//! length than the prompt. Other fields are ignored. Token counts are whole numbers. A timestamp
//! may have a fraction, as some tools write it.

use anyhow::{Result, anyhow, bail};
use serde::Deserialize;

use crate::trace::Row;

const NANOS_A_MILLISECOND: f64 = 1e6;
/// A timestamp above this (about 30 million years) is not a time.
const MAX_MILLISECONDS: f64 = 1e18;

#[derive(Deserialize)]
struct Line {
    timestamp: serde_json::Number,
    input_length: u64,
    output_length: u64,
    hash_ids: Option<Vec<u64>>,
}

pub(crate) fn parse(text: &str) -> Result<Row> {
    // serde would also read a struct from an array.
    if !text.trim_start().starts_with('{') {
        bail!("not a JSON object");
    }
    let line: Line = serde_json::from_str(text).map_err(|error| anyhow!(without_line(&error)))?;
    Ok(Row {
        time: nanoseconds(&line.timestamp)?,
        prompt_tokens: line.input_length,
        output_tokens: line.output_length,
        hashes: line.hash_ids.unwrap_or_default(),
    })
}

fn nanoseconds(milliseconds: &serde_json::Number) -> Result<i128> {
    if let Some(whole) = milliseconds.as_u64() {
        return Ok(i128::from(whole) * 1_000_000);
    }
    match milliseconds.as_f64() {
        Some(value) if (0.0..MAX_MILLISECONDS).contains(&value) => Ok((value * NANOS_A_MILLISECOND).round() as i128),
        _ => bail!("timestamp: expected milliseconds from 0 on, found {milliseconds}"),
    }
}

/// serde_json's message. It sees one line only, so its line number would mislead.
fn without_line(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let reason = message.rsplit_once(" at line ").map_or(message.as_str(), |(reason, _)| reason);
    format!("{reason} (column {})", error.column())
}
