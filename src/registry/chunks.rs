//! A page in pieces.

use std::{
    fmt,
    sync::Arc as StdArc,
    time::{Duration, Instant},
};

use super::shared::Shared;
use crate::{
    exposition::{Format, PageOptions, Style},
    schema::choice::FamilyChoice,
    snapshot::Snapshot,
};

/// A piece ends with the first family that makes it this long.
const CHUNK: usize = 64 << 10;

/// A page in pieces: see [`Registry::chunks`](crate::Registry::chunks).
pub struct Chunks {
    registry: StdArc<Shared>,
    choice: FamilyChoice,
    style: Style,
    /// `None` once everything has been handed out.
    snapshot: Option<Box<Snapshot>>,
    /// How many families have been handed out.
    families: usize,
    took: Duration,
    bytes: usize,
}

impl Chunks {
    pub(super) fn new(registry: &StdArc<Shared>, format: Format, options: &PageOptions) -> Self {
        let begun = Instant::now();
        let snapshot = registry.snapshot_for(&options.families);
        Self {
            registry: StdArc::clone(registry),
            choice: options.families.clone(),
            style: Style::new(format, options),
            snapshot: Some(snapshot),
            families: 0,
            took: begun.elapsed(),
            bytes: 0,
        }
    }

    /// Writes families until the piece is long enough. Returns whether more follow.
    fn fill(&mut self, snapshot: &Snapshot, piece: &mut Vec<u8>) -> bool {
        let shared = &self.registry;
        for family in snapshot.families().skip(self.families) {
            self.families += 1;
            shared.renderer.families(snapshot, [family].into_iter(), self.style, piece);
            if mutant!(piece.len() >= CHUNK, "chunks: all in one" => false) {
                return true;
            }
        }
        shared.collect(&self.choice, self.style, piece);
        mutant!(self.style.end(piece), "chunks: no end" => {});
        false
    }
}

impl Iterator for Chunks {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let (begun, snapshot, mut piece) = (Instant::now(), self.snapshot.take()?, Vec::new());
        let more = self.fill(&snapshot, &mut piece);
        self.bytes += piece.len();
        self.took += begun.elapsed();
        if more {
            self.snapshot = Some(snapshot);
        } else {
            self.registry.put_back(snapshot);
            self.registry.self_metrics.rendered(self.took, self.bytes);
        }
        (!piece.is_empty()).then_some(piece)
    }
}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks").field("families", &self.families).finish_non_exhaustive()
    }
}
