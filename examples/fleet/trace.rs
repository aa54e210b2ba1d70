//! Reads a trace. The first line that isn't blank shows its format.
//!
//! * Mooncake JSONL: one object per line, see [`crate::mooncake`].
//! * Azure CSV: a header, then one request per line, see [`crate::azure`].
//!
//! Blank lines are skipped; a byte-order mark and CRLF are accepted; the last line needs no line
//! end. Any other line that can't be read stops the program with file, line number and reason.
//! Requests needn't be sorted: they are sorted by arrival, stably.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};

use crate::console::say;
use crate::lines::Lines;
use crate::timing::Nanos;
use crate::units::Units;
use crate::workload::Request;
use crate::{azure, mooncake};

/// A longer prompt or output counts as a mistake in the file.
pub(crate) const MAX_TOKENS: u64 = 10_000_000;
/// A hundred years, in nanoseconds. Later arrivals count as a mistake in the file.
const MAX_SPAN: i128 = 100 * 366 * 86_400 * 1_000_000_000;

/// One line's request, with the time as the file gives it.
#[derive(Debug)]
pub(crate) struct Row {
    /// Nanoseconds since a moment that depends on the file's format.
    pub(crate) time: i128,
    pub(crate) prompt_tokens: u64,
    pub(crate) output_tokens: u64,
    pub(crate) hashes: Vec<u64>,
}

/// The first `limit` requests of the file, in order of arrival. Never an empty list.
pub(crate) fn read(path: &Path, limit: usize, units: Units) -> Result<Vec<Request>> {
    let mut lines = Lines::open(path)?;
    let mut rows = Vec::new();
    let mut format = None;
    while rows.len() < limit && lines.advance()? {
        match parse(&mut format, lines.text(), units) {
            Ok(Some(row)) => rows.push((lines.number(), row)),
            Ok(None) => {}
            Err(reason) => return Err(lines.malformed(&reason)),
        }
    }
    if rows.is_empty() {
        bail!("{}: there is no request in it", lines.name());
    }
    if let Some(Format::Mooncake) = format {
        units.check(rows.iter().map(|(_, row)| row)).context(lines.name().to_owned())?;
    }
    note_empty_prompts(&rows, &lines);
    into_requests(rows, &lines)
}

/// The line's request, or `None` if it is a header. The first line decides on the format.
fn parse(format: &mut Option<Format>, line: &str, units: Units) -> Result<Option<Row>> {
    let row = match format {
        Some(format) => format.parse(line, units)?,
        None => match format.insert(Format::sniff(line)?) {
            Format::Azure(_) if units.given() => {
                bail!("--block-size and --time-unit are for Mooncake traces, and this is an Azure trace")
            }
            Format::Azure(_) => return Ok(None),
            mooncake @ Format::Mooncake => mooncake.parse(line, units)?,
        },
    };
    row.check_limits()?;
    Ok(Some(row))
}

/// An engine would refuse such a request. In a trace it is mostly one that failed.
fn note_empty_prompts(rows: &[(u64, Row)], lines: &Lines) {
    let mut empty = rows.iter().filter(|(_, row)| row.prompt_tokens == 0);
    if let Some((number, _)) = empty.next() {
        let (name, count) = (lines.name(), 1 + empty.count());
        say(format_args!("note: {name}: line {number}: a prompt of 0 tokens ({count} such lines): replayed as it is"));
    }
}

/// Counts time from the first arrival on, and sorts.
fn into_requests(rows: Vec<(u64, Row)>, lines: &Lines) -> Result<Vec<Request>> {
    let first = rows.iter().map(|(_, row)| row.time).min().unwrap_or_default();
    let mut requests = Vec::with_capacity(rows.len());
    for (number, row) in rows {
        let since_first = row.time - first;
        if since_first > MAX_SPAN {
            let reason = anyhow!("the request arrives more than 100 years after the file's first (see --time-unit)");
            return Err(lines.malformed_at(number, &reason));
        }
        requests.push(Request {
            arrival: Nanos::try_from(since_first).expect("checked against the greatest span"),
            prompt_tokens: row.prompt_tokens,
            output_tokens: row.output_tokens,
            hashes: row.hashes.into_boxed_slice(),
        });
    }
    requests.sort_by_key(|request| request.arrival);
    Ok(requests)
}

impl Row {
    fn check_limits(&self) -> Result<()> {
        for (what, tokens) in [("prompt", self.prompt_tokens), ("output", self.output_tokens)] {
            if tokens > MAX_TOKENS {
                bail!("{tokens} tokens of {what} are above the limit of {MAX_TOKENS}");
            }
        }
        Ok(())
    }
}

enum Format {
    Mooncake,
    Azure(azure::Columns),
}

impl Format {
    /// The format that begins with this line.
    fn sniff(line: &str) -> Result<Self> {
        if line.trim_start().starts_with('{') {
            return Ok(Self::Mooncake);
        }
        if line.trim_start().starts_with('[') {
            bail!("a JSON array, but a Mooncake trace has one object per line (JSON Lines)");
        }
        azure::Columns::find(line)?.map(Self::Azure).with_context(|| {
            let columns = azure::COLUMN_NAMES.join(", ");
            format!("neither a JSON object (Mooncake) nor a header with the columns {columns} (Azure)")
        })
    }

    fn parse(&self, line: &str, units: Units) -> Result<Row> {
        match self {
            Self::Mooncake => mooncake::parse(line, units),
            Self::Azure(columns) => columns.parse(line),
        }
    }
}
