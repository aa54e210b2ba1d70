//! Guards that record when they are dropped: [`InFlight`] and [`Timer`].

use std::{fmt, time::Instant};

use super::{DynamicSeries, SharedRecorder};
use crate::schema::{
    handle::{Gauge, Histogram, SettableGauge},
    types::WordType,
    value::GaugeValue,
};

/// Counts something in a gauge for as long as it goes on: one more when it begins, one less when
/// the guard is dropped. Also when a panic unwinds, or when the future that holds the guard is
/// cancelled. [`SharedRecorder::in_flight`] and [`DynamicSeries::in_flight`] make one.
///
/// It keeps its recorder, and can be moved: into a task, say, or into the stream of a response.
///
/// ```
/// # use tachometer::{SettableGauge, SharedRecorder};
/// async fn handle(recorder: &SharedRecorder, in_flight: SettableGauge<i64>) {
///     let _guard = recorder.in_flight(in_flight); // not `_`, which would drop it at once
///     generate().await; // if the client leaves, the server drops this future, and the guard
/// }
/// # async fn generate() {}
/// ```
#[must_use = "what is in flight ends when the guard is dropped"]
pub struct InFlight(
    /// `None`: the gauge is of another schema.
    Option<Level>,
);

/// The gauge, whose type was checked when the guard was made.
enum Level {
    Settable { recorder: SharedRecorder, index: u16, minus_one: u64 },
    Integers(DynamicSeries<Gauge<i64>>),
    Floats(DynamicSeries<Gauge<f64>>),
}

impl Drop for InFlight {
    #[inline]
    fn drop(&mut self) {
        mutant!("guard: what was in flight stays" => return);
        match &self.0 {
            Some(Level::Settable { recorder, index, minus_one }) => recorder.change_settable(*index, *minus_one),
            Some(Level::Integers(series)) => series.dec(),
            Some(Level::Floats(series)) => series.dec(),
            None => {}
        }
    }
}

/// Observes the seconds that something takes in a histogram: from when the timer is made until it
/// is dropped. Also when a panic unwinds, or when the future that holds the timer is cancelled. If
/// the time then says nothing, [`discard`](Self::discard) the timer where that is known.
/// [`SharedRecorder::timer`] and [`DynamicSeries::timer`] make one.
///
/// The clock is [`Instant`], which never goes back.
///
/// ```
/// # use tachometer::{Histogram, SharedRecorder};
/// async fn handle(recorder: &SharedRecorder, seconds: Histogram<f64>) -> std::io::Result<()> {
///     let timer = recorder.timer(seconds);
///     match generate().await {
///         Ok(()) => Ok(()), // observed, also if this future is dropped before it gets here
///         Err(error) => {
///             timer.discard();
///             Err(error)
///         }
///     }
/// }
/// # async fn generate() -> std::io::Result<()> { Ok(()) }
/// ```
#[must_use = "the time ends when the timer is dropped"]
pub struct Timer {
    /// `None`: discarded, or the histogram is of another schema.
    begun: Option<Instant>,
    seconds: Seconds,
}

enum Seconds {
    Shared(SharedRecorder, Histogram<f64>),
    Series(DynamicSeries<Histogram<f64>>),
}

impl Timer {
    /// Ends the timer without an observation.
    pub fn discard(mut self) {
        self.begun = mutant!(None, "guard: a discarded timer observes" => self.begun);
    }
}

impl Drop for Timer {
    #[inline]
    fn drop(&mut self) {
        let Some(begun) = self.begun else { return };
        match &self.seconds {
            Seconds::Shared(recorder, histogram) => recorder.observe_duration(*histogram, begun.elapsed()),
            Seconds::Series(series) => series.observe_duration(begun.elapsed()),
        }
    }
}

/// Guards.
impl SharedRecorder {
    /// Adds one to a settable gauge, and subtracts it when the guard is dropped, both by the rules
    /// of [`add_gauge`](Self::add_gauge). If the gauge is set meanwhile, the guard subtracts from
    /// what was set.
    ///
    /// Clones the recorder, which the guard keeps.
    pub fn in_flight<T: GaugeValue>(&self, gauge: SettableGauge<T>) -> InFlight {
        self.inc_gauge(gauge);
        let level =
            || Level::Settable { recorder: self.clone(), index: gauge.index, minus_one: T::MINUS_ONE.to_word() };
        InFlight(self.has_scalar(gauge.schema).then(level))
    }

    /// Times something, and observes the seconds when the timer is dropped.
    ///
    /// Clones the recorder, which the timer keeps.
    pub fn timer(&self, histogram: Histogram<f64>) -> Timer {
        let own = mutant!(self.owns(histogram.schema), "guard: a foreign timer begins" => true);
        Timer { begun: own.then(Instant::now), seconds: Seconds::Shared(self.clone(), histogram) }
    }
}

/// Guards.
impl<T: GaugeValue> DynamicSeries<Gauge<T>> {
    /// Adds one, and subtracts it when the guard is dropped, both by the rules of
    /// [`add`](Self::add). If the gauge is set meanwhile, the guard subtracts from what was set.
    ///
    /// Clones the handle, which the guard keeps.
    pub fn in_flight(&self) -> InFlight {
        self.inc();
        InFlight(Some(match T::WORD_TYPE {
            WordType::F64 => Level::Floats(self.retyped()),
            WordType::U64 | WordType::I64 => Level::Integers(self.retyped()),
        }))
    }
}

/// Guards.
impl DynamicSeries<Histogram<f64>> {
    /// Times something, and observes the seconds when the timer is dropped.
    ///
    /// Clones the handle, which the timer keeps.
    pub fn timer(&self) -> Timer {
        Timer { begun: Some(Instant::now()), seconds: Seconds::Series(self.clone()) }
    }
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(Level::Settable { recorder, .. }) => f.debug_tuple("InFlight").field(recorder).finish(),
            Some(Level::Integers(series)) => f.debug_tuple("InFlight").field(series).finish(),
            Some(Level::Floats(series)) => f.debug_tuple("InFlight").field(series).finish(),
            None => f.write_str("InFlight"),
        }
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("begun", &self.begun).finish_non_exhaustive()
    }
}
