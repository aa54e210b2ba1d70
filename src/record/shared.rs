//! The recorder for any thread: [`SharedRecorder`].

use std::{fmt, sync::Arc, time::Duration};

use super::{dynamic::DynamicSeries, observe};
use crate::{
    schema::{
        declare::dynamic::DynamicFamily,
        handle::{Counter, DynamicHandle, Histogram, Info, SPARSE, SettableGauge},
        layout::{Diagnostic, HistogramIndex, HistogramLayout},
        shape::Length,
        value::{CounterValue, GaugeValue, ObservationValue},
    },
    store::{dynamic::FamilySeries, shards::Shards},
};

/// A recorder for code that runs on any thread, such as request handlers on an async runtime. It
/// belongs to an engine ([`Engine::shared_recorder`](crate::Engine::shared_recorder)) or records
/// the registry's own families ([`Registry::shared_recorder`](crate::Registry::shared_recorder)).
///
/// Clone it or share it, without limit. What it records is added to what the
/// [`Recorder`](crate::Recorder)s of the engine recorded: a value on a page is the sum. Gauges of
/// steps can't be recorded here. A [settable gauge](crate::Declaration::settable) can: it has one
/// cell for all threads, and the last write wins.
///
/// # What it promises
/// Less than a [`Step`](crate::Step): each call is **word-atomic**. Nothing is lost, and totals are
/// exact. The count of a histogram is always the sum of its buckets. But several calls don't take
/// effect at one moment, and neither do the bucket and the sum of one observation: a snapshot may
/// see one and not yet the other. There is no step, and nothing to discard. Float sums depend on
/// the order of additions in their last digits.
///
/// Values that can't be counted honestly are rejected by the rules of a step, and counted in
/// `tachometer_rejected_observations_total`. The limits on overflow differ: a counter or an integer
/// sum takes at most 2^63 per shard. A change that would make a gauge NaN or infinite is rejected
/// too. Handles of another schema are treated as in a step, except that
/// [`with_label_values`](Self::with_label_values), [`remove`](Self::remove) and
/// [`remove_where`](Self::remove_where) always panic.
///
/// # Progress
/// No call waits. Once the thread has recorded, no call allocates, except to look up or remove a
/// dynamic series. Most threads have a shard of their own
/// ([`SchemaBuilder::shards`](crate::SchemaBuilder::shards)): recording there is wait-free, plain
/// loads and stores. All further threads share one shard. There, and in dynamic series, integers
/// up to 2^32 are added wait-free where the machine has one instruction for it. Greater integers
/// and floats are added in a compare-and-swap loop: lock-free, not wait-free, as it repeats when
/// another thread changed the same word. Don't record in a signal handler: it may interrupt the
/// thread between a load and a store.
///
/// ```
/// # use tachometer::{Registry, Schema};
/// let mut schema = Schema::builder(&["engine"]);
/// let requests = schema.counter::<u64>("requests", "Requests received.").declare()?;
/// let in_flight = schema.gauge::<i64>("in_flight", "Running requests.").settable().declare()?;
/// let ttft = schema.histogram::<f64>("ttft_seconds", "First token.", &[0.1, 1.0]).declare()?;
/// let registry = Registry::new(schema.build()?);
/// let engine = registry.attach(&["0"])?;
///
/// let recorder = engine.shared_recorder();
/// let handlers = [0.05, 0.5].map(|seconds| {
///     let recorder = recorder.clone();
///     std::thread::spawn(move || {
///         recorder.inc(requests);
///         recorder.inc_gauge(in_flight);
///         recorder.observe(ttft, seconds);
///         recorder.dec_gauge(in_flight);
///     })
/// });
/// # handlers.into_iter().for_each(|handler| handler.join().unwrap());
/// # let mut page = Vec::new();
/// # registry.render(&mut page);
/// # let page = String::from_utf8(page)?;
/// # for (name, value) in [("requests_total", 2), ("in_flight", 0), ("ttft_seconds_count", 2)] {
/// #     let line = format!("{name}{{engine=\"0\"}} {value}");
/// #     assert!(page.lines().any(|other| other == line), "{line}");
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SharedRecorder(Arc<Shards>);

impl SharedRecorder {
    pub(crate) fn new(shards: Arc<Shards>) -> Self {
        Self(shards)
    }

    /// Adds `n` to a counter.
    #[inline]
    pub fn add<T: CounterValue>(&self, counter: Counter<T>, n: T) {
        let own = self.0.own_row(counter.schema);
        if own.and_then(|row| observe::add(row, counter.word, n)).is_none() {
            self.add_otherwise(counter, n);
        }
    }

    /// Adds in the shard of all other threads, or to a sparse series, or rejects or refuses.
    #[inline(never)]
    fn add_otherwise<T: CounterValue>(&self, counter: Counter<T>, n: T) {
        self.scalar(counter.schema, |shards, sparse| {
            let shard = shards.current();
            match observe::add(*shard, counter.word, n) {
                Some(()) if sparse => shard.note(counter.word + 1),
                Some(()) => {}
                None => observe::reject(shard, 1),
            }
        });
    }

    /// Adds one to a counter.
    #[inline]
    pub fn inc<T: CounterValue>(&self, counter: Counter<T>) {
        self.add(counter, T::ONE);
    }

    /// Sets a settable gauge, whatever other threads add at the same time. Any value, NaN and
    /// infinities too. Wait-free: a store.
    #[inline]
    pub fn set_gauge<T: GaugeValue>(&self, gauge: SettableGauge<T>, value: T) {
        self.scalar(gauge.schema, |shards, sparse| {
            shards.settable.store(gauge.index, value.to_word());
            if sparse {
                shards.settable.note(gauge.index + 1);
            }
        });
    }

    /// Adds `n`, which may be negative, to a settable gauge. An integer wraps around. A sum that is
    /// NaN or infinite is rejected. So after NaN or an infinity was set, all additions are rejected
    /// until it is set again.
    #[inline]
    pub fn add_gauge<T: GaugeValue>(&self, gauge: SettableGauge<T>, n: T) {
        self.scalar(gauge.schema, |shards, sparse| match shards.settable.add(gauge.index, n.to_word()) {
            Some(()) if sparse => shards.settable.note(gauge.index + 1),
            Some(()) => {}
            None => observe::reject(shards.current(), 1),
        });
    }

    /// Changes a gauge that was changed before.
    #[inline]
    pub(super) fn change_settable(&self, index: u16, n: u64) {
        if self.0.settable.add(index, n).is_none() {
            self.reject(1);
        }
    }

    /// Subtracts `n` from a settable gauge, by the rules of [`add_gauge`](Self::add_gauge).
    #[inline]
    pub fn sub_gauge<T: GaugeValue>(&self, gauge: SettableGauge<T>, n: T) {
        self.add_gauge(gauge, n.negated());
    }

    /// Adds one to a settable gauge.
    #[inline]
    pub fn inc_gauge<T: GaugeValue>(&self, gauge: SettableGauge<T>) {
        self.add_gauge(gauge, T::ONE);
    }

    /// Subtracts one from a settable gauge.
    #[inline]
    pub fn dec_gauge<T: GaugeValue>(&self, gauge: SettableGauge<T>) {
        self.add_gauge(gauge, T::MINUS_ONE);
    }

    /// Observes one value.
    #[inline]
    pub fn observe<T: ObservationValue>(&self, histogram: Histogram<T>, value: T) {
        self.observe_n(histogram, value, 1);
    }

    /// Observes a duration, in seconds.
    #[inline]
    pub fn observe_duration(&self, histogram: Histogram<f64>, duration: Duration) {
        self.observe(histogram, duration.as_secs_f64());
    }

    /// Observes one value `n` times, at the cost of one observation. A float sum grows by `value *
    /// n`, rounded once. Rejected if `n` is more than 2^32, or if the bucket would then hold more
    /// than 2^62.
    #[inline]
    pub fn observe_n<T: ObservationValue>(&self, histogram: Histogram<T>, value: T, n: u64) {
        let own = self.0.own_row(histogram.schema).zip(self.0.layout.histograms.get(usize::from(histogram.index.0)));
        if own.and_then(|(row, layout)| observe::observe(row, layout, value, n)).is_none() {
            self.observe_otherwise(histogram, value, n);
        }
    }

    /// Observes in the shard of all other threads, or rejects or refuses.
    #[inline(never)]
    fn observe_otherwise<T: ObservationValue>(&self, histogram: Histogram<T>, value: T, n: u64) {
        let Some(layout) = self.histogram(histogram.schema, histogram.index) else { return };
        let shard = self.0.current();
        if observe::observe(*shard, layout, value, n).is_none() {
            observe::reject(shard, n);
        }
    }

    /// Observes a batch. This is faster than value by value, above all if the values are close to
    /// each other.
    #[inline]
    pub fn observe_all<T: ObservationValue>(&self, histogram: Histogram<T>, values: &[T]) {
        let Some(layout) = self.histogram(histogram.schema, histogram.index) else { return };
        let shard = self.0.current();
        let rejected = observe::observe_all(*shard, layout, values);
        if rejected > 0 {
            observe::reject(shard, rejected);
        }
    }

    /// Sets the current sample of an info, as [`Step::set_info`](crate::Step::set_info) does. The
    /// sample that was set last shows, whoever set it.
    ///
    /// Lock-free. Allocates only if the label values aren't those of the current sample.
    pub fn set_info<L: Length>(&self, info: Info<L>, values: L::Values<'_>, value: f64) {
        if !self.owns(info.schema) {
            return;
        }
        let finite = mutant!(value.is_finite(), "shared: an info's value that isn't finite is shown" => true);
        if !finite || self.0.infos.set(&self.0.layout, info.index, values.as_ref(), value).is_none() {
            self.reject(1);
        }
    }

    /// Clears an info: from now on it has no sample, until it is set again.
    ///
    /// Lock-free. Allocates unless there is no sample.
    pub fn clear_info<L>(&self, info: Info<L>) {
        if self.owns(info.schema) {
            self.0.infos.clear(info.index);
        }
    }

    /// Looks up the series of a family with [dynamic labels](crate::Declaration::dynamic_labels) by
    /// its label values, in declared order. They may be any UTF-8. If there is no such series, it
    /// is created, with nothing recorded. Keep the result: a lookup compares strings.
    ///
    /// Returns the overflow series if the family is full, or if a value is
    /// [too long](crate::DynamicDeclaration::max_value_len). Both are counted in
    /// `tachometer_overflowed_label_values_total`. There is room again when other series are
    /// [removed](Self::remove); then look up again. If every value is `other`, or the
    /// [overflow value](crate::DynamicDeclaration::overflow_value) that was chosen instead, that
    /// names the overflow series, and isn't counted.
    ///
    /// Lock-free. Allocates only for a new series: the series, and a part of the family's list
    /// (about 300 pointers if there are 10,000 series).
    ///
    /// # Panics
    /// If the family is of another schema; if it is registry-wide and this is an engine's recorder;
    /// if it is a family of engines and this is the registry's recorder; if the number of labels is
    /// only known at run time and there isn't one value per label.
    #[must_use]
    pub fn with_label_values<H: DynamicHandle, L: Length>(
        &self,
        family: DynamicFamily<H, L>,
        values: L::Values<'_>,
    ) -> DynamicSeries<H> {
        let found = self.family(family, values.as_ref()).look_up(values.as_ref());
        if mutant!(found.overflowed, "dynamic: overflows aren't counted" => false) {
            self.0.current().count_diagnostic(Diagnostic::OverflowedLabelValues, 1);
        }
        DynamicSeries::new(found.row, Arc::clone(&self.0))
    }

    /// Removes a series from its family: pages and snapshots no longer have it, and there is room
    /// for another. Returns whether it was there. The overflow series can't be removed. Whatever a
    /// [`DynamicSeries`] of it records from then on is lost. If its label values are looked up
    /// again, they begin at zero.
    ///
    /// Lock-free. Allocates a part of the family's list (about 300 pointers if there are 10,000
    /// series).
    ///
    /// # Panics
    /// As [`with_label_values`](Self::with_label_values).
    pub fn remove<H: DynamicHandle, L: Length>(&self, family: DynamicFamily<H, L>, values: L::Values<'_>) -> bool {
        self.family(family, values.as_ref()).remove(values.as_ref())
    }

    /// Removes all series of a family in which the label named `label` has this value, as
    /// [`remove`](Self::remove) does: those of a worker that left, say. Returns how many these
    /// were. They go at one moment: a snapshot has all of them, or none.
    ///
    /// Lock-free. For the first label, the cost grows with what is removed, and with the root of
    /// the number of series. For another label it looks at each series, and copies little.
    ///
    /// ```
    /// # use tachometer::{Counter, DynamicFamily, Exactly, SharedRecorder};
    /// # fn example(shared: &SharedRecorder, requests: DynamicFamily<Counter<u64>, Exactly<2>>) {
    /// shared.with_label_values(requests, ["worker-1", "llama"]).inc();
    /// shared.with_label_values(requests, ["worker-1", "qwen"]).inc();
    /// let removed = shared.remove_where(requests, "worker", "worker-1"); // 2
    /// # }
    /// ```
    ///
    /// # Panics
    /// As [`with_label_values`](Self::with_label_values), and if the family has no such label.
    pub fn remove_where<H: DynamicHandle, L>(&self, family: DynamicFamily<H, L>, label: &str, value: &str) -> usize {
        self.assert_own(family.schema);
        let family = self.0.dynamic.family(family.index);
        let index = family.label(label);
        family.remove_where(index.unwrap_or_else(|| panic!("the family has no dynamic label {label:?}")), value)
    }

    /// The family, if it belongs here and has as many labels as there are values.
    fn family<H, L>(&self, family: DynamicFamily<H, L>, values: &[&str]) -> &FamilySeries {
        self.assert_own(family.schema);
        let labels = &self.0.layout.dynamic[family.index.0 as usize].labels;
        let fits = mutant!(values.len() == labels.len(), "dynamic: too few values aren't refused" => true);
        assert!(fits, "label values {values:?} don't match the family's labels {labels:?}: give one value per label");
        self.0.dynamic.family(family.index)
    }

    fn assert_own(&self, schema: u32) {
        let own = mutant!(schema == self.0.layout.schema, "dynamic: a foreign family isn't refused" => true);
        assert!(
            own,
            "a family of another schema was used with this recorder: use Registry::shared_recorder for families of the registry, \
             and Engine::shared_recorder for all others"
        );
    }

    /// Counts `n` observations as rejected, for a caller that can't express them as values of a
    /// histogram. An `n` of 2^63 or more, which wrapped around, counts as one.
    #[cold]
    pub fn reject(&self, n: u64) {
        observe::reject(self.0.current(), n);
    }

    #[inline(always)]
    fn histogram(&self, schema: u32, HistogramIndex(index): HistogramIndex) -> Option<&HistogramLayout> {
        if self.owns(schema) { self.0.layout.histograms.get(usize::from(index)) } else { None }
    }

    /// Calls `record`, unless a handle of a counter or gauge is of another schema or scope. The
    /// flag says whether the series is sparse.
    #[inline(always)]
    fn scalar(&self, schema: u32, record: impl Fn(&Shards, bool)) {
        let own = self.0.layout.schema;
        let other = mutant!(schema != own, "shared: a foreign handle isn't refused" => false);
        if !other || schema == own | SPARSE { record(&self.0, other) } else { self.refuse_foreign(schema) }
    }

    /// Whether a handle of a counter or gauge belongs here.
    #[inline(always)]
    pub(super) fn has_scalar(&self, schema: u32) -> bool {
        schema & !SPARSE == self.0.layout.schema
    }

    /// Whether a handle belongs to this recorder's schema and scope.
    #[inline(always)]
    pub(super) fn owns(&self, schema: u32) -> bool {
        let own = mutant!(schema == self.0.layout.schema, "shared: a foreign handle isn't refused" => true);
        if !own {
            self.refuse_foreign(schema);
        }
        own
    }

    #[cold]
    fn refuse_foreign(&self, schema: u32) {
        observe::debug_assert_own(schema, self.0.layout.schema);
        self.0.current().count_diagnostic(Diagnostic::ForeignHandles, 1);
    }
}

impl fmt::Debug for SharedRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRecorder").field("schema", &self.0.layout.schema).finish_non_exhaustive()
    }
}
