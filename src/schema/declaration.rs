//! One family on its way into the schema.

use std::marker::PhantomData;

use super::{
    SchemaBuilder,
    aggregate::AggregateParts,
    bounds::Bounds,
    error::SchemaError,
    family::{Dimension, Kind, Number},
    handle::{Counter, Gauge, Histogram},
    layout::{HistogramIndex, Scope},
    shape::{By, One, Shape},
    value::{CounterValue, GaugeValue, ObservationValue},
};

/// A family that is being described; [`declare`](Declaration::declare) checks it and returns its handles.
///
/// `H` is the handle's type, `S` the family's [`Shape`].
#[must_use = "a family is only part of the schema once `declare` was called"]
#[derive(Debug)]
pub struct Declaration<'b, H, S = One> {
    builder: &'b mut SchemaBuilder,
    pub(super) parts: Parts,
    shape: PhantomData<fn() -> (H, S)>,
}

/// What is known of the family so far.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) name: String,
    pub(super) help: String,
    pub(super) kind: Kind,
    pub(super) number: Number,
    pub(super) scope: Scope,
    pub(super) hidden: bool,
    pub(super) unit: Option<String>,
    pub(super) dimensions: Vec<Dimension>,
    /// Only gauges have some.
    pub(super) aggregates: Vec<AggregateParts>,
    /// Upper bounds; empty for counters and gauges.
    pub(super) bounds: Vec<f64>,
}

impl Parts {
    /// A histogram's bounds, if they are valid.
    pub(super) fn checked_bounds(&self) -> Result<Option<Bounds>, SchemaError> {
        let histogram = self.kind == Kind::Histogram;
        histogram.then(|| Bounds::new(&self.name, &self.bounds)).transpose()
    }

    /// Words of a series, and lines of a page. A histogram: a word a bound, the overflow bucket and the sum; and a line a bound, `+Inf`,
    /// sum and count.
    pub(super) fn size_of_series(&self) -> (usize, usize) {
        let (words, samples) = match self.kind {
            Kind::Histogram => (self.bounds.len() + 2, self.bounds.len() + 3),
            Kind::Counter | Kind::Gauge => (1, 1),
        };
        (words, if self.hidden { 0 } else { samples })
    }
}

impl<'b, H: Handle> Declaration<'b, H, One> {
    pub(super) fn new(builder: &'b mut SchemaBuilder, name: &str, help: &str, bounds: &[f64]) -> Self {
        let parts = Parts {
            name: name.to_owned(),
            help: help.to_owned(),
            kind: H::KIND,
            number: H::NUMBER,
            scope: Scope::Engine,
            hidden: false,
            unit: None,
            dimensions: Vec::new(),
            aggregates: Vec::new(),
            bounds: bounds.to_owned(),
        };
        Self { builder, parts, shape: PhantomData }
    }

    pub(super) fn into_parts(self) -> (&'b mut SchemaBuilder, Parts) {
        (self.builder, self.parts)
    }
}

impl<H: Handle> Declaration<'_, H, One> {
    /// Adds a family of [`Scope::Pages`], whose name is reserved, so that nothing needs checking.
    pub(super) fn declare_of_pages(mut self) -> H {
        self.parts.scope = Scope::Pages;
        let bounds = Some(&self.parts.bounds).filter(|bounds| !bounds.is_empty());
        let bounds = bounds.map(|bounds| Bounds::new(&self.parts.name, bounds).expect("bounds of our own"));
        let schema = self.builder.schema_number(Scope::Pages);
        let (_, lines) = self.parts.size_of_series();
        H::at(schema, self.builder.push(self.parts, bounds, 1, lines) as u16)
    }
}

impl<'b, H: Handle, S: Shape> Declaration<'b, H, S> {
    /// Names the unit, which must be the name's suffix already (`_seconds`, `_bytes`): it is checked, never appended.
    pub fn unit(mut self, unit: &str) -> Self {
        self.parts.unit = Some(unit.to_owned());
        self
    }

    /// Makes it a family of the registry, not of its engines: its series have no engine labels and stand on a page once.
    /// They are recorded through [`Registry::recorder`](crate::Registry::recorder) or
    /// [`Registry::shared_recorder`](crate::Registry::shared_recorder), and read from [`Snapshot::registry`](crate::Snapshot::registry).
    ///
    /// ```
    /// # use tachometer::{Registry, Schema};
    /// let mut schema = Schema::builder().engine_labels(["engine"]);
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
        self.parts.scope = Scope::Registry;
        self
    }

    /// Makes it a family that is recorded and read from snapshots, but never printed. It claims its name all the same.
    ///
    /// ```
    /// # let mut schema = tachometer::Schema::builder();
    /// let busy = schema.gauge::<i64>("busy_slots", "Slots in use.").hidden().declare()?;
    /// # Ok::<(), tachometer::SchemaError>(())
    /// ```
    pub fn hidden(mut self) -> Self {
        self.parts.hidden = true;
        self
    }

    /// Adds a label with a closed list of values. The handles become an array in the order of `values`; a further label
    /// makes it an array of arrays.
    ///
    /// ```
    /// # let mut schema = tachometer::Schema::builder();
    /// let [hit, miss] =
    ///     schema.counter::<u64>("cache_lookups", "Lookups in the cache.").label("result", ["hit", "miss"]).declare()?;
    /// # Ok::<(), tachometer::SchemaError>(())
    /// ```
    pub fn label<const N: usize>(mut self, name: &str, values: [&str; N]) -> Declaration<'b, H, By<N, S>> {
        let values = values.map(str::to_owned).into();
        self.parts.dimensions.push(Dimension { name: name.to_owned(), values });
        Declaration { builder: self.builder, parts: self.parts, shape: PhantomData }
    }

    /// Checks the family, adds it to the schema and returns its handles.
    ///
    /// # Errors
    /// [`SchemaError`] names what is wrong and how to mend it; the builder is left as it was.
    pub fn declare(self) -> Result<S::Of<H>, SchemaError> {
        let schema = self.builder.schema_number(self.parts.scope);
        let mut place = self.builder.add(self.parts)?;
        Ok(S::fill(|| {
            place += 1;
            H::at(schema, (place - 1) as u16)
        }))
    }
}

/// A kind of handle: what it says of its family. Sealed.
pub trait Handle: sealed::Handle {}

impl<T: CounterValue> Handle for Counter<T> {}
impl<T: GaugeValue> Handle for Gauge<T> {}
impl<T: ObservationValue> Handle for Histogram<T> {}

mod sealed {
    use super::{Counter, CounterValue, Gauge, GaugeValue, Histogram, HistogramIndex, Kind, Number, ObservationValue};

    pub trait Handle {
        const KIND: Kind;
        const NUMBER: Number;
        /// The handle of scalar or histogram number `place`.
        fn at(schema: u32, place: u16) -> Self;
    }

    impl<T: CounterValue> Handle for Counter<T> {
        const KIND: Kind = Kind::Counter;
        const NUMBER: Number = T::NUMBER;

        fn at(schema: u32, place: u16) -> Self {
            Self::new(schema, place)
        }
    }

    impl<T: GaugeValue> Handle for Gauge<T> {
        const KIND: Kind = Kind::Gauge;
        const NUMBER: Number = T::NUMBER;

        fn at(schema: u32, place: u16) -> Self {
            Self::new(schema, place)
        }
    }

    impl<T: ObservationValue> Handle for Histogram<T> {
        const KIND: Kind = Kind::Histogram;
        const NUMBER: Number = T::NUMBER;

        fn at(schema: u32, place: u16) -> Self {
            Self::new(schema, HistogramIndex(place))
        }
    }
}
