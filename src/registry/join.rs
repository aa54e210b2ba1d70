//! Schemas that join a running registry.

use std::{convert::Infallible, fmt, sync::Arc as StdArc};

use super::{
    directory::Target,
    engine::Engine,
    error::{AttachError, RecorderError},
    shared::Shared,
};
use crate::{
    rcu,
    record::{Recorder, SharedRecorder},
    schema::{Schema, SchemaError},
};

/// A schema that joined a registry. Dropping it removes its families, with all of its engines, from
/// pages and snapshots. Engines and recorders that outlive it still work, but nothing shows.
#[must_use = "dropping it removes its families"]
pub struct Joined {
    registry: StdArc<Shared>,
    id: u64,
    schema: Schema,
}

impl Joined {
    pub(super) fn new(registry: &StdArc<Shared>, schema: Schema) -> Result<Self, SchemaError> {
        let schema = schema.with_const_labels(&registry.schema)?;
        let id = rcu::update(&registry.directory, |current| {
            let (changed, id) = current.joined(&schema)?;
            Ok((Some(changed), id))
        })?;
        Ok(Self { registry: StdArc::clone(registry), id, schema })
    }

    /// Attaches an engine of this schema, as [`Registry::attach`](crate::Registry::attach).
    /// `values` are the values of the joined schema's engine labels.
    ///
    /// # Errors
    /// Those of [`Registry::attach`](crate::Registry::attach). An engine of another schema may not
    /// have the same labels either, [constant ones](crate::SchemaBuilder::const_label) included:
    /// [attach to it](Self::attach_to).
    pub fn attach(&self, values: &[&str]) -> Result<Engine, AttachError> {
        Engine::attach(&self.registry, (self.id, &self.schema), None, values)
    }

    /// The engine of this schema with these label values, or a new one, as
    /// [`Registry::get_or_attach`](crate::Registry::get_or_attach). If a part of an engine has
    /// them, another handle of the part.
    ///
    /// # Errors
    /// Those of [`attach`](Self::attach), except that there may be such an engine.
    pub fn get_or_attach(&self, values: &[&str]) -> Result<Engine, AttachError> {
        Engine::get_or_attach(&self.registry, (self.id, &self.schema), values)
    }

    /// Attaches a further part of an engine that is attached already. Its series have the engine's
    /// label values. Its recorders are its own, and so are their steps. What they count about
    /// themselves is in the engine's [self-metrics](crate::docs::self_metrics).
    ///
    /// The part leaves when it is dropped, or together with the engine. If the engine
    /// [lingers](Engine::linger), so does the part.
    ///
    /// # Errors
    /// [`AttachError`]: the engine labels of the two schemas aren't the same (in whichever order),
    /// the engine isn't attached, or it has a part of this schema already.
    pub fn attach_to(&self, engine: &Engine) -> Result<Engine, AttachError> {
        let whole = engine.labels.whole.as_ref().unwrap_or(&engine.labels);
        let (labels, names) = (self.schema.engine_labels(), engine.schema.engine_labels());
        let value = |label| Some(engine.labels.values[names.iter().position(|name| name == label)?].as_str());
        let values: Option<Vec<_>> = labels.iter().map(value).collect();
        let Some(values) = values.filter(|_| labels.len() == names.len()) else {
            return Err(AttachError::OtherLabels { labels: labels.to_vec(), engine: names.to_vec() });
        };
        Engine::attach(&self.registry, (self.id, &self.schema), Some(whole), &values)
    }

    /// Like [`Registry::recorder`](crate::Registry::recorder), for the registry-wide families of
    /// this schema.
    ///
    /// # Errors
    /// [`RecorderError`] while all recorders that the schema allows are in use.
    pub fn recorder(&self) -> Result<Recorder, RecorderError> {
        self.registry.recorder(&self.schema, Target::Registry(self.id))
    }

    /// Like [`Registry::shared_recorder`](crate::Registry::shared_recorder), for the registry-wide
    /// families of this schema.
    #[must_use]
    pub fn shared_recorder(&self) -> SharedRecorder {
        self.registry.shared_recorder(&self.schema, Target::Registry(self.id))
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        let Ok(()) =
            rcu::update(&self.registry.directory, |current| Ok::<_, Infallible>((Some(current.left(self.id)), ())));
    }
}

impl fmt::Debug for Joined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Joined").field(&self.schema).finish()
    }
}
