//! A line of a Mooncake trace (FAST'25): `{"timestamp": ms, "input_length": …, "output_length": …,
//! "hash_ids": […]}`.
//!
//! `hash_ids` names the prompt's blocks of 512 tokens, and may be missing, null, or shorter than
//! the prompt. Other fields are ignored. Token counts are whole numbers, also as `6758.0` or `1e3`.
//! A timestamp may have a fraction, as some tools write it. [`Units`] says what else a time or a
//! hash may stand for.

use anyhow::{Result, anyhow, bail};
use serde::Deserialize;

use crate::trace::Row;
use crate::units::{TimeUnit, Units};
use crate::whole::Whole;

/// Nanoseconds above this (about 30 million years) are not a time.
const MAX_NANOSECONDS: f64 = 1e24;

#[derive(Deserialize)]
struct Line {
    timestamp: serde_json::Number,
    input_length: Whole,
    output_length: Whole,
    hash_ids: Option<Vec<Whole>>,
}

pub(crate) fn parse(text: &str, units: Units) -> Result<Row> {
    // serde would also read a struct from an array.
    if !text.trim_start().starts_with('{') {
        bail!("not a JSON object");
    }
    let line: Line = serde_json::from_str(text).map_err(|error| anyhow!(without_line(&error)))?;
    let row = Row {
        time: nanoseconds(&line.timestamp, units.time())?,
        prompt_tokens: line.input_length.0,
        output_tokens: line.output_length.0,
        hashes: line.hash_ids.unwrap_or_default().into_iter().map(|Whole(hash)| hash).collect(),
    };
    units.check_row(&row)?;
    Ok(row)
}

fn nanoseconds(timestamp: &serde_json::Number, unit: TimeUnit) -> Result<i128> {
    if let Some(whole) = timestamp.as_u64() {
        return Ok(i128::from(whole) * unit.nanoseconds());
    }
    let nanoseconds = timestamp.as_f64().map(|time| time * unit.nanoseconds() as f64);
    match nanoseconds {
        Some(nanoseconds) if (0.0..MAX_NANOSECONDS).contains(&nanoseconds) => Ok(nanoseconds.round() as i128),
        _ => bail!("timestamp: expected a time from 0 on, found {timestamp}"),
    }
}

/// serde_json's message. It sees one line only, so its line number would mislead.
fn without_line(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let reason = message.rsplit_once(" at line ").map_or(message.as_str(), |(reason, _)| reason);
    format!("{reason} (column {})", error.column())
}
