//! Loom's atomics, one operation of which can be weakened from outside:
//! `TACHOMETER_WEAKEN=src/store/slab.rs:243` makes the load, store or swap in that line relaxed, or
//! removes the fence there. So each ordering of the protocol has a mutant without a second version
//! of the code. `scripts/loom` tries them all.

use std::{marker::PhantomData, panic::Location, sync::LazyLock};

pub(crate) use loom::sync::{Arc, atomic::Ordering};

/// File and line of the operation to weaken.
static WEAKENED: LazyLock<Option<(String, u32)>> = LazyLock::new(|| {
    let site = std::env::var("TACHOMETER_WEAKEN").ok()?;
    let (file, line) = site.split_once(':').expect("TACHOMETER_WEAKEN is file:line");
    Some((file.to_owned(), line.parse().expect("TACHOMETER_WEAKEN ends with a line's number")))
});

fn is_weakened(at: &Location<'_>) -> bool {
    WEAKENED.as_ref().is_some_and(|(file, line)| *line == at.line() && at.file().ends_with(file))
}

fn weaken(ordering: Ordering, at: &Location<'_>) -> Ordering {
    if is_weakened(at) { Ordering::Relaxed } else { ordering }
}

#[derive(Debug)]
pub(crate) struct AtomicU64(loom::sync::atomic::AtomicU64);

impl AtomicU64 {
    pub(crate) fn new(value: u64) -> Self {
        Self(loom::sync::atomic::AtomicU64::new(value))
    }

    #[track_caller]
    pub(crate) fn load(&self, ordering: Ordering) -> u64 {
        self.0.load(weaken(ordering, Location::caller()))
    }

    #[track_caller]
    pub(crate) fn store(&self, value: u64, ordering: Ordering) {
        self.0.store(value, weaken(ordering, Location::caller()));
    }

    #[track_caller]
    pub(crate) fn fetch_add(&self, n: u64, ordering: Ordering) -> u64 {
        self.0.fetch_add(n, weaken(ordering, Location::caller()))
    }

    #[track_caller]
    pub(crate) fn fetch_max(&self, n: u64, ordering: Ordering) -> u64 {
        self.0.fetch_max(n, weaken(ordering, Location::caller()))
    }

    #[track_caller]
    pub(crate) fn fetch_and(&self, mask: u64, ordering: Ordering) -> u64 {
        self.0.fetch_and(mask, weaken(ordering, Location::caller()))
    }

    #[track_caller]
    pub(crate) fn fetch_update(
        &self,
        set: Ordering,
        fetch: Ordering,
        f: impl FnMut(u64) -> Option<u64>,
    ) -> Result<u64, u64> {
        let at = Location::caller();
        self.0.fetch_update(weaken(set, at), weaken(fetch, at), f)
    }
}

pub(crate) struct AtomicBool(loom::sync::atomic::AtomicBool);

impl AtomicBool {
    pub(crate) fn new(value: bool) -> Self {
        Self(loom::sync::atomic::AtomicBool::new(value))
    }

    #[track_caller]
    pub(crate) fn load(&self, ordering: Ordering) -> bool {
        self.0.load(weaken(ordering, Location::caller()))
    }

    #[track_caller]
    pub(crate) fn store(&self, value: bool, ordering: Ordering) {
        self.0.store(value, weaken(ordering, Location::caller()));
    }

    #[track_caller]
    pub(crate) fn swap(&self, value: bool, ordering: Ordering) -> bool {
        self.0.swap(value, weaken(ordering, Location::caller()))
    }
}

#[track_caller]
pub(crate) fn fence(ordering: Ordering) {
    if !is_weakened(Location::caller()) {
        loom::sync::atomic::fence(ordering);
    }
}

/// `atomic`'s typed cell.
pub(crate) struct Atomic<T> {
    word: loom::sync::atomic::AtomicU64,
    value: PhantomData<T>,
}

/// What such a cell holds.
pub(crate) trait Word: Copy {
    fn to_word(self) -> u64;
    fn from_word(word: u64) -> Self;
}

impl Word for i64 {
    fn to_word(self) -> u64 {
        self as u64
    }

    fn from_word(word: u64) -> Self {
        word as Self
    }
}

impl Word for f64 {
    fn to_word(self) -> u64 {
        self.to_bits()
    }

    fn from_word(word: u64) -> Self {
        Self::from_bits(word)
    }
}

impl<T: Word> Atomic<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { word: loom::sync::atomic::AtomicU64::new(value.to_word()), value: PhantomData }
    }

    pub(crate) fn load(&self, ordering: Ordering) -> T {
        T::from_word(self.word.load(ordering))
    }

    /// A swap. A store and an addition have an order that all threads agree on, but loom knows it
    /// only between two operations that both read and write.
    pub(crate) fn store(&self, value: T, ordering: Ordering) {
        self.word.swap(value.to_word(), ordering);
    }

    pub(crate) fn fetch_update(
        &self,
        set: Ordering,
        fetch: Ordering,
        mut f: impl FnMut(T) -> Option<T>,
    ) -> Result<T, T> {
        let updated = self.word.fetch_update(set, fetch, |word| f(T::from_word(word)).map(T::to_word));
        updated.map(T::from_word).map_err(T::from_word)
    }
}

impl Atomic<i64> {
    pub(crate) fn fetch_add(&self, n: i64, ordering: Ordering) -> i64 {
        self.word.fetch_add(n as u64, ordering) as i64
    }
}
