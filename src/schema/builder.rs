//! The builder of a schema. Every family, of whatever kind, is checked and added by one function.

use std::{collections::HashMap, sync::Arc};

use super::{
    Inner, Schema,
    declare::{FamilySpec, Labels, Size, family::Declaration, info::InfoDeclaration},
    error::SchemaError,
    family::Family,
    handle::{Counter, Gauge, Histogram, StateSet},
    layout::{LayoutBuilder, MAX_WORDS, Scope},
    limits::Limits,
    name,
    shape::List,
    types::{MetricType, Storage},
    value::{CounterValue, GaugeValue, ObservationValue},
};
use crate::sync::unique_id;

impl Schema {
    /// A builder without families. `engine_labels` are the names of the labels by which engines
    /// differ. An engine gives their values when it [attaches](crate::Registry::attach).
    /// [`SchemaBuilder::build`] checks the names.
    ///
    /// # Panics
    /// If the process has made 1,073,741,823 schemas before.
    pub fn builder(engine_labels: &[&str]) -> SchemaBuilder {
        SchemaBuilder::new(engine_labels)
    }
}

/// Collects the families of a schema. A library declares its families into the builder that its
/// user passes in.
///
/// ```
/// use tachometer::Schema;
///
/// let mut schema = Schema::builder(&["engine"]);
/// let steps = schema.counter::<u64>("steps", "Steps of the engine.").declare()?;
/// let usage = schema.gauge::<f64>("kv_usage_ratio", "Used share of the KV cache.");
/// let usage = usage.unit("ratio").state().declare()?;
/// let itl = schema.histogram::<f64>("itl_seconds", "Inter-token latency.", &[0.01, 0.1, 1.0]);
/// let itl = itl.declare()?;
/// let schema = schema.build()?;
/// # Ok::<(), tachometer::SchemaError>(())
/// ```
#[derive(Debug)]
pub struct SchemaBuilder {
    pub(super) engine_labels: Vec<String>,
    /// Names and values of labels that all samples have.
    pub(super) const_labels: Vec<(String, String)>,
    /// One per scope.
    pub(super) layouts: [LayoutBuilder; Scope::COUNT],
    pub(super) families: Vec<Family>,
    /// Every exposed name, and the index of the family that exposes it.
    exposed: HashMap<String, usize>,
    pub(super) limits: Limits,
}

impl SchemaBuilder {
    fn new(engine_labels: &[&str]) -> Self {
        Self {
            engine_labels: engine_labels.iter().copied().map(str::to_owned).collect(),
            const_labels: Vec::new(),
            layouts: Scope::ALL.map(|_| LayoutBuilder::new(unique_id())),
            families: Vec::new(),
            exposed: HashMap::new(),
            limits: Limits::DEFAULT,
        }
    }

    /// Describes a counter of `u64` or `f64`. `name` is the base name: exposition appends `_total`,
    /// unless the name is [exact](Declaration::exact_name).
    pub fn counter<T: CounterValue>(&mut self, name: &str, help: &str) -> Declaration<'_, Counter<T>> {
        Declaration::new(self, name, help, &[])
    }

    /// Describes a gauge of `u64`, `i64` or `f64`. A `u64` is for what is set: below 0 it wraps
    /// around to a very great number. What rises and falls step by step is an `i64`.
    pub fn gauge<T: GaugeValue>(&mut self, name: &str, help: &str) -> Declaration<'_, Gauge<T>> {
        Declaration::new(self, name, help, &[])
    }

    /// Describes a state of the engine that is one of `values`: a gauge with a sample for each of
    /// them. The sample of the selected one is 1, and all others are 0. It shows what was selected
    /// last by [`Step::select_state`](crate::Step::select_state), whichever of the engine's
    /// recorders selected it, and stays when they are dropped. Until then it is the first of
    /// `values`. Like a gauge it is part of the step.
    ///
    /// On a page `label` is the first of the family's own labels. With further
    /// [labels](Declaration::label) there is a state set for each of their values.
    ///
    /// ```
    /// # use tachometer::{Registry, Schema};
    /// let mut schema = Schema::builder(&[]);
    /// let states = ["starting", "ready", "draining"];
    /// let health = schema.state_set("health", "How the engine is.", "state", &states).declare()?;
    /// let registry = Registry::new(schema.build()?);
    /// let engine = registry.attach(&[])?;
    /// let mut recorder = engine.recorder()?;
    /// let mut step = recorder.step();
    /// step.select_state(health, Some(1));
    /// step.commit();
    /// # let mut page = Vec::new();
    /// # registry.render(&mut page);
    /// # let page = String::from_utf8(page)?;
    /// # for (state, shown) in [("starting", 0), ("ready", 1), ("draining", 0)] {
    /// #     assert!(page.contains(&format!("health{{state=\"{state}\"}} {shown}\n")));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn state_set(&mut self, name: &str, help: &str, label: &str, values: &[&str]) -> Declaration<'_, StateSet> {
        Declaration::new(self, name, help, &[]).state_label(label, values)
    }

    /// Describes a histogram of `u64` or `f64` observations with fixed buckets. `bounds` are
    /// inclusive upper bounds, strictly increasing and finite. Leave out `+Inf`: exposition adds
    /// it. The sum of a `u64` histogram is exact.
    ///
    /// If a bound is negative, the histogram is printed without `_sum` and `_count`, as OpenMetrics
    /// requires. A snapshot has both.
    pub fn histogram<T: ObservationValue>(
        &mut self,
        name: &str,
        help: &str,
        bounds: &[f64],
    ) -> Declaration<'_, Histogram<T>> {
        Declaration::new(self, name, help, bounds)
    }

    /// Describes an info: a gauge with one sample per engine. Its label values aren't known
    /// beforehand and change while the engine runs; the adapters that an engine serves are an
    /// example. Pages show the current sample only, and none before the first
    /// [`Step::set_info`](crate::Step::set_info). `labels` are the names of these labels: an array,
    /// or a slice if their number is only known at run time. [`InfoDeclaration::engine_labels`]
    /// chooses the engine labels that are printed with them.
    ///
    /// ```
    /// # use tachometer::{Registry, Schema};
    /// let mut schema = Schema::builder(&["engine"]);
    /// let labels = ["running", "waiting"];
    /// let adapters = schema.info("adapters_info", "Adapters in use.", labels).declare()?;
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
    pub fn info<V: List>(&mut self, name: &str, help: &str, labels: V) -> InfoDeclaration<'_, V::Length> {
        InfoDeclaration::new(self, name, help, labels)
    }

    /// Checks the schema as a whole, and lays out the slabs.
    ///
    /// # Errors
    /// [`SchemaError`]: an engine label or a [constant one](Self::const_label) is invalid or
    /// repeated; a family has the name of a constant label; there are more samples than
    /// [`max_samples`](Self::max_samples) allows, no matter when it was set; or there are more than
    /// 4 GiB of text.
    pub fn build(mut self) -> Result<Schema, SchemaError> {
        self.check_common_labels()?;
        self.check_samples()?;
        let declared = self.families.len();
        self.declare_diagnostics();
        self.declare_liveness();
        let self_families = self.declare_self_families();
        self.check_text()?;
        let Self { engine_labels, const_labels, families, exposed, limits, layouts } = self;
        let layouts = layouts.map(|layout| Arc::new(layout.build()));
        let inner = Inner { engine_labels, const_labels, families, declared, exposed, layouts, self_families, limits };
        Ok(Schema(Arc::new(inner)))
    }

    /// Runs `declare`, which declares several families. If it fails, none of them is declared, and
    /// the builder is as it was before. Then discard the handles that `declare` had already
    /// received: later families will get the same ones. Meant for libraries that declare a set of
    /// families.
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
        let mut copy = self.duplicate();
        let declared = declare(&mut copy)?;
        *self = copy;
        Ok(declared)
    }

    /// The builder isn't `Clone`: the schema of a clone would accept the handles of the other
    /// builder, and take them for other series.
    fn duplicate(&self) -> Self {
        let Self { engine_labels, const_labels, layouts, families, exposed, limits } = self;
        Self {
            engine_labels: engine_labels.clone(),
            const_labels: const_labels.clone(),
            layouts: layouts.clone(),
            families: families.clone(),
            exposed: exposed.clone(),
            limits: *limits,
        }
    }

    /// The number that the handles of a scope carry.
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

    /// Checks a family of any kind and adds it. Returns the index of its first series (or of the
    /// info, or of the family with dynamic labels) in the layout; the other series follow.
    pub(super) fn add(&mut self, spec: FamilySpec) -> Result<usize, SchemaError> {
        name::check_family(&spec.name, spec.metric_type)?;
        spec.check_unit()?;
        self.check_family_labels(&spec)?;
        spec.check_values()?;
        let bounds = spec.checked_bounds()?;
        let size = spec.size()?;
        self.check_size(&spec, &size)?;
        self.claim_names(&spec)?;
        Ok(self.push(spec, bounds, size))
    }

    /// Checks the engine labels, and the constant labels against all others.
    fn check_common_labels(&self) -> Result<(), SchemaError> {
        let constant = || self.const_labels.iter().map(|(name, _)| name);
        check_labels(None, constant().chain(&self.engine_labels))?;
        // Each page has a histogram: how long pages took.
        if let Some(label) = constant().find(|label| *label == name::BUCKET_LABEL) {
            return Err(SchemaError::ReservedLabelName { family: None, label: label.clone() });
        }
        for family in &self.families {
            let layout = &self.layouts[family.scope as usize];
            let own = family.label_names(&layout.dynamic, &layout.infos);
            let clash = constant().find(|label| own.contains(label));
            if let Some(label) = mutant!(clash, "schema: a constant label that a family has" => None) {
                return Err(SchemaError::DuplicateLabel { family: Some(family.name.clone()), label: label.clone() });
            }
        }
        Ok(())
    }

    /// Checks the labels of a family together with the engine labels of its samples.
    fn check_family_labels(&self, spec: &FamilySpec) -> Result<(), SchemaError> {
        let all = if spec.scope == Scope::Engine { &self.engine_labels[..] } else { &[] };
        let engine_labels = match &spec.labels {
            Labels::Info { engine_labels: Some(chosen), .. } => chosen,
            _ => all,
        };
        if let Some(label) = engine_labels.iter().find(|label| !all.contains(label)) {
            return Err(SchemaError::UnknownEngineLabel { family: spec.name.clone(), label: label.clone() });
        }
        let labels: Vec<&String> = engine_labels.iter().chain(spec.label_names()).collect();
        check_labels(Some(&spec.name), labels.iter().copied())?;
        let buckets = mutant!(spec.metric_type == MetricType::Histogram, "schema: a histogram with le" => false);
        if buckets && labels.iter().any(|label| *label == name::BUCKET_LABEL) {
            let label = name::BUCKET_LABEL.to_owned();
            return Err(SchemaError::ReservedLabelName { family: Some(spec.name.clone()), label });
        }
        Ok(())
    }

    /// Checks that the scope stays within its limits.
    fn check_size(&self, spec: &FamilySpec, size: &Size) -> Result<(), SchemaError> {
        let (layout, limit) = (&self.layouts[spec.scope as usize], self.limits.max_samples);
        if self.samples(spec.scope).saturating_add(size.lines) > limit {
            return Err(SchemaError::TooManySamples { family: spec.name.clone(), limit });
        }
        let settable =
            if spec.storage == Storage::Settable { size.series.saturating_mul(spec.words_per_scalar()) } else { 0 };
        let words = layout.words().saturating_add(size.words).max(layout.settable.len().saturating_add(settable));
        if words > MAX_WORDS {
            return Err(SchemaError::SlabTooLarge { words, limit: MAX_WORDS });
        }
        Ok(())
    }

    /// The samples of a scope so far: lines of a page, per engine or of the registry.
    fn samples(&self, scope: Scope) -> usize {
        let families = self.families.iter().filter(|family| family.scope == scope);
        families.fold(0, |samples, family| samples.saturating_add(family.lines))
    }

    /// Checks each scope against the limit as it is now. Each declaration checks it too, but it may
    /// have been lowered since.
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

    /// Checks that a renderer can keep all text.
    fn check_text(&self) -> Result<(), SchemaError> {
        let limit = self.limits.max_text;
        let mut text = 0_usize;
        for family in self.families.iter().filter(|family| !family.hidden) {
            text = text.saturating_add(family.text_bound());
            if text > limit {
                return Err(SchemaError::TooMuchText { family: family.name.clone(), limit });
            }
        }
        Ok(())
    }

    /// Reserves all names that the family exposes, if every one of them is free.
    fn claim_names(&mut self, spec: &FamilySpec) -> Result<(), SchemaError> {
        let family = &spec.name;
        if self.families.iter().any(|other| other.name == *family) {
            return Err(SchemaError::DuplicateFamily { family: family.clone() });
        }
        let names = || name::exposed(family, spec.metric_type, spec.exact_name);
        for name in names() {
            let taken = self.exposed.get(&name);
            if let Some(&other) = mutant!(taken, "schema: names that clash" => None) {
                let other = self.families[other].name.clone();
                return Err(SchemaError::ExposedNameClash { family: family.clone(), other, exposed: name });
            }
        }
        self.exposed.extend(names().map(|name| (name, self.families.len())));
        Ok(())
    }
}

/// Checks that each label has a valid name, and that none is repeated. `family` is `None` for the
/// engine labels and the constant ones.
fn check_labels<'a>(family: Option<&str>, labels: impl Iterator<Item = &'a String>) -> Result<(), SchemaError> {
    let mut seen = Vec::new();
    for label in labels {
        name::check_label(label, family)?;
        if seen.contains(&label) {
            return Err(SchemaError::DuplicateLabel { family: family.map(str::to_owned), label: label.clone() });
        }
        seen.push(label);
    }
    Ok(())
}
