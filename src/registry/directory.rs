//! The directory of engines: an immutable list behind one pointer. A change publishes a new list,
//! in a loop that repeats only if another change came first. A snapshot reads the list that it
//! finds. Nothing waits.

use std::sync::Arc as StdArc;

use super::AttachError;
use crate::{
    escape,
    schema::{
        Schema,
        layout::{Layout, Scope},
    },
    store::{
        engine::{EngineLabels, EngineStore},
        info::{Infos, LabelGroups},
        shards::Shards,
        slab::Slab,
    },
};

/// The registry's own store, and those of the attached engines, in the order in which they
/// attached.
#[derive(Clone)]
pub(super) struct Directory {
    pub(super) own: StdArc<EngineStore>,
    pub(super) engines: Vec<StdArc<EngineStore>>,
    pub(super) label_groups: StdArc<LabelGroups>,
}

/// What a store belongs to: an engine, or `None` for the registry.
pub(super) type Target<'l> = Option<&'l StdArc<EngineLabels>>;

impl Directory {
    /// A directory without engines.
    pub(super) fn new(schema: &Schema, self_metrics: &StdArc<Shards>) -> Self {
        let own = store(schema, Scope::Registry, &[]);
        let own = EngineStore { self_metrics: Some(StdArc::clone(self_metrics)), ..own };
        Self { own: StdArc::new(own), engines: Vec::new(), label_groups: StdArc::default() }
    }

    /// The target's store. An engine looks itself up, and it is listed for as long as it lives.
    pub(super) fn of(&self, target: Target<'_>) -> &EngineStore {
        let Some(labels) = target else { return &self.own };
        let mut engines = self.engines.iter();
        engines
            .find(|engine| StdArc::ptr_eq(&engine.labels, labels))
            .expect("an engine is attached until it is dropped")
    }

    /// The same directory with `grown` in place of the target's store.
    pub(super) fn with(&self, target: Target<'_>, grown: EngineStore) -> Self {
        let (mut changed, grown) = (self.clone(), StdArc::new(grown));
        match target {
            None => changed.own = grown,
            Some(labels) => {
                let mut engines = changed.engines.iter_mut();
                let store = engines.find(|engine| StdArc::ptr_eq(&engine.labels, labels));
                *store.expect("an engine is attached until it is dropped") = grown;
            }
        }
        changed
    }

    /// The same directory with other engines.
    pub(super) fn with_engines(&self, engines: Vec<StdArc<EngineStore>>) -> Self {
        let label_groups = LabelGroups::new(engines.iter().map(|engine| &*engine.infos));
        Self { own: StdArc::clone(&self.own), engines, label_groups: StdArc::new(label_groups) }
    }
}

/// A new store of an engine or of the registry, with nothing recorded.
pub(super) fn store(schema: &Schema, scope: Scope, values: &[&str]) -> EngineStore {
    let layout = schema.layout(scope);
    let infos = Infos::new(layout, &pairs(schema, values).collect::<Vec<_>>());
    EngineStore {
        labels: labels(schema, values),
        slabs: vec![Slab::new(layout.words)],
        infos: StdArc::new(infos),
        shards: None,
        self_metrics: None,
    }
}

/// Checks that the text of the labels is within the limit, even if every byte needs an escape.
pub(super) fn check_text(schema: &Schema, values: &[&str]) -> Result<(), AttachError> {
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

/// The engine labels of a store. The registry has none.
fn labels(schema: &Schema, values: &[&str]) -> StdArc<EngineLabels> {
    let text = escape::label_pairs(b"", pairs(schema, values));
    StdArc::new(EngineLabels { values: values.iter().copied().map(str::to_owned).collect(), text })
}

/// The shards that the shared recorders of a store add to.
pub(super) fn shards(schema: &Schema, layout: &StdArc<Layout>, labels: &EngineLabels) -> Shards {
    Shards::new(StdArc::clone(layout), schema.limits().shards(), &labels.text)
}

/// Names and values of engine labels. The registry has none.
fn pairs<'l>(schema: &'l Schema, values: &'l [&str]) -> impl Iterator<Item = (&'l str, &'l str)> + Clone {
    schema.engine_labels().iter().map(String::as_str).zip(values.iter().copied())
}
