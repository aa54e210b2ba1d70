//! The storage of an engine, or of the registry itself.

use std::{
    array,
    sync::Arc as StdArc,
    time::{Duration, Instant},
};

use super::{
    clock::unix_milliseconds,
    info::Infos,
    shards::{Shard, Shards},
    slab::Slab,
};
use crate::{
    schema::layout::Diagnostic,
    sorted::{Iter, Sorted},
    sync::{Arc, AtomicU64, Ordering::Relaxed},
};

/// An engine's label values, as given and as printed. Engines are identified by the address of this
/// allocation: re-attaching creates a new identity.
#[derive(Debug)]
pub(crate) struct EngineLabels {
    pub(crate) values: Vec<String>,
    /// `engine="0",model_name="m"`, escaped, behind the constant labels.
    pub(crate) text: Box<[u8]>,
    /// The schema to which the engine attached: 0 for the registry's first, otherwise the number of
    /// the one that joined.
    pub(crate) member: u64,
    /// For a part: the engine that it is a part of.
    pub(crate) whole: Option<StdArc<Self>>,
    /// When it attached, in milliseconds since the Unix epoch: its counters began at zero then.
    pub(crate) attached_at: u64,
    /// Greater than that of engines that attached before. An engine that attaches again has another
    /// one. Set before the labels are published.
    number: AtomicU64,
    /// The lower half: how many handles there are. The upper half: how long the engine lingers, in
    /// milliseconds, plus 1; 0 if it doesn't. One word, so the thread that gives up the last handle
    /// finds what was set last.
    handles: AtomicU64,
}

/// A millisecond of lingering in [`EngineLabels::handles`].
const MILLISECOND: u64 = 1 << 32;

impl EngineLabels {
    pub(crate) fn new(member: u64, whole: Option<StdArc<Self>>, values: Vec<String>, text: Box<[u8]>) -> Self {
        let (attached_at, number, handles) = (unix_milliseconds(), AtomicU64::new(0), AtomicU64::new(1));
        Self { values, text, member, whole, attached_at, number, handles }
    }

    /// Takes one more handle. Fails once the last one was given up: the engine is about to leave,
    /// and won't come back. Lock-free.
    pub(crate) fn take_handle(&self) -> bool {
        let one_more =
            |word: u64| mutant!(is_held(word), "engine: one that leaves is found" => true).then_some(word + 1);
        self.handles.fetch_update(Relaxed, Relaxed, one_more).is_ok() // no edge: one word, counted
    }

    /// Gives up a handle. If it was the last, returns how long the engine lingers, if it does.
    pub(crate) fn give_up_handle(&self) -> Option<Option<Duration>> {
        let one_less = |word: u64| Some(word - 1);
        // No edge: one word, counted.
        let word = self.handles.fetch_update(Relaxed, Relaxed, one_less).expect("always changed") - 1;
        mutant!(!is_held(word), "engine: each handle detaches it" => true).then(|| lingering(word))
    }

    /// How long an engine lingers whose last handle was given up. `None` if there are others.
    pub(crate) fn leaves(&self) -> Option<Option<Duration>> {
        let word = self.handles.load(Relaxed); // no edge: it never comes back
        (!is_held(word)).then(|| lingering(word))
    }

    /// Lets the engine linger for this long.
    pub(crate) fn set_linger(&self, time: Duration) {
        let milliseconds = time.as_micros().div_ceil(1_000).min(u128::from(u32::MAX - 1)) as u64 + 1;
        let set = |word: u64| Some((milliseconds * MILLISECOND) | (word % MILLISECOND));
        _ = self.handles.fetch_update(Relaxed, Relaxed, set); // no edge: one word
    }

    pub(crate) fn number(&self) -> u64 {
        self.number.load(Relaxed) // no edge: published with the labels
    }

    /// Only before they are published.
    pub(crate) fn set_number(&self, number: u64) {
        self.number.store(number, Relaxed); // no edge: published with the labels
    }
}

fn is_held(word: u64) -> bool {
    word % MILLISECOND > 0
}

fn lingering(word: u64) -> Option<Duration> {
    (word / MILLISECOND).checked_sub(1).map(Duration::from_millis)
}

/// Where the series of an engine are kept. A value is the sum over all slabs and shards. The struct
/// never changes: a store that grows is replaced by another.
#[derive(Clone)]
pub(crate) struct EngineStore {
    pub(crate) labels: StdArc<EngineLabels>,
    /// One per exclusive recorder, and at least one.
    pub(crate) slabs: Vec<Arc<Slab>>,
    /// One set per engine, whichever recorder writes them.
    pub(crate) infos: StdArc<Infos>,
    /// Present from the first shared recorder on.
    pub(crate) shards: Option<StdArc<Shards>>,
    /// What the registry records about its pages. `None` for engines.
    pub(crate) self_metrics: Option<StdArc<Shards>>,
    /// For an engine that was dropped and lingers: until when it is read.
    pub(crate) until: Option<Instant>,
    /// What parts of it counted that have left, if there were any.
    pub(crate) carried: Option<StdArc<Counted>>,
}

/// What recorders count about themselves: the diagnostics, and then the committed steps.
pub(crate) type Counted = [u64; Diagnostic::COUNT + 1];

impl EngineStore {
    /// All rows that any thread adds to.
    pub(crate) fn shards(&self) -> impl Iterator<Item = Shard<'_>> {
        self.shards.iter().chain(&self.self_metrics).flat_map(|shards| shards.iter())
    }

    /// What its recorders have counted about themselves until now.
    pub(crate) fn counted(&self) -> Counted {
        let mut counted = self.carried.as_deref().copied().unwrap_or_default();
        let mut add = |index: usize, count: u64| counted[index] = counted[index].saturating_add(count);
        for slab in &self.slabs {
            let mut diagnostics = [0; Diagnostic::COUNT];
            slab.diagnostics.read(&mut diagnostics);
            diagnostics.into_iter().enumerate().for_each(|(index, count)| add(index, count));
            add(Diagnostic::COUNT, slab.committed());
        }
        for shard in self.shards.iter().flat_map(|shards| shards.iter()) {
            (0..Diagnostic::COUNT).for_each(|index| add(index, shard.diagnostic(index)));
        }
        counted
    }

    /// The same store, which takes over what a part counted.
    pub(crate) fn carrying(&self, counted: &Counted) -> Self {
        let before = self.carried.as_deref().copied().unwrap_or_default();
        let carried = array::from_fn(|index| before[index].saturating_add(counted[index]));
        Self { carried: Some(StdArc::new(carried)), ..self.clone() }
    }
}

/// The engines that a reader sees now.
#[derive(Clone)]
pub(crate) struct Engines<'d> {
    all: Iter<'d, StdArc<EngineStore>>,
    /// Now, if some linger.
    now: Option<Instant>,
    len: usize,
    /// Replaced whenever an engine is added or removed.
    pub(crate) membership: &'d StdArc<()>,
}

impl<'d> Engines<'d> {
    /// `all` are the engines of a directory. `until` are the times until which some of them linger.
    pub(crate) fn new(
        all: &'d Sorted<StdArc<EngineStore>>,
        until: impl ExactSizeIterator<Item = Instant>,
        membership: &'d StdArc<()>,
    ) -> Self {
        let now = (until.len() > 0).then(Instant::now);
        let gone = until.filter(|until| now.is_some_and(|now| *until <= now)).count();
        Self { all: all.iter(), now, len: all.len() - gone, membership }
    }
}

impl<'d> Iterator for Engines<'d> {
    type Item = &'d StdArc<EngineStore>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let now = self.now;
        let is_seen = |engine: &Self::Item| now.is_none_or(|now| engine.until.is_none_or(|until| until > now));
        let next = mutant!(self.all.find(is_seen), "engine: what lingered too long is read" => self.all.next())?;
        self.len -= 1;
        Some(next)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len, Some(self.len))
    }
}

impl ExactSizeIterator for Engines<'_> {}
