//! The builder of a schema, and the one entrance through which a family of any kind is checked and added.

use std::{collections::HashMap, sync::Arc};

use super::{
    Inner, Schema,
    bounds::Bounds,
    declare::{FamilySpec, Labels, Size, family::Declaration, info::InfoDeclaration},
    error::SchemaError,
    family::{Family, Samples, SeriesSlot},
    handle::{Counter, Gauge, Histogram},
    layout::{DynamicIndex, DynamicLayout, HistogramIndex, InfoIndex, InfoLayout, LayoutBuilder, MAX_WORDS, Scope},
    limits::Limits,
    name,
    number::MetricType,
    self_families::SelfFamilies,
    value::{CounterValue, GaugeValue, ObservationValue},
};

/// Collects families. Libraries declare theirs into a builder that the user goes on with.
///
/// ```
/// use tachometer::Schema;
///
/// let mut schema = Schema::builder(&["engine"]);
/// let steps = schema.counter::<u64>("steps", "Steps of the engine.").declare()?;
/// let usage = schema.gauge::<f64>("kv_usage_ratio", "Used share of the KV cache.").unit("ratio").declare()?;
/// let itl = schema.histogram::<f64>("itl_seconds", "Inter-token latency.", &[0.01, 0.1, 1.0]).declare()?;
/// let schema = schema.build()?;
/// # Ok::<(), tachometer::SchemaError>(())
/// ```
#[derive(Debug)]
pub struct SchemaBuilder {
    engine_labels: Vec<String>,
    /// One per scope.
    layouts: [LayoutBuilder; Scope::COUNT],
    pub(super) families: Vec<Family>,
    /// Each exposed name, and the index of the family that has it.
    exposed: HashMap<String, usize>,
    pub(super) limits: Limits,
}

impl SchemaBuilder {
    pub(super) fn new(engine_labels: &[&str]) -> Self {
        Self {
            engine_labels: engine_labels.iter().copied().map(str::to_owned).collect(),
            layouts: Scope::ALL.map(|_| LayoutBuilder::new(super::unique_id())),
            families: Vec::new(),
            exposed: HashMap::new(),
            limits: Limits::DEFAULT,
        }
    }

    /// Describes a counter of `u64` or `f64`. `name` is the base name: exposition adds `_total`.
    pub fn counter<T: CounterValue>(&mut self, name: &str, help: &str) -> Declaration<'_, Counter<T>> {
        Declaration::new(self, name, help, &[])
    }

    /// Describes a gauge of `i64` or `f64`.
    pub fn gauge<T: GaugeValue>(&mut self, name: &str, help: &str) -> Declaration<'_, Gauge<T>> {
        Declaration::new(self, name, help, &[])
    }

    /// Describes a fixed-bucket histogram of `u64` or `f64` observations. `bounds` are inclusive upper bounds, strictly increasing and
    /// finite, without the `+Inf` that exposition adds. The sum of a `u64` histogram is exact.
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

    /// Describes an info: a gauge with one sample per engine, whose label values aren't known beforehand and change while the engine
    /// runs, such as the adapters that it serves. Only the current sample is printed, and none before the first
    /// [`Step::set_info`](crate::Step::set_info). `labels` are the names of those labels; [`InfoDeclaration::engine_labels`] says which
    /// engine labels are printed with them.
    ///
    /// ```
    /// # use tachometer::{Registry, Schema};
    /// let mut schema = Schema::builder(&["engine"]);
    /// let adapters = schema.info("adapters_info", "Adapters in use, since when.", ["running", "waiting"]).declare()?;
    /// let registry = Registry::new(schema.build()?);
    /// let engine = registry.attach(&["0"])?;
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
    /// Engine labels that are invalid or repeated; more samples than [`max_samples`](Self::max_samples) allows, whenever it was set;
    /// more than 4 GiB of text.
    pub fn build(mut self) -> Result<Schema, SchemaError> {
        check_labels("engine labels", self.engine_labels.iter())?;
        self.check_samples()?;
        self.declare_diagnostics();
        let self_families = SelfFamilies::declare(&mut self);
        self.check_text()?;
        let Self { engine_labels, families, limits, layouts, .. } = self;
        let layouts = layouts.map(|layout| Arc::new(layout.build()));
        Ok(Schema(Arc::new(Inner { engine_labels, families, layouts, self_families, limits })))
    }

    /// Runs `declare`, which declares several families. If it fails, none of them is declared, and the builder is as it was before.
    /// Forget the handles that `declare` got by then: they will be those of other families. For libraries that declare a set.
    ///
    /// ```
    /// # use tachometer::{Schema, SchemaError};
    /// let mut schema = Schema::builder(&[]);
    /// schema.counter::<u64>("hits", "Hits of my own cache.").declare()?;
    /// let refused = schema.all_or_nothing(|schema| {
    ///     let queries = schema.counter::<u64>("queries", "Of a library's cache.").declare()?;
    ///     let hits = schema.counter::<u64>("hits", "Of a library's cache.").declare()?;
    ///     Ok::<_, SchemaError>([queries, hits])
    /// });
    /// assert!(refused.is_err());
    /// schema.counter::<u64>("queries", "Queries of my own cache.").declare()?; // the name is free
    /// # Ok::<(), SchemaError>(())
    /// ```
    ///
    /// # Errors
    /// Those of `declare`.
    pub fn all_or_nothing<T, E>(&mut self, declare: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        let mut draft = self.duplicate();
        let declared = declare(&mut draft)?;
        *self = draft;
        Ok(declared)
    }

    /// Not `Clone`: handles of one builder would fit the other's schema, and mean other series.
    fn duplicate(&self) -> Self {
        let Self { engine_labels, layouts, families, exposed, limits } = self;
        Self {
            engine_labels: engine_labels.clone(),
            layouts: layouts.clone(),
            families: families.clone(),
            exposed: exposed.clone(),
            limits: *limits,
        }
    }

    /// The number that handles of a scope carry.
    pub(super) fn schema_number(&self, scope: Scope) -> u32 {
        self.layouts[scope as usize].schema
    }

    /// Whether a scope has no families.
    pub(super) fn is_empty(&self, scope: Scope) -> bool {
        self.layouts[scope as usize].is_empty()
    }

    /// Whether a scope has families with dynamic labels.
    pub(super) fn has_dynamic(&self, scope: Scope) -> bool {
        !self.layouts[scope as usize].dynamic.is_empty()
    }

    /// Checks a family of any kind and adds it. Returns where its first series is among those of its kind; the others follow.
    pub(super) fn add(&mut self, spec: FamilySpec) -> Result<usize, SchemaError> {
        name::check_family(&spec.name, spec.metric_type)?;
        spec.check_unit()?;
        self.check_family_labels(&spec)?;
        spec.check_values()?;
        let bounds = spec.checked_bounds()?;
        let size = spec.size()?;
        self.check_size(&spec, &size)?;
        self.claim_names(&spec.name, spec.metric_type)?;
        Ok(self.push(spec, bounds, size))
    }

    /// Its own labels, and the engine labels that its samples have.
    fn check_family_labels(&self, spec: &FamilySpec) -> Result<(), SchemaError> {
        let engine_labels: &[String] = match (&spec.labels, spec.scope) {
            (Labels::Info { engine_labels: Some(chosen), .. }, _) => chosen,
            (_, Scope::Engine) => &self.engine_labels,
            (_, Scope::Registry) => &[],
        };
        if let Some(label) = engine_labels.iter().find(|label| !self.engine_labels.contains(label)) {
            return Err(SchemaError::UnknownEngineLabel { family: spec.name.clone(), label: label.clone() });
        }
        check_labels(&spec.subject(), engine_labels.iter().chain(spec.label_names()))
    }

    /// Whether the scope stays within its limits.
    fn check_size(&self, spec: &FamilySpec, size: &Size) -> Result<(), SchemaError> {
        let (layout, limit) = (&self.layouts[spec.scope as usize], self.limits.max_samples);
        if self.samples(spec.scope).saturating_add(size.lines) > limit {
            return Err(SchemaError::TooManySamples { family: spec.name.clone(), limit });
        }
        let words = layout.words().saturating_add(size.words);
        if words > MAX_WORDS {
            return Err(SchemaError::SlabTooLarge { words, limit: MAX_WORDS });
        }
        Ok(())
    }

    /// Lines of a page of the families of a scope so far.
    fn samples(&self, scope: Scope) -> usize {
        let families = self.families.iter().filter(|family| family.scope == scope);
        families.fold(0, |samples, family| samples.saturating_add(family.lines))
    }

    /// Whether each scope is within its limit as it is now. Families check that as they are declared, but the limit may be set later.
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

    /// Reserves all names that the family exposes, if they are free.
    fn claim_names(&mut self, family: &str, metric_type: MetricType) -> Result<(), SchemaError> {
        if self.families.iter().any(|other| other.name == family) {
            return Err(SchemaError::DuplicateFamily { family: family.to_owned() });
        }
        for name in name::exposed(family, metric_type) {
            let taken = self.exposed.get(&name);
            if let Some(&other) = mutant!(taken, "schema: names that clash" => None) {
                let other = self.families[other].name.clone();
                return Err(SchemaError::ExposedNameClash { family: family.to_owned(), other, exposed: name });
            }
        }
        self.exposed.extend(name::exposed(family, metric_type).map(|name| (name, self.families.len())));
        Ok(())
    }

    /// Adds a family that was checked, or whose name is reserved for it, and makes room for it.
    pub(super) fn push(&mut self, spec: FamilySpec, bounds: Option<Bounds>, size: Size) -> usize {
        let FamilySpec { name, help, metric_type, word_type, scope, hidden, labels, .. } = spec;
        let layout = &mut self.layouts[scope as usize];
        let is_histogram = bounds.is_some();
        let (first, labels, samples) = match labels {
            Labels::Closed(labels) => {
                let first = layout.add_series(metric_type, word_type, bounds, size.series);
                let slot = |at: usize| match is_histogram {
                    true => SeriesSlot::Histogram(HistogramIndex(at as u16)),
                    false => SeriesSlot::Scalar(at as u16),
                };
                (first, labels, Samples::Series((first..first + size.series).map(slot).collect()))
            }
            Labels::Dynamic { names, capacity } => {
                let mut series = LayoutBuilder::new(layout.schema);
                series.add_series(metric_type, word_type, bounds, 1);
                let series = Arc::new(series.build());
                layout.dynamic.push(DynamicLayout { labels: names.into(), capacity, series });
                let first = layout.dynamic.len() - 1;
                (first, Vec::new(), Samples::Dynamic(DynamicIndex(first as u32)))
            }
            Labels::Info { names, engine_labels } => {
                let all = &self.engine_labels;
                let chosen = engine_labels.as_ref().unwrap_or(all).iter();
                let chosen = chosen.map(|label| all.iter().position(|other| other == label).expect("checked"));
                layout.infos.push(InfoLayout { labels: names.into(), engine_labels: chosen.collect() });
                let first = layout.infos.len() - 1;
                (first, Vec::new(), Samples::Info(InfoIndex(first as u32)))
            }
        };
        let lines = size.lines;
        self.families.push(Family { name, help, metric_type, word_type, scope, hidden, labels, samples, lines });
        first
    }
}

/// Whether each label has a valid name, once.
fn check_labels<'a>(subject: &str, labels: impl Iterator<Item = &'a String>) -> Result<(), SchemaError> {
    let mut seen = Vec::new();
    for label in labels {
        name::check_label(label, subject)?;
        if seen.contains(&label) {
            return Err(SchemaError::DuplicateLabel { subject: subject.to_owned(), label: label.clone() });
        }
        seen.push(label);
    }
    Ok(())
}
