//! Reads a trace file. The first bytes show whether it is gzipped, and the first line that isn't
//! blank shows its format.
//!
//! * Mooncake JSONL: one object per line, see [`crate::mooncake`].
//! * Azure CSV: a header, then one request per line, see [`crate::azure`].
//!
//! Blank lines are skipped; a byte-order mark and CRLF are accepted; the last line needs no line
//! end. Any other line that can't be read stops the program with file, line number and reason.
//! Requests needn't be sorted: they are sorted by arrival, stably.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use flate2::read::MultiGzDecoder;

use crate::timing::Nanos;
use crate::workload::Request;
use crate::{azure, mooncake};

/// A longer prompt or output counts as a mistake in the file.
const MAX_TOKENS: u64 = 10_000_000;
/// A hundred years, in nanoseconds. Later arrivals count as a mistake in the file.
const MAX_SPAN: i128 = 100 * 366 * 86_400 * 1_000_000_000;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const BYTE_ORDER_MARK: char = '\u{feff}';

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
pub(crate) fn read(path: &Path, limit: usize) -> Result<Vec<Request>> {
    let mut lines = Lines::open(path)?;
    let mut rows = Vec::new();
    let mut format = None;
    while rows.len() < limit && lines.advance()? {
        match parse(&mut format, lines.text()) {
            Ok(Some(row)) => rows.push((lines.number, row)),
            Ok(None) => {}
            Err(reason) => return Err(lines.malformed(&reason)),
        }
    }
    if rows.is_empty() {
        bail!("{}: there is no request in it", path.display());
    }
    into_requests(rows, &lines)
}

/// The line's request, or `None` if it is a header. The first line decides on the format.
fn parse(format: &mut Option<Format>, line: &str) -> Result<Option<Row>> {
    let row = match format {
        Some(format) => format.parse(line)?,
        None => match format.insert(Format::sniff(line)?) {
            Format::Azure(_) => return Ok(None),
            mooncake @ Format::Mooncake => mooncake.parse(line)?,
        },
    };
    row.check_limits()?;
    Ok(Some(row))
}

/// Counts time from the first arrival on, and sorts.
fn into_requests(rows: Vec<(u64, Row)>, lines: &Lines) -> Result<Vec<Request>> {
    let first = rows.iter().map(|(_, row)| row.time).min().unwrap_or_default();
    let mut requests = Vec::with_capacity(rows.len());
    for (number, row) in rows {
        let since_first = row.time - first;
        if since_first > MAX_SPAN {
            let reason = anyhow!("the request arrives more than 100 years after the file's first");
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
        azure::Columns::find(line)?.map(Self::Azure).with_context(|| {
            let columns = azure::COLUMN_NAMES.join(", ");
            format!("neither a JSON object (Mooncake) nor a header with the columns {columns} (Azure)")
        })
    }

    fn parse(&self, line: &str) -> Result<Row> {
        match self {
            Self::Mooncake => mooncake::parse(line),
            Self::Azure(columns) => columns.parse(line),
        }
    }
}

/// The file's lines that aren't blank, one at a time.
struct Lines {
    name: String,
    reader: Box<dyn BufRead>,
    bytes: Vec<u8>,
    line: String,
    number: u64,
}

impl Lines {
    fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let reader = open(path).with_context(|| format!("can't read {name}"))?;
        Ok(Self { name, reader, bytes: Vec::new(), line: String::new(), number: 0 })
    }

    /// Goes to the next line that isn't blank. False at the end of the file.
    fn advance(&mut self) -> Result<bool> {
        loop {
            self.bytes.clear();
            let read = self.reader.read_until(b'\n', &mut self.bytes);
            if read.with_context(|| format!("can't read {} after line {}", self.name, self.number))? == 0 {
                return Ok(false);
            }
            self.number += 1;
            let text = std::str::from_utf8(&self.bytes).map_err(|error| self.malformed(&error.into()))?;
            let text = if self.number == 1 { text.trim_start_matches(BYTE_ORDER_MARK) } else { text };
            if !text.trim().is_empty() {
                self.line.clear();
                self.line.push_str(text.trim_end_matches(['\r', '\n']));
                return Ok(true);
            }
        }
    }

    fn text(&self) -> &str {
        &self.line
    }

    fn malformed(&self, reason: &anyhow::Error) -> anyhow::Error {
        self.malformed_at(self.number, reason)
    }

    fn malformed_at(&self, number: u64, reason: &anyhow::Error) -> anyhow::Error {
        anyhow!("{}: line {number}: {reason:#}", self.name)
    }
}

/// The file's content, unzipped if it is gzipped, whatever its name.
fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let mut file = BufReader::new(File::open(path)?);
    let mut magic = Vec::new();
    file.by_ref().take(GZIP_MAGIC.len() as u64).read_to_end(&mut magic)?;
    let zipped = magic == GZIP_MAGIC;
    let whole = io::Cursor::new(magic).chain(file);
    if zipped { Ok(Box::new(BufReader::new(MultiGzDecoder::new(whole)))) } else { Ok(Box::new(BufReader::new(whole))) }
}
