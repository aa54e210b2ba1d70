//! One family on its way into the schema.

use std::marker::PhantomData;

use super::{
    SchemaBuilder,
    error::SchemaError,
    family::{Dimension, Kind, Number},
    handle::{Counter, Gauge, Histogram},
    layout::HistogramIndex,
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
    parts: Parts,
    shape: PhantomData<fn() -> (H, S)>,
}

/// What is known of the family so far.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) name: String,
    pub(super) help: String,
    pub(super) kind: Kind,
    pub(super) number: Number,
    pub(super) unit: Option<String>,
    pub(super) dimensions: Vec<Dimension>,
    /// Upper bounds; empty for counters and gauges.
    pub(super) bounds: Vec<f64>,
}

impl<'b, H: Handle> Declaration<'b, H, One> {
    pub(super) fn new(builder: &'b mut SchemaBuilder, name: &str, help: &str, bounds: &[f64]) -> Self {
        let (name, help, bounds) = (name.to_owned(), help.to_owned(), bounds.to_owned());
        let parts = Parts { name, help, kind: H::KIND, number: H::NUMBER, unit: None, dimensions: Vec::new(), bounds };
        Self { builder, parts, shape: PhantomData }
    }
}

impl<'b, H: Handle, S: Shape> Declaration<'b, H, S> {
    /// Names the unit, which must be the name's suffix already (`_seconds`, `_bytes`): it is checked, never appended.
    pub fn unit(mut self, unit: &str) -> Self {
        self.parts.unit = Some(unit.to_owned());
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
        let schema = self.builder.id;
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
