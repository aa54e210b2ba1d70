//! What a snapshot or a view reads of one schema.

use std::{iter::Skip, sync::Arc};

use crate::{
    schema::{Schema, layout::Scope},
    sorted::Iter,
    store::engine::{EngineStore, Engines},
};

/// A schema of a registry, and the stores of its series.
pub(crate) struct Source<'d> {
    pub(crate) schema: &'d Schema,
    /// The store of its registry-wide families.
    pub(crate) registry: &'d Arc<EngineStore>,
    pub(crate) engines: Engines<'d>,
    /// Engines that lingered until others attached with their labels.
    pub(crate) replaced: Skip<Iter<'d, Arc<EngineStore>>>,
}

/// The number by which schemas are told apart.
pub(super) fn number(schema: &Schema) -> u32 {
    schema.layout(Scope::Engine).schema
}
