//! A scenario, read and checked as a whole before anything is replayed.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::event::{Header, Iter, Line, Tag};
use crate::json::{self, Object};
use crate::stats;

/// The format that this reads.
const FORMAT: u64 = 1;
/// A scenario is held in memory, and a device has no end.
const MAX_BYTES: u64 = 256 << 20;

#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) header: Header,
    /// The number of the header's line.
    pub(crate) header_line: usize,
    /// In order, without the header.
    pub(crate) events: Vec<Line>,
}

/// Why a scenario can't be replayed.
#[derive(Debug)]
pub(crate) enum Unreadable {
    File(std::io::Error),
    TooLong,
    Line { number: usize, reason: String },
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::TooLong => write!(f, "the scenario is longer than {} MiB", MAX_BYTES >> 20),
            Self::Line { number, reason } => write!(f, "line {number}: {reason}"),
        }
    }
}

impl std::error::Error for Unreadable {}

impl Scenario {
    pub(crate) fn read(path: &Path) -> Result<Self, Unreadable> {
        let mut text = Vec::new();
        let file = File::open(path).map_err(Unreadable::File)?;
        file.take(MAX_BYTES + 1).read_to_end(&mut text).map_err(Unreadable::File)?;
        if text.len() as u64 > MAX_BYTES {
            return Err(Unreadable::TooLong);
        }
        Self::parse(&text)
    }

    fn parse(text: &[u8]) -> Result<Self, Unreadable> {
        let lines = text.split(|byte| *byte == b'\n').enumerate().map(|(index, line)| (index + 1, line));
        let mut lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
        let (header_line, line) = lines.next().unwrap_or((1, b""));
        let header = header(line).map_err(|reason| Unreadable::Line { number: header_line, reason })?;
        let mut checks = Checks::new(&header);
        let mut events = Vec::new();
        for (number, line) in lines {
            let event = parse(line).and_then(|event| checks.pass(event));
            events.push(event.map_err(|reason| Unreadable::Line { number, reason })?);
        }
        Ok(Self { header, header_line, events })
    }

    /// The names of its scrapes.
    pub(crate) fn scrapes(&self) -> impl Iterator<Item = &str> {
        self.events.iter().filter_map(|event| match event {
            Line::Scrape(scrape) => Some(scrape.name.as_str()),
            _ => None,
        })
    }
}

fn parse(line: &[u8]) -> Result<Line, String> {
    let line = std::str::from_utf8(line).map_err(|error| error.to_string())?;
    if line.starts_with('\u{feff}') {
        return Err("begins with a byte order mark (U+FEFF): a scenario is UTF-8 without one".to_owned());
    }
    let Tag { kind } = read(line)?;
    Ok(match kind.as_str() {
        "header" => Line::Header(Box::new(read(line)?)),
        "iter" => Line::Iter(Box::new(read(line)?)),
        "sleep" => Line::Sleep(read(line)?),
        "reject" => Line::Reject(read(line)?),
        "log" => Line::Log(read(line)?),
        "scrape" => Line::Scrape(read(line)?),
        _ => return Err(format!("there is no event of type {kind:?}")),
    })
}

fn read<T: DeserializeOwned>(line: &str) -> Result<T, String> {
    serde_json::from_str::<Object<T>>(line).map(|Object(read)| read).map_err(|error| json::reason(&error))
}

fn header(line: &[u8]) -> Result<Header, String> {
    if line.is_empty() {
        return Err("the scenario is empty: it begins with a header".to_owned());
    }
    let Line::Header(header) = parse(line)? else {
        return Err("the scenario begins with something else than its header".to_owned());
    };
    if header.format != FORMAT {
        return Err(format!("format {}: only {FORMAT} is known", header.format));
    }
    if header.engines.is_empty() {
        return Err("the header names no engines".to_owned());
    }
    let mut seen = HashSet::new();
    match header.engines.iter().find(|engine| !seen.insert(**engine)) {
        Some(engine) => Err(format!("the header names engine {engine} twice")),
        None => Ok(*header),
    }
}

/// What an event is checked against: the header and the events before it.
struct Checks {
    engines: HashSet<i64>,
    scrapes: HashSet<String>,
    time: f64,
}

impl Checks {
    fn new(header: &Header) -> Self {
        let engines = header.engines.iter().copied().collect();
        Self { engines, scrapes: HashSet::new(), time: f64::NEG_INFINITY }
    }

    fn pass(&mut self, event: Line) -> Result<Line, String> {
        let time = event.time().ok_or("a second header")?;
        if time < self.time {
            return Err(format!("t = {time} is before the event before, which has t = {}", self.time));
        }
        self.time = time;
        match &event {
            Line::Iter(iter) => self.check_iter(iter)?,
            Line::Sleep(sleep) => _ = sleep.state().map_err(|error| format!("level: {error}"))?,
            Line::Scrape(scrape) if !self.scrapes.insert(scrape.name.clone()) => {
                return Err(format!("there are two scrapes {:?}", scrape.name));
            }
            _ => {}
        }
        Ok(event)
    }

    fn check_iter(&self, iter: &Iter) -> Result<(), String> {
        if !self.engines.contains(&iter.engine) {
            return Err(format!("engine {} isn't in the header", iter.engine));
        }
        match iter.iteration.as_deref().map(stats::prompt_tokens) {
            Some(None) => Err("more prompt tokens are cached than there are (or more than can be counted)".to_owned()),
            _ => Ok(()),
        }
    }
}
