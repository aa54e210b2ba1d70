//! Recording: the exclusive [`Recorder`] with its [`Step`]s, and the [`SharedRecorder`] for any
//! thread.

mod dynamic;
mod guard;
mod observe;
mod shared;
mod step;
mod verbs;

use std::{cell::Cell, fmt, marker::PhantomData, sync::Arc};

use crossbeam_utils::CachePadded;

pub use self::{
    dynamic::DynamicSeries,
    guard::{InFlight, Timer},
    shared::SharedRecorder,
    step::Step,
    verbs::Record,
};
use crate::{
    schema::layout::Layout,
    store::{info::InfoWriter, slab::writer::Writer},
};

/// An exclusive recorder of an engine, or of the registry's own families. It moves into the thread
/// that runs the engine's loop.
///
/// Everything is recorded in steps. [`step`](Self::step) opens one, which may stay open for a whole
/// engine iteration.
///
/// When a recorder is dropped, its counts stay and its gauges don't: counters, histograms, states
/// and infos stay exposed, and a last step sets its gauges to zero. The engine's next recorder
/// continues from there. So keep a recorder for as long as its engine runs. A temporary recorder
/// can't lose a gauge that was just set, because the code doesn't compile:
///
/// ```compile_fail,E0716
/// # use tachometer::{Engine, Gauge, RecorderError};
/// # fn example(engine: &Engine, running: Gauge<i64>) -> Result<(), RecorderError> {
/// let mut step = engine.recorder()?.step();
/// step.set(running, 3);
/// step.commit();
/// # Ok(())
/// # }
/// ```
///
/// ```
/// # use tachometer::{Engine, Gauge, RecorderError};
/// # fn example(engine: &Engine, running: Gauge<i64>) -> Result<(), RecorderError> {
/// let mut recorder = engine.recorder()?;
/// let mut step = recorder.step();
/// step.set(running, 3);
/// step.commit();
/// # Ok(())
/// # }
/// ```
///
/// # Several recorders of an engine
/// An engine may have several recorders, one per thread. The value of a series is the sum over all
/// of them and over the shared recorders. An info and a [state](crate::Declaration::state) belong
/// to the engine: the value that was set last is shown, whichever recorder set it.
///
/// A snapshot takes one whole step from each recorder, but the steps of different recorders aren't
/// from one moment. Even so, suppose that after each step of each recorder one series equals the
/// sum of others. Then it does in every snapshot too, because the snapshot adds up both sides. This
/// holds for sums only, not for products or ratios.
///
/// A gauge that several recorders set is the sum of the values that they set last. That is right
/// for the requests in their queues. For a ratio, a time or a mode it would be wrong: those are
/// states.
///
/// # Progress
/// Wait-free: plain loads and stores, no lock, no read-modify-write, no allocation, no system call.
/// The exception is an info's new label values, which [`Step::set_info`] allocates. A step costs
/// what is recorded, plus a copy of the words that the previous step changed (at most a slab), plus
/// now and then a copy of the slab for readers that can't keep up.
///
/// ```
/// # use tachometer::{Registry, Schema};
/// let mut schema = Schema::builder(&["engine"]);
/// let tokens = schema.counter::<u64>("generated_tokens", "Tokens generated.").declare()?;
/// let running = schema.gauge::<i64>("requests_running", "Requests in the batch.").declare()?;
/// let registry = Registry::new(schema.build()?);
/// let engine = registry.attach(&["0"])?;
///
/// let mut recorder = engine.recorder()?;
/// let mut step = recorder.step();
/// step.add(tokens, 64);
/// step.set(running, 64);
/// step.commit();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The compiler checks that there is one writer at a time. A recorder can't be cloned, only moved:
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
/// It can be sent to another thread, but not shared with it:
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
/// It can't be used while one of its steps is open:
///
/// ```compile_fail,E0499
/// # fn example(recorder: &mut tachometer::Recorder) {
/// let step = recorder.step();
/// let other = recorder.step();
/// step.commit();
/// # }
/// ```
///
/// ```
/// # fn example(recorder: &mut tachometer::Recorder) {
/// let step = recorder.step();
/// step.commit();
/// let other = recorder.step();
/// # }
/// ```
pub struct Recorder {
    /// On its own cache lines, so that recorders next to each other in a `Vec` don't slow each
    /// other down.
    writer: CachePadded<Writer>,
    layout: Arc<Layout>,
    infos: InfoWriter,
    /// Not `Sync`: a recorder is used by one thread at a time.
    not_sync: PhantomData<Cell<()>>,
}

impl Recorder {
    pub(crate) fn new(writer: Writer, layout: Arc<Layout>, infos: InfoWriter) -> Self {
        Self { writer: CachePadded::new(writer), layout, infos, not_sync: PhantomData }
    }

    /// Opens a step. [`Step::commit`] publishes it as a whole; a step that is dropped is discarded.
    #[inline(always)]
    pub fn step(&mut self) -> Step<'_> {
        Step::new(self.writer.open(), &self.layout, &mut self.infos)
    }
}

impl Drop for Recorder {
    /// Sets the gauges to zero, in a last step.
    fn drop(&mut self) {
        if self.layout.gauges.is_empty() {
            return;
        }
        let mut last = self.writer.open();
        mutant!(
            self.layout.gauges.iter().for_each(|gauge| last.store(*gauge, 0)),
            "return: gauges are kept" => (),
            "return: counts are given up too" => (0..self.layout.words as u16).for_each(|word| last.store(word, 0)),
        );
        mutant!(last.commit(), "return: the last step isn't committed" => std::mem::forget(last));
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("schema", &self.layout.schema).finish_non_exhaustive()
    }
}
