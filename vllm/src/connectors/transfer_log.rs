//! The log line about KV transfers.

use std::{mem, sync::Arc};

use super::{ConnectorFamilies, Declared, PayloadError, merged::Merged, python, value::Payload};
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
}

impl ConnectorFamilies {
    /// A log line of what is added to it.
    #[must_use]
    pub fn transfer_log(&self) -> TransferLog {
        TransferLog { declared: Arc::clone(&self.declared), merged: Merged::Nothing }
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
            }
            Ok(())
        })
    }

    /// The line about what was added since the line before. `None` if that is nothing.
    pub fn line(&mut self, level: LogLevel) -> Option<LogLine> {
        let merged = mem::take(&mut self.merged);
        let declared = &self.declared;
        let summary_of =
            |name: &str| declared.members.iter().find(|(member, _)| **member == *name).map(|member| member.1);
        let parts: Vec<_> = match &declared.members[..] {
            [(name, summary)] if !declared.several => vec![(&**name, *summary, &merged)],
            _ => merged.entries().iter().filter_map(|(name, part)| Some((&**name, summary_of(name)?, part))).collect(),
        };
        if parts.iter().all(|(_, summary, part)| summary.is_about_nothing(part)) {
            return None;
        }
        let figures = match &parts[..] {
            [(_, summary, part)] if !declared.several => summary.of(part),
            parts => parts.iter().map(|(name, summary, part)| ((*name).to_owned(), dict(&summary.of(part)))).collect(),
        };
        let figures: Vec<_> = figures.into_iter().map(|(name, figure)| format!("{name}={figure}")).collect();
        let text = format!("KV Transfer metrics: {}", figures.join(", "));
        (!figures.is_empty()).then_some(LogLine { level, text })
    }
}

/// One of several connectors: a Python `dict`.
fn dict(figures: &[(String, String)]) -> String {
    let figures: Vec<_> = figures.iter().map(|(name, figure)| format!("{}: {figure}", python::repr(name))).collect();
    format!("{{{}}}", figures.join(", "))
}
