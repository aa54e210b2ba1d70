//! A trace's lines that aren't blank, one at a time. However long the input is, no more than one
//! line of bounded length is held.

use std::io::{BufRead, Read};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};

use crate::input;

/// A prompt of ten million tokens with an id for each 16 of them takes 13 MiB at most.
const MAX_LINE_MIB: u64 = 16;
const MAX_LINE: u64 = MAX_LINE_MIB << 20;
/// Characters of a reason: it may quote the line.
const MAX_REASON: usize = 400;
const BYTE_ORDER_MARK: char = '\u{feff}';

pub(crate) struct Lines {
    name: String,
    reader: Box<dyn BufRead>,
    bytes: Vec<u8>,
    line: String,
    number: u64,
}

impl Lines {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let (name, reader) = input::open(path)?;
        Ok(Self { name, reader, bytes: Vec::new(), line: String::new(), number: 0 })
    }

    /// Goes to the next line that isn't blank; false at the end.
    pub(crate) fn advance(&mut self) -> Result<bool> {
        let mut blank = 0;
        loop {
            self.bytes.clear();
            let read = self.reader.by_ref().take(MAX_LINE + 1).read_until(b'\n', &mut self.bytes);
            if read.with_context(|| format!("can't read {} after line {}", self.name, self.number))? == 0 {
                return Ok(false);
            }
            self.number += 1;
            let length = self.bytes.len() as u64;
            if length > MAX_LINE {
                bail!("{}: line {} is longer than {MAX_LINE_MIB} MiB", self.name, self.number);
            }
            let text = std::str::from_utf8(&self.bytes).map_err(|error| self.malformed(&error.into()))?;
            let text = if self.number == 1 { text.trim_start_matches(BYTE_ORDER_MARK) } else { text };
            if !text.trim().is_empty() {
                self.line.clear();
                self.line.push_str(text.trim_end_matches(['\r', '\n']));
                return Ok(true);
            }
            blank += length;
            if blank > MAX_LINE {
                bail!("{}: line {}: more than {MAX_LINE_MIB} MiB of blank lines", self.name, self.number);
            }
        }
    }

    /// What messages call the trace.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn text(&self) -> &str {
        &self.line
    }

    /// Of the current line, from 1 on.
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn malformed(&self, reason: &anyhow::Error) -> anyhow::Error {
        self.malformed_at(self.number, reason)
    }

    pub(crate) fn malformed_at(&self, number: u64, reason: &anyhow::Error) -> anyhow::Error {
        let reason = format!("{reason:#}");
        let short: String = reason.chars().take(MAX_REASON).collect();
        let more = if short.len() < reason.len() { "…" } else { "" };
        anyhow!("{}: line {number}: {short}{more}", self.name)
    }
}
