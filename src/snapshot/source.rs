//! What a snapshot or a view reads of one schema.

use std::{sync::Arc, time::Instant};

use crate::{
    schema::{Schema, layout::Scope},
    sorted::Sorted,
    store::engine::{EngineLabels, EngineStore, Engines},
};

/// A schema of a registry, and the stores of its series.
#[derive(Clone, Copy)]
pub(crate) struct Source<'d> {
    pub(crate) schema: &'d Schema,
    /// The store of its registry-wide families.
    pub(crate) registry: &'d Arc<EngineStore>,
    pub(crate) engines: &'d Sorted<Arc<EngineStore>>,
    /// Those of the engines that linger, and until when.
    pub(crate) lingering: &'d Sorted<(Instant, Arc<EngineLabels>)>,
    /// Engines that lingered until others attached with their labels. In the order of their times.
    pub(crate) replaced: &'d Sorted<Arc<EngineStore>>,
    /// A new pointer after each change of the engines or schemas.
    pub(crate) membership: &'d Arc<()>,
}

impl<'d> Source<'d> {
    /// The engines that are read now.
    pub(crate) fn engines(&self) -> Engines<'d> {
        Engines::new(self.engines, self.lingering.iter().map(|(until, _)| *until), self.membership)
    }

    /// The replaced engines whose time isn't over.
    pub(super) fn replaced(&self) -> impl ExactSizeIterator<Item = &'d Arc<EngineStore>> + Clone + use<'d> {
        let now = (self.replaced.len() > 0).then(Instant::now);
        let is_gone = |engine: &&Arc<EngineStore>| engine.until <= now;
        self.replaced.iter().skip(self.replaced.iter().take_while(is_gone).count())
    }
}

/// The number by which schemas are told apart.
pub(super) fn number(schema: &Schema) -> u32 {
    schema.layout(Scope::Engine).schema
}
