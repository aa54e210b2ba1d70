//! A family with open labels on its way into the schema, and its handle.

use std::{fmt, marker::PhantomData};

use super::{FamilySpec, Labels, family::Declaration};
use crate::schema::{SchemaBuilder, error::SchemaError, handle::Handle, layout::DynamicIndex, shape::One};

/// A family whose label values aren't known beforehand, being described; [`declare`](Self::declare) checks it and returns its
/// handle. See [`Declaration::dynamic_labels`].
#[must_use = "a family is only part of the schema once `declare` was called"]
#[derive(Debug)]
pub struct DynamicDeclaration<'b, H, const N: usize> {
    builder: &'b mut SchemaBuilder,
    spec: FamilySpec,
    handle: PhantomData<fn() -> H>,
}

/// A family with `N` open labels, whose series are looked up while it is recorded:
/// [`SharedRecorder::with_label_values`](crate::SharedRecorder::with_label_values). `H` is [`Counter`](crate::Counter), [`Gauge`](crate::Gauge) or
/// [`Histogram`](crate::Histogram).
pub struct DynamicFamily<H, const N: usize> {
    pub(crate) schema: u32,
    pub(crate) index: DynamicIndex,
    handle: PhantomData<fn() -> H>,
}

impl<'b, H: Handle> Declaration<'b, H, One> {
    /// Gives it labels whose values aren't known beforehand, such as users or adapters. A series is
    /// [looked up](crate::SharedRecorder::with_label_values) by its values, which makes it if it isn't there, and
    /// [removed](crate::SharedRecorder::remove) when its values are done with.
    ///
    /// An engine has `capacity` such series at most at a time. What is looked up beyond that is recorded into one more, the
    /// overflow series, whose values are all `other`, and counted in `tachometer_overflowed_label_values_total`: so
    /// neither memory nor pages grow without bound, whatever values come. All of them count towards
    /// [`max_samples`](SchemaBuilder::max_samples), unless the family is [`hidden`](Self::hidden). Comes last before
    /// [`declare`](DynamicDeclaration::declare), and doesn't go with [`label`](Self::label): a label with a closed list of values is declared here too; it has no
    /// array of handles then.
    ///
    /// Recorded word by word, outside of steps: see [`DynamicSeries`](crate::DynamicSeries). `labels` can't be empty, which is checked when it is compiled.
    ///
    /// ```
    /// # use tachometer::{Registry, Schema};
    /// let mut schema = Schema::builder(&["engine"]);
    /// let by_adapter = schema.counter::<u64>("adapter_tokens", "Tokens generated, by adapter.");
    /// let by_adapter = by_adapter.dynamic_labels(["adapter"], 100).declare()?;
    /// let registry = Registry::new(schema.build()?);
    /// let engine = registry.attach(&["0"])?;
    ///
    /// let recorder = engine.shared_recorder();
    /// let sql = recorder.with_label_values(by_adapter, ["sql"]);     // once
    /// sql.add(64);                                        // often
    /// # let mut page = Vec::new();
    /// # registry.render(&mut page);
    /// # let page = String::from_utf8(page)?;
    /// # assert!(page.contains("adapter_tokens_total{engine=\"0\",adapter=\"other\"} 0\n"));
    /// # assert!(page.contains("adapter_tokens_total{engine=\"0\",adapter=\"sql\"} 64\n"));
    /// recorder.remove(by_adapter, ["sql"]);               // gone from pages
    /// # let mut page = Vec::new();
    /// # registry.render(&mut page);
    /// # assert!(!String::from_utf8(page)?.contains("sql"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn dynamic_labels<const N: usize>(self, labels: [&str; N], capacity: usize) -> DynamicDeclaration<'b, H, N> {
        const { assert!(N > 0, "a family with open labels has at least one") }
        let (builder, mut spec) = self.into_spec();
        spec.labels = Labels::Dynamic { names: labels.map(str::to_owned).into(), capacity };
        DynamicDeclaration { builder, spec, handle: PhantomData }
    }
}

impl<H: Handle, const N: usize> DynamicDeclaration<'_, H, N> {
    /// Checks the family, adds it to the schema and returns its handle.
    ///
    /// # Errors
    /// [`SchemaError`] names what is wrong and how to mend it; the builder is left as it was.
    pub fn declare(self) -> Result<DynamicFamily<H, N>, SchemaError> {
        let schema = self.builder.schema_number(self.spec.scope);
        let index = DynamicIndex(self.builder.add(self.spec)? as u32);
        Ok(DynamicFamily { schema, index, handle: PhantomData })
    }
}

// By hand, since a derive would ask the same of `H`.
impl<H, const N: usize> Clone for DynamicFamily<H, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H, const N: usize> Copy for DynamicFamily<H, N> {}

impl<H, const N: usize> fmt::Debug for DynamicFamily<H, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicFamily").field("schema", &self.schema).field("index", &self.index).finish()
    }
}
