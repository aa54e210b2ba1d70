//! An index for each thread: the lowest that no other living thread has, given back when the thread
//! ends. What belongs to an index (a row of shards) has one writer, and passes from thread to
//! thread with it: edge E6.

use crate::sync::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

/// How many threads can have an index of their own at the same time.
pub(super) const CAPACITY: usize = BITS * WORDS;
/// The index of threads that have none of their own.
pub(crate) const NONE: usize = usize::MAX;
/// Indices per word.
const BITS: usize = if cfg!(all(test, loom)) { 1 } else { 64 };
const WORDS: usize = if cfg!(all(test, loom)) { 2 } else { 16 };

/// Which indices are taken: one bit per index.
pub(crate) struct Indices([AtomicU64; WORDS]);

impl Indices {
    #[cfg(not(all(test, loom)))]
    pub(crate) const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; WORDS])
    }

    #[cfg(all(test, loom))]
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }

    /// The lowest free index, or [`NONE`]. Lock-free.
    pub(crate) fn take(&self) -> usize {
        let lowest = |taken: u64| {
            mutant!(
                taken.trailing_ones() as usize,
                "thread's index: a hash" => (!taken).rotate_left(17).trailing_zeros() as usize,
            )
        };
        for (at, word) in self.0.iter().enumerate() {
            let free = |taken| (lowest(taken) < BITS).then(|| taken | 1 << lowest(taken));
            let taken = mutant!(
                word.fetch_update(Acquire, Relaxed, free), // E6
                "thread's index: taken without a swap" => take_by_load_and_store(word, free),
            );
            if let Ok(taken) = taken {
                return at * BITS + lowest(taken);
            }
        }
        NONE
    }

    /// Frees an index for the next thread.
    pub(crate) fn give_back(&self, index: usize) {
        if let Some(word) = self.0.get(index / BITS) {
            mutant!(
                _ = word.fetch_and(!(1 << (index % BITS)), Release), // E6
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
pub(crate) use of_process::{current, known};

#[cfg(all(test, loom))]
pub(crate) use crate::tests::loom_shards::{current, known};

/// The indices of the process's threads.
#[cfg(not(all(test, loom)))]
mod of_process {
    use std::cell::Cell;

    use super::{Indices, NONE};

    static INDICES: Indices = Indices::new();

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

    /// The current thread's index, or [`NONE`] if it has taken none.
    #[inline(always)]
    pub(crate) fn known() -> usize {
        CURRENT.get()
    }

    /// The current thread's index, or [`NONE`]. If it has none yet, it takes one if `wanted`.
    /// Wait-free, except that taking an index is lock-free.
    #[inline]
    pub(crate) fn current(wanted: impl FnOnce() -> bool) -> usize {
        let index = known();
        if index == NONE && wanted() { take() } else { index }
    }

    /// [`NONE`] in a thread that is ending and has given its index back.
    #[cold]
    fn take() -> usize {
        let index = TAKEN.try_with(|taken| taken.0);
        index.inspect(|index| CURRENT.set(*index)).unwrap_or(mutant!(NONE, "thread's index: kept after the end" => 0))
    }
}
