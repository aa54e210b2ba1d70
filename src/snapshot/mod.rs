//! Plain numbers, copied out of the slabs into reused buffers.

mod histogram;
mod info;
mod open;
mod source;

use std::{fmt, iter, sync::Arc};

use self::open::OpenReading;
pub(crate) use self::source::{EngineLabels, Part, Source};
pub use self::{histogram::HistogramView, info::InfoView};
use crate::{
    info::{Alike, EngineValue, InfoReading},
    schema::{
        Schema,
        handle::{Counter, Gauge, Histogram, Info},
        layout::{InfoIndex, Layout, Scope},
        value::{CounterValue, GaugeValue, ObservationValue},
    },
    slab::Reading,
};

/// The newest finished steps of each engine, as plain numbers. What a router or a log line reads; what gets rendered.
///
/// Reuse it: [`Registry::snapshot`](crate::Registry::snapshot) overwrites it and allocates only when there are more engines than ever.
///
/// # What it promises
/// What an exclusive recorder contributes comes from **one** of its finished steps: all counters, gauges and histograms. It isn't older
/// than the newest step when the read began, and a later snapshot never shows an earlier step. Different engines aren't one
/// moment, nor are different recorders of one engine, whose steps are added up; what shared recorders
/// added is true word by word. No counter of an attached engine ever falls.
///
/// ```
/// # use tachometer::{Registry, Schema, Snapshot};
/// # let mut schema = Schema::builder().engine_labels(["engine"]);
/// # let waiting = schema.gauge::<i64>("requests_waiting", "Requests that wait.").declare()?;
/// # let registry = Registry::new(schema.build()?);
/// # let _engines = [registry.attach(["0"])?, registry.attach(["1"])?];
/// let mut snapshot = Snapshot::new();
/// registry.snapshot(&mut snapshot);
/// let least_busy = snapshot.engines().min_by_key(|engine| engine.gauge(waiting));
/// assert_eq!(least_busy.unwrap().label("engine"), Some("0"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct Snapshot {
    schema: Option<Schema>,
    /// One set of rows a scope: a row an engine, the registry's, and that of its pages.
    rows: [Rows; Scope::COUNT],
    /// For each info, which engines' samples a page shows.
    newest: Vec<Vec<Option<EngineValue>>>,
}

/// What was read from engines, or from the registry.
#[derive(Default)]
struct Rows {
    heads: Vec<Head>,
    /// One row of words an engine.
    words: Vec<u64>,
    /// One row of infos an engine.
    infos: Vec<Option<InfoReading>>,
    /// One row of families with open labels an engine.
    open: Vec<OpenReading>,
    /// For what is added to a row.
    spare: Vec<u64>,
}

/// What is kept of an engine beside its words and infos.
struct Head {
    labels: Arc<EngineLabels>,
    reading: Reading,
    /// The version of its infos, once they were read, if all are one recorder's.
    infos: Option<u64>,
}

impl Rows {
    /// Forgets what it held and takes over `sources`. Returns how many tries failed.
    ///
    /// What it shares already it keeps: reference counts are written by no warm snapshot, as they may lie on a cache line
    /// that recorders read. (But for infos of an engine that has several recorders.)
    fn fill<'e>(&mut self, layout: &Layout, sources: impl ExactSizeIterator<Item = &'e Arc<Source>>) -> u64 {
        let mut failed_tries = 0;
        self.heads.truncate(sources.len());
        self.words.resize(sources.len() * layout.row_len(), 0);
        self.infos.resize_with(sources.len() * layout.infos.len(), || None);
        self.open.resize_with(sources.len() * layout.open.len(), OpenReading::default);
        let rows = self.words.chunks_exact_mut(layout.row_len());
        for (index, (source, row)) in sources.zip(rows).enumerate() {
            let reading = source.read(layout, row, &mut self.spare);
            failed_tries += u64::from(reading.failed_tries);
            let fresh = || Head { labels: Arc::clone(&source.labels), reading, infos: None };
            match self.heads.get_mut(index) {
                Some(head) if Arc::ptr_eq(&head.labels, &source.labels) => head.reading = reading,
                Some(head) => *head = fresh(),
                None => self.heads.push(fresh()),
            }
            let (head, infos) = (&mut self.heads[index], layout.infos.len());
            head.infos = source.read_infos(&mut self.infos[index * infos..][..infos], head.infos);
            let open = layout.open.len();
            source.read_open(&mut self.open[index * open..][..open]);
        }
        failed_tries
    }
}

impl Snapshot {
    /// An empty snapshot; the first use allocates its buffers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The engines in the order in which they attached.
    pub fn engines(&self) -> impl ExactSizeIterator<Item = EngineView<'_>> + DoubleEndedIterator {
        self.views(Scope::Engine)
    }

    /// The engine with these label values, given in the order of the schema's engine labels.
    #[must_use]
    pub fn engine<V: AsRef<str>>(&self, values: &[V]) -> Option<EngineView<'_>> {
        let same = |head: &Head| head.labels.values.iter().map(String::as_str).eq(values.iter().map(V::as_ref));
        let index = self.rows[Scope::Engine as usize].heads.iter().position(same)?;
        Some(self.view(Scope::Engine, index))
    }

    /// The registry's own families ([`registry_wide`](crate::Declaration::registry_wide)), read like an engine without labels.
    /// `None` if the schema has none, and before the first use.
    #[must_use]
    pub fn registry(&self) -> Option<EngineView<'_>> {
        self.views(Scope::Registry).next()
    }

    /// All rows of a scope.
    pub(crate) fn views(&self, scope: Scope) -> impl ExactSizeIterator<Item = EngineView<'_>> + DoubleEndedIterator {
        (0..self.rows[scope as usize].heads.len()).map(move |index| self.view(scope, index))
    }

    #[inline]
    fn view(&self, scope: Scope, index: usize) -> EngineView<'_> {
        let schema = self.schema.as_ref().expect("a snapshot with rows has their schema");
        let (layout, rows) = (schema.layout(scope), &self.rows[scope as usize]);
        let words = &rows.words[index * layout.row_len()..][..layout.row_len()];
        EngineView { schema, layout, rows, index, words }
    }

    /// The schema of the registry that filled it last.
    pub(crate) fn schema(&self) -> Option<&Schema> {
        self.schema.as_ref()
    }

    /// The samples of an info that a page shows: never two with the same labels.
    pub(crate) fn newest(&self, info: InfoIndex) -> impl Iterator<Item = &InfoReading> {
        let engines = self.newest.get(info.0 as usize).into_iter().flatten().flatten();
        engines.filter_map(move |(engine, _)| self.view(Scope::Engine, *engine as usize).info_at(info))
    }

    /// Forgets what it held and takes over the registry's own rows, which tell of its families and of its pages, and those of the
    /// engines. Returns how many tries failed.
    pub(crate) fn fill<'e>(
        &mut self,
        schema: &Schema,
        registry: Option<&'e Arc<Source>>,
        pages: &'e Arc<Source>,
        engines: impl ExactSizeIterator<Item = &'e Arc<Source>>,
        alike: &Alike,
    ) -> u64 {
        if self
            .schema
            .as_ref()
            .is_none_or(|own| own.layout(Scope::Engine).schema != schema.layout(Scope::Engine).schema)
        {
            self.schema = Some(schema.clone());
        }
        let [engine_rows, registry_rows, page_rows] = &mut self.rows;
        let failed_tries = engine_rows.fill(schema.layout(Scope::Engine), engines)
            + registry_rows.fill(schema.layout(Scope::Registry), registry.into_iter())
            + page_rows.fill(schema.layout(Scope::Pages), iter::once(pages));
        let infos = schema.layout(Scope::Engine).infos.len();
        self.newest.resize_with(infos, Vec::new);
        for (info, newest) in self.newest.iter_mut().enumerate() {
            let readings = engine_rows.infos.iter().skip(info).step_by(infos);
            alike.newest(info, readings.map(|reading| reading.as_ref().map(|reading| reading.value)), newest);
        }
        failed_tries
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.engines()).finish()
    }
}

/// One engine in a [`Snapshot`], or the registry's own families.
///
/// # Panics
/// The getters panic when given a handle of another schema, or one of the registry's with an engine's view, or the other way
/// round.
#[derive(Clone, Copy)]
pub struct EngineView<'s> {
    schema: &'s Schema,
    layout: &'s Layout,
    rows: &'s Rows,
    index: usize,
    words: &'s [u64],
}

impl<'s> EngineView<'s> {
    /// The value of one of the schema's engine labels. The registry has none.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&'s str> {
        let index = self.schema.engine_labels().iter().position(|label| label == name)?;
        self.head().labels.values.get(index).map(String::as_str)
    }

    /// The values of the schema's engine labels, in their order: what [`Snapshot::engine`] finds it by. The registry has none.
    #[must_use]
    pub fn label_values(&self) -> &'s [String] {
        &self.head().labels.values
    }

    /// The step that all numbers come from: how many steps the engine's recorders committed before, all in all, the last steps of those that were
    /// dropped included. Unchanged means that nothing was committed since; what shared recorders added doesn't count.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.head().reading.step
    }

    /// How many tries of reading failed, each because a step was committed meanwhile, over all of the engine's recorders.
    #[must_use]
    pub fn failed_tries(&self) -> u32 {
        self.head().reading.failed_tries
    }

    /// A counter's value.
    #[must_use]
    pub fn counter<T: CounterValue>(&self, counter: Counter<T>) -> T {
        T::from_word(self.check(counter.schema, self.words)[usize::from(counter.word)])
    }

    /// A gauge's value.
    #[must_use]
    pub fn gauge<T: GaugeValue>(&self, gauge: Gauge<T>) -> T {
        T::from_word(self.check(gauge.schema, self.words)[usize::from(gauge.word)])
    }

    /// A histogram's buckets, count and sum.
    #[must_use]
    pub fn histogram<T: ObservationValue>(&self, histogram: Histogram<T>) -> HistogramView<'s, T> {
        let layout: &'s Layout = self.check(histogram.schema, self.layout);
        HistogramView::new(&layout.histograms[usize::from(histogram.index.0)], self.words)
    }

    /// An info's current sample; `None` before the first. Not part of the step: see
    /// [`Step::set_info`](crate::Step::set_info).
    #[must_use]
    pub fn info<const N: usize>(&self, info: Info<N>) -> Option<InfoView<'s, N>> {
        self.info_at(self.check(info.schema, info.index)).map(InfoView)
    }

    fn info_at(&self, InfoIndex(info): InfoIndex) -> Option<&'s InfoReading> {
        self.rows.infos[self.index * self.layout.infos.len() + info as usize].as_ref()
    }

    fn head(&self) -> &'s Head {
        &self.rows.heads[self.index]
    }

    /// The labels as printed.
    pub(crate) fn label_text(&self) -> &'s [u8] {
        &self.head().labels.text
    }

    /// The words of the slab, and behind them those outside of steps.
    pub(crate) fn words(&self) -> &'s [u64] {
        self.words
    }

    /// Passes `value` on, if `schema` is the number of this view's schema and scope.
    fn check<T>(&self, schema: u32, value: T) -> T {
        assert!(
            schema == self.layout.schema,
            "a handle of another schema was used with this view (families of the registry are read from \
             Snapshot::registry, all others from an engine)"
        );
        value
    }
}

impl fmt::Debug for EngineView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineView")
            .field("labels", &self.head().labels.values)
            .field("step", &self.step())
            .finish_non_exhaustive()
    }
}
