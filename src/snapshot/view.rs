//! One engine in a snapshot.

use std::fmt;

use super::{
    histogram::HistogramView,
    info::InfoView,
    rows::{RowHeader, Rows},
};
use crate::{
    schema::{
        Schema,
        handle::{Counter, Gauge, Histogram, Info, SettableGauge, State, StateSet, schema_of},
        layout::{Diagnostic, InfoIndex, Layout},
        shape::Length,
        value::{CounterValue, GaugeValue, ObservationValue},
    },
    store::info::InfoReading,
};

/// One engine in a [`Snapshot`](crate::Snapshot), or the registry's own families.
///
/// # Panics
/// The getters panic if the handle is of another schema. They also panic if it is of a
/// registry-wide family while this is an engine, or the other way round.
#[derive(Clone, Copy)]
pub struct EngineView<'s> {
    pub(super) schema: &'s Schema,
    pub(super) layout: &'s Layout,
    pub(super) rows: &'s Rows,
    pub(super) index: usize,
    pub(super) words: &'s [u64],
}

impl<'s> EngineView<'s> {
    /// The value of one of the schema's engine labels. The registry has none.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&'s str> {
        self.header().label(self.schema, name)
    }

    /// The values of the schema's engine labels, in their order.
    /// [`Snapshot::engine`](crate::Snapshot::engine) finds the engine by them. The registry has
    /// none.
    #[must_use]
    pub fn label_values(&self) -> &'s [String] {
        &self.header().labels.values
    }

    /// A number that no other engine of the registry has, whatever its labels. It is greater than
    /// those of all engines that attached before. If it has changed from one snapshot to the next,
    /// the engine began anew, whatever its counters say. 0 for the registry itself.
    #[must_use]
    pub fn incarnation(&self) -> u64 {
        self.header().labels.number()
    }

    /// Whether the engine was dropped and [lingers](crate::Engine::linger): what it counted still
    /// shows, but it serves no more requests.
    #[must_use]
    pub fn lingers(&self) -> bool {
        self.header().lingers
    }

    /// How many steps the engine's recorders had committed when they were read. With one recorder,
    /// that is the number of the step that this view shows. If the schema has gauges, the last step
    /// of each dropped recorder counts too. If neither this number nor the
    /// [incarnation](Self::incarnation) has changed, nothing was committed since. What shared
    /// recorders record doesn't change it.
    ///
    /// # Is an engine stale?
    /// It is stale if this number hasn't changed for a while, whatever the other numbers say. An
    /// engine that idles without committing looks the same here. A page tells them apart, by its
    /// [self-metrics](crate::docs::self_metrics). To know how old a step is, let each step set a
    /// state to its time: states are part of the step, so the time shows together with it. Of
    /// several recorders' steps it is the time of the one that set it last.
    ///
    /// ```
    /// # use std::time::{Duration, Instant};
    /// # use tachometer::{Registry, Schema, View};
    /// # let mut schema = Schema::builder(&["engine"]);
    /// # let waiting = schema.gauge::<i64>("requests_waiting", "Waiting requests.").declare()?;
    /// let committed_at = schema.gauge::<f64>("committed_at", "Seconds since the start.");
    /// let committed_at = committed_at.hidden().state().declare()?;
    /// # let registry = Registry::new(schema.build()?);
    /// # let engine = registry.attach(&["0"])?;
    /// # let mut recorder = engine.recorder()?;
    /// let start = Instant::now();
    /// let mut step = recorder.step();
    /// step.set(waiting, 3);
    /// step.set_state(committed_at, start.elapsed().as_secs_f64());
    /// step.commit();
    /// let mut view = View::new((waiting, committed_at));
    /// registry.view(&mut view);
    /// let now = start.elapsed().as_secs_f64();
    /// let values = view.engines().map(|engine| engine.get());
    /// let mut fresh = values.filter(|(_, committed_at)| now - committed_at < 60.0);
    /// assert_eq!(fresh.next().map(|(waiting, _)| waiting), Some(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn step(&self) -> u64 {
        self.header().step
    }

    /// How many attempts to read the engine's recorders failed, each because a step was committed
    /// meanwhile.
    #[must_use]
    pub fn retries(&self) -> u32 {
        self.header().retries
    }

    /// A counter's value.
    #[must_use]
    pub fn counter<T: CounterValue>(&self, counter: Counter<T>) -> T {
        T::from_word(self.scalar(counter.schema, counter.word))
    }

    /// A gauge's value.
    #[must_use]
    pub fn gauge<T: GaugeValue>(&self, gauge: Gauge<T>) -> T {
        T::from_word(self.scalar(gauge.schema, gauge.word))
    }

    /// The value of a settable gauge. It isn't part of the step.
    #[must_use]
    pub fn settable<T: GaugeValue>(&self, gauge: SettableGauge<T>) -> T {
        self.check(gauge.schema);
        T::from_word(self.words[self.layout.row_len() + usize::from(gauge.index)])
    }

    /// A state's value.
    #[must_use]
    pub fn state<T: GaugeValue>(&self, state: State<T>) -> T {
        T::from_word(self.scalar(state.schema, state.word))
    }

    /// The index of the state that is 1, in the order of the declared values. `None` if all are 0.
    #[must_use]
    pub fn selected_state(&self, set: StateSet) -> Option<usize> {
        set.selected(self.scalar(set.schema, set.word))
    }

    /// A histogram's buckets, count and sum.
    #[must_use]
    pub fn histogram<T: ObservationValue>(&self, histogram: Histogram<T>) -> HistogramView<'s, T> {
        self.check(histogram.schema);
        let layout = &self.layout.histograms[usize::from(histogram.index.0)];
        HistogramView::new(layout.bounds.upper(), &self.words[usize::from(layout.first)..=usize::from(layout.sum)])
    }

    /// An info's current sample; `None` before the first, and after it was cleared. It isn't part
    /// of the step: see [`Step::set_info`](crate::Step::set_info).
    #[must_use]
    pub fn info<L: Length>(&self, info: Info<L>) -> Option<InfoView<'s, L>> {
        self.check(info.schema);
        self.info_at(info.index).map(InfoView::new)
    }

    pub(super) fn info_at(&self, InfoIndex(info): InfoIndex) -> Option<&'s InfoReading> {
        self.rows.infos[self.index * self.layout.infos.len() + info as usize].as_ref()?.shown()
    }

    /// A count of the recorders' own.
    pub(crate) fn diagnostic(&self, diagnostic: Diagnostic) -> u64 {
        self.words[self.layout.words + diagnostic as usize]
    }

    fn header(&self) -> &'s RowHeader {
        &self.rows.headers[self.index]
    }

    /// The labels as printed.
    pub(super) fn label_text(&self) -> &'s [u8] {
        &self.header().labels.text
    }

    /// When it attached, in milliseconds since the Unix epoch.
    pub(crate) fn attached_at(&self) -> u64 {
        self.header().labels.attached_at
    }

    /// The words of the layout, followed by the diagnostics.
    pub(crate) fn words(&self) -> &'s [u64] {
        self.words
    }

    #[inline]
    fn scalar(&self, schema: u32, word: u16) -> u64 {
        self.check(schema);
        self.words[usize::from(word)]
    }

    /// `schema` must be the number of this view's schema and scope.
    #[inline]
    pub(super) fn check(&self, schema: u32) {
        assert!(
            schema_of(schema) == self.layout.schema,
            "a handle of another schema was used with this view (families of the registry are read from \
             Snapshot::registry, all others from an engine)"
        );
    }
}

impl fmt::Debug for EngineView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineView")
            .field("labels", &self.header().labels.values)
            .field("step", &self.step())
            .finish_non_exhaustive()
    }
}
