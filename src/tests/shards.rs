//! How threads spread over shards, and which data shares a cache line.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    sync::{Arc, Barrier, mpsc},
    thread,
};

use super::{
    super::{
        row::{MAX_AT_ONCE, MAX_TOTAL},
        thread_index::{self, Indices},
    },
    *,
};
use crate::{
    Counter, Schema, SharedRecorder,
    schema::layout::{Diagnostic, Scope},
    store::info::Infos,
    tests::one_engine::OneEngine,
};

/// How many of `indices` choose each of `shards` shards.
fn spread(indices: &[usize], shards: usize) -> Vec<usize> {
    (0..shards).map(|shard| indices.iter().filter(|index| *index & (shards - 1) == shard).count()).collect()
}

/// Here all threads live at the same time.
#[test]
fn threads_spread_evenly() {
    for threads in [1, 2, 16, 64] {
        let (indices, together) = (Indices::new(), Barrier::new(threads));
        let take = || {
            let index = indices.take();
            together.wait();
            index
        };
        let taken: Vec<usize> = thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for shards in [1, 2, 4, 16, 64, 1_024] {
            let spread = spread(&taken, shards);
            let (least, most) = (threads / shards, threads.div_ceil(shards));
            assert!(spread.iter().all(|n| (least..=most).contains(n)), "{threads} threads: {spread:?}");
        }
    }
}

/// Threads start and end in a random order. Each gets the lowest index that no living thread has.
/// So no index reaches the greatest number of threads that lived at the same time, and new threads
/// fill all gaps.
#[test]
fn threads_that_start_and_end_leave_no_gap() {
    let indices = Indices::new();
    let (mut living, mut seed) = (BTreeSet::new(), 1_u64);
    for most in [1, 2, 16, 64, 1_000] {
        for _ in 0..10_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let choice = (seed >> 33) as usize;
            if living.len() < most && choice % 2 == 0 {
                let lowest = (0..).find(|index| !living.contains(index)).unwrap();
                assert_eq!(indices.take(), lowest);
                living.insert(lowest);
            } else if let Some(ended) = living.iter().nth(choice / 2 % living.len().max(1)).copied() {
                living.remove(&ended);
                indices.give_back(ended);
            }
            assert!(living.last().is_none_or(|last| *last < most));
        }
        while living.len() < most {
            living.insert(indices.take());
        }
        assert_eq!(living.iter().copied().collect::<Vec<_>>(), (0..most).collect::<Vec<_>>(), "full again");
        std::mem::take(&mut living).into_iter().for_each(|index| indices.give_back(index));
    }
}

/// If there are more threads than indices, the others are assigned round-robin, so they spread
/// evenly too.
#[test]
fn threads_without_an_index_are_assigned_round_robin() {
    let indices = Indices::new();
    let taken: Vec<usize> = (0..3 * 1_024).map(|_| indices.take()).collect();
    assert_eq!(spread(&taken, 16), [3 * 64; 16]);
    taken.iter().skip(1).for_each(|index| indices.give_back(*index));
    assert_eq!(indices.take(), 1, "an index that was shared isn't given back twice");
}

/// The same by the function that recorders call, whatever other tests run meanwhile. Living threads
/// never share an index, and threads that run one after another reuse the same ones.
#[test]
fn threads_of_this_process_have_indices_of_their_own() {
    let together = Barrier::new(64);
    let index = || {
        let index = current_thread();
        together.wait();
        assert_eq!(current_thread(), index, "it stays");
        index
    };
    let distinct: BTreeSet<usize> = thread::scope(|scope| {
        let threads: Vec<_> = (0..64).map(|_| scope.spawn(index)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(distinct.len(), 64);
    let last = (0..1_000).map(|_| thread::spawn(current_thread).join().unwrap()).max();
    assert!(last < Some(1_000), "{last:?}: nothing was given back");
}

fn counter_in_shards(shards: usize) -> OneEngine<Counter<u64>> {
    OneEngine::new(|schema| {
        schema.shards(shards);
        schema.counter("count", "").declare().unwrap()
    })
}

/// What the thread records about its page goes into the registry's only shard.
#[test]
fn a_thread_that_only_renders_takes_no_index() {
    let OneEngine { registry, engine, handles: count } = counter_in_shards(2);
    let taken = move || {
        registry.render(&mut Vec::new());
        let rendered = thread_index::is_taken();
        engine.shared_recorder().inc(count);
        (rendered, thread_index::is_taken())
    };
    assert_eq!(thread::spawn(taken).join().unwrap(), (false, true));
}

/// Records when it is dropped. Sends whether the thread still had an index, and which index it uses
/// afterwards.
struct AtTheEnd(SharedRecorder, Counter<u64>, mpsc::Sender<(bool, usize)>);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        let Self(recorder, count, ends) = self;
        let had = thread_index::is_taken();
        recorder.inc(*count);
        ends.send((had, current_thread())).unwrap();
    }
}

/// Destructors of thread locals may record too, before or after the thread's index is given back.
/// The order depends on which local was used first, so both are tried.
#[test]
fn a_thread_that_ends_can_still_record() {
    thread_local!(static LAST: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) });
    let rig = counter_in_shards(4);
    let count = rig.handles;
    let mut had_one: Vec<bool> = [true, false]
        .into_iter()
        .map(|index_first| {
            let (ends, seen) = mpsc::channel();
            let at_the_end = AtTheEnd(rig.engine.shared_recorder(), count, ends);
            let thread = thread::spawn(move || {
                let first = index_first.then(current_thread);
                LAST.set(Some(at_the_end));
                first.unwrap_or_else(current_thread)
            });
            let (index, (had, last)) = (thread.join().unwrap(), seen.recv().unwrap());
            assert_eq!(last, if had { index } else { 0 });
            had
        })
        .collect();
    had_one.sort_unstable();
    assert_eq!(had_one, [false, true], "one recorded before its index was given back, and one after");
    assert_eq!(rig.read(|engine| engine.counter(count)), 2);
}

fn shards(count: usize) -> Arc<Shards> {
    let mut schema = Schema::builder(&[]);
    schema.counter::<u64>("count", "").declare().unwrap();
    let schema = schema.build().unwrap();
    let layout = schema.layout(Scope::Engine);
    Arc::new(Shards::new(StdArc::clone(layout), count, b"", StdArc::new(Infos::new(layout, b"", &[]))))
}

#[test]
fn what_is_written_apart_shares_no_line() {
    const LINE: usize = if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) { 128 } else { 64 };
    let shards = shards(4);
    let counts = (&raw const *shards).addr() - 2 * size_of::<usize>();
    let fixed = (&raw const *shards).addr();
    assert!(fixed % LINE == 0 && counts < fixed, "clones write the reference counts, recorders read what follows them");
    let rows: Vec<_> = shards.iter().map(|shard| shard.0.0.as_ptr_range()).collect();
    for pair in rows.windows(2) {
        let [one, other] = pair else { unreachable!("two") };
        assert!((one.end.addr() - 1) / LINE < other.start.addr() / LINE, "{rows:?}");
    }
}

#[test]
fn a_total_stops_at_2_to_the_63() {
    let shards = shards(1);
    let shard = shards.of_thread(0);
    for n in [1 << 62, (1 << 62) - 1, 1] {
        assert_eq!(shard.add(0, n), Some(()));
    }
    for n in [1, MAX_AT_ONCE, MAX_AT_ONCE + 1, u64::MAX] {
        assert_eq!(shard.add(0, n), None, "{n} is too much");
    }
    assert_eq!((shard.load(0), shard.add(0, 0)), (MAX_TOTAL, Some(())));
    shard.count_diagnostic(Diagnostic::RejectedObservations, 2);
    shard.count_diagnostic(Diagnostic::RejectedObservations, u64::MAX);
    assert_eq!(shard.load(1), u64::MAX, "diagnostics stop at the end of their range");
}
