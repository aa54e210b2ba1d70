//! The log line about KV transfers.

use std::{mem, sync::Arc};

use super::{
    ConnectorFamilies, Declared, PayloadError, declare::Said, merged::Merged, python, value::Payload, words::Line,
};
use crate::{LogLevel, LogLine};

/// Writes vLLM's log line `KV Transfer metrics: …`: what a connector reported since the line
/// before. [`ConnectorFamilies::transfer_log`] returns it.
///
/// vLLM's per-engine loggers have one for each engine, and its aggregated logger has one for all.
/// The line follows the one about the engines ([`LogLines`](crate::LogLines)) and the one about
/// their drafts, with the level of the first.
///
/// Its percentiles need each number, so it holds all payloads of the interval. It copies them.
#[derive(Debug)]
pub struct TransferLog {
    declared: Arc<Declared>,
    merged: Merged,
    /// How many were added.
    payloads: usize,
}

impl ConnectorFamilies {
    /// A log line of what is added to it.
    #[must_use]
    pub fn transfer_log(&self) -> TransferLog {
        TransferLog { declared: Arc::clone(&self.declared), merged: Merged::Nothing, payloads: 0 }
    }
}

impl TransferLog {
    /// Adds a payload.
    ///
    /// # Errors
    /// If it doesn't fit the connector. Then nothing of it is added.
    pub fn add(&mut self, payload: &impl Payload) -> Result<(), PayloadError> {
        payload.with_value(|value| {
            if !value.is_empty_map() {
                self.declared.check(value)?;
                self.merged.add(value, Some(&self.declared.root), &self.declared.samples);
                self.payloads += 1;
            }
            Ok(())
        })
    }

    /// The line about what was added since the line before. `None` if that is nothing.
    pub fn line(&mut self, level: LogLevel) -> Option<LogLine> {
        let said = &self.declared.said;
        if said.is_nothing(&self.merged) {
            // It stays: of several connectors, the next line has a part for each that reported.
            return mutant!(None, "transfer log: an interval without a line is forgotten" => {
                self.merged = Merged::Nothing;
                None
            });
        }
        let payloads = mem::take(&mut self.payloads);
        let alone = mutant!(payloads == 1, "transfer log: a single payload is one of several" => false);
        let figures = said.figures(&mem::take(&mut self.merged), alone);
        let figures: Vec<_> = figures.into_iter().map(|(name, figure)| format!("{name}={figure}")).collect();
        let text = format!("KV Transfer metrics: {}", figures.join(", "));
        (!figures.is_empty()).then_some(LogLine { level, text })
    }
}

impl Said {
    fn is_nothing(&self, merged: &Merged) -> bool {
        match self {
            Self::Nothing => true,
            Self::Of(summary) => summary.is_about_nothing(merged),
            Self::OfEach(_) => self.parts(merged).all(|(_, said, part)| said.is_nothing(part)),
        }
    }

    /// `alone` is whether one payload was added.
    fn figures(&self, merged: &Merged, alone: bool) -> Line {
        match self {
            Self::Nothing => Line::new(),
            Self::Of(summary) => summary.of(merged, alone),
            Self::OfEach(_) => {
                let parts = self.parts(merged);
                parts.map(|(name, said, part)| (name.to_owned(), dict(&said.figures(part, alone)))).collect()
            }
        }
    }

    /// The part of each connector that reported, in the order of their first reports.
    fn parts<'m>(&'m self, merged: &'m Merged) -> impl Iterator<Item = (&'m str, &'m Self, &'m Merged)> {
        let members = if let Self::OfEach(members) = self { &members[..] } else { &[] };
        merged.entries().iter().filter_map(|(name, part)| {
            let (_, said) = members.iter().find(|(member, _)| **member == **name)?;
            (!matches!(said, Self::Nothing)).then_some((&**name, said, part))
        })
    }
}

/// One of several connectors: a Python `dict`.
fn dict(figures: &[(String, String)]) -> String {
    let figures: Vec<_> = figures.iter().map(|(name, figure)| format!("{}: {figure}", python::repr(name))).collect();
    format!("{{{}}}", figures.join(", "))
}
