//! The declaration of a counter, gauge or histogram.

use std::marker::PhantomData;

use super::{FamilySpec, Labels};
use crate::schema::{
    SchemaBuilder,
    error::SchemaError,
    family::ClosedLabel,
    handle::{Counter, Gauge, Handle, SPARSE, SettableGauge, State},
    layout::{SPARSE_WORDS, STATE_WORDS, Scope},
    shape::{By, List, One, Shape},
    types::Storage,
    value::{CounterValue, GaugeValue},
};

/// Describes a counter, gauge or histogram. [`declare`](Declaration::declare) checks it and returns
/// its handles.
///
/// `H` is the type of a handle, `S` the [`Shape`] of the family.
#[must_use = "a family isn't part of the schema until `declare` is called"]
#[derive(Debug)]
pub struct Declaration<'b, H, S = One> {
    builder: &'b mut SchemaBuilder,
    pub(super) spec: FamilySpec,
    shape: PhantomData<fn() -> (H, S)>,
}

impl<'b, H: Handle> Declaration<'b, H, One> {
    pub(in crate::schema) fn new(builder: &'b mut SchemaBuilder, name: &str, help: &str, bounds: &[f64]) -> Self {
        Self { builder, spec: FamilySpec::new::<H>(name, help, bounds), shape: PhantomData }
    }

    /// Gives a state set its first label.
    pub(in crate::schema) fn state_label(mut self, name: &str, values: &[&str]) -> Self {
        let label = ClosedLabel { name: name.to_owned(), values: values.iter().copied().map(str::to_owned).collect() };
        self.spec.labels = Labels::Closed(vec![label]);
        self
    }

    pub(super) fn into_spec(self) -> (&'b mut SchemaBuilder, FamilySpec) {
        (self.builder, self.spec)
    }
}

impl<'b, H: Handle, S: Shape> Declaration<'b, H, S> {
    /// Names the unit. The name must already end in it (`_seconds`, `_bytes`): the unit is checked,
    /// never appended.
    pub fn unit(mut self, unit: &str) -> Self {
        self.spec.unit = Some(unit.to_owned());
        self
    }

    /// Makes this a family of the registry instead of its engines. Its series have no engine
    /// labels, and a page shows them once. They are recorded through
    /// [`Registry::recorder`](crate::Registry::recorder) or
    /// [`Registry::shared_recorder`](crate::Registry::shared_recorder), and read through
    /// [`Snapshot::registry`](crate::Snapshot::registry).
    ///
    /// ```
    /// # use tachometer::{Registry, Schema};
    /// let mut schema = Schema::builder(&["engine"]);
    /// let rejected = schema.counter::<u64>("rejected_requests", "Requests that no engine got.");
    /// let rejected = rejected.registry_wide().declare()?;
    /// let registry = Registry::new(schema.build()?);
    /// registry.shared_recorder().inc(rejected);
    /// # let mut page = Vec::new();
    /// # registry.render(&mut page);
    /// # assert!(String::from_utf8(page)?.contains("\nrejected_requests_total 1\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn registry_wide(mut self) -> Self {
        self.spec.scope = Scope::Registry;
        self
    }

    /// Keeps the family off pages. It is recorded as usual, and snapshots have it. Its name is
    /// taken all the same.
    ///
    /// ```
    /// # let mut schema = tachometer::Schema::builder(&[]);
    /// let busy = schema.gauge::<i64>("busy_slots", "Slots in use.").hidden().declare()?;
    /// # Ok::<(), tachometer::SchemaError>(())
    /// ```
    pub fn hidden(mut self) -> Self {
        self.spec.hidden = true;
        self
    }

    /// Shows a series only once something was recorded into it: also a 0, and not by a step that
    /// was discarded. So a family with many combinations of label values fills a page with those
    /// that occur. With [dynamic labels](Self::dynamic_labels), neither a series that was only
    /// looked up is shown, nor the overflow series before something is recorded into it. A [state
    /// set](SchemaBuilder::state_set) shows all of its samples once a state was selected.
    ///
    /// By default a series is there from the start, with a 0. Prometheus then sees a counter's
    /// first increase; of a sparse series it only sees those after the first. Snapshots and views
    /// read a series that isn't shown as 0.
    ///
    /// A sparse counter or gauge takes two words, and recording into it one more comparison.
    ///
    /// ```
    /// # use tachometer::{Registry, Schema};
    /// let mut schema = Schema::builder(&["engine"]);
    /// let errors = schema.counter::<u64>("errors", "Errors, by status.").sparse();
    /// let [bad, gone, busy] = errors.label("status", ["400", "410", "429"]).declare()?;
    /// let registry = Registry::new(schema.build()?);
    /// let engine = registry.attach(&["0"])?;
    /// assert!(!registry.page().contains("errors"));
    /// engine.shared_recorder().inc(busy);
    /// assert!(registry.page().contains("\nerrors_total{engine=\"0\",status=\"429\"} 1\n"));
    /// assert!(!registry.page().contains("410"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sparse(mut self) -> Self {
        self.spec.sparse = true;
        self
    }

    /// Adds a closed label: one whose values are all listed here. `declare` then returns an array
    /// of handles in the order of `values`. A further label makes it an array of arrays. If only
    /// the running program knows the values, give a slice: then it is a `Vec` of handles.
    ///
    /// ```
    /// # let mut schema = tachometer::Schema::builder(&[]);
    /// # let configured = ["gpu0".to_owned(), "gpu1".to_owned()];
    /// let lookups = schema.counter::<u64>("cache_lookups", "Lookups in the cache.");
    /// let [hit, miss] = lookups.label("result", ["hit", "miss"]).declare()?;
    ///
    /// let devices: Vec<&str> = configured.iter().map(String::as_str).collect();
    /// let copies = schema.counter::<u64>("copies", "Copies, by device and direction.");
    /// let copies = copies.label("device", &devices[..]).label("direction", ["in", "out"]);
    /// let copies: Vec<[_; 2]> = copies.declare()?; // one per device
    /// # assert_eq!(copies.len(), 2);
    /// # Ok::<(), tachometer::SchemaError>(())
    /// ```
    pub fn label<V: List>(mut self, name: &str, values: V) -> Declaration<'b, H, By<V::Length, S>> {
        let label = ClosedLabel { name: name.to_owned(), values: values.to_strings() };
        if let Labels::Closed(labels) = &mut self.spec.labels {
            labels.push(label);
        }
        Declaration { builder: self.builder, spec: self.spec, shape: PhantomData }
    }

    /// Checks the family, adds it to the schema and returns its handles.
    ///
    /// # Errors
    /// [`SchemaError`] names the culprit and the remedy. The builder is left as it was.
    pub fn declare(self) -> Result<S::Of<H>, SchemaError> {
        let schema = self.builder.schema_number(self.spec.scope);
        let (words, schema) = match (H::STORAGE, self.spec.words_per_scalar()) {
            (Storage::State | Storage::StateSet, _) => (STATE_WORDS, schema),
            (_, SPARSE_WORDS) => (SPARSE_WORDS, schema | SPARSE),
            _ => (1, schema),
        };
        let (states, lens) = (self.spec.states() as u32, self.spec.lens());
        let mut handles =
            (self.builder.add(self.spec)?..).step_by(words).map(|index| H::at(schema, index as u16, states));
        Ok(S::fill(&lens, || handles.next().expect("endless")))
    }
}

impl<T: CounterValue, S: Shape> Declaration<'_, Counter<T>, S> {
    /// Keeps the name as it was given, without `_total`. This is for dashboards that select such a
    /// name already. New counters are better off with the suffix: readers and tools expect it.
    ///
    /// ```
    /// # use tachometer::{Registry, Schema};
    /// let mut schema = Schema::builder(&["engine"]);
    /// let requests = schema.counter::<u64>("tgi_request_count", "Requests.");
    /// let requests = requests.exact_name().declare()?;
    /// let registry = Registry::new(schema.build()?);
    /// let engine = registry.attach(&["0"])?;
    /// engine.shared_recorder().inc(requests);
    /// # let mut page = Vec::new();
    /// # registry.render(&mut page);
    /// # assert!(String::from_utf8(page)?.contains("\ntgi_request_count{engine=\"0\"} 1\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn exact_name(mut self) -> Self {
        self.spec.exact_name = true;
        self
    }
}

impl<'b, T: GaugeValue, S: Shape> Declaration<'b, Gauge<T>, S> {
    /// Makes this gauge a state of the engine, such as a ratio, a time or a limit. It shows what
    /// was set last by [`Step::set_state`](crate::Step::set_state), whichever of the engine's
    /// recorders set it. So it isn't summed over recorders, stays when they are dropped, and is 0
    /// before it is set. Like a gauge it is part of the step.
    ///
    /// If two recorders set it at the same time, all readers see the same one of the two values.
    /// Each series takes two words. A state that is one of a few is a [state
    /// set](SchemaBuilder::state_set).
    ///
    /// ```
    /// # use tachometer::{Registry, Schema};
    /// let mut schema = Schema::builder(&["engine"]);
    /// let usage = schema.gauge::<f64>("kv_usage_ratio", "Used KV cache.").state().declare()?;
    /// let registry = Registry::new(schema.build()?);
    /// let engine = registry.attach(&["0"])?;
    /// for share in [0.75, 0.5] {
    ///     let mut recorder = engine.recorder()?;
    ///     let mut step = recorder.step();
    ///     step.set_state(usage, share);
    ///     step.commit();
    /// }
    /// # let mut page = Vec::new();
    /// # registry.render(&mut page);
    /// # assert!(String::from_utf8(page)?.contains("\nkv_usage_ratio{engine=\"0\"} 0.5\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn state(mut self) -> Declaration<'b, State<T>, S> {
        self.spec.storage = Storage::State;
        Declaration { builder: self.builder, spec: self.spec, shape: PhantomData }
    }

    /// Makes this a gauge that any thread sets, through [`SharedRecorder`](crate::SharedRecorder):
    /// one cell per series, and the last write wins. It isn't part of a step, shows at once, and
    /// doesn't depend on recorders: it keeps its value until it is set again, and is 0 before. With
    /// [labels](Self::label) each series is a gauge of its own.
    ///
    /// ```
    /// # use tachometer::{Registry, Schema};
    /// let mut schema = Schema::builder(&["engine"]);
    /// let queue = schema.gauge::<i64>("queue_size", "Requests queued.").settable().declare()?;
    /// let limit = schema.gauge::<f64>("limit_ratio", "Load that is let in.");
    /// let limit = limit.registry_wide().settable().declare()?;
    /// let registry = Registry::new(schema.build()?);
    /// let engine = registry.attach(&["0"])?;
    /// let recorder = engine.shared_recorder();
    /// recorder.set_gauge(queue, 4);
    /// recorder.inc_gauge(queue);
    /// registry.shared_recorder().set_gauge(limit, 0.5);
    /// # let mut page = Vec::new();
    /// # registry.render(&mut page);
    /// # let page = String::from_utf8(page)?;
    /// # assert!(page.contains("\nqueue_size{engine=\"0\"} 5\n"));
    /// # assert!(page.contains("\nlimit_ratio 0.5\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn settable(mut self) -> Declaration<'b, SettableGauge<T>, S> {
        self.spec.storage = Storage::Settable;
        Declaration { builder: self.builder, spec: self.spec, shape: PhantomData }
    }
}
