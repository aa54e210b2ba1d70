//! The declaration of a family with dynamic labels, and its handle.

use std::{fmt, marker::PhantomData};

use super::{DynamicLabels, FamilySpec, Labels, family::Declaration};
use crate::schema::{
    SchemaBuilder,
    error::SchemaError,
    handle::DynamicHandle,
    layout::DynamicIndex,
    shape::{Length, List, One},
};

/// Describes a family with dynamic labels. [`declare`](Self::declare) checks it and returns its
/// handle. See [`Declaration::dynamic_labels`].
#[must_use = "a family isn't part of the schema until `declare` is called"]
#[derive(Debug)]
pub struct DynamicDeclaration<'b, H, L> {
    builder: &'b mut SchemaBuilder,
    spec: FamilySpec,
    labels: DynamicLabels,
    handle: PhantomData<fn() -> (H, L)>,
}

/// The greatest length of a label value unless it is declared, in bytes.
const MAX_VALUE_LEN: usize = 256;

/// The handle of a family with dynamic labels.
/// [`SharedRecorder::with_label_values`](crate::SharedRecorder::with_label_values) looks up its
/// series. `H` is [`Counter`](crate::Counter), [`Gauge`](crate::Gauge) or
/// [`Histogram`](crate::Histogram). `L` says how many labels it has:
/// [`Exactly<N>`](crate::Exactly), or a number that is only known [`AtRunTime`](crate::AtRunTime).
pub struct DynamicFamily<H, L> {
    pub(crate) schema: u32,
    pub(crate) index: DynamicIndex,
    labels: u32,
    handle: PhantomData<fn() -> (H, L)>,
}

impl<H, L> DynamicFamily<H, L> {
    /// How many dynamic labels the family has: as many label values name a series. For values that
    /// come from elsewhere.
    #[must_use]
    pub fn label_count(&self) -> usize {
        self.labels as usize
    }
}

impl<'b, H: DynamicHandle> Declaration<'b, H, One> {
    /// Adds dynamic labels: labels whose values aren't known beforehand, such as users or adapters.
    /// A series is [looked up](crate::SharedRecorder::with_label_values) by its label values, which
    /// creates it on first use. It is [removed](crate::SharedRecorder::remove) when it isn't needed
    /// any more.
    ///
    /// An engine holds at most `capacity` such series at a time, and one more: the overflow series,
    /// whose label values are all `other`, unless
    /// [`overflow_value`](DynamicDeclaration::overflow_value) says otherwise. A lookup beyond the
    /// capacity returns the overflow series, and so does one with a label value of more than 256
    /// bytes, or than [`max_value_len`](DynamicDeclaration::max_value_len). Both are counted in
    /// `tachometer_overflowed_label_values_total`. So neither memory nor pages grow without bound,
    /// whatever the values. All of these series count towards
    /// [`max_samples`](SchemaBuilder::max_samples), unless the family is [`hidden`](Self::hidden).
    ///
    /// Call this last, before [`declare`](DynamicDeclaration::declare). It can't be combined with
    /// [`label`](Self::label): declare a label with a closed list of values here too. Such a family
    /// has no array of handles.
    ///
    /// These series are recorded word by word, outside of steps: see
    /// [`DynamicSeries`](crate::DynamicSeries). If only the running program knows how many labels
    /// there are, give a slice; lookups then take slices too. If there are none, the family has
    /// one series, whatever its capacity.
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
    /// let sql = recorder.with_label_values(by_adapter, ["sql"]); // once
    /// sql.add(64); // often
    /// # let mut page = Vec::new();
    /// # registry.render(&mut page);
    /// # let page = String::from_utf8(page)?;
    /// # assert!(page.contains("adapter_tokens_total{engine=\"0\",adapter=\"other\"} 0\n"));
    /// # assert!(page.contains("adapter_tokens_total{engine=\"0\",adapter=\"sql\"} 64\n"));
    /// recorder.remove(by_adapter, ["sql"]); // gone from pages
    /// # let mut page = Vec::new();
    /// # registry.render(&mut page);
    /// # assert!(!String::from_utf8(page)?.contains("sql"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn dynamic_labels<V: List>(self, labels: V, capacity: usize) -> DynamicDeclaration<'b, H, V::Length> {
        let ((builder, spec), names) = (self.into_spec(), labels.to_strings());
        let labels = DynamicLabels {
            capacity: if names.is_empty() { 0 } else { capacity },
            names,
            max_value_len: MAX_VALUE_LEN,
            overflow_value: "other".to_owned(),
        };
        DynamicDeclaration { builder, spec, labels, handle: PhantomData }
    }
}

impl<H: DynamicHandle, L: Length> DynamicDeclaration<'_, H, L> {
    /// Limits the length of each label value, in bytes of UTF-8. The default is 256. A lookup with
    /// a longer value returns the overflow series, and counts as an overflow, even if the family
    /// has room. So a page stays small, however long the values that clients choose. Escaping can
    /// make a value twice as long on a page.
    pub fn max_value_len(mut self, bytes: usize) -> Self {
        self.labels.max_value_len = bytes;
        self
    }

    /// Chooses the label value of the overflow series, which is `other` by default. With several
    /// labels, each has this value. Any UTF-8 of any length.
    ///
    /// A lookup of exactly this value (for all labels) returns the overflow series too. It isn't
    /// counted as an overflow, and the series can't be removed. So choose a value that no user has:
    /// with the default, a tenant called `other` is added up with all that overflowed.
    ///
    /// ```
    /// # use tachometer::{Registry, Schema};
    /// let mut schema = Schema::builder(&["engine"]);
    /// let tokens = schema.counter::<u64>("tenant_tokens", "Tokens generated, by tenant.");
    /// let tokens = tokens.dynamic_labels(["tenant"], 100);
    /// let tokens = tokens.overflow_value("(overflow)").max_value_len(64);
    /// let tokens = tokens.declare()?;
    /// let registry = Registry::new(schema.build()?);
    /// let engine = registry.attach(&["0"])?;
    /// let recorder = engine.shared_recorder();
    /// recorder.with_label_values(tokens, ["other"]).add(1); // a tenant like any other
    /// recorder.with_label_values(tokens, ["x".repeat(65).as_str()]).add(2);
    /// # let mut page = Vec::new();
    /// # registry.render(&mut page);
    /// # let page = String::from_utf8(page)?;
    /// # assert!(page.contains("tenant_tokens_total{engine=\"0\",tenant=\"other\"} 1\n"));
    /// # assert!(page.contains("tenant_tokens_total{engine=\"0\",tenant=\"(overflow)\"} 2\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn overflow_value(mut self, value: &str) -> Self {
        value.clone_into(&mut self.labels.overflow_value);
        self
    }

    /// Checks the family, adds it to the schema and returns its handle.
    ///
    /// # Errors
    /// [`SchemaError`] names the culprit and the remedy. The builder is left as it was.
    pub fn declare(self) -> Result<DynamicFamily<H, L>, SchemaError> {
        let (schema, labels) = (self.builder.schema_number(self.spec.scope), self.labels.names.len() as u32);
        let spec = FamilySpec { labels: Labels::Dynamic(self.labels), ..self.spec };
        let index = DynamicIndex(self.builder.add(spec)? as u32);
        Ok(DynamicFamily { schema, index, labels, handle: PhantomData })
    }
}

// Not derived, since a derive would add bounds on `H` and `L`.
impl<H, L> Clone for DynamicFamily<H, L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H, L> Copy for DynamicFamily<H, L> {}

impl<H, L> fmt::Debug for DynamicFamily<H, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicFamily").field("schema", &self.schema).field("index", &self.index).finish()
    }
}
