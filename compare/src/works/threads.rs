//! One or two threads that begin together, each on its own processor.

use std::{sync::Barrier, thread, time::Duration};

use crate::processor;

/// What the slower thread took. Each thread calls `prepare` with its number, and then times what
/// that returns.
pub(crate) fn together<W>(threads: usize, prepare: impl Fn(usize) -> W + Sync) -> Duration
where
    W: FnOnce() -> Duration,
{
    let barrier = Barrier::new(threads);
    let thread = |number: usize| {
        processor::pin(number);
        let work = prepare(number);
        barrier.wait();
        work()
    };
    if threads == 1 {
        return thread(0);
    }
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|number| {
                scope.spawn({
                    let thread = &thread;
                    move || thread(number)
                })
            })
            .collect();
        let times = threads.into_iter().map(|thread| thread.join().expect("no thread panics"));
        times.max().unwrap_or_default()
    })
}
