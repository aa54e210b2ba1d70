//! Which thread has which shard, and which data shares a cache line.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    sync::{Arc, Barrier, mpsc},
    thread,
};

use super::{
    super::{
        row::{MAX_AT_ONCE, MAX_TOTAL},
        thread_index::{self, Indices, NONE},
    },
    *,
};
use crate::{
    Counter, Schema, SharedRecorder,
    schema::layout::{Diagnostic, Scope},
    store::info::Infos,
    tests::one_engine::OneEngine,
};

/// Here all threads live at the same time.
#[test]
fn living_threads_have_indices_without_a_gap() {
    for threads in [1, 2, 16, 64] {
        let (indices, together) = (Indices::new(), Barrier::new(threads));
        let take = || {
            let index = indices.take();
            together.wait();
            index
        };
        let taken: BTreeSet<usize> = thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(taken, (0..threads).collect());
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

#[test]
fn threads_beyond_the_indices_have_none() {
    let indices = Indices::new();
    let taken: Vec<usize> = (0..1_024 + 2).map(|_| indices.take()).collect();
    assert_eq!(taken[1_023..], [1_023, NONE, NONE]);
    indices.give_back(NONE);
    indices.give_back(7);
    assert_eq!([indices.take(), indices.take()], [7, NONE], "what wasn't taken isn't given back");
}

/// A thread has its own row, or that of all threads which have none.
#[test]
fn a_row_of_ones_own_is_chosen_by_the_index() {
    const THREADS: usize = 4; // with indices from 0 on, or greater ones
    for own in [0, 1, 3] {
        let (shards, together) = (shards(own), Barrier::new(THREADS));
        assert_eq!(shards.iter().count(), own + 1);
        let check = || {
            let (index, rows) =
                (thread_index::current(|| true), shards.iter().map(|shard| std::ptr::from_ref(shard.word(0))));
            together.wait();
            let row = rows.collect::<Vec<_>>()[index.min(own)];
            assert_eq!(std::ptr::from_ref(shards.current().word(0)), row, "of thread {index}");
        };
        thread::scope(|scope| (0..THREADS).for_each(|_| _ = scope.spawn(check)));
    }
}

/// The same by the function that recorders call, whatever other tests run meanwhile. Living threads
/// never share an index, and threads that run one after another reuse the same ones.
#[test]
fn threads_of_this_process_have_indices_of_their_own() {
    let together = Barrier::new(64);
    let index = || {
        let index = thread_index::current(|| true);
        together.wait();
        assert_eq!(thread_index::current(|| true), index, "it stays");
        index
    };
    let distinct: BTreeSet<usize> = thread::scope(|scope| {
        let threads: Vec<_> = (0..64).map(|_| scope.spawn(index)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(distinct.len(), 64);
    let last = (0..1_000).map(|_| thread::spawn(|| thread_index::current(|| true)).join().unwrap()).max();
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
        let rendered = thread_index::known() != NONE;
        engine.shared_recorder().inc(count);
        (rendered, thread_index::known() != NONE)
    };
    assert_eq!(thread::spawn(taken).join().unwrap(), (false, true));
}

/// Records when it is dropped. Sends whether the thread still had an index, and which index it uses
/// afterwards.
struct AtTheEnd(SharedRecorder, Counter<u64>, mpsc::Sender<(bool, usize)>);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        let Self(recorder, count, ends) = self;
        let had = thread_index::known() != NONE;
        recorder.inc(*count);
        ends.send((had, thread_index::current(|| true))).unwrap();
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
                let first = index_first.then(|| thread_index::current(|| true));
                LAST.set(Some(at_the_end));
                first.unwrap_or_else(|| thread_index::current(|| true))
            });
            let (index, (had, last)) = (thread.join().unwrap(), seen.recv().unwrap());
            assert_eq!(last, if had { index } else { NONE }, "the index may be another thread's by now");
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
    let last = shards.layout.row_len() - 1;
    let rows: Vec<_> = shards
        .iter()
        .map(|shard| shard.word(0)..shard.word(last))
        .map(|row| std::ptr::from_ref(row.start)..std::ptr::from_ref(row.end).wrapping_add(1))
        .collect();
    for pair in rows.windows(2) {
        let [one, other] = pair else { unreachable!("two") };
        assert!((one.end.addr() - 1) / LINE < other.start.addr() / LINE, "{rows:?}");
    }
}

#[test]
fn a_total_stops_at_2_to_the_63() {
    let shards = shards(1);
    shards.iter().for_each(stops_at_2_to_the_63);
}

/// A row of one thread, or of all.
fn stops_at_2_to_the_63(shard: Shard<'_>) {
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
