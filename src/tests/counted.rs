//! The standard atomics, with a count of what P1 rules out: read-modify-writes, including those of
//! reference counts and of swapped pointers. Release fences are counted too. Each thread has its
//! own counts.

use std::{cell::Cell, ops::Deref, sync::atomic};

pub(crate) use std::sync::atomic::Ordering;

/// What a thread has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) read_modify_writes: u64,
    pub(crate) release_fences: u64,
}

thread_local! {
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { read_modify_writes: 0, release_fences: 0 }) };
}

/// What `f` does on this thread.
pub(super) fn counts_of(f: impl FnOnce()) -> Counts {
    COUNTS.set(Counts::default());
    f();
    COUNTS.get()
}

fn read_modify_write() {
    let counts = COUNTS.get();
    COUNTS.set(Counts { read_modify_writes: counts.read_modify_writes + 1, ..counts });
}

pub(crate) fn fence(ordering: Ordering) {
    let counts = COUNTS.get();
    let releases = u64::from(ordering != Ordering::Acquire);
    COUNTS.set(Counts { release_fences: counts.release_fences + releases, ..counts });
    atomic::fence(ordering);
}

#[derive(Debug)]
pub(crate) struct AtomicU64(atomic::AtomicU64);

impl AtomicU64 {
    pub(crate) const fn new(value: u64) -> Self {
        Self(atomic::AtomicU64::new(value))
    }

    pub(crate) fn load(&self, ordering: Ordering) -> u64 {
        self.0.load(ordering)
    }

    pub(crate) fn store(&self, value: u64, ordering: Ordering) {
        self.0.store(value, ordering);
    }

    pub(crate) fn fetch_add(&self, n: u64, ordering: Ordering) -> u64 {
        read_modify_write();
        self.0.fetch_add(n, ordering)
    }

    pub(crate) fn fetch_max(&self, n: u64, ordering: Ordering) -> u64 {
        read_modify_write();
        self.0.fetch_max(n, ordering)
    }

    pub(crate) fn fetch_and(&self, mask: u64, ordering: Ordering) -> u64 {
        read_modify_write();
        self.0.fetch_and(mask, ordering)
    }

    pub(crate) fn fetch_update(
        &self,
        set: Ordering,
        fetch: Ordering,
        f: impl FnMut(u64) -> Option<u64>,
    ) -> Result<u64, u64> {
        read_modify_write();
        self.0.fetch_update(set, fetch, f)
    }
}

pub(crate) struct AtomicBool(atomic::AtomicBool);

impl AtomicBool {
    pub(crate) const fn new(value: bool) -> Self {
        Self(atomic::AtomicBool::new(value))
    }

    pub(crate) fn load(&self, ordering: Ordering) -> bool {
        self.0.load(ordering)
    }

    pub(crate) fn store(&self, value: bool, ordering: Ordering) {
        self.0.store(value, ordering);
    }

    pub(crate) fn swap(&self, value: bool, ordering: Ordering) -> bool {
        read_modify_write();
        self.0.swap(value, ordering)
    }
}

/// Counts clones and drops.
pub(crate) struct Arc<T>(std::sync::Arc<T>);

impl<T> Arc<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(std::sync::Arc::new(value))
    }
}

impl<T> Clone for Arc<T> {
    fn clone(&self) -> Self {
        read_modify_write();
        Self(std::sync::Arc::clone(&self.0))
    }
}

impl<T> Drop for Arc<T> {
    fn drop(&mut self) {
        read_modify_write();
    }
}

impl<T> Deref for Arc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Counts each call as one read-modify-write, although some make several, and some loads may make
/// none.
pub(crate) struct ArcSwap<T>(arc_swap::ArcSwap<T>);

impl<T> ArcSwap<T> {
    pub(crate) fn from_pointee(value: T) -> Self {
        Self(arc_swap::ArcSwap::from_pointee(value))
    }

    pub(crate) fn load(&self) -> arc_swap::Guard<std::sync::Arc<T>> {
        read_modify_write();
        self.0.load()
    }

    pub(crate) fn compare_and_swap(
        &self,
        current: &std::sync::Arc<T>,
        new: std::sync::Arc<T>,
    ) -> arc_swap::Guard<std::sync::Arc<T>> {
        read_modify_write();
        self.0.compare_and_swap(current, new)
    }
}

/// Counts as [`ArcSwap`] does.
pub(crate) struct ArcSwapOption<T>(arc_swap::ArcSwapOption<T>);

impl<T> ArcSwapOption<T> {
    pub(crate) fn empty() -> Self {
        Self(arc_swap::ArcSwapOption::empty())
    }

    pub(crate) fn load_full(&self) -> Option<std::sync::Arc<T>> {
        read_modify_write();
        self.0.load_full()
    }

    pub(crate) fn compare_and_swap(
        &self,
        current: &Option<std::sync::Arc<T>>,
        new: Option<std::sync::Arc<T>>,
    ) -> arc_swap::Guard<Option<std::sync::Arc<T>>> {
        read_modify_write();
        self.0.compare_and_swap(current, new)
    }
}
