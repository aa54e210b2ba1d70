//! Declares the kinds of families that recur in the set.

use std::array;

use tachometer::{Counter, Gauge, Histogram, SchemaBuilder, SchemaError, State};

use crate::{BucketFamily, Config, DeclareError, config::MAX_SPECULATIVE_TOKENS};

/// Declares families under vLLM's prefix.
pub(crate) struct Declarer<'b> {
    pub(crate) schema: &'b mut SchemaBuilder,
    pub(crate) config: &'b Config,
    /// Whether integer counters and labelled gauges are hidden.
    hidden: bool,
}

impl<'b> Declarer<'b> {
    pub(crate) fn new(schema: &'b mut SchemaBuilder, config: &'b Config) -> Self {
        Self { schema, config, hidden: false }
    }

    /// Makes the integer counters and labelled gauges that `declare` adds hidden: no page shows
    /// them.
    pub(crate) fn hidden<T>(&mut self, declare: impl FnOnce(&mut Self) -> T) -> T {
        self.hidden = true;
        let declared = declare(self);
        self.hidden = false;
        declared
    }

    pub(crate) fn counter(&mut self, name: &str, help: &str) -> Result<Counter<u64>, SchemaError> {
        let family = self.schema.counter(&full(name), help);
        if self.hidden { family.hidden().declare() } else { family.declare() }
    }

    pub(crate) fn labelled_counters<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        (label, values): (&str, [&str; N]),
    ) -> Result<[Counter<u64>; N], SchemaError> {
        let family = self.schema.counter(&full(name), help).label(label, values);
        if self.hidden { family.hidden().declare() } else { family.declare() }
    }

    /// One counter for each of the first `positions` of a draft. The last one is that of all
    /// further positions too. `positions` are from 1 to [`MAX_SPECULATIVE_TOKENS`].
    pub(crate) fn per_position(
        &mut self,
        name: &str,
        help: &str,
        positions: usize,
    ) -> Result<[Counter<u64>; MAX_SPECULATIVE_TOKENS], SchemaError> {
        let numbers: Vec<_> = (0..positions).map(|position| position.to_string()).collect();
        let numbers: Vec<_> = numbers.iter().map(String::as_str).collect();
        let family = self.schema.counter(&full(name), help).label("position", &numbers[..]);
        let counters = if self.hidden { family.hidden().declare() } else { family.declare() }?;
        Ok(array::from_fn(|position| counters[position.min(positions - 1)]))
    }

    pub(crate) fn counter_f64(&mut self, name: &str, help: &str) -> Result<Counter<f64>, SchemaError> {
        self.schema.counter(&full(name), help).declare()
    }

    pub(crate) fn gauge(&mut self, name: &str, help: &str) -> Result<Gauge<i64>, SchemaError> {
        self.schema.gauge(&full(name), help).declare()
    }

    pub(crate) fn labelled_gauges<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        (label, values): (&str, [&str; N]),
    ) -> Result<[Gauge<i64>; N], SchemaError> {
        let family = self.schema.gauge(&full(name), help).label(label, values);
        if self.hidden { family.hidden().declare() } else { family.declare() }
    }

    /// Several recorders' ratios don't add up to one.
    pub(crate) fn ratio(&mut self, name: &str, help: &str) -> Result<State<f64>, SchemaError> {
        self.schema.gauge(&full(name), help).state().declare()
    }

    pub(crate) fn histogram_u64(
        &mut self,
        name: &str,
        help: &str,
        bounds: BucketFamily,
    ) -> Result<Histogram<u64>, DeclareError> {
        let upper = self.config.bounds_of(bounds);
        self.histogram_u64_with(name, help, &upper).map_err(|error| of_bounds(bounds, error))
    }

    pub(crate) fn histogram_seconds(
        &mut self,
        name: &str,
        help: &str,
        bounds: BucketFamily,
    ) -> Result<Histogram<f64>, DeclareError> {
        let upper = self.config.bounds_of(bounds);
        self.histogram_seconds_with(name, help, &upper).map_err(|error| of_bounds(bounds, error))
    }

    pub(crate) fn histogram_u64_with(
        &mut self,
        name: &str,
        help: &str,
        bounds: &[f64],
    ) -> Result<Histogram<u64>, SchemaError> {
        self.schema.histogram(&full(name), help, bounds).declare()
    }

    pub(crate) fn histogram_seconds_with(
        &mut self,
        name: &str,
        help: &str,
        bounds: &[f64],
    ) -> Result<Histogram<f64>, SchemaError> {
        self.schema.histogram(&full(name), help, bounds).unit("seconds").declare()
    }
}

/// Adds the bucket family to an error about bounds.
fn of_bounds(family: BucketFamily, error: SchemaError) -> DeclareError {
    match error {
        SchemaError::NoBounds { .. } | SchemaError::BoundNotFinite { .. } | SchemaError::BoundNotIncreasing { .. } => {
            DeclareError::Bounds { family, reason: error }
        }
        error => DeclareError::Schema(error),
    }
}

/// The name as exposed.
pub(crate) fn full(name: &str) -> String {
    format!("vllm:{name}")
}
