//! Plain numbers, copied out of the slabs into reused buffers.

mod engine;
mod histogram;
mod info;
mod open;
mod selection;
mod source;

use std::{fmt, iter, sync::Arc};

use self::open::OpenReading;
use self::selection::{Chosen, Selection};
pub(crate) use self::source::{EngineLabels, Source};
pub use self::{engine::EngineView, histogram::HistogramView, info::InfoView};
use crate::{
    info::{Alike, EngineValue, InfoReading},
    schema::{
        Schema,
        handle::Series,
        layout::{InfoIndex, Layout, Scope},
    },
    slab::Reading,
};

/// The newest finished steps of each engine, as plain numbers. What a router or a log line reads; what gets rendered.
///
/// Reuse it: [`Registry::snapshot`](crate::Registry::snapshot) overwrites it, and says when it allocates.
///
/// # What it promises
/// What an exclusive recorder contributes comes from **one** of its finished steps: all counters, gauges and histograms. It isn't older
/// than the newest step when the read began, and a later snapshot never shows an earlier step. Different engines aren't one
/// moment, nor are different recorders of one engine, whose steps are added up; what shared recorders
/// added is true word by word. No counter of an attached engine ever falls, but that a series with open labels begins at zero when it
/// was [retired](crate::SharedRecorder::retire) and is looked up again.
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
    /// All that it reads, if not everything.
    only: Option<Box<[Series]>>,
    /// One set of rows a scope: a row an engine, the registry's, and that of its pages.
    rows: [Rows; Scope::COUNT],
    /// For each info, which engines' samples a page shows.
    newest: Vec<Vec<Option<EngineValue>>>,
}

/// What was read from engines, or from the registry.
#[derive(Default)]
struct Rows {
    /// Those of [`Snapshot::only`] that are of this scope.
    chosen: Option<Chosen>,
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
}

impl Rows {
    /// Forgets what it held and takes over `sources`. Returns how many tries failed.
    ///
    /// What it shares already it keeps: reference counts are written by no warm snapshot, as they may lie on a cache line
    /// that recorders read.
    fn fill<'e>(&mut self, layout: &Layout, sources: impl ExactSizeIterator<Item = &'e Arc<Source>>) -> u64 {
        if self.heads.len() != sources.len() {
            self.make_room(sources.len(), layout);
        }
        let selection = Selection::of(layout, self.chosen.as_ref());
        let (row_len, infos, open) = (selection.row_len(), selection.infos(), selection.open());
        let mut failed_tries = 0;
        let mut rest = &mut self.words[..];
        for (index, source) in sources.enumerate() {
            let row;
            (row, rest) = rest.split_at_mut(row_len);
            let reading = source.read(selection, row, &mut self.spare);
            failed_tries += u64::from(reading.failed_tries);
            let infos = &mut self.infos[index * infos..][..infos];
            match self.heads.get_mut(index) {
                Some(head) if Arc::ptr_eq(&head.labels, &source.labels) => head.reading = reading,
                head => {
                    mutant!(
                        infos.fill_with(|| None), // they were another engine's
                        "snapshot: infos of the engine before are kept" => (),
                    );
                    let new = Head { labels: Arc::clone(&source.labels), reading };
                    match head {
                        Some(head) => *head = new,
                        None => self.heads.push(new),
                    }
                }
            }
            source.infos.read(infos);
            if open > 0 {
                source.read_open(&mut self.open[index * open..][..open]);
            }
        }
        failed_tries
    }

    /// For so many rows; heads follow as they are filled.
    #[cold]
    fn make_room(&mut self, rows: usize, layout: &Layout) {
        let selection = Selection::of(layout, self.chosen.as_ref());
        self.heads.truncate(rows);
        self.words.resize(rows * selection.row_len(), 0);
        self.infos.resize_with(rows * selection.infos(), || None);
        self.open.resize_with(rows * selection.open(), OpenReading::default);
    }
}

impl Snapshot {
    /// An empty snapshot; the first use allocates its buffers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty snapshot that reads only these series: what a router wants to know of each engine, for each request. A row has a word for each of
    /// them, so reading it costs tens of nanoseconds an engine, however many families there are.
    ///
    /// It promises what any snapshot does; labels, [`step`](EngineView::step) and [`failed_tries`](EngineView::failed_tries)
    /// are there as well. A series of the registry ([`registry_wide`](crate::Declaration::registry_wide)) is read from
    /// [`registry`](Self::registry). Infos and histograms aren't read.
    ///
    /// # Panics
    /// Not here: in [`Registry::snapshot`](crate::Registry::snapshot), if one of the series belongs to another schema; in the getters of
    /// [`EngineView`], of whatever else than these series; in [`TextRenderer::render`](crate::TextRenderer::render).
    ///
    /// ```
    /// # use tachometer::{Registry, Schema, Snapshot};
    /// # let mut schema = Schema::builder().engine_labels(["engine"]);
    /// # let waiting = schema.gauge::<i64>("requests_waiting", "Requests that wait.").declare()?;
    /// # let usage = schema.gauge::<f64>("kv_cache_usage_perc", "Share of the cache in use.").declare()?;
    /// # let registry = Registry::new(schema.build()?);
    /// # let engines = [registry.attach(["0"])?, registry.attach(["1"])?];
    /// # let mut recorder = engines[0].recorder()?;
    /// # let mut step = recorder.step();
    /// # step.set(waiting, 3);
    /// # step.commit();
    /// let mut view = Snapshot::only([waiting.into(), usage.into()]);    // once
    /// registry.snapshot(&mut view);                                     // for each request
    /// let least_busy = view.engines().min_by(|one, other| {
    ///     let by_usage = || one.gauge(usage).total_cmp(&other.gauge(usage));
    ///     one.gauge(waiting).cmp(&other.gauge(waiting)).then_with(by_usage)
    /// });
    /// assert_eq!(least_busy.unwrap().label("engine"), Some("1"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn only(series: impl IntoIterator<Item = Series>) -> Self {
        Self { only: Some(series.into_iter().collect()), ..Self::default() }
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
        let row_len = Selection::of(layout, rows.chosen.as_ref()).row_len();
        let words = &rows.words[index * row_len..][..row_len];
        EngineView { schema, layout, rows, index, words }
    }

    /// The schema of the registry that filled it last.
    pub(crate) fn schema(&self) -> Option<&Schema> {
        self.schema.as_ref()
    }

    /// Whether it reads everything.
    pub(crate) fn is_whole(&self) -> bool {
        self.only.is_none()
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
            let mut rows: [Rows; Scope::COUNT] = Default::default();
            if let Some(series) = &self.only {
                Chosen::look_up(series, schema, rows.each_mut().map(|rows| &mut rows.chosen));
            }
            self.rows = rows;
            self.schema = Some(schema.clone());
        }
        let pages_are_read = usize::from(self.is_whole());
        let [engine_rows, registry_rows, page_rows] = &mut self.rows;
        let failed_tries = engine_rows.fill(schema.layout(Scope::Engine), engines)
            + registry_rows.fill(schema.layout(Scope::Registry), registry.into_iter())
            + page_rows.fill(schema.layout(Scope::Pages), iter::once(pages).take(pages_are_read));
        let infos = Selection::of(schema.layout(Scope::Engine), engine_rows.chosen.as_ref()).infos();
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
