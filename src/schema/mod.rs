//! What is measured: families, their series and bounds, fixed before the first engine attaches.
//!
//! A [`SchemaBuilder`] checks each family as it is declared and returns typed handles; [`SchemaBuilder::build`] lays out
//! the slab. There is one validator (this module), and all outputs rely on it.

pub(crate) mod bounds;
pub(crate) mod declaration;
mod error;
pub(crate) mod family;
pub(crate) mod handle;
pub(crate) mod layout;
mod name;
pub(crate) mod shape;
#[cfg(all(test, not(loom)))]
mod tests;
pub(crate) mod value;

use std::{collections::HashMap, fmt, sync::Arc};

use self::{
    bounds::Bounds,
    declaration::{Declaration, Parts},
    family::{Dimension, Family, Kind, Number, Place},
    handle::{Counter, Gauge, Histogram},
    layout::{Aside, HistogramIndex, Layout, MAX_WORDS},
    value::{CounterValue, GaugeValue, ObservationValue},
};

pub use self::error::SchemaError;
use crate::sync::unique_id;

/// What is measured. Cheap to clone; never changes.
#[derive(Clone)]
pub struct Schema(Arc<Parsed>);

struct Parsed {
    engine_labels: Vec<String>,
    families: Vec<Family>,
    layout: Arc<Layout>,
    max_engines: usize,
}

impl Schema {
    /// An empty schema to declare families into.
    ///
    /// # Panics
    /// After 2³² − 1 schemas in one process.
    pub fn builder() -> SchemaBuilder {
        SchemaBuilder {
            id: unique_id(),
            engine_labels: None,
            engine_labels_twice: false,
            families: Vec::new(),
            exposed: HashMap::new(),
            scalars: 0,
            histograms: Vec::new(),
            histogram_words: 0,
            samples: 0,
            max_samples: DEFAULT_MAX_SAMPLES,
            max_engines: DEFAULT_MAX_ENGINES,
        }
    }

    pub(crate) fn engine_labels(&self) -> &[String] {
        &self.0.engine_labels
    }

    pub(crate) fn families(&self) -> &[Family] {
        &self.0.families
    }

    pub(crate) fn layout(&self) -> &Arc<Layout> {
        &self.0.layout
    }

    pub(crate) fn max_engines(&self) -> usize {
        self.0.max_engines
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.families().iter().map(|family| &family.name).collect();
        f.debug_struct("Schema").field("engine_labels", &self.engine_labels()).field("families", &names).finish()
    }
}

/// [`SchemaBuilder::max_engines`] unless set.
const DEFAULT_MAX_ENGINES: usize = 1_024;
/// [`SchemaBuilder::max_samples`] unless set.
const DEFAULT_MAX_SAMPLES: usize = 20_000;

/// Collects families. Libraries declare theirs into a builder that the user goes on with.
///
/// ```
/// use tachometer::Schema;
///
/// let mut schema = Schema::builder().engine_labels(["engine"]);
/// let steps = schema.counter::<u64>("steps", "Steps of the engine.").declare()?;
/// let usage = schema.gauge::<f64>("kv_usage_ratio", "Used share of the KV cache.").unit("ratio").declare()?;
/// let itl = schema.histogram::<f64>("itl_seconds", "Inter-token latency.", &[0.01, 0.1, 1.0]).declare()?;
/// let schema = schema.build()?;
/// # Ok::<(), tachometer::SchemaError>(())
/// ```
#[derive(Debug)]
pub struct SchemaBuilder {
    id: u32,
    engine_labels: Option<Vec<String>>,
    engine_labels_twice: bool,
    families: Vec<Family>,
    /// Each exposed name, and the index of the family that has it.
    exposed: HashMap<String, usize>,
    scalars: usize,
    histograms: Vec<Bounds>,
    histogram_words: usize,
    samples: usize,
    max_samples: usize,
    max_engines: usize,
}

impl SchemaBuilder {
    /// Names the labels that tell engines apart; each engine gives their values when it attaches. Once a schema.
    #[must_use]
    pub fn engine_labels<L: Into<String>>(mut self, labels: impl IntoIterator<Item = L>) -> Self {
        self.engine_labels_twice |= self.engine_labels.is_some();
        self.engine_labels = Some(labels.into_iter().map(Into::into).collect());
        self
    }

    /// Limits how many engines can be attached at a time. 1,024 unless set.
    #[must_use]
    pub fn max_engines(mut self, limit: usize) -> Self {
        self.max_engines = limit;
        self
    }

    /// Limits how many samples (lines of a page) an engine has, beside the three of the crate's own. 20,000 unless set.
    #[must_use]
    pub fn max_samples(mut self, limit: usize) -> Self {
        self.max_samples = limit;
        self
    }

    /// Begins to describe a counter of `u64` or `f64`. `name` is the base name: exposition adds `_total`.
    pub fn counter<T: CounterValue>(&mut self, name: &str, help: &str) -> Declaration<'_, Counter<T>> {
        Declaration::new(self, name, help, &[])
    }

    /// Begins to describe a gauge of `i64` or `f64`.
    pub fn gauge<T: GaugeValue>(&mut self, name: &str, help: &str) -> Declaration<'_, Gauge<T>> {
        Declaration::new(self, name, help, &[])
    }

    /// Begins to describe a fixed-bucket histogram of `u64` or `f64` observations. `bounds` are inclusive upper bounds,
    /// strictly increasing and finite, without the `+Inf` that exposition adds. The sum of a `u64` histogram is exact.
    ///
    /// With a negative bound the histogram is printed without `_sum` and `_count`, as OpenMetrics asks; a snapshot has both.
    pub fn histogram<T: ObservationValue>(
        &mut self,
        name: &str,
        help: &str,
        bounds: &[f64],
    ) -> Declaration<'_, Histogram<T>> {
        Declaration::new(self, name, help, bounds)
    }

    /// Checks what only shows in the whole, and lays out the slab.
    ///
    /// # Errors
    /// Engine labels that are invalid, repeated, or a label of some family too; engine labels that were declared twice.
    pub fn build(mut self) -> Result<Schema, SchemaError> {
        if self.engine_labels_twice {
            return Err(SchemaError::EngineLabelsTwice);
        }
        let engine_labels = self.engine_labels.take().unwrap_or_default();
        check_labels("engine labels", engine_labels.iter())?;
        for family in &self.families {
            let names = engine_labels.iter().chain(family.dimensions.iter().map(|dimension| &dimension.name));
            check_labels(&owner(&family.name), names)?;
        }
        self.declare_own_families();
        let layout = Arc::new(Layout::new(self.id, self.scalars, self.histograms));
        Ok(Schema(Arc::new(Parsed { engine_labels, families: self.families, layout, max_engines: self.max_engines })))
    }

    /// Checks a family and adds it. Returns its first scalar or histogram; the others follow.
    fn add(&mut self, parts: Parts) -> Result<usize, SchemaError> {
        name::check_family(&parts.name, parts.kind)?;
        check_unit(&parts)?;
        check_labels(&owner(&parts.name), parts.dimensions.iter().map(|dimension| &dimension.name))?;
        parts.dimensions.iter().try_for_each(|dimension| check_values(&parts.name, dimension))?;
        let bounds = match parts.kind {
            Kind::Histogram => Some(Bounds::new(&parts.name, &parts.bounds)?),
            Kind::Counter | Kind::Gauge => None,
        };
        let series = self.check_size(&parts)?;
        self.claim_names(&parts)?;
        Ok(self.push(parts, bounds, series))
    }

    /// The number of the family's series, if the schema stays within its limits.
    fn check_size(&self, parts: &Parts) -> Result<usize, SchemaError> {
        let values = parts.dimensions.iter().map(|dimension| dimension.values.len());
        let series = values.fold(1_usize, usize::saturating_mul);
        // A histogram: a word a bound, the overflow bucket and the sum; and a sample a bound, +Inf, sum and count.
        let (words, samples) = match parts.kind {
            Kind::Counter | Kind::Gauge => (1, 1),
            Kind::Histogram => (parts.bounds.len() + 2, parts.bounds.len() + 3),
        };
        if self.samples.saturating_add(series.saturating_mul(samples)) > self.max_samples {
            return Err(SchemaError::TooManySamples { family: parts.name.clone(), limit: self.max_samples });
        }
        let words = (self.scalars + self.histogram_words).saturating_add(series.saturating_mul(words));
        if words > MAX_WORDS {
            return Err(SchemaError::SlabTooLarge { words, limit: MAX_WORDS });
        }
        Ok(series)
    }

    /// Reserves all names that the family exposes.
    fn claim_names(&mut self, parts: &Parts) -> Result<(), SchemaError> {
        if self.families.iter().any(|family| family.name == parts.name) {
            return Err(SchemaError::DuplicateFamily { family: parts.name.clone() });
        }
        let exposed = name::exposed_suffixes(parts.kind).iter().map(|suffix| format!("{}{suffix}", parts.name));
        for name in exposed.clone() {
            if let Some(&other) = self.exposed.get(&name) {
                let other = self.families[other].name.clone();
                return Err(SchemaError::ExposedNameClash { family: parts.name.clone(), other, exposed: name });
            }
        }
        self.exposed.extend(exposed.map(|name| (name, self.families.len())));
        Ok(())
    }

    /// Adds a checked family of `series` series and counts what it takes.
    fn push(&mut self, parts: Parts, bounds: Option<Bounds>, series: usize) -> usize {
        let Parts { name, help, kind, number, dimensions, .. } = parts;
        let first = if bounds.is_some() { self.histograms.len() } else { self.scalars };
        let place = |at: usize| match bounds {
            Some(_) => Place::Histogram(HistogramIndex(at as u16)),
            None => Place::Scalar(at as u16),
        };
        let places = (first..first + series).map(place).collect();
        match bounds {
            Some(bounds) => {
                self.histogram_words += series * (bounds.upper().len() + 2);
                self.samples += series * (bounds.upper().len() + 3);
                self.histograms.extend(std::iter::repeat_n(bounds, series));
            }
            None => {
                self.scalars += series;
                self.samples += series;
            }
        }
        self.families.push(Family { name, help, kind, number, dimensions, series: places });
        first
    }

    /// The families about the recorders themselves. Their names are reserved, so nothing needs checking.
    fn declare_own_families(&mut self) {
        let own = [
            (Aside::RejectedObservations, "rejected_observations", "Values that could not be counted honestly."),
            (Aside::DiscardedSteps, "discarded_steps", "Steps that ended without a commit."),
            (Aside::ForeignHandles, "foreign_handles", "Calls with a handle of another schema, which were ignored."),
        ];
        for (aside, name, help) in own {
            self.families.push(Family {
                name: format!("{}{name}", name::SELF_PREFIX),
                help: help.to_owned(),
                kind: Kind::Counter,
                number: Number::U64,
                dimensions: Vec::new(),
                series: vec![Place::Aside(aside)],
            });
        }
    }
}

fn owner(family: &str) -> String {
    format!("family {family:?}")
}

fn check_unit(parts: &Parts) -> Result<(), SchemaError> {
    match &parts.unit {
        Some(unit) if unit.is_empty() || !parts.name.ends_with(&format!("_{unit}")) => {
            Err(SchemaError::UnitNotSuffix { family: parts.name.clone(), unit: unit.clone() })
        }
        _ => Ok(()),
    }
}

fn check_labels<'a>(owner: &str, labels: impl Iterator<Item = &'a String>) -> Result<(), SchemaError> {
    let mut seen = Vec::new();
    for label in labels {
        name::check_label(label, owner)?;
        if seen.contains(&label) {
            return Err(SchemaError::DuplicateLabel { owner: owner.to_owned(), label: label.clone() });
        }
        seen.push(label);
    }
    Ok(())
}

fn check_values(family: &str, Dimension { name, values }: &Dimension) -> Result<(), SchemaError> {
    let (family, label) = (family.to_owned(), name.clone());
    if values.is_empty() {
        return Err(SchemaError::LabelWithoutValues { family, label });
    }
    match values.iter().enumerate().find(|(index, value)| values[..*index].contains(value)) {
        Some((_, value)) => Err(SchemaError::DuplicateLabelValue { family, label, value: value.clone() }),
        None => Ok(()),
    }
}
