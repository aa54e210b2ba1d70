//! A line of an Azure LLM inference trace (Splitwise, ISCA'24):
//! `TIMESTAMP,ContextTokens,GeneratedTokens`.
//!
//! Columns are found by name, so other columns may be between them. A timestamp has up to nine
//! fractional digits and may end in an offset from UTC; without an offset it counts as UTC. A
//! record is one line.

use anyhow::{Context, Result, bail};
use csv::{ReaderBuilder, StringRecord, Trim};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::trace::Row;
use crate::whole::Whole;

pub(crate) const COLUMN_NAMES: [&str; 3] = ["TIMESTAMP", "ContextTokens", "GeneratedTokens"];

/// Where the columns are.
pub(crate) struct Columns {
    time: usize,
    prompt_tokens: usize,
    output_tokens: usize,
    all: usize,
}

impl Columns {
    /// Reads the header; `None` if it isn't one of this format.
    pub(crate) fn find(header: &str) -> Result<Option<Self>> {
        let names = split(header)?;
        let columns = COLUMN_NAMES.map(|wanted| {
            let is_wanted = |index: &usize| names[*index].eq_ignore_ascii_case(wanted);
            (0..names.len()).filter(is_wanted).collect::<Vec<_>>()
        });
        if let Some(column) = columns.iter().position(|found| found.len() > 1) {
            bail!("the header has the column {} more than once", COLUMN_NAMES[column]);
        }
        let [&[time], &[prompt_tokens], &[output_tokens]] = columns.each_ref().map(Vec::as_slice) else {
            return Ok(None);
        };
        Ok(Some(Self { time, prompt_tokens, output_tokens, all: names.len() }))
    }

    pub(crate) fn parse(&self, line: &str) -> Result<Row> {
        let fields = split(line)?;
        if fields.len() != self.all {
            bail!("{} columns, but the header has {}", fields.len(), self.all);
        }
        Ok(Row {
            time: nanoseconds(&fields[self.time])?,
            prompt_tokens: tokens(&fields[self.prompt_tokens]).context(COLUMN_NAMES[1])?,
            output_tokens: tokens(&fields[self.output_tokens]).context(COLUMN_NAMES[2])?,
            hashes: Vec::new(),
        })
    }
}

fn split(line: &str) -> Result<StringRecord> {
    // The reader would end the record there, and lose the rest.
    if line.contains('\r') {
        bail!("a carriage return within the line (lines end in LF or CRLF)");
    }
    let mut record = StringRecord::new();
    let mut reader =
        ReaderBuilder::new().has_headers(false).trim(Trim::All).buffer_capacity(256).from_reader(line.as_bytes());
    reader.read_record(&mut record)?;
    Ok(record)
}

fn tokens(field: &str) -> Result<u64> {
    let whole = Whole::parse(field).with_context(|| format!("`{field}` is not a whole number from 0 on"))?;
    Ok(whole.0)
}

/// Nanoseconds since 1970.
fn nanoseconds(field: &str) -> Result<i128> {
    let with_offset = field.parse::<Timestamp>();
    let timestamp = with_offset.or_else(|_| Offset::UTC.to_timestamp(field.parse::<DateTime>()?));
    let timestamp = timestamp.with_context(|| format!("{}: `{field}` is not a time", COLUMN_NAMES[0]))?;
    Ok(timestamp.as_nanosecond())
}
