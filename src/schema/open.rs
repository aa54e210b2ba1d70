//! A family with open labels on its way into the schema, and its handle.

use std::{fmt, marker::PhantomData, sync::Arc};

use super::{
    SchemaBuilder, check_labels, check_unit,
    declaration::{Declaration, Handle, Parts},
    error::SchemaError,
    family::{Family, Kind, Samples},
    layout::{Draft, MAX_WORDS, OpenIndex, OpenLayout, Scalar},
    name, owner,
    shape::One,
};

/// A family whose label values aren't known beforehand, being described; [`declare`](Self::declare) checks it and returns its
/// handle. See [`Declaration::open_labels`].
#[must_use = "a family is only part of the schema once `declare` was called"]
#[derive(Debug)]
pub struct OpenDeclaration<'b, H, const N: usize> {
    builder: &'b mut SchemaBuilder,
    parts: Parts,
    labels: [String; N],
    capacity: usize,
    handle: PhantomData<fn() -> H>,
}

/// A family with `N` open labels, whose series are looked up while it is recorded:
/// [`SharedRecorder::series`](crate::SharedRecorder::series). `H` is [`Counter`](crate::Counter), [`Gauge`](crate::Gauge) or
/// [`Histogram`](crate::Histogram).
pub struct OpenFamily<H, const N: usize> {
    pub(crate) schema: u32,
    pub(crate) index: OpenIndex,
    handle: PhantomData<fn() -> H>,
}

impl<'b, H: Handle> Declaration<'b, H, One> {
    /// Gives it labels whose values aren't known beforehand, such as users or adapters. A series is
    /// [looked up](crate::SharedRecorder::series) by its values, which makes it if it isn't there, and
    /// [retired](crate::SharedRecorder::retire) when its values are done with.
    ///
    /// An engine has `capacity` such series at most at a time. What is looked up beyond that is recorded into one more, the
    /// overflow series, whose values are all `other`, and counted in `tachometer_overflowed_label_values_total`: so
    /// neither memory nor pages grow without bound, whatever values come. All of them count towards
    /// [`max_samples`](SchemaBuilder::max_samples), unless the family is [`hidden`](Self::hidden). Comes last before
    /// [`declare`](OpenDeclaration::declare), and doesn't go with [`label`](Self::label): a label with a closed list of values is declared here too; it has no
    /// array of handles then.
    ///
    /// Recorded word by word, outside of steps: see [`OpenSeries`](crate::OpenSeries). `labels` can't be empty, which is checked when it is compiled.
    ///
    /// ```
    /// # use tachometer::{Registry, Schema};
    /// let mut schema = Schema::builder().engine_labels(["engine"]);
    /// let by_adapter = schema.counter::<u64>("adapter_tokens", "Tokens generated, by adapter.");
    /// let by_adapter = by_adapter.open_labels(["adapter"], 100).declare()?;
    /// let registry = Registry::new(schema.build()?);
    /// let engine = registry.attach(["0"])?;
    ///
    /// let recorder = engine.shared_recorder();
    /// let sql = recorder.series(by_adapter, ["sql"]);     // once
    /// sql.add(64);                                        // often
    /// # let mut page = Vec::new();
    /// # registry.render(&mut page);
    /// # let page = String::from_utf8(page)?;
    /// # assert!(page.contains("adapter_tokens_total{engine=\"0\",adapter=\"other\"} 0\n"));
    /// # assert!(page.contains("adapter_tokens_total{engine=\"0\",adapter=\"sql\"} 64\n"));
    /// recorder.retire(by_adapter, ["sql"]);               // gone from pages
    /// # let mut page = Vec::new();
    /// # registry.render(&mut page);
    /// # assert!(!String::from_utf8(page)?.contains("sql"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_labels<const N: usize>(self, labels: [&str; N], capacity: usize) -> OpenDeclaration<'b, H, N> {
        const { assert!(N > 0, "a family with open labels has at least one") }
        let (builder, parts) = self.into_parts();
        OpenDeclaration { builder, parts, labels: labels.map(str::to_owned), capacity, handle: PhantomData }
    }
}

impl<H: Handle, const N: usize> OpenDeclaration<'_, H, N> {
    /// Checks the family, adds it to the schema and returns its handle.
    ///
    /// # Errors
    /// [`SchemaError`] names what is wrong and how to mend it; the builder is left as it was.
    pub fn declare(self) -> Result<OpenFamily<H, N>, SchemaError> {
        let schema = self.builder.schema_number(self.parts.scope);
        let index = self.builder.add_open(self.parts, self.labels.into(), self.capacity)?;
        Ok(OpenFamily { schema, index, handle: PhantomData })
    }
}

impl SchemaBuilder {
    /// Checks a family with open labels and adds it.
    fn add_open(&mut self, parts: Parts, labels: Box<[String]>, capacity: usize) -> Result<OpenIndex, SchemaError> {
        name::check_family(&parts.name, parts.kind)?;
        check_unit(&parts)?;
        if !parts.aggregates.is_empty() {
            return Err(SchemaError::AggregateOfOpenLabels { family: parts.name });
        }
        check_labels(&owner(&parts.name), labels.iter())?;
        let bounds = parts.checked_bounds()?;
        let (words, samples) = parts.size_of_series();
        if words > MAX_WORDS {
            return Err(SchemaError::SlabTooLarge { words, limit: MAX_WORDS });
        }
        let samples = samples.saturating_mul(capacity.saturating_add(1)); // and the overflow series
        self.check_size(&parts.name, parts.scope, 0, samples)?;
        self.claim_names(&parts.name, parts.kind)?;

        let Parts { name, help, kind, number, scope, hidden, .. } = parts;
        let mut series = Draft::new(self.schema_number(scope));
        match bounds {
            Some(bounds) => series.histograms.push((bounds, number)),
            None => series.scalars.push(Scalar { number, is_gauge: kind == Kind::Gauge }),
        }
        let draft = &mut self.drafts[scope as usize];
        draft.samples += samples;
        let lines = samples;
        let index = OpenIndex(draft.open.len() as u32);
        draft.open.push(OpenLayout { labels, capacity, series: Arc::new(series.layout(Vec::new())) });
        let (dimensions, samples) = (Vec::new(), Samples::Open(index));
        self.families.push(Family { name, help, kind, number, scope, hidden, dimensions, samples, lines });
        Ok(index)
    }
}

// By hand, since a derive would ask the same of `H`.
impl<H, const N: usize> Clone for OpenFamily<H, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H, const N: usize> Copy for OpenFamily<H, N> {}

impl<H, const N: usize> fmt::Debug for OpenFamily<H, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenFamily").field("schema", &self.schema).field("index", &self.index).finish()
    }
}
