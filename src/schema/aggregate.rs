//! Families that tell of all engines at once: worked out of a gauge's series when a page is rendered.

use std::ops::Range;

use super::{
    SchemaBuilder,
    declaration::{Declaration, Parts},
    error::SchemaError,
    family::{Family, Kind, Samples},
    handle::Gauge,
    layout::Scope,
    name,
    shape::Shape,
    value::GaugeValue,
};

/// How one number comes of a gauge's values in all attached engines: see [`Declaration::aggregate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Aggregate {
    /// The sum, 0 without engines. Of integers it stops at the ends of `i64`; of floats NaN and infinities count as they do
    /// in any sum.
    Sum,
    /// The greatest; no sample without engines. NaN only if all are NaN, as in PromQL.
    Max,
}

/// What is known of an aggregate.
#[derive(Debug)]
pub(super) struct AggregateParts {
    name: String,
    aggregate: Aggregate,
}

impl<T: GaugeValue, S: Shape> Declaration<'_, Gauge<T>, S> {
    /// Adds a further family `name`, printed right behind the gauge's own: a gauge without engine labels, of one sample a label set,
    /// whose value is that of all attached engines together. May be called several times. With [`hidden`](Self::hidden) only
    /// the aggregates are printed.
    ///
    /// It is worked out of the snapshot that is rendered: recording costs nothing more, a page reads one word an engine for each
    /// sample. There is no handle; a snapshot's reader adds up what it needs ([`Snapshot::engines`](crate::Snapshot::engines)).
    /// [`declare`](Self::declare) checks the name like any family's, and refuses aggregates of
    /// [`registry_wide`](Self::registry_wide) families.
    ///
    /// ```
    /// # use tachometer::{Aggregate, Registry, Schema};
    /// let mut schema = Schema::builder().engine_labels(["engine"]);
    /// let waiting = schema.gauge::<i64>("requests_waiting", "Requests that wait.");
    /// let waiting = waiting.aggregate("requests_waiting_all", Aggregate::Sum).declare()?;
    /// let registry = Registry::new(schema.build()?);
    /// let engines = [registry.attach(["0"])?, registry.attach(["1"])?];
    /// let mut recorders = [engines[0].recorder()?, engines[1].recorder()?];
    /// for (recorder, waits) in recorders.iter_mut().zip([3, 4]) {
    ///     let mut step = recorder.step();
    ///     step.set(waiting, waits);
    ///     step.commit();
    /// }
    /// # let mut page = Vec::new();
    /// # registry.render(&mut page);
    /// # assert!(String::from_utf8(page)?.contains("\nrequests_waiting_all 7\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Counters and histograms have none: their sum would fall when an engine detaches, which Prometheus takes for a reset,
    /// so that rates come out too high. Have PromQL sum the engines' rates, `sum(rate(requests_total[1m]))`.
    ///
    /// ```compile_fail,E0599
    /// # let mut schema = tachometer::Schema::builder();
    /// let family = schema.counter::<f64>("x", "");
    /// family.aggregate("x_all", tachometer::Aggregate::Sum).declare()?;
    /// # Ok::<(), tachometer::SchemaError>(())
    /// ```
    ///
    /// ```
    /// # let mut schema = tachometer::Schema::builder();
    /// let family = schema.gauge::<f64>("x", "");
    /// family.aggregate("x_all", tachometer::Aggregate::Sum).declare()?;
    /// # Ok::<(), tachometer::SchemaError>(())
    /// ```
    pub fn aggregate(mut self, name: &str, aggregate: Aggregate) -> Self {
        self.parts.aggregates.push(AggregateParts { name: name.to_owned(), aggregate });
        self
    }
}

impl SchemaBuilder {
    /// Checks the aggregates of a gauge of `series` series, which isn't added yet.
    pub(super) fn check_aggregates(&self, gauge: &Parts, series: usize) -> Result<(), SchemaError> {
        for (index, AggregateParts { name, .. }) in gauge.aggregates.iter().enumerate() {
            if gauge.scope == Scope::Registry {
                return Err(SchemaError::AggregateOfRegistry { family: gauge.name.clone() });
            }
            name::check_family(name, Kind::Gauge)?;
            let mut earlier = gauge.aggregates[..index].iter().map(|other| &other.name).chain([&gauge.name]);
            if earlier.any(|other| other == name) {
                return Err(SchemaError::DuplicateFamily { family: name.clone() });
            }
            mutant!(self.check_names(name, Kind::Gauge)?, "aggregate: its name isn't compared" => ());
            self.check_size(name, Scope::Registry, 0, series.saturating_mul(index + 1))?;
        }
        Ok(())
    }

    /// Adds the checked aggregates of the gauge that was added last, whose words these are.
    pub(super) fn push_aggregates(&mut self, aggregates: Vec<AggregateParts>, words: Range<usize>) {
        let gauge = self.families.len().saturating_sub(1);
        for AggregateParts { name, aggregate } in aggregates {
            let Family { help, .. } = &self.families[gauge];
            let help = match aggregate {
                Aggregate::Sum => format!("Sum over engines: {help}"),
                Aggregate::Max => format!("Maximum over engines: {help}"),
            };
            let samples = Samples::Aggregate(aggregate, words.clone().map(|word| word as u16).collect());
            let (scope, gauge) = (Scope::Registry, self.families[gauge].clone());
            self.drafts[scope as usize].samples += words.len();
            self.exposed.insert(name.clone(), self.families.len());
            let lines = words.len();
            self.families.push(Family { name, help, scope, hidden: false, samples, lines, ..gauge });
        }
    }
}
