//! Handles: typed, copyable references to series, resolved once, when they are declared.
//!
//! A handle belongs to the schema that declared it, and there either to engines or to the registry.
//! A recorder of another schema or of the other scope refuses it: it panics under debug assertions;
//! otherwise it ignores the call and counts it in `tachometer_foreign_handles_total`. It never
//! writes to a word that isn't the handle's own.

use std::{fmt, marker::PhantomData};

use super::{
    layout::{HistogramIndex, InfoIndex},
    types::{MetricType, Storage, WordType},
    value::{CounterValue, GaugeValue, ObservationValue},
};

/// The bit that marks the schema's number in a handle of a sparse scalar: its word is followed by
/// one that says whether anything was recorded. Such a handle fails the comparison that each call
/// makes anyway, and only then is looked at again. So other handles pay next to nothing.
pub(crate) const SPARSE: u32 = 1 << 31;

/// The number of the schema that declared a handle.
#[inline]
pub(crate) fn schema_of(number: u32) -> u32 {
    number & !SPARSE
}

/// The handle of a counter, which grows and never falls. `T` is `u64` or `f64`.
///
/// Unlike a gauge, a counter can't be set:
///
/// ```compile_fail,E0308
/// # use tachometer::{Counter, Step};
/// fn example(step: &mut Step<'_>, series: Counter<f64>) {
///     step.set(series, 1.0);
/// }
/// ```
///
/// ```
/// # use tachometer::{Gauge, Step};
/// fn example(step: &mut Step<'_>, series: Gauge<f64>) {
///     step.set(series, 1.0);
/// }
/// ```
///
/// A counter of `u64` doesn't take an `f64`:
///
/// ```compile_fail,E0308
/// # use tachometer::{Counter, Step};
/// fn example(step: &mut Step<'_>, series: Counter<u64>) {
///     step.add(series, 1.0);
/// }
/// ```
///
/// ```
/// # use tachometer::{Counter, Step};
/// fn example(step: &mut Step<'_>, series: Counter<u64>) {
///     step.add(series, 1);
/// }
/// ```
pub struct Counter<T> {
    pub(crate) schema: u32,
    pub(crate) word: u16,
    value: PhantomData<fn() -> T>,
}

/// The handle of a gauge, which goes up and down. `T` is `u64`, `i64` or `f64`.
///
/// Unlike a histogram, a gauge doesn't observe:
///
/// ```compile_fail,E0308
/// # use tachometer::{Gauge, Step};
/// fn example(step: &mut Step<'_>, series: Gauge<f64>) {
///     step.observe(series, 1.0);
/// }
/// ```
///
/// ```
/// # use tachometer::{Histogram, Step};
/// fn example(step: &mut Step<'_>, series: Histogram<f64>) {
///     step.observe(series, 1.0);
/// }
/// ```
pub struct Gauge<T> {
    pub(crate) schema: u32,
    pub(crate) word: u16,
    value: PhantomData<fn() -> T>,
}

/// A gauge that any thread sets: the last write wins. See
/// [`Declaration::settable`](crate::Declaration::settable).
///
/// A step can't set it, since it isn't part of one:
///
/// ```compile_fail,E0308
/// # use tachometer::{SettableGauge, Step};
/// fn example(recorder: &mut Step<'_>, series: SettableGauge<f64>) {
///     recorder.set(series, 2.5);
/// }
/// ```
///
/// ```
/// # use tachometer::{Gauge, Step};
/// fn example(recorder: &mut Step<'_>, series: Gauge<f64>) {
///     recorder.set(series, 2.5);
/// }
/// ```
///
/// And a shared recorder sets no gauge of steps:
///
/// ```compile_fail,E0308
/// # use tachometer::{Gauge, SharedRecorder};
/// fn example(recorder: &SharedRecorder, series: Gauge<f64>) {
///     recorder.add_gauge(series, 2.5);
/// }
/// ```
///
/// ```
/// # use tachometer::{SettableGauge, SharedRecorder};
/// fn example(recorder: &SharedRecorder, series: SettableGauge<f64>) {
///     recorder.add_gauge(series, 2.5);
/// }
/// ```
pub struct SettableGauge<T> {
    pub(crate) schema: u32,
    pub(crate) index: u16,
    value: PhantomData<fn() -> T>,
}

/// A state of the engine: a gauge that isn't the sum of what recorders set, but what one of them
/// set last. See [`Declaration::state`](crate::Declaration::state).
///
/// It belongs to the engine, not to a recorder. So it can't be set as a gauge is:
///
/// ```compile_fail,E0308
/// # use tachometer::{State, Step};
/// fn example(step: &mut Step<'_>, series: State<f64>) {
///     step.set(series, 0.5);
/// }
/// ```
///
/// ```
/// # use tachometer::{State, Step};
/// fn example(step: &mut Step<'_>, series: State<f64>) {
///     step.set_state(series, 0.5);
/// }
/// ```
pub struct State<T> {
    pub(crate) schema: u32,
    pub(crate) word: u16,
    value: PhantomData<fn() -> T>,
}

/// A state of the engine that is one of a few. Each has a sample: that of the selected one is 1,
/// and all others are 0. See [`SchemaBuilder::state_set`](crate::SchemaBuilder::state_set).
#[derive(Clone, Copy, Debug)]
pub struct StateSet {
    pub(crate) schema: u32,
    pub(crate) word: u16,
    /// How many there are.
    pub(crate) states: u32,
}

/// The handle of a histogram with fixed buckets. `T` is the type of its observations and of its
/// sum: `u64` or `f64`.
pub struct Histogram<T> {
    pub(crate) schema: u32,
    pub(crate) index: HistogramIndex,
    value: PhantomData<fn() -> T>,
}

/// The handle of an info: one sample per engine, with label values that change while the engine
/// runs. See [`SchemaBuilder::info`](crate::SchemaBuilder::info). `L` says how many labels it has:
/// [`Exactly<N>`](crate::Exactly), or a number that is only known [`AtRunTime`](crate::AtRunTime).
pub struct Info<L> {
    pub(crate) schema: u32,
    pub(crate) index: InfoIndex,
    length: PhantomData<fn() -> L>,
}

impl<T> Counter<T> {
    pub(super) const fn new(schema: u32, word: u16) -> Self {
        Self { schema, word, value: PhantomData }
    }
}

impl<T> Gauge<T> {
    pub(super) const fn new(schema: u32, word: u16) -> Self {
        Self { schema, word, value: PhantomData }
    }
}

impl<T> SettableGauge<T> {
    pub(super) const fn new(schema: u32, index: u16) -> Self {
        Self { schema, index, value: PhantomData }
    }
}

impl<T> State<T> {
    pub(super) const fn new(schema: u32, word: u16) -> Self {
        Self { schema, word, value: PhantomData }
    }
}

impl StateSet {
    /// The index that its word holds. `None` for any other number: no state is selected.
    pub(crate) fn selected(self, word: u64) -> Option<usize> {
        usize::try_from(word).ok().filter(|index| *index < self.states as usize)
    }
}

impl<T> Histogram<T> {
    pub(super) const fn new(schema: u32, index: HistogramIndex) -> Self {
        Self { schema, index, value: PhantomData }
    }
}

impl<L> Info<L> {
    pub(super) const fn new(schema: u32, index: InfoIndex) -> Self {
        Self { schema, index, length: PhantomData }
    }
}

// Not derived, since a derive would add bounds on `T`.
macro_rules! copy_and_debug {
    ($($handle:ident { $index:ident }),*) => {$(
        impl<T> Clone for $handle<T> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<T> Copy for $handle<T> {}

        impl<T> fmt::Debug for $handle<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($handle)).field("schema", &self.schema).field(stringify!($index), &self.$index).finish()
            }
        }
    )*};
}

copy_and_debug!(
    Counter { word },
    Gauge { word },
    State { word },
    SettableGauge { index },
    Histogram { index },
    Info { index }
);

/// The handle of a series: [`Counter`], [`Gauge`], [`SettableGauge`], [`Histogram`], [`State`] or
/// [`StateSet`]. Sealed.
pub trait Handle: sealed::Handle {}

/// A handle that a series with dynamic labels can have: [`Counter`], [`Gauge`] or [`Histogram`].
/// Sealed.
pub trait DynamicHandle: Handle {}

impl<T: CounterValue> Handle for Counter<T> {}
impl<T: GaugeValue> Handle for Gauge<T> {}
impl<T: ObservationValue> Handle for Histogram<T> {}
impl<T: GaugeValue> Handle for SettableGauge<T> {}
impl<T: GaugeValue> Handle for State<T> {}
impl Handle for StateSet {}

impl<T: CounterValue> DynamicHandle for Counter<T> {}
impl<T: GaugeValue> DynamicHandle for Gauge<T> {}
impl<T: ObservationValue> DynamicHandle for Histogram<T> {}

pub(crate) mod sealed {
    use super::{
        Counter, CounterValue, Gauge, GaugeValue, Histogram, HistogramIndex, MetricType, ObservationValue,
        SettableGauge, State, StateSet, Storage, WordType,
    };

    pub trait Handle {
        const METRIC_TYPE: MetricType;
        const WORD_TYPE: WordType;
        const STORAGE: Storage = Storage::Summed;
        /// The handle of the scalar or histogram with this index in the layout; `states` are those
        /// of a state set.
        fn at(schema: u32, index: u16, states: u32) -> Self;
    }

    impl<T: CounterValue> Handle for Counter<T> {
        const METRIC_TYPE: MetricType = MetricType::Counter;
        const WORD_TYPE: WordType = T::WORD_TYPE;

        fn at(schema: u32, index: u16, _: u32) -> Self {
            Self::new(schema, index)
        }
    }

    impl<T: GaugeValue> Handle for Gauge<T> {
        const METRIC_TYPE: MetricType = MetricType::Gauge;
        const WORD_TYPE: WordType = T::WORD_TYPE;

        fn at(schema: u32, index: u16, _: u32) -> Self {
            Self::new(schema, index)
        }
    }

    impl<T: GaugeValue> Handle for SettableGauge<T> {
        const METRIC_TYPE: MetricType = MetricType::Gauge;
        const WORD_TYPE: WordType = T::WORD_TYPE;
        const STORAGE: Storage = Storage::Settable;

        fn at(schema: u32, index: u16, _: u32) -> Self {
            Self::new(schema, index)
        }
    }

    impl<T: GaugeValue> Handle for State<T> {
        const METRIC_TYPE: MetricType = MetricType::Gauge;
        const WORD_TYPE: WordType = T::WORD_TYPE;
        const STORAGE: Storage = Storage::State;

        fn at(schema: u32, index: u16, _: u32) -> Self {
            Self::new(schema, index)
        }
    }

    /// Its word is the index of the state, and its samples are 0 and 1.
    impl Handle for StateSet {
        const METRIC_TYPE: MetricType = MetricType::Gauge;
        const WORD_TYPE: WordType = WordType::U64;
        const STORAGE: Storage = Storage::StateSet;

        fn at(schema: u32, index: u16, states: u32) -> Self {
            Self { schema, word: index, states }
        }
    }

    impl<T: ObservationValue> Handle for Histogram<T> {
        const METRIC_TYPE: MetricType = MetricType::Histogram;
        const WORD_TYPE: WordType = T::WORD_TYPE;

        fn at(schema: u32, index: u16, _: u32) -> Self {
            Self::new(schema, HistogramIndex(index))
        }
    }
}
