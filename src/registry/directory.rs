//! What there is: an immutable list behind one pointer. Whoever changes it publishes another list, in a loop that only repeats
//! when another change won; a snapshot takes the list that it finds. Nobody waits for anybody.

use std::sync::Arc as StdArc;

use super::AttachError;
use crate::{
    escape,
    info::{Alike, Infos},
    schema::{
        Schema,
        layout::{Layout, Scope},
    },
    shards::Shards,
    slab::Slab,
    snapshot::{EngineLabels, Source},
};

/// The registry's own part, and the attached engines in the order in which they attached.
#[derive(Clone)]
pub(super) struct Directory {
    pub(super) own: StdArc<Source>,
    pub(super) engines: Vec<StdArc<Source>>,
    pub(super) alike: StdArc<Alike>,
}

/// Whose part: an engine's, or `None` for the registry's own.
pub(super) type Owner<'l> = Option<&'l StdArc<EngineLabels>>;

impl Directory {
    /// Without engines.
    pub(super) fn new(schema: &Schema) -> Self {
        let own = source(schema, Scope::Registry, Vec::new());
        Self { own: StdArc::new(own), engines: Vec::new(), alike: StdArc::default() }
    }

    /// What the owner has. Engines look themselves up, and they are there for as long as they live.
    pub(super) fn of(&self, owner: Owner<'_>) -> &Source {
        let Some(labels) = owner else { return &self.own };
        let mut engines = self.engines.iter();
        engines
            .find(|engine| StdArc::ptr_eq(&engine.labels, labels))
            .expect("an engine is attached until it is dropped")
    }

    /// With `grown` in the place of what its owner has now.
    pub(super) fn with(&self, owner: Owner<'_>, grown: Source) -> Self {
        let (mut changed, grown) = (self.clone(), StdArc::new(grown));
        match owner {
            None => changed.own = grown,
            Some(labels) => {
                let mut engines = changed.engines.iter_mut();
                let place = engines.find(|engine| StdArc::ptr_eq(&engine.labels, labels));
                *place.expect("an engine is attached until it is dropped") = grown;
            }
        }
        changed
    }

    /// With other engines.
    pub(super) fn with_engines(&self, engines: Vec<StdArc<Source>>) -> Self {
        let alike = Alike::new(engines.iter().map(|engine| &*engine.infos));
        Self { own: StdArc::clone(&self.own), engines, alike: StdArc::new(alike) }
    }
}

/// An engine, or the registry's own part, before anything was recorded.
pub(super) fn source(schema: &Schema, scope: Scope, values: Vec<String>) -> Source {
    let layout = schema.layout(scope);
    let infos = Infos::new(layout, &pairs(schema, &values).collect::<Vec<_>>());
    Source {
        labels: labels(schema, values),
        slabs: vec![Slab::new(layout.words)],
        infos: StdArc::new(infos),
        shards: None,
    }
}

/// Whether the labels' text is within the limit, also if each byte needs an escape.
pub(super) fn check_text(schema: &Schema, values: &[String]) -> Result<(), AttachError> {
    let limit = schema.limits().max_text;
    let mut text = 0_usize;
    for (name, value) in pairs(schema, values) {
        text = text.saturating_add(name.len() + 4).saturating_add(value.len().saturating_mul(2));
        if text > limit {
            return Err(AttachError::LabelsTooLong { label: name.to_owned(), limit });
        }
    }
    Ok(())
}

/// Values of an engine's labels, or none.
pub(super) fn labels(schema: &Schema, values: Vec<String>) -> StdArc<EngineLabels> {
    let text = escape::label_pairs(pairs(schema, &values));
    StdArc::new(EngineLabels { values, text })
}

/// What shared recorders of a source write.
pub(super) fn shards(schema: &Schema, layout: &StdArc<Layout>, labels: &EngineLabels) -> Shards {
    Shards::new(StdArc::clone(layout), schema.limits().shards(), &labels.text)
}

/// Names and values of an engine's labels. The registry has none.
fn pairs<'l>(schema: &'l Schema, values: &'l [String]) -> impl Iterator<Item = (&'l str, &'l str)> + Clone {
    schema.engine_labels().iter().map(String::as_str).zip(values.iter().map(String::as_str))
}
