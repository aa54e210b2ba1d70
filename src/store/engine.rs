//! The storage of an engine, or of the registry itself.

use std::sync::Arc as StdArc;

use super::{info::Infos, row::Row, shards::Shards, slab::Slab};
use crate::sync::Arc;

/// An engine's label values, as given and as printed. Engines are identified by the address of this
/// allocation: re-attaching creates a new identity.
#[derive(Debug)]
pub(crate) struct EngineLabels {
    pub(crate) values: Vec<String>,
    /// `engine="0",model_name="m"`, escaped.
    pub(crate) text: Box<[u8]>,
}

/// Where the series of an engine are kept. A value is the sum over all slabs and shards. The struct
/// never changes: a store that grows is replaced by another.
#[derive(Clone)]
pub(crate) struct EngineStore {
    pub(crate) labels: StdArc<EngineLabels>,
    /// One per exclusive recorder, and at least one.
    pub(crate) slabs: Vec<Arc<Slab>>,
    /// One set per engine, whichever recorder writes them.
    pub(crate) infos: StdArc<Infos>,
    /// Present from the first shared recorder on.
    pub(crate) shards: Option<StdArc<Shards>>,
    /// What the registry records about its pages. `None` for engines.
    pub(crate) self_metrics: Option<StdArc<Shards>>,
}

impl EngineStore {
    /// All rows that any thread adds to.
    pub(crate) fn shards(&self) -> impl Iterator<Item = Row<'_>> {
        self.shards.iter().chain(&self.self_metrics).flat_map(|shards| shards.iter())
    }
}
