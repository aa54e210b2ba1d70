//! An info on its way into the schema.

use super::{FamilySpec, Labels};
use crate::schema::{
    SchemaBuilder,
    error::SchemaError,
    handle::Info,
    layout::{InfoIndex, Scope},
    number::{MetricType, WordType},
};

/// An info that is being described; [`declare`](InfoDeclaration::declare) checks it and returns its handle. See
/// [`SchemaBuilder::info`].
#[must_use = "an info is only part of the schema once `declare` was called"]
#[derive(Debug)]
pub struct InfoDeclaration<'b, const N: usize> {
    builder: &'b mut SchemaBuilder,
    spec: FamilySpec,
}

impl<'b, const N: usize> InfoDeclaration<'b, N> {
    pub(in crate::schema) fn new(builder: &'b mut SchemaBuilder, name: &str, help: &str, labels: [&str; N]) -> Self {
        let spec = FamilySpec {
            name: name.to_owned(),
            help: help.to_owned(),
            metric_type: MetricType::Gauge,
            word_type: WordType::F64,
            scope: Scope::Engine,
            hidden: false,
            unit: None,
            bounds: Vec::new(),
            labels: Labels::Info { names: labels.map(str::to_owned).into(), engine_labels: None },
        };
        Self { builder, spec }
    }

    /// Chooses which of the schema's engine labels the samples have, and in which order. All unless called.
    ///
    /// Where the samples of several engines would have the same values for them, a page shows one: that with the greatest
    /// value (by [`f64::total_cmp`]), of equal ones that of the engine which attached last.
    pub fn engine_labels(mut self, chosen: &[&str]) -> Self {
        if let Labels::Info { engine_labels, .. } = &mut self.spec.labels {
            *engine_labels = Some(chosen.iter().copied().map(str::to_owned).collect());
        }
        self
    }

    /// Checks the info, adds it to the schema and returns its handle.
    ///
    /// # Errors
    /// [`SchemaError`] names what is wrong and how to mend it; the builder is left as it was.
    pub fn declare(self) -> Result<Info<N>, SchemaError> {
        let schema = self.builder.schema_number(Scope::Engine);
        let index = InfoIndex(self.builder.add(self.spec)? as u32);
        Ok(Info { schema, index })
    }
}
