//! Plain numbers, copied out of the slabs into reused buffers.

mod histogram;

use std::{fmt, sync::Arc};

pub use self::histogram::HistogramView;
use crate::{
    schema::{
        Schema,
        handle::{Counter, Gauge, Histogram},
        layout::Layout,
        value::{CounterValue, GaugeValue, ObservationValue},
    },
    slab::{Reading, Slab},
};

/// An engine's label values, as given and as printed.
#[derive(Debug)]
pub(crate) struct EngineLabels {
    pub(crate) values: Vec<String>,
    /// `engine="0",model_name="m"`, escaped.
    pub(crate) text: Box<[u8]>,
}

/// The newest finished step of each engine, as plain numbers. What a router or a log line reads; what gets rendered.
///
/// Reuse it: [`Registry::snapshot`](crate::Registry::snapshot) overwrites it and allocates only when there are more engines than ever.
///
/// # What it promises
/// What stands here of one engine comes from **one** finished step: all counters, gauges and histograms. It isn't older than
/// the newest step when the read began, and a later snapshot never shows an earlier step. Different engines aren't
/// one moment.
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
    engines: Vec<EngineRow>,
    /// One row of words an engine.
    words: Vec<u64>,
}

/// What a snapshot keeps of an engine beside its words.
struct EngineRow {
    labels: Arc<EngineLabels>,
    reading: Reading,
}

impl Snapshot {
    /// An empty snapshot; the first use allocates its buffers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The engines in the order in which they attached.
    pub fn engines(&self) -> impl ExactSizeIterator<Item = EngineView<'_>> + DoubleEndedIterator {
        self.engines.iter().enumerate().map(|(index, engine)| self.view(index, engine))
    }

    /// The engine with these label values, given in the order of the schema's engine labels.
    #[must_use]
    pub fn engine<V: AsRef<str>>(&self, values: &[V]) -> Option<EngineView<'_>> {
        let same =
            |engine: &EngineRow| engine.labels.values.iter().map(String::as_str).eq(values.iter().map(V::as_ref));
        let index = self.engines.iter().position(same)?;
        Some(self.view(index, &self.engines[index]))
    }

    fn view<'s>(&'s self, index: usize, engine: &'s EngineRow) -> EngineView<'s> {
        let schema = self.schema.as_ref().expect("a snapshot with engines has their schema");
        let row_len = schema.layout().row_len();
        EngineView { schema, engine, words: &self.words[index * row_len..][..row_len] }
    }

    /// The schema of the registry that filled it last.
    pub(crate) fn schema(&self) -> Option<&Schema> {
        self.schema.as_ref()
    }

    /// Forgets what it held and takes over `engines`.
    ///
    /// What it shares already it keeps: reference counts are written by no warm snapshot, as they may lie on a cache line
    /// that recorders read.
    pub(crate) fn fill<'e>(
        &mut self,
        schema: &Schema,
        engines: impl ExactSizeIterator<Item = (&'e Arc<EngineLabels>, &'e Slab)>,
    ) {
        let layout = schema.layout();
        if self.schema.as_ref().is_none_or(|own| own.layout().schema != layout.schema) {
            self.schema = Some(schema.clone());
        }
        self.engines.truncate(engines.len());
        self.words.resize(engines.len() * layout.row_len(), 0);
        for (index, ((labels, slab), row)) in engines.zip(self.words.chunks_exact_mut(layout.row_len())).enumerate() {
            let (words, aside) = row.split_at_mut(layout.words);
            let reading = slab.read(words);
            slab.read_aside(aside);
            match self.engines.get_mut(index) {
                Some(row) if Arc::ptr_eq(&row.labels, labels) => row.reading = reading,
                Some(row) => *row = EngineRow { labels: Arc::clone(labels), reading },
                None => self.engines.push(EngineRow { labels: Arc::clone(labels), reading }),
            }
        }
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.engines()).finish()
    }
}

/// One engine in a [`Snapshot`].
///
/// # Panics
/// The getters panic when given a handle of another schema.
#[derive(Clone, Copy)]
pub struct EngineView<'s> {
    schema: &'s Schema,
    engine: &'s EngineRow,
    words: &'s [u64],
}

impl<'s> EngineView<'s> {
    /// The value of one of the schema's engine labels.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&'s str> {
        let index = self.schema.engine_labels().iter().position(|label| label == name)?;
        self.engine.labels.values.get(index).map(String::as_str)
    }

    /// The step that all numbers come from: how many steps the engine committed before. Unchanged means that nothing was
    /// committed since.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.engine.reading.step
    }

    /// How many tries of reading failed, each because a step was committed meanwhile.
    #[must_use]
    pub fn failed_tries(&self) -> u32 {
        self.engine.reading.failed_tries
    }

    /// A counter's value.
    #[must_use]
    pub fn counter<T: CounterValue>(&self, counter: Counter<T>) -> T {
        T::from_word(self.layout_of(counter.schema, self.words)[usize::from(counter.word)])
    }

    /// A gauge's value.
    #[must_use]
    pub fn gauge<T: GaugeValue>(&self, gauge: Gauge<T>) -> T {
        T::from_word(self.layout_of(gauge.schema, self.words)[usize::from(gauge.word)])
    }

    /// A histogram's buckets, count and sum.
    #[must_use]
    pub fn histogram<T: ObservationValue>(&self, histogram: Histogram<T>) -> HistogramView<'s, T> {
        let layout: &'s Layout = self.layout_of(histogram.schema, self.schema.layout());
        HistogramView::new(&layout.histograms[usize::from(histogram.index.0)], self.words)
    }

    /// The labels as printed.
    pub(crate) fn label_text(&self) -> &'s [u8] {
        &self.engine.labels.text
    }

    /// The words of the slab, and behind them those outside of steps.
    pub(crate) fn words(&self) -> &'s [u64] {
        self.words
    }

    /// Passes `value` on, if `schema` is the schema that it belongs to.
    fn layout_of<T>(&self, schema: u32, value: T) -> T {
        assert!(schema == self.schema.layout().schema, "a handle of another schema was used with this snapshot");
        value
    }
}

impl fmt::Debug for EngineView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineView")
            .field("labels", &self.engine.labels.values)
            .field("step", &self.step())
            .finish_non_exhaustive()
    }
}
