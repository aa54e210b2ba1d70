//! One family on its way into the schema.

use std::marker::PhantomData;

use super::{FamilySpec, Labels};
use crate::schema::{
    SchemaBuilder,
    error::SchemaError,
    family::ClosedLabel,
    handle::Handle,
    layout::Scope,
    shape::{By, One, Shape},
};

/// A family that is being described; [`declare`](Declaration::declare) checks it and returns its handles.
///
/// `H` is the handle's type, `S` the family's [`Shape`].
#[must_use = "a family is only part of the schema once `declare` was called"]
#[derive(Debug)]
pub struct Declaration<'b, H, S = One> {
    builder: &'b mut SchemaBuilder,
    pub(super) spec: FamilySpec,
    shape: PhantomData<fn() -> (H, S)>,
}

impl<'b, H: Handle> Declaration<'b, H, One> {
    pub(in crate::schema) fn new(builder: &'b mut SchemaBuilder, name: &str, help: &str, bounds: &[f64]) -> Self {
        let spec = FamilySpec {
            name: name.to_owned(),
            help: help.to_owned(),
            metric_type: H::METRIC_TYPE,
            word_type: H::WORD_TYPE,
            scope: Scope::Engine,
            hidden: false,
            unit: None,
            bounds: bounds.to_owned(),
            labels: Labels::Closed(Vec::new()),
        };
        Self { builder, spec, shape: PhantomData }
    }

    pub(super) fn into_spec(self) -> (&'b mut SchemaBuilder, FamilySpec) {
        (self.builder, self.spec)
    }
}

impl<'b, H: Handle, S: Shape> Declaration<'b, H, S> {
    /// Names the unit, which must be the name's suffix already (`_seconds`, `_bytes`): it is checked, never appended.
    pub fn unit(mut self, unit: &str) -> Self {
        self.spec.unit = Some(unit.to_owned());
        self
    }

    /// Makes it a family of the registry, not of its engines: its series have no engine labels and stand on a page once.
    /// They are recorded through [`Registry::recorder`](crate::Registry::recorder) or
    /// [`Registry::shared_recorder`](crate::Registry::shared_recorder), and read from [`Snapshot::registry`](crate::Snapshot::registry).
    ///
    /// ```
    /// # use tachometer::{Registry, Schema};
    /// let mut schema = Schema::builder(&["engine"]);
    /// let rejected =
    ///     schema.counter::<u64>("rejected_requests", "Requests that no engine got.").registry_wide().declare()?;
    /// let registry = Registry::new(schema.build()?);
    /// registry.shared_recorder().inc(rejected);
    /// # let mut page = Vec::new();
    /// # registry.render(&mut page);
    /// # assert!(String::from_utf8(page)?.contains("\nrejected_requests_total 1\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn registry_wide(mut self) -> Self {
        self.spec.scope = Scope::Registry;
        self
    }

    /// Makes it a family that is recorded and read from snapshots, but never printed. It claims its name all the same.
    ///
    /// ```
    /// # let mut schema = tachometer::Schema::builder(&[]);
    /// let busy = schema.gauge::<i64>("busy_slots", "Slots in use.").hidden().declare()?;
    /// # Ok::<(), tachometer::SchemaError>(())
    /// ```
    pub fn hidden(mut self) -> Self {
        self.spec.hidden = true;
        self
    }

    /// Adds a label with a closed list of values. The handles become an array in the order of `values`; a further label
    /// makes it an array of arrays.
    ///
    /// ```
    /// # let mut schema = tachometer::Schema::builder(&[]);
    /// let [hit, miss] =
    ///     schema.counter::<u64>("cache_lookups", "Lookups in the cache.").label("result", ["hit", "miss"]).declare()?;
    /// # Ok::<(), tachometer::SchemaError>(())
    /// ```
    pub fn label<const N: usize>(mut self, name: &str, values: [&str; N]) -> Declaration<'b, H, By<N, S>> {
        let label = ClosedLabel { name: name.to_owned(), values: values.map(str::to_owned).into() };
        if let Labels::Closed(labels) = &mut self.spec.labels {
            labels.push(label);
        }
        Declaration { builder: self.builder, spec: self.spec, shape: PhantomData }
    }

    /// Checks the family, adds it to the schema and returns its handles.
    ///
    /// # Errors
    /// [`SchemaError`] names what is wrong and how to mend it; the builder is left as it was.
    pub fn declare(self) -> Result<S::Of<H>, SchemaError> {
        let schema = self.builder.schema_number(self.spec.scope);
        let mut handles = (self.builder.add(self.spec)?..).map(|index| H::at(schema, index as u16));
        Ok(S::fill(|| handles.next().expect("endless")))
    }
}
