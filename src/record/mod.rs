//! The writers: an engine's exclusive [`Recorder`] with its [`Step`]s, and the [`SharedRecorder`] for any thread.

mod additions;
mod batch;
mod open;
mod shared;
mod step;

use std::{cell::Cell, fmt, marker::PhantomData, sync::Arc};

use crossbeam_utils::CachePadded;

pub use self::{open::OpenSeries, shared::SharedRecorder, step::Step};
use crate::{
    info::InfoWriter,
    schema::{
        handle::{Counter, Gauge, Histogram},
        layout::Layout,
        value::{CounterValue, GaugeValue, ObservationValue},
    },
    slab::Writer,
};

/// The exclusive recorder of an engine, or of the registry's own families: moves into the thread that runs the engine's loop.
///
/// Everything is recorded in steps. [`step`](Self::step) opens one that may stay open for a whole engine iteration;
/// [`record`](Self::record) runs a closure as one; each of the other calls is a step of its own.
///
/// Dropping the recorder keeps what it counted and gives up its gauges: counters, histograms and infos stay exposed, and a last step
/// sets its gauges to zero. The next recorder of the engine goes on from there.
///
/// # Several recorders of an engine
/// An engine may have several, one per thread. A series is the sum of what each of them recorded, and shared recorders besides. An
/// info belongs to the engine: what was set last is shown, whichever recorder set it. What a snapshot takes from one recorder is one of its steps, whole; steps of different recorders
/// aren't one moment. So an identity between series holds in each snapshot if each recorder's steps keep it (sums of equal
/// numbers are equal), and a gauge that several recorders set is the sum of what they set last: right for requests in a queue of each,
/// wrong for a ratio, which one of them should set alone.
///
/// # Progress
/// Wait-free: plain loads and stores, no lock, no read-modify-write, no allocation, no system call (but for an info's new label values, which [`Step::set_info`] allocates). A step costs what is
/// recorded, plus copying the words that the previous step touched (at most a slab), plus now and then a copy of the
/// slab for readers that can't keep up.
///
/// ```
/// # use tachometer::{Registry, Schema};
/// let mut schema = Schema::builder().engine_labels(["engine"]);
/// let tokens = schema.counter::<u64>("generated_tokens", "Tokens generated.").declare()?;
/// let running = schema.gauge::<i64>("requests_running", "Requests in the batch.").declare()?;
/// let registry = Registry::new(schema.build()?);
/// let engine = registry.attach(["0"])?;
///
/// let mut recorder = engine.recorder()?;
/// let mut step = recorder.step();
/// step.add(tokens, 64);
/// step.set(running, 64);
/// step.commit();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// There is one writer at a time, checked by the compiler. A recorder can't be cloned, only moved:
///
/// ```compile_fail,E0599
/// # fn example(recorder: tachometer::Recorder) {
/// let another = recorder.clone();
/// # }
/// ```
///
/// ```
/// # fn example(recorder: tachometer::Recorder) {
/// let another = recorder;
/// # }
/// ```
///
/// It can't be shared with another thread, only sent there:
///
/// ```compile_fail,E0277
/// fn given_to_a_thread<T: Sync>() {}
/// given_to_a_thread::<tachometer::Recorder>();
/// ```
///
/// ```
/// fn given_to_a_thread<T: Send>() {}
/// given_to_a_thread::<tachometer::Recorder>();
/// ```
///
/// And it can't be used while one of its steps is open:
///
/// ```compile_fail,E0499
/// # fn example(recorder: &mut tachometer::Recorder, tokens: tachometer::Counter<u64>) {
/// let step = recorder.step();
/// recorder.inc(tokens);
/// step.commit();
/// # }
/// ```
///
/// ```
/// # fn example(recorder: &mut tachometer::Recorder, tokens: tachometer::Counter<u64>) {
/// let step = recorder.step();
/// step.commit();
/// recorder.inc(tokens);
/// # }
/// ```
pub struct Recorder {
    /// On cache lines of its own, so that recorders which stand side by side in a `Vec` don't slow each other.
    writer: CachePadded<Writer>,
    layout: Arc<Layout>,
    infos: InfoWriter,
    /// A recorder has one owner: not `Sync`.
    owned: PhantomData<Cell<()>>,
}

impl Recorder {
    pub(crate) fn new(writer: Writer, layout: Arc<Layout>, infos: InfoWriter) -> Self {
        Self { writer: CachePadded::new(writer), layout, infos, owned: PhantomData }
    }

    /// Opens a step. [`Step::commit`] publishes it whole; dropping it discards it.
    #[inline]
    pub fn step(&mut self) -> Step<'_> {
        Step::new(self.writer.open(), &self.layout, &mut self.infos)
    }

    /// Runs `f` as one step, which is committed when `f` returns, whatever it returns. If `f` panics, the step is discarded.
    ///
    /// ```
    /// # fn example(recorder: &mut tachometer::Recorder, tokens: tachometer::Counter<u64>) {
    /// let generated = recorder.record(|step| {
    ///     step.add(tokens, 3);
    ///     3
    /// });
    /// # }
    /// ```
    #[inline]
    pub fn record<R>(&mut self, f: impl FnOnce(&mut Step<'_>) -> R) -> R {
        let mut step = self.step();
        let result = f(&mut step);
        step.commit();
        result
    }

    /// [`Step::add`] as a step of its own.
    #[inline]
    pub fn add<T: CounterValue>(&mut self, counter: Counter<T>, n: T) {
        self.record(|step| step.add(counter, n));
    }

    /// [`Step::inc`] as a step of its own.
    #[inline]
    pub fn inc<T: CounterValue>(&mut self, counter: Counter<T>) {
        self.record(|step| step.inc(counter));
    }

    /// [`Step::set`] as a step of its own.
    #[inline]
    pub fn set<T: GaugeValue>(&mut self, gauge: Gauge<T>, value: T) {
        self.record(|step| step.set(gauge, value));
    }

    /// [`Step::observe`] as a step of its own.
    #[inline]
    pub fn observe<T: ObservationValue>(&mut self, histogram: Histogram<T>, value: T) {
        self.record(|step| step.observe(histogram, value));
    }

    /// [`Step::observe_n`] as a step of its own.
    #[inline]
    pub fn observe_n<T: ObservationValue>(&mut self, histogram: Histogram<T>, value: T, n: u64) {
        self.record(|step| step.observe_n(histogram, value, n));
    }

    /// [`Step::observe_all`] as a step of its own.
    #[inline]
    pub fn observe_all<T: ObservationValue>(&mut self, histogram: Histogram<T>, values: &[T]) {
        self.record(|step| step.observe_all(histogram, values));
    }
}

impl Drop for Recorder {
    /// Gives up the gauges.
    fn drop(&mut self) {
        if self.layout.gauges.is_empty() {
            return;
        }
        let mut last = self.writer.open();
        self.layout.gauges.iter().for_each(|gauge| last.store(*gauge, 0));
        last.commit();
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("schema", &self.layout.schema).finish_non_exhaustive()
    }
}

/// Panics under debug assertions if a handle's schema isn't the recorder's own.
fn debug_assert_own(schema: u32, own: u32) {
    debug_assert!(
        schema == own,
        "a handle of schema {schema} was used with a recorder of schema {own}: use the handles that the builder of the \
         recorder's own schema returned (an engine and its registry have a number each)",
    );
}
