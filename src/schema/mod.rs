//! What is measured: families, their series and bounds, fixed before the first engine attaches.
//!
//! A [`SchemaBuilder`] checks each family as it is declared and returns typed handles; [`SchemaBuilder::build`] lays out
//! the slab. There is one validator (this module), and all outputs rely on it.

pub(crate) mod aggregate;
mod all_or_nothing;
pub(crate) mod bounds;
pub(crate) mod declaration;
mod error;
pub(crate) mod family;
pub(crate) mod handle;
pub(crate) mod info;
pub(crate) mod layout;
pub(crate) mod limits;
mod name;
pub(crate) mod open;
pub(crate) mod pages;
mod search;
pub(crate) mod shape;
#[cfg(all(test, not(loom)))]
mod tests;
pub(crate) mod value;

use std::{collections::HashMap, fmt, iter, sync::Arc};

use self::{
    bounds::Bounds,
    declaration::{Declaration, Parts},
    family::{Dimension, Family, Kind, Number, Place, Samples},
    handle::{Counter, Gauge, Histogram},
    info::{InfoDeclaration, InfoParts},
    layout::{Aside, Draft, HistogramIndex, InfoIndex, Layout, MAX_WORDS, Scalar, Scope},
    limits::Limits,
    pages::PageFamilies,
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
    /// One a scope.
    layouts: [Arc<Layout>; Scope::COUNT],
    page_families: PageFamilies,
    limits: Limits,
}

impl Schema {
    /// An empty schema to declare families into.
    ///
    /// # Panics
    /// After 1,431,655,765 schemas in one process.
    pub fn builder() -> SchemaBuilder {
        SchemaBuilder {
            drafts: Scope::ALL.map(|_| Draft::new(unique_id())),
            engine_labels: None,
            engine_labels_twice: false,
            families: Vec::new(),
            exposed: HashMap::new(),
            infos: Vec::new(),
            limits: Limits::UNLESS_SET,
        }
    }

    pub(crate) fn engine_labels(&self) -> &[String] {
        &self.0.engine_labels
    }

    pub(crate) fn families(&self) -> &[Family] {
        &self.0.families
    }

    pub(crate) fn layout(&self, scope: Scope) -> &Arc<Layout> {
        &self.0.layouts[scope as usize]
    }

    pub(crate) fn page_families(&self) -> &PageFamilies {
        &self.0.page_families
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.families().iter().map(|family| &family.name).collect();
        f.debug_struct("Schema").field("engine_labels", &self.engine_labels()).field("families", &names).finish()
    }
}

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
    /// One a scope.
    drafts: [Draft; Scope::COUNT],
    engine_labels: Option<Vec<String>>,
    engine_labels_twice: bool,
    families: Vec<Family>,
    /// Each exposed name, and the index of the family that has it.
    exposed: HashMap<String, usize>,
    infos: Vec<InfoParts>,
    limits: Limits,
}

impl SchemaBuilder {
    /// Names the labels that tell engines apart; each engine gives their values when it attaches. Once a schema.
    #[must_use]
    pub fn engine_labels<L: Into<String>>(mut self, labels: impl IntoIterator<Item = L>) -> Self {
        self.engine_labels_twice |= self.engine_labels.is_some();
        self.engine_labels = Some(labels.into_iter().map(Into::into).collect());
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

    /// Begins to describe an info: a gauge of one sample an engine, whose label values aren't known beforehand and change
    /// while the engine runs, such as the adapters that it serves. Only the current sample is printed, and none before the
    /// first [`Step::set_info`](crate::Step::set_info). `labels` are the names of those labels;
    /// [`InfoDeclaration::engine_labels`] says which engine labels are printed beside them.
    ///
    /// ```
    /// # use tachometer::{Registry, Schema};
    /// let mut schema = Schema::builder().engine_labels(["engine"]);
    /// let adapters = schema.info("adapters_info", "Adapters in use, since when.", ["running", "waiting"]).declare()?;
    /// let registry = Registry::new(schema.build()?);
    /// let engine = registry.attach(["0"])?;
    /// let mut recorder = engine.recorder()?;
    /// let mut step = recorder.step();
    /// step.set_info(adapters, ["sql", "chat,code"], 1.5);
    /// step.commit();
    /// # let mut page = Vec::new();
    /// # registry.render(&mut page);
    /// # let line = "adapters_info{engine=\"0\",running=\"sql\",waiting=\"chat,code\"} 1.5\n";
    /// # assert!(String::from_utf8(page)?.contains(line));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn info<const N: usize>(&mut self, name: &str, help: &str, labels: [&str; N]) -> InfoDeclaration<'_, N> {
        InfoDeclaration::new(self, name, help, labels)
    }

    /// Checks what only shows in the whole, and lays out the slabs.
    ///
    /// # Errors
    /// More samples than [`max_samples`](Self::max_samples) allows, whenever it was set; more than 4 GiB of text. Engine labels that are invalid, repeated, or a label of some family too; engine labels that were declared twice; an
    /// info that chose an engine label which there isn't.
    pub fn build(mut self) -> Result<Schema, SchemaError> {
        if self.engine_labels_twice {
            return Err(SchemaError::EngineLabelsTwice);
        }
        self.check_samples()?;
        let engine_labels = self.engine_labels.take().unwrap_or_default();
        check_labels("engine labels", engine_labels.iter())?;
        for family in self.families.iter().filter(|family| family.has_all_engine_labels()) {
            check_labels(&owner(&family.name), engine_labels.iter().chain(self.own_labels(family)))?;
        }
        let infos = self.infos.drain(..).map(|info| info.layout(&engine_labels)).collect::<Result<_, _>>()?;
        self.declare_own_families();
        let page_families = PageFamilies::declare(&mut self);
        self.check_text()?;
        let [engine, registry, pages] = self.drafts;
        let layouts = [engine.layout(infos), registry.layout(Vec::new()), pages.layout(Vec::new())].map(Arc::new);
        let (families, limits) = (self.families, self.limits);
        Ok(Schema(Arc::new(Parsed { engine_labels, families, layouts, page_families, limits })))
    }

    /// The number that handles of a scope carry.
    fn schema_number(&self, scope: Scope) -> u32 {
        self.drafts[scope as usize].schema
    }

    /// Checks a family and adds it. Returns its first scalar or histogram; the others follow.
    fn add(&mut self, parts: Parts) -> Result<usize, SchemaError> {
        name::check_family(&parts.name, parts.kind)?;
        check_unit(&parts)?;
        check_labels(&owner(&parts.name), parts.dimensions.iter().map(|dimension| &dimension.name))?;
        parts.dimensions.iter().try_for_each(|dimension| check_values(&parts.name, dimension))?;
        let bounds = parts.checked_bounds()?;
        let series = parts.dimensions.iter().map(|dimension| dimension.values.len()).fold(1, usize::saturating_mul);
        let (words, samples) = parts.size_of_series();
        let samples = series.saturating_mul(samples);
        self.check_size(&parts.name, parts.scope, series.saturating_mul(words), samples)?;
        self.check_aggregates(&parts, series)?;
        self.claim_names(&parts.name, parts.kind)?;
        self.drafts[parts.scope as usize].samples += samples;
        Ok(self.push(parts, bounds, series, samples))
    }

    /// Checks an info and adds it.
    fn add_info(&mut self, parts: InfoParts) -> Result<InfoIndex, SchemaError> {
        name::check_family(&parts.name, Kind::Gauge)?;
        parts.check_own_labels()?;
        self.check_size(&parts.name, Scope::Engine, 0, 1)?;
        self.claim_names(&parts.name, Kind::Gauge)?;
        self.drafts[Scope::Engine as usize].samples += 1;
        let index = InfoIndex(self.infos.len() as u32);
        self.families.push(Family {
            name: parts.name.clone(),
            help: parts.help.clone(),
            kind: Kind::Gauge,
            number: Number::F64,
            scope: Scope::Engine,
            hidden: false,
            dimensions: Vec::new(),
            samples: Samples::Info(index),
            lines: 1,
        });
        self.infos.push(parts);
        Ok(index)
    }

    /// The names of a family's labels beside those of engines.
    fn own_labels<'s>(&'s self, family: &'s Family) -> Vec<&'s String> {
        match family.samples {
            Samples::Series(_) => family.dimensions.iter().map(|dimension| &dimension.name).collect(),
            Samples::Open(index) => self.drafts[family.scope as usize].open[index.0 as usize].labels.iter().collect(),
            Samples::Info(_) | Samples::Aggregate(..) => Vec::new(), // checked elsewhere, or without engine labels
        }
    }

    /// Whether the scope stays within its limits with so many more words and samples.
    fn check_size(&self, family: &str, scope: Scope, words: usize, samples: usize) -> Result<(), SchemaError> {
        let draft = &self.drafts[scope as usize];
        if draft.samples.saturating_add(samples) > self.limits.max_samples {
            return Err(SchemaError::TooManySamples { family: family.to_owned(), limit: self.limits.max_samples });
        }
        let words = draft.words().saturating_add(words);
        if words > MAX_WORDS {
            return Err(SchemaError::SlabTooLarge { words, limit: MAX_WORDS });
        }
        Ok(())
    }

    /// Whether the samples of each scope are within the limit as it is now. Families check it as they are declared, but the limit may be set
    /// after that.
    fn check_samples(&self) -> Result<(), SchemaError> {
        let limit = self.limits.max_samples;
        let mut samples = [0_usize; Scope::COUNT];
        for family in &self.families {
            let samples = &mut samples[family.scope as usize];
            *samples = samples.saturating_add(family.lines);
            if *samples > limit {
                return Err(SchemaError::TooManySamples { family: family.name.clone(), limit });
            }
        }
        Ok(())
    }

    /// Whether a renderer can keep all text.
    fn check_text(&self) -> Result<(), SchemaError> {
        let limit = self.limits.max_text;
        let mut text = 0_usize;
        for family in &self.families {
            text = text.saturating_add(family.text_bound());
            if text > limit {
                return Err(SchemaError::TooMuchText { family: family.name.clone(), limit });
            }
        }
        Ok(())
    }

    /// Whether all names that the family would expose are free.
    fn check_names(&self, family: &str, kind: Kind) -> Result<(), SchemaError> {
        if self.families.iter().any(|other| other.name == family) {
            return Err(SchemaError::DuplicateFamily { family: family.to_owned() });
        }
        for name in name::exposed(family, kind) {
            let taken = self.exposed.get(&name);
            if let Some(&other) = mutant!(taken, "schema: names that clash" => None) {
                let other = self.families[other].name.clone();
                return Err(SchemaError::ExposedNameClash { family: family.to_owned(), other, exposed: name });
            }
        }
        Ok(())
    }

    /// Reserves all names that the family exposes.
    fn claim_names(&mut self, family: &str, kind: Kind) -> Result<(), SchemaError> {
        self.check_names(family, kind)?;
        self.exposed.extend(name::exposed(family, kind).map(|name| (name, self.families.len())));
        Ok(())
    }

    /// Adds a checked family of `series` series and so many lines of a page, and makes room for it.
    fn push(&mut self, parts: Parts, bounds: Option<Bounds>, series: usize, lines: usize) -> usize {
        let Parts { name, help, kind, number, scope, hidden, dimensions, aggregates, .. } = parts;
        let draft = &mut self.drafts[scope as usize];
        let first = if bounds.is_some() { draft.histograms.len() } else { draft.scalars.len() };
        let place = |at: usize| match bounds {
            Some(_) => Place::Histogram(HistogramIndex(at as u16)),
            None => Place::Scalar(at as u16),
        };
        let samples = Samples::Series((first..first + series).map(place).collect());
        match bounds {
            Some(bounds) => draft.histograms.extend(iter::repeat_n((bounds, number), series)),
            None => draft.scalars.extend(iter::repeat_n(Scalar { number, is_gauge: kind == Kind::Gauge }, series)),
        }
        self.families.push(Family { name, help, kind, number, scope, hidden, dimensions, samples, lines });
        self.push_aggregates(aggregates, first..first + series);
        first
    }

    /// The families about the recorders themselves: those of engines, and that of the registry if it has families of its
    /// own. Their names are reserved, so nothing needs checking.
    fn declare_own_families(&mut self) {
        for (scope, infix) in [(Scope::Engine, ""), (Scope::Registry, "registry_")] {
            let draft = &self.drafts[scope as usize];
            if scope == Scope::Registry && draft.is_empty() {
                continue;
            }
            let any_open = !draft.open.is_empty();
            let own = OWN_FAMILIES.into_iter().filter(|(aside, ..)| any_open || *aside != Aside::OverflowedLabelValues);
            let own = own.map(|(aside, name, help)| Family {
                name: format!("{}{infix}{name}", name::SELF_PREFIX),
                help: help.to_owned(),
                kind: Kind::Counter,
                number: Number::U64,
                scope,
                hidden: false,
                dimensions: Vec::new(),
                samples: Samples::Series(vec![Place::Aside(aside)]),
                lines: 1,
            });
            self.families.extend(own);
        }
    }
}

/// What is said of a recorder: where it is counted, name and help.
const OWN_FAMILIES: [(Aside, &str, &str); Aside::COUNT] = [
    (Aside::RejectedObservations, "rejected_observations", "Values that could not be counted honestly."),
    (Aside::DiscardedSteps, "discarded_steps", "Steps that ended without a commit."),
    (Aside::ForeignHandles, "foreign_handles", "Calls with a handle of another schema, which were ignored."),
    (
        Aside::OverflowedLabelValues,
        "overflowed_label_values",
        "Lookups of open label values that got the series other.",
    ),
];

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
