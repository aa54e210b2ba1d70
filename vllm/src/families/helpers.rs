//! Kinds of families that recur in the set.

use std::array;

use tachometer::{Counter, Gauge, Histogram, SchemaBuilder, SchemaError};

use crate::{BucketFamily, Config, DeclareError};

/// Declares families of the kinds that recur.
pub(crate) struct Set<'b> {
    pub(crate) schema: &'b mut SchemaBuilder,
    pub(crate) config: &'b Config,
    /// Whether counts and levels are hidden.
    hidden: bool,
}

impl<'b> Set<'b> {
    pub(crate) fn new(schema: &'b mut SchemaBuilder, config: &'b Config) -> Self {
        Self { schema, config, hidden: false }
    }

    /// Declares counts and levels that no page shows.
    pub(crate) fn hidden<T>(&mut self, declare: impl FnOnce(&mut Self) -> T) -> T {
        self.hidden = true;
        let declared = declare(self);
        self.hidden = false;
        declared
    }

    pub(crate) fn count(&mut self, name: &str, help: &str) -> Result<Counter<u64>, SchemaError> {
        let family = self.schema.counter(&full(name), help);
        if self.hidden { family.hidden().declare() } else { family.declare() }
    }

    pub(crate) fn counts<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        (label, values): (&str, [&str; N]),
    ) -> Result<[Counter<u64>; N], SchemaError> {
        let family = self.schema.counter(&full(name), help).label(label, values);
        if self.hidden { family.hidden().declare() } else { family.declare() }
    }

    /// A counter for each of the numbers from 0 on.
    pub(crate) fn numbered<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
    ) -> Result<[Counter<u64>; N], SchemaError> {
        let numbers: [String; N] = array::from_fn(|number| number.to_string());
        self.counts(name, help, (label, numbers.each_ref().map(String::as_str)))
    }

    pub(crate) fn amount(&mut self, name: &str, help: &str) -> Result<Counter<f64>, SchemaError> {
        self.schema.counter(&full(name), help).declare()
    }

    pub(crate) fn level(&mut self, name: &str, help: &str) -> Result<Gauge<i64>, SchemaError> {
        self.schema.gauge(&full(name), help).declare()
    }

    pub(crate) fn levels<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        (label, values): (&str, [&str; N]),
    ) -> Result<[Gauge<i64>; N], SchemaError> {
        let family = self.schema.gauge(&full(name), help).label(label, values);
        if self.hidden { family.hidden().declare() } else { family.declare() }
    }

    pub(crate) fn ratio(&mut self, name: &str, help: &str) -> Result<Gauge<f64>, SchemaError> {
        self.schema.gauge(&full(name), help).declare()
    }

    pub(crate) fn numbers(
        &mut self,
        name: &str,
        help: &str,
        bounds: BucketFamily,
    ) -> Result<Histogram<u64>, DeclareError> {
        let upper = self.config.bounds_of(bounds);
        self.integers(name, help, &upper).map_err(|error| of_bounds(bounds, error))
    }

    pub(crate) fn seconds(
        &mut self,
        name: &str,
        help: &str,
        bounds: BucketFamily,
    ) -> Result<Histogram<f64>, DeclareError> {
        let upper = self.config.bounds_of(bounds);
        self.durations(name, help, &upper).map_err(|error| of_bounds(bounds, error))
    }

    pub(crate) fn integers(&mut self, name: &str, help: &str, bounds: &[f64]) -> Result<Histogram<u64>, SchemaError> {
        self.schema.histogram(&full(name), help, bounds).declare()
    }

    pub(crate) fn durations(&mut self, name: &str, help: &str, bounds: &[f64]) -> Result<Histogram<f64>, SchemaError> {
        self.schema.histogram(&full(name), help, bounds).unit("seconds").declare()
    }
}

/// Says whose bounds they are, if it is bounds that were refused.
fn of_bounds(family: BucketFamily, error: SchemaError) -> DeclareError {
    match error {
        SchemaError::NoBounds { .. } | SchemaError::BoundNotFinite { .. } | SchemaError::BoundNotIncreasing { .. } => {
            DeclareError::Bounds { family, reason: error }
        }
        error => DeclareError::Schema(error),
    }
}

/// As it is exposed.
pub(crate) fn full(name: &str) -> String {
    format!("vllm:{name}")
}
