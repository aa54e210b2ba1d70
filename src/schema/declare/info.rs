//! The declaration of an info.

use std::marker::PhantomData;

use super::{FamilySpec, Labels};
use crate::schema::{
    SchemaBuilder,
    error::SchemaError,
    handle::{Gauge, Info},
    layout::{InfoIndex, Scope},
    shape::{Length, List},
};

/// Describes an info. [`declare`](InfoDeclaration::declare) checks it and returns its handle. See
/// [`SchemaBuilder::info`].
#[must_use = "an info isn't part of the schema until `declare` is called"]
#[derive(Debug)]
pub struct InfoDeclaration<'b, L> {
    builder: &'b mut SchemaBuilder,
    spec: FamilySpec,
    length: PhantomData<fn() -> L>,
}

impl<'b, L: Length> InfoDeclaration<'b, L> {
    pub(in crate::schema) fn new<V: List<Length = L>>(
        builder: &'b mut SchemaBuilder,
        name: &str,
        help: &str,
        labels: V,
    ) -> Self {
        let labels = Labels::Info { names: labels.to_strings(), engine_labels: None };
        let spec = FamilySpec { labels, ..FamilySpec::new::<Gauge<f64>>(name, help, &[]) };
        Self { builder, spec, length: PhantomData }
    }

    /// Chooses the engine labels of the info's samples, in the order in which they are printed. The
    /// default is all engine labels of the schema.
    ///
    /// Several engines may have the same values of the chosen labels. Then a page shows the sample
    /// with the greatest value (by [`f64::total_cmp`]); of equal ones, that of the engine that
    /// attached last.
    pub fn engine_labels(mut self, chosen: &[&str]) -> Self {
        if let Labels::Info { engine_labels, .. } = &mut self.spec.labels {
            *engine_labels = Some(chosen.iter().copied().map(str::to_owned).collect());
        }
        self
    }

    /// Makes this an info of the registry: one sample, without engine labels, which a page shows
    /// once. It is set through [`Registry::recorder`](crate::Registry::recorder) or
    /// [`Registry::shared_recorder`](crate::Registry::shared_recorder).
    ///
    /// ```
    /// # use tachometer::{Registry, Schema};
    /// let mut schema = Schema::builder(&["engine"]);
    /// let build = schema.info("build_info", "What runs.", ["version"]).registry_wide().declare()?;
    /// let registry = Registry::new(schema.build()?);
    /// registry.shared_recorder().set_info(build, ["1.2.3"], 1.0);
    /// # let mut page = Vec::new();
    /// # registry.render(&mut page);
    /// # assert!(String::from_utf8(page)?.contains("\nbuild_info{version=\"1.2.3\"} 1.0\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn registry_wide(mut self) -> Self {
        self.spec.scope = Scope::Registry;
        self
    }

    /// Checks the info, adds it to the schema and returns its handle.
    ///
    /// # Errors
    /// [`SchemaError`] names the culprit and the remedy. The builder is left as it was.
    pub fn declare(self) -> Result<Info<L>, SchemaError> {
        let schema = self.builder.schema_number(self.spec.scope);
        let index = InfoIndex(self.builder.add(self.spec)? as u32);
        Ok(Info::new(schema, index))
    }
}
