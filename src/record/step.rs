//! A step in progress: [`Step`].

use std::{cell::Cell, fmt, marker::PhantomData, time::Duration};

use super::observe::{self, Batch, MAX_BUCKET_COUNT};
use crate::{
    schema::{
        handle::{Counter, Gauge, Histogram, Info, SPARSE, State, StateSet, schema_of},
        layout::{Diagnostic, HistogramIndex, HistogramLayout, Layout},
        shape::Length,
        value::{CounterValue, GaugeValue, ObservationValue},
    },
    store::{
        info::InfoWriter,
        slab::{diagnostics::Diagnostics, writer::StepWriter},
    },
};

/// One step of an engine, open until [`commit`](Self::commit). Readers see all of it, or nothing.
///
/// A step is like a database transaction. If it is dropped without a commit (by an early `?` or
/// `return`, a panic, or a cancelled future), it is discarded: it leaves no trace in any counter,
/// gauge or histogram, and is counted in `tachometer_discarded_steps_total`. The same happens to a
/// step that was leaked with `mem::forget`, when the next one opens or the recorder is dropped.
///
/// Values that can't be counted honestly are rejected, and counted in
/// `tachometer_rejected_observations_total`: NaN, infinities, negative observations where no bound
/// is negative, negative additions to counters, and whatever would overflow a counter, a sum
/// (beyond `u64::MAX`, or to an infinity) or a bucket. So is an addition of 2^63 or more to an
/// integer counter or sum: it is a negative difference that wrapped around. A rejected value
/// changes nothing else.
///
/// A call with a handle of another schema panics under debug assertions. Otherwise it is ignored,
/// and counted in `tachometer_foreign_handles_total`. The same goes for an engine's handle with a
/// recorder of the registry, and the other way round. A recorder of the registry counts in
/// `tachometer_registry_…`.
///
/// # Progress
/// Every call is wait-free and allocates nothing, except for [`set_info`](Self::set_info) with new
/// label values. A step may be sent to another thread, and held across an `await`.
///
/// ```
/// # use tachometer::{Counter, Recorder};
/// # fn iteration(recorder: &mut Recorder, tokens: Counter<u64>) -> Result<(), std::io::Error> {
/// # fn run_iteration() -> Result<u64, std::io::Error> { Ok(1) }
/// let mut step = recorder.step();
/// step.add(tokens, run_iteration()?); // on an error the step is discarded
/// step.commit();
/// # Ok(())
/// # }
/// ```
///
/// A commit ends the step:
///
/// ```compile_fail,E0382
/// # fn example(recorder: &mut tachometer::Recorder, tokens: tachometer::Counter<u64>) {
/// let mut step = recorder.step();
/// step.commit();
/// step.inc(tokens);
/// # }
/// ```
///
/// ```
/// # fn example(recorder: &mut tachometer::Recorder, tokens: tachometer::Counter<u64>) {
/// let mut step = recorder.step();
/// step.inc(tokens);
/// step.commit();
/// # }
/// ```
///
/// It can't outlive its recorder:
///
/// ```compile_fail,E0505
/// # fn example(recorder: tachometer::Recorder) {
/// # let mut recorder = recorder;
/// let step = recorder.step();
/// drop(recorder);
/// step.commit();
/// # }
/// ```
///
/// ```
/// # fn example(recorder: tachometer::Recorder) {
/// # let mut recorder = recorder;
/// let step = recorder.step();
/// step.commit();
/// drop(recorder);
/// # }
/// ```
///
/// It can be sent to another thread, but not shared with it:
///
/// ```compile_fail,E0277
/// fn given_to_a_thread<T: Sync>() {}
/// given_to_a_thread::<tachometer::Step<'_>>();
/// ```
///
/// ```
/// fn given_to_a_thread<T: Send>() {}
/// given_to_a_thread::<tachometer::Step<'_>>();
/// ```
#[must_use = "a step that isn't committed is discarded"]
pub struct Step<'a> {
    slab: StepWriter<'a>,
    layout: &'a Layout,
    infos: &'a mut InfoWriter,
    /// Not `Sync`: two threads that call [`reject`](Self::reject) at the same time would lose
    /// counts.
    not_sync: PhantomData<Cell<()>>,
}

impl<'a> Step<'a> {
    #[inline(always)]
    pub(super) fn new(slab: StepWriter<'a>, layout: &'a Layout, infos: &'a mut InfoWriter) -> Self {
        Self { slab, layout, infos, not_sync: PhantomData }
    }

    /// Publishes the step: from now on, readers see everything that it recorded. Wait-free: one
    /// store, and now and then a copy of the slab.
    #[inline(always)]
    pub fn commit(self) {
        self.slab.commit();
    }

    /// Adds `n` to a counter.
    #[inline]
    pub fn add<T: CounterValue>(&mut self, counter: Counter<T>, n: T) {
        self.scalar(counter.schema, |step, sparse| {
            let total = T::from_word(step.slab.load(counter.word));
            let grows = mutant!(n.can_grow_by(), "step: negative additions" => true);
            match T::sum(total, n) {
                Some(total) if grows => step.store(counter.word, total.to_word(), sparse),
                _ => step.reject(1),
            }
        });
    }

    /// Adds one to a counter.
    #[inline]
    pub fn inc<T: CounterValue>(&mut self, counter: Counter<T>) {
        self.add(counter, T::ONE);
    }

    /// Raises a counter to a total that is kept elsewhere: by an operating system, a runtime or
    /// another library. If the counter is there already, nothing changes. A lower total is
    /// rejected and counted, since a counter never falls: if the other total may begin anew, add
    /// its differences instead. So is a total that [`add`](Self::add) wouldn't take.
    ///
    /// The total is that of this recorder, so let one recorder at a time mirror it: several, or
    /// additions of shared recorders, are added up.
    ///
    /// ```
    /// # fn example(step: &mut tachometer::Step<'_>, parked: tachometer::Counter<u64>) {
    /// # fn park_count() -> u64 { 3 }
    /// step.raise_to(parked, park_count()); // of an async runtime's worker, say
    /// # }
    /// ```
    #[inline]
    pub fn raise_to<T: CounterValue>(&mut self, counter: Counter<T>, total: T) {
        self.scalar(counter.schema, |step, sparse| {
            let now = T::from_word(step.slab.load(counter.word));
            let grows = mutant!(total >= now, "step: a counter is lowered" => true);
            match T::sum(T::ZERO, total) {
                Some(total) if grows && total.can_grow_by() => step.store(counter.word, total.to_word(), sparse),
                _ => step.reject(1),
            }
        });
    }

    /// Sets a gauge. A float gauge takes any value and shows it, NaN and infinities included.
    #[inline]
    pub fn set<T: GaugeValue>(&mut self, gauge: Gauge<T>, value: T) {
        self.scalar(gauge.schema, |step, sparse| {
            mutant!("step: allocates" => drop(std::hint::black_box(vec![0_u8])));
            step.store(gauge.word, value.to_word(), sparse);
        });
    }

    /// The value of a gauge in this step: as set in this step, or else in the newest committed one.
    /// Code that keeps its own state from step to step can use it to notice that an earlier step
    /// was discarded. A handle of another schema panics under debug assertions; otherwise this
    /// returns 0.
    #[inline]
    pub fn gauge<T: GaugeValue>(&self, gauge: Gauge<T>) -> T {
        let own = mutant!(self.owns(schema_of(gauge.schema)), "step: a foreign gauge is read" => true);
        T::from_word(if own { self.slab.load(gauge.word) } else { 0 })
    }

    /// Sets a state of the engine. It replaces what any of the engine's recorders set before. A
    /// float takes any value, NaN and infinities too.
    #[inline]
    pub fn set_state<T: GaugeValue>(&mut self, state: State<T>, value: T) {
        if self.owns(state.schema) {
            self.slab.store_state(state.word, value.to_word());
        }
    }

    /// Selects one state of a set: the one with this index among the declared states. Its sample is
    /// 1, and all others are 0. `None` selects no state: all samples are 0. The selection replaces
    /// what any of the engine's recorders selected before. An index that is out of range is
    /// rejected and counted, and changes nothing.
    #[inline]
    pub fn select_state(&mut self, set: StateSet, index: Option<usize>) {
        if !self.owns(set.schema) {
            return;
        }
        match index {
            Some(index) if index >= set.states as usize => self.reject(1),
            Some(index) => self.slab.store_state(set.word, index as u64),
            None => self.slab.store_state(set.word, u64::MAX),
        }
    }

    /// Observes one value.
    #[inline(always)]
    pub fn observe<T: ObservationValue>(&mut self, histogram: Histogram<T>, value: T) {
        self.observe_n(histogram, value, 1);
    }

    /// Observes a duration, in seconds.
    #[inline]
    pub fn observe_duration(&mut self, histogram: Histogram<f64>, duration: Duration) {
        self.observe(histogram, duration.as_secs_f64());
    }

    /// Observes one value `n` times, at the cost of one observation. A float sum grows by `value *
    /// n`, rounded once. Rejected if the bucket would then hold more than 2^62.
    #[inline(always)]
    pub fn observe_n<T: ObservationValue>(&mut self, histogram: Histogram<T>, value: T, n: u64) {
        let Some(layout) = self.histogram(histogram.schema, histogram.index) else { return };
        if self.count(layout, value, n).is_none() {
            self.reject(n);
        }
    }

    /// Observes a batch, such as the inter-token latencies of a decode step. This is faster than
    /// value by value, above all if the values are close to each other. A float sum may differ from
    /// a sequential one in its last digits.
    #[inline]
    pub fn observe_all<T: ObservationValue>(&mut self, histogram: Histogram<T>, values: &[T]) {
        let Some(layout) = self.histogram(histogram.schema, histogram.index) else { return };
        let whole = Batch::new(layout, values).and_then(|batch| self.count_batch(layout, &batch));
        if whole.is_none() {
            values.iter().for_each(|value| self.observe(histogram, *value));
        }
    }

    /// Sets the current sample of an info: its label values, in declared order, and its value.
    /// Label values may be any UTF-8, of any length. The value must be finite: a call with NaN or
    /// an infinity is rejected and counted, and the sample stays as it was. So is a call without
    /// one value per label, which only an info can get whose number of labels is known at run time;
    /// under debug assertions it panics. If the value is the current time, readers can tell which
    /// of several samples is the newest.
    ///
    /// An info isn't part of the step. The sample shows at once, and stays if the step is
    /// discarded. Readers see its label values and its value as one.
    ///
    /// # Progress
    /// A comparison and a store if the label values are the same as before. Otherwise it allocates
    /// the new sample and swaps a pointer, lock-free. It never waits.
    ///
    /// ```
    /// # use tachometer::{Exactly, Info, Step};
    /// # fn example(step: &mut Step<'_>, adapters: Info<Exactly<2>>, now: f64) {
    /// step.set_info(adapters, ["sql,chat", "code"], now);
    /// # }
    /// ```
    #[inline]
    pub fn set_info<L: Length>(&mut self, info: Info<L>, values: L::Values<'_>, value: f64) {
        if !self.owns(info.schema) {
            return;
        }
        let finite = mutant!(value.is_finite(), "info: a value that isn't finite is shown" => true);
        if !finite || self.infos.set(self.layout, info.index, values.as_ref(), value).is_none() {
            self.reject(1);
        }
    }

    /// Clears an info: from now on it has no sample, as before the first
    /// [`set_info`](Self::set_info), until it is set again. Like setting it, this isn't part of the
    /// step.
    ///
    /// # Progress
    /// As new label values: it allocates and swaps a pointer, lock-free. Nothing if there is no
    /// sample.
    pub fn clear_info<L>(&mut self, info: Info<L>) {
        if self.owns(info.schema) {
            self.infos.clear(info.index);
        }
    }

    /// Counts `n` observations as rejected, for a caller that can't express them as values of a
    /// histogram (a negative number of tokens, for example). An `n` of 2^63 or more, which wrapped
    /// around, counts as one. Not part of the step: the count stays if the step is discarded.
    #[inline(always)]
    pub fn reject(&self, n: u64) {
        self.slab.diagnostics().count(Diagnostic::RejectedObservations, observe::rejections(n));
    }

    /// `None` if the value can't be counted. Then nothing has changed.
    #[inline(always)]
    fn count<T: ObservationValue>(&mut self, layout: &HistogramLayout, value: T, n: u64) -> Option<()> {
        let bucket = layout.first + value.bucket(&layout.bounds)?;
        let sum = T::sum(T::from_word(self.slab.load(layout.sum)), value.times(n)?)?;
        let most = mutant!(MAX_BUCKET_COUNT, "step: buckets overflow" => u64::MAX);
        // One by one, no bucket can overflow: from `most` on, that would take centuries.
        let count = self.slab.load(bucket).wrapping_add(n);
        if n != 1 && (n > most || count > most) {
            return None;
        }
        self.slab.store_pair([bucket, layout.sum], [count, sum.to_word()]);
        Some(())
    }

    /// `None` if the batch must be counted value by value. Then nothing has changed.
    #[inline]
    fn count_batch<T: ObservationValue>(&mut self, layout: &HistogramLayout, batch: &Batch<'_, T>) -> Option<()> {
        let sum = T::sum(T::from_word(self.slab.load(layout.sum)), batch.sum)?.to_word();
        batch.for_each_bucket(|bucket, n| {
            let count = self.slab.load(bucket) + n;
            self.slab.store_pair([bucket, layout.sum], [count, sum]);
        });
        Some(())
    }

    #[inline(always)]
    fn histogram(&self, schema: u32, index: HistogramIndex) -> Option<&'a HistogramLayout> {
        let layout = self.layout;
        if self.owns(schema) { layout.histograms.get(usize::from(index.0)) } else { None }
    }

    /// Calls `record`, unless a handle of a counter or gauge is of another schema or scope. It says
    /// whether the handle is that of a sparse series.
    #[inline(always)]
    fn scalar(&mut self, schema: u32, record: impl Fn(&mut Self, bool)) {
        let own = self.layout.schema;
        if mutant!(schema == own, "step: a foreign handle isn't refused" => true) {
            record(self, false);
        } else if schema == own | SPARSE {
            record(self, true);
        } else {
            refuse_foreign(schema, own, self.slab.diagnostics());
        }
    }

    #[inline(always)]
    fn store(&mut self, word: u16, value: u64, sparse: bool) {
        self.slab.store(word, value);
        if sparse && self.slab.load(word + 1) == 0 {
            mutant!(self.slab.store(word + 1, 1), "sparse: a step's 0 isn't noticed" => ());
        }
    }

    /// Whether a handle is of this recorder's schema and scope.
    #[inline(always)]
    fn owns(&self, schema: u32) -> bool {
        let own = self.layout.schema;
        let same = mutant!(schema == own, "step: a foreign handle isn't refused" => true);
        if !same {
            refuse_foreign(schema, own, self.slab.diagnostics());
        }
        same
    }
}

/// Takes no `&Step`: see [`StepWriter`].
#[cold]
fn refuse_foreign(schema: u32, own: u32, diagnostics: &Diagnostics) {
    observe::debug_assert_own(schema, own);
    diagnostics.count(Diagnostic::ForeignHandles, 1);
}

impl fmt::Debug for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step").field("schema", &self.layout.schema).finish_non_exhaustive()
    }
}
