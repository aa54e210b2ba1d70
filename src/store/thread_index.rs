//! An index for each thread: the lowest that no other living thread has, given back when the thread
//! ends. So threads spread evenly over shards, which a hash of an address or of a thread's id
//! wouldn't ensure.

use crate::sync::{AtomicU64, Ordering::Relaxed};

/// How many threads can have an index of their own at the same time.
const CAPACITY: usize = BITS * WORDS;
/// Indices per word.
const BITS: usize = if cfg!(all(test, loom)) { 1 } else { 64 };
const WORDS: usize = if cfg!(all(test, loom)) { 2 } else { 16 };

/// Which indices are taken.
///
/// All operations are relaxed: an index orders nothing, and sharing a shard is allowed.
pub(crate) struct Indices {
    /// One bit per index.
    taken: [AtomicU64; WORDS],
    /// How many threads found every index taken. They are assigned to shards round-robin.
    without: AtomicU64,
}

impl Indices {
    #[cfg(not(all(test, loom)))]
    pub(crate) const fn new() -> Self {
        Self { taken: [const { AtomicU64::new(0) }; WORDS], without: AtomicU64::new(0) }
    }

    #[cfg(all(test, loom))]
    pub(crate) fn new() -> Self {
        Self { taken: std::array::from_fn(|_| AtomicU64::new(0)), without: AtomicU64::new(0) }
    }

    /// The lowest free index; if none is free, a number from [`CAPACITY`] on. Lock-free.
    pub(crate) fn take(&self) -> usize {
        let lowest = |taken: u64| {
            mutant!(
                taken.trailing_ones() as usize,
                "thread's index: a hash" => (!taken).rotate_left(17).trailing_zeros() as usize,
            )
        };
        for (at, word) in self.taken.iter().enumerate() {
            let free = |taken| (lowest(taken) < BITS).then(|| taken | 1 << lowest(taken));
            let taken = mutant!(
                word.fetch_update(Relaxed, Relaxed, free),
                "thread's index: taken without a swap" => take_by_load_and_store(word, free),
            );
            if let Ok(taken) = taken {
                return at * BITS + lowest(taken);
            }
        }
        CAPACITY + (self.without.fetch_add(1, Relaxed) % CAPACITY as u64) as usize
    }

    /// Frees an index for the next thread.
    pub(crate) fn give_back(&self, index: usize) {
        if let Some(word) = self.taken.get(index / BITS) {
            mutant!(
                _ = word.fetch_and(!(1 << (index % BITS)), Relaxed),
                "thread's index: never given back" => (),
            );
        }
    }
}

/// A mutant.
#[cfg(tachometer_mutants)]
fn take_by_load_and_store(word: &AtomicU64, free: impl Fn(u64) -> Option<u64>) -> Result<u64, u64> {
    let taken = word.load(Relaxed);
    word.store(free(taken).ok_or(taken)?, Relaxed);
    Ok(taken)
}

#[cfg(not(all(test, loom)))]
pub(crate) use of_process::current;
#[cfg(all(test, not(loom)))]
pub(crate) use of_process::is_taken;

#[cfg(all(test, loom))]
pub(crate) use crate::tests::loom_shards::current;

/// The indices of the process's threads.
#[cfg(not(all(test, loom)))]
mod of_process {
    use std::cell::Cell;

    use super::Indices;

    static INDICES: Indices = Indices::new();

    const NONE: usize = usize::MAX;

    /// Gives the index back when the thread ends.
    struct Taken(usize);

    thread_local! {
        /// Kept apart from `TAKEN`, which has a destructor and so is slower to access.
        static CURRENT: Cell<usize> = const { Cell::new(NONE) };
        static TAKEN: Taken = Taken(INDICES.take());
    }

    impl Drop for Taken {
        fn drop(&mut self) {
            CURRENT.set(NONE);
            INDICES.give_back(self.0);
        }
    }

    /// The current thread's index. Wait-free, except that a thread's first call takes an index,
    /// which is lock-free.
    #[inline]
    pub(crate) fn current() -> usize {
        let index = CURRENT.get();
        if index == NONE { take() } else { index }
    }

    /// Whether the current thread has an index.
    #[cfg(test)]
    pub(crate) fn is_taken() -> bool {
        CURRENT.get() != NONE
    }

    /// 0 in a thread that is ending and has given its index back.
    #[cold]
    fn take() -> usize {
        let Ok(index) = TAKEN.try_with(|taken| taken.0) else { return 0 };
        CURRENT.set(index);
        index
    }
}
