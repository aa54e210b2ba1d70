//! The recorder for code without an owner thread: [`SharedRecorder`].

use std::{fmt, sync::Arc};

use super::{batch::Batch, step::MAX_BUCKET_COUNT};
use crate::{
    schema::{
        family::Number,
        handle::{Counter, Gauge, Histogram},
        layout::{Aside, HistogramIndex, HistogramLayout},
        value::{CounterValue, GaugeValue, ObservationValue},
    },
    shards::{Shard, Shards, current_thread},
};

/// [`SharedRecorder::observe_n`] takes no more than this at a time, so that a bucket can't overflow.
const MAX_OBSERVATIONS_AT_ONCE: u64 = 1 << 32;

/// A recorder for code that has no owner thread, such as request handlers on an async runtime. Of an engine
/// ([`Engine::shared_recorder`](crate::Engine::shared_recorder)), or of the registry's own families
/// ([`Registry::shared_recorder`](crate::Registry::shared_recorder)).
///
/// Clone it or share it; there is no limit to how many there are. What is recorded is added to what the engine's [`Recorder`](crate::Recorder)s
/// recorded: a value on a page is the sum. So a gauge is changed, never set.
///
/// # What it promises
/// Less than a [`Step`](crate::Step): each call is **word-atomic**. Nothing is lost, and totals are exact; a histogram's count is the sum of its
/// buckets, always. But several calls, and the bucket and the sum of one observation, aren't one moment: a snapshot may see one
/// and not yet the other, so a gauge that goes up in one thread and down in another may be seen one too low for a moment. There is no
/// step, and nothing to discard. Float sums may differ in their last digits with the order of additions.
///
/// What can't be counted honestly is rejected, and counted in `tachometer_rejected_observations_total`, by the same rules as in a
/// step, with limits of its own on what would overflow: a counter or an integer sum takes at most 2^63 a shard. A change that would make a gauge
/// infinite or NaN is rejected too, since nothing could repair it. Handles of another schema are treated as in a step.
///
/// # Progress
/// Nothing waits, and nothing is allocated once a thread has recorded. Each thread adds to a shard that few others use
/// ([`SchemaBuilder::shards`](crate::SchemaBuilder::shards)). Integers are added wait-free where the machine has one instruction for it, floats in a
/// compare-and-swap loop: lock-free, not wait-free, as it repeats when another thread of the same shard changed the same word.
///
/// ```
/// # use tachometer::{Registry, Schema};
/// let mut schema = Schema::builder().engine_labels(["engine"]);
/// let requests = schema.counter::<u64>("requests", "Requests that came.").declare()?;
/// let in_flight = schema.gauge::<i64>("requests_in_flight", "Requests that are being served.").declare()?;
/// let ttft = schema.histogram::<f64>("ttft_seconds", "Time to first token.", &[0.1, 1.0]).declare()?;
/// let registry = Registry::new(schema.build()?);
/// let engine = registry.attach(["0"])?;
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
/// # for line in ["requests_total{engine=\"0\"} 2", "requests_in_flight{engine=\"0\"} 0", "ttft_seconds_count{engine=\"0\"} 2"] {
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
        let Some(shard) = self.shard(counter.schema) else { return };
        if !n.can_grow_by() || add(shard, counter.word, n).is_none() {
            reject(shard, 1);
        }
    }

    /// Adds one to a counter.
    #[inline]
    pub fn inc<T: CounterValue>(&self, counter: Counter<T>) {
        self.add(counter, T::ONE);
    }

    /// Adds `n` to a gauge, or takes it away if it is negative. An integer wraps around.
    #[inline]
    pub fn add_gauge<T: GaugeValue>(&self, gauge: Gauge<T>, n: T) {
        let Some(shard) = self.shard(gauge.schema) else { return };
        if T::NUMBER != Number::F64 {
            shard.add_wrapping(gauge.word, n.to_word());
        } else if add(shard, gauge.word, f64::from_bits(n.to_word())).is_none() {
            reject(shard, 1);
        }
    }

    /// Adds one to a gauge.
    #[inline]
    pub fn inc_gauge<T: GaugeValue>(&self, gauge: Gauge<T>) {
        self.add_gauge(gauge, T::ONE);
    }

    /// Takes one from a gauge.
    #[inline]
    pub fn dec_gauge<T: GaugeValue>(&self, gauge: Gauge<T>) {
        self.add_gauge(gauge, T::MINUS_ONE);
    }

    /// Observes one value.
    #[inline]
    pub fn observe<T: ObservationValue>(&self, histogram: Histogram<T>, value: T) {
        self.observe_n(histogram, value, 1);
    }

    /// Observes one value `n` times, at most 2^32, at the cost of once. A float's sum grows by `value * n`, rounded once.
    #[inline]
    pub fn observe_n<T: ObservationValue>(&self, histogram: Histogram<T>, value: T, n: u64) {
        let Some((shard, place)) = self.histogram(histogram.schema, histogram.index) else { return };
        if count(shard, place, value, n).is_none() {
            reject(shard, n);
        }
    }

    /// Observes a batch: faster than value by value, most of all when the values are close to each other.
    #[inline]
    pub fn observe_all<T: ObservationValue>(&self, histogram: Histogram<T>, values: &[T]) {
        let Some((shard, place)) = self.histogram(histogram.schema, histogram.index) else { return };
        let whole = Batch::new(place, values).and_then(|batch| {
            add(shard, place.sum, batch.sum)?;
            batch.counts().filter(|(_, n)| *n > 0).for_each(|(bucket, n)| shard.add_wrapping(bucket, n));
            Some(())
        });
        if whole.is_none() {
            values.iter().for_each(|value| self.observe(histogram, *value));
        }
    }

    /// Counts `n` observations that the caller couldn't express as a value of a histogram as rejected.
    #[cold]
    pub fn reject(&self, n: u64) {
        reject(self.0.of_thread(current_thread()), n);
    }

    #[inline(always)]
    fn histogram(&self, schema: u32, HistogramIndex(index): HistogramIndex) -> Option<(Shard<'_>, &HistogramLayout)> {
        let shard = self.shard(schema)?;
        Some((shard, self.0.layout.histograms.get(usize::from(index))?))
    }

    /// The current thread's, if a handle of this schema and scope belongs here.
    #[inline(always)]
    fn shard(&self, schema: u32) -> Option<Shard<'_>> {
        let shard = self.0.of_thread(current_thread());
        let own = schema == self.0.layout.schema;
        if !own {
            self.refuse_foreign(schema, shard);
        }
        own.then_some(shard)
    }

    #[cold]
    fn refuse_foreign(&self, schema: u32, shard: Shard<'_>) {
        super::debug_assert_own(schema, self.0.layout.schema);
        shard.count_aside(Aside::ForeignHandles, 1);
    }
}

/// Adds to a counter, a sum or a float gauge. `None` if it can't be counted: then nothing has changed.
#[inline(always)]
fn add<T: CounterValue>(shard: Shard<'_>, word: u16, n: T) -> Option<()> {
    match T::NUMBER {
        Number::F64 => shard.change(word, |total| T::sum(T::from_word(total), n).map(T::to_word)),
        Number::U64 | Number::I64 => shard.add(word, n.to_word()),
    }
}

/// `None` if it can't be counted: then nothing has changed. The sum first, as it can refuse.
#[inline(always)]
fn count<T: ObservationValue>(shard: Shard<'_>, place: &HistogramLayout, value: T, n: u64) -> Option<()> {
    let bucket = place.first + value.bucket(&place.bounds)?;
    let room = n == 1 || n <= MAX_OBSERVATIONS_AT_ONCE && shard.load(usize::from(bucket)) + n <= MAX_BUCKET_COUNT;
    add(shard, place.sum, value.times(n).filter(|_| room)?)?;
    shard.add_wrapping(bucket, n);
    Some(())
}

#[cold]
fn reject(shard: Shard<'_>, n: u64) {
    shard.count_aside(Aside::RejectedObservations, n);
}

impl fmt::Debug for SharedRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRecorder").field("schema", &self.0.layout.schema).finish_non_exhaustive()
    }
}
