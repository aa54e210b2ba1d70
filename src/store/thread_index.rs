//! An index for each thread: the lowest that no other living thread has, given back when the thread ends. So threads spread over
//! shards as evenly as they can, which a hash of an address or of an identity doesn't.

use crate::sync::{AtomicU64, Ordering::Relaxed};

/// Threads that can have an index of their own at a time.
const CAPACITY: usize = BITS * WORDS;
/// Indices a word.
const BITS: usize = if cfg!(all(test, loom)) { 1 } else { 64 };
const WORDS: usize = if cfg!(all(test, loom)) { 2 } else { 16 };

/// Which indices are taken.
///
/// All relaxed: an index orders nothing, and a shard may well be shared.
pub(crate) struct Indices {
    /// A bit each.
    taken: [AtomicU64; WORDS],
    /// How many threads found none free: they take turns.
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

    /// The lowest free index; from [`CAPACITY`] on when none is free. Lock-free.
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
        CAPACITY + self.without.fetch_add(1, Relaxed) as usize
    }

    /// Lets the next thread take it.
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
        /// Apart from what has a destructor, whose access takes longer.
        static CURRENT: Cell<usize> = const { Cell::new(NONE) };
        static TAKEN: Taken = Taken(INDICES.take());
    }

    impl Drop for Taken {
        fn drop(&mut self) {
            CURRENT.set(NONE);
            INDICES.give_back(self.0);
        }
    }

    /// The current thread's index. Wait-free but for its first call in a thread, which takes one.
    #[inline]
    pub(crate) fn current() -> usize {
        let index = CURRENT.get();
        if index == NONE { take() } else { index }
    }

    /// Whether the current thread has one.
    #[cfg(test)]
    pub(crate) fn is_taken() -> bool {
        CURRENT.get() != NONE
    }

    /// 0 in a thread that is ending and has given back its own.
    #[cold]
    fn take() -> usize {
        let Ok(index) = TAKEN.try_with(|taken| taken.0) else { return 0 };
        CURRENT.set(index);
        index
    }
}
