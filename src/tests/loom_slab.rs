//! Models of the publication protocol: each lists the outcomes that are allowed, and all of them are reached.
//!
//! Step k leaves k in every word that it changes, so a torn read shows as words that differ, or that aren't the step's number.
//! Under loom a log holds two entries, so a step of three log entries overflows it. Loom remembers the last seven stores of
//! an atomic: a model that stores a word more often before it is read would lose edges and fail for no reason, hence the
//! short models, and `store_pair`, which copies no word twice. And it tries no switch at a load of a word that the other thread
//! loads itself before it stores it; the loads of `sequence` make up for that.

use loom::thread;

use super::explore::explore;
use crate::{
    schema::layout::Diagnostic,
    store::slab::{Slab, Writer},
    sync::Arc,
};

/// A slab of `words` words, and its owner.
fn slab(words: usize) -> (Arc<Slab>, Writer) {
    let slab = Slab::new(words);
    let writer = Slab::writer(&slab).expect("nobody else is the owner");
    (slab, writer)
}

/// Adds one to each of `words` in a step.
fn step(writer: &mut Writer, words: &[u16]) {
    let mut step = writer.open();
    for &word in words {
        let value = step.load(word) + 1;
        step.store(word, value);
    }
    step.commit();
}

/// Adds one to the first two words in a step.
fn step_both(writer: &mut Writer) {
    let mut step = writer.open();
    let values = [0, 1].map(|word| step.load(word) + 1);
    step.store_pair([0, 1], values);
    step.commit();
}

/// What one try gave: the step and its words.
type Try<const N: usize> = Option<(u64, [u64; N])>;

fn try_read<const N: usize>(slab: &Slab) -> Try<N> {
    let mut words = [0; N];
    slab.attempt_newest(None, &mut words).ok().map(|step| (step, words))
}

/// A failed try, and all whole steps up to `last` of an owner that changes both words.
fn failed_or_whole(last: u64) -> impl Iterator<Item = Try<2>> {
    (0..=last).map(|step| Some((step, [step; 2]))).chain([None])
}

/// One try of the newest copy of an owner that changes both words. Never torn.
fn newest_step(slab: &Slab) -> Option<u64> {
    let (step, words) = try_read(slab)?;
    assert_eq!(words, [step; 2], "torn");
    Some(step)
}

/// The same of the fallback copy.
fn step_at_rest(slab: &Slab) -> Option<u64> {
    let mut words = [0; 2];
    let step = slab.attempt_fallback(0, None, &mut words)?;
    assert_eq!(words, [step; 2], "torn");
    Some(step)
}

/// Odd but allowed: step 0 after three commits, since nothing orders them before the read.
#[test]
fn a_read_is_one_whole_step() {
    explore(3, failed_or_whole(3), || {
        let (slab, mut writer) = slab(2);
        let thread = thread::spawn(move || (0..3).for_each(|_| step_both(&mut writer)));
        let read = try_read(&slab);
        thread.join().unwrap();
        assert_eq!(try_read(&slab), Some((3, [3, 3])), "the newest step, for who has seen it committed");
        read
    });
}

/// A read of chosen words is one step of these words: the first and the last of three, all of which each step changes. Loom tries
/// what it tries of a whole read.
#[test]
fn a_read_of_chosen_words_is_one_whole_step() {
    explore(3, failed_or_whole(3), || {
        let (slab, mut writer) = slab(3);
        let thread = thread::spawn(move || (0..3).for_each(|_| step(&mut writer, &[0, 1, 2])));
        let try_chosen = || {
            let mut words = [0; 2];
            slab.attempt_newest(Some(&[0, 2]), &mut words).ok().map(|step| (step, words))
        };
        let read = try_chosen();
        thread.join().unwrap();
        assert_eq!(try_chosen(), Some((3, [3, 3])), "the newest step, for who has seen it committed");
        read
    });
}

/// Each step changes another word, so a word that wasn't caught up shows.
#[test]
fn words_that_a_step_leaves_alone_are_caught_up() {
    let steps = [[0, 0], [1, 0], [1, 1], [2, 1]];
    let whole = (0..).zip(steps).map(Some);
    explore(3, whole.chain([None]), || {
        let (slab, mut writer) = slab(2);
        let thread = thread::spawn(move || [0, 1, 0].iter().for_each(|word| step(&mut writer, &[*word])));
        let read = try_read(&slab);
        thread.join().unwrap();
        assert_eq!(try_read(&slab), Some((3, [2, 1])), "the newest step, for who has seen it committed");
        read
    });
}

/// Three entries overflow the log: then the next step copies the whole slab, which is so large that two entries wouldn't do that.
#[test]
fn a_log_that_overflowed_loses_nothing() {
    let steps = [[0, 0, 0, 0], [1, 1, 1, 0], [2, 1, 1, 0], [2, 2, 2, 0]];
    let whole = (0..).zip(steps).map(Some);
    explore(3, whole.chain([None]), || {
        let (slab, mut writer) = slab(4);
        let thread = thread::spawn(move || {
            step(&mut writer, &[0, 1, 2]);
            step(&mut writer, &[0]);
            step(&mut writer, &[1, 2]);
        });
        let read = try_read(&slab);
        thread.join().unwrap();
        assert_eq!(try_read(&slab), Some((3, [2, 2, 2, 0])), "the newest step, for who has seen it committed");
        read
    });
}

/// A discarded step is never seen, neither before nor after the next commit. It changes a word that no other step does, so that
/// catching up alone can't restore it. Odd but allowed: a failed try although only two steps were committed, as the
/// discarded one was open between them and counts as begun.
#[test]
fn a_discarded_step_leaves_no_trace() {
    let whole = (0..=2).map(|step| Some((step, [step, 0])));
    explore(3, whole.chain([None]), || {
        let (slab, mut writer) = slab(2);
        let thread = thread::spawn(move || {
            step(&mut writer, &[0]);
            let mut discarded = writer.open();
            discarded.store_pair([0, 1], [77, 77]);
            drop(discarded);
            step(&mut writer, &[0]);
        });
        let read = try_read(&slab);
        thread.join().unwrap();
        assert_eq!(try_read(&slab), Some((2, [2, 0])), "the newest step, for who has seen it committed");
        read
    });
}

/// A step that stays open forever doesn't hold up a read: one try fails at most, for the one commit before. The outcome: failed
/// tries, step.
#[test]
fn an_open_step_never_blocks_a_read() {
    explore(3, [(0, 0), (0, 1), (1, 1)], || {
        let (slab, mut writer) = slab(2);
        let thread = thread::spawn(move || {
            step_both(&mut writer);
            let mut open = writer.open();
            open.store_pair([0, 1], [77, 77]);
            std::mem::forget(open);
            writer
        });
        let first = try_read::<2>(&slab);
        let (step, words) = first.or_else(|| try_read(&slab)).expect("two tries suffice for one commit");
        assert_eq!(words, [step; 2], "torn");
        drop(thread.join().unwrap());
        (u32::from(first.is_none()), step)
    });
}

/// Odd but allowed: of two readers that don't talk, one has the newest step and the other an old one.
#[test]
fn two_readers_that_do_not_talk_may_disagree() {
    let any = || (0..=2).map(Some).chain([None]);
    explore(2, any().flat_map(|one| any().map(move |other| [one, other])), || {
        let (slab, mut writer) = slab(2);
        let writing = thread::spawn(move || (0..2).for_each(|_| step_both(&mut writer)));
        let shared = Arc::clone(&slab);
        let reading = thread::spawn(move || newest_step(&shared));
        let one = newest_step(&slab);
        let other = reading.join().unwrap();
        writing.join().unwrap();
        [one, other]
    });
}

/// What a reader passes on, another one can't fall behind: the second read begins when the first is joined.
#[test]
fn a_reader_is_never_behind_one_that_it_heard_of() {
    let pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)].map(|(one, other)| (Some(one), Some(other)));
    // The last step is never overwritten, and a try of the first that failed saw the second being opened.
    let failures = [(Some(0), None), (None, Some(1)), (None, Some(2))];
    explore(2, pairs.into_iter().chain(failures), || {
        let (slab, mut writer) = slab(2);
        let writing = thread::spawn(move || (0..2).for_each(|_| step_both(&mut writer)));
        let shared = Arc::clone(&slab);
        let one = thread::spawn(move || newest_step(&shared)).join().unwrap();
        let other = newest_step(&slab);
        writing.join().unwrap();
        (one, other)
    });
}

/// Whole reads of one reader, the fallback copy included, never go back.
#[test]
fn reads_never_go_back() {
    let whole = (0..=3).flat_map(|one| (one..=3).map(move |other| (Some(one), Some(other))));
    // Nothing overwrites the last two steps, and after a failed try the next one is of a newer step.
    let failures = [0, 1].map(|one| (Some(one), None)).into_iter();
    let failed_first = [None, Some(1), Some(2), Some(3)].map(|other| (None, other));
    explore(2, whole.chain(failures).chain(failed_first), || {
        let (slab, mut writer) = slab(2);
        let writing = thread::spawn(move || (0..3).for_each(|_| step_both(&mut writer)));
        let read = || newest_step(&slab).or_else(|| step_at_rest(&slab));
        let reads = (read(), read());
        writing.join().unwrap();
        reads
    });
}

/// A fallback copy that is older than the newest step when the read began isn't taken. The slab is so large that the resting
/// copy holds step 0 until step 3. The outcome: the floor, and what was taken at rest.
#[test]
fn a_read_at_rest_is_not_older_than_its_floor() {
    let allowed = [(0, None), (0, Some(0)), (0, Some(3)), (1, None), (1, Some(3))];
    explore(2, allowed.map(Some).into_iter().chain([None]), || {
        let (slab, mut writer) = slab(6);
        let thread = thread::spawn(move || (0..3).for_each(|_| step_both(&mut writer)));
        let mut words = [0; 6];
        let overwritten = slab.attempt_newest(None, &mut words).err();
        let outcome = overwritten.map(|floor| (floor, slab.attempt_fallback(floor, None, &mut words)));
        thread.join().unwrap();
        outcome
    });
}

/// A read as readers call it. The outcome: the newest step known before, the step, and its failed tries: each stands for a commit,
/// and none of them leads back before what was known. Odd but allowed: step 0 after a failed try, from the fallback copy.
#[test]
fn a_read_ends_with_one_whole_step() {
    let at_once = (0..=3).flat_map(|known| (known..=3).map(move |step| (known, step, 0)));
    let overtaken_once = [(0, 0, 1), (0, 2, 1), (0, 3, 1), (1, 2, 1), (1, 3, 1)];
    let overtaken_twice = [(0, 2, 2), (0, 3, 2)];
    explore(2, at_once.chain(overtaken_once).chain(overtaken_twice), || {
        let (slab, mut writer) = slab(6);
        let thread = thread::spawn(move || (0..3).for_each(|_| step_both(&mut writer)));
        let known = slab.attempt_newest(None, &mut [0; 6]).unwrap_or_else(|overwritten| overwritten);
        let mut words = [0; 6];
        let reading = slab.read(None, &mut words);
        assert_eq!(words[..2], [reading.step; 2], "torn");
        thread.join().unwrap();
        (known, reading.step, reading.retries)
    });
}

/// The fallback copy by itself is whole, and never ahead of `sequence`. The outcome: its step, and the newest step after it.
#[test]
fn the_resting_copy_is_one_whole_step() {
    let at_rest = (0..=3).flat_map(|rest| (rest..=3).map(move |newest| Some((rest, newest))));
    explore(3, at_rest.chain([None]), || {
        let (slab, mut writer) = slab(2);
        let thread = thread::spawn(move || (0..3).for_each(|_| step_both(&mut writer)));
        let newest = || slab.attempt_newest(None, &mut [0; 2]).unwrap_or_else(|overwritten| overwritten);
        let outcome = step_at_rest(&slab).map(|step| (step, newest()));
        thread.join().unwrap();
        outcome
    });
}

/// The next owner goes on from what the last one committed, or finds the slab taken. The slab is too large to be refreshed at rest,
/// whose fence would hide a missing edge.
#[test]
fn ownership_is_handed_over_with_all_words() {
    explore(3, [None, Some((2, [2, 2, 0, 0, 0, 0, 0, 0]))], || {
        let (slab, mut writer) = slab(8);
        let thread = thread::spawn(move || step_both(&mut writer));
        let outcome = Slab::writer(&slab).and_then(|mut writer| {
            step_both(&mut writer);
            drop(writer);
            try_read(&slab)
        });
        thread.join().unwrap();
        outcome
    });
}

/// What is counted outside of steps is counted by owners only, so the next one loses nothing of it; a reader sees it grow.
#[test]
fn what_is_counted_aside_is_never_lost() {
    explore(3, [[0, 0], [0, 1], [1, 1], [0, 2], [1, 2], [2, 2]], || {
        let (slab, mut writer) = slab(1);
        let shared = Arc::clone(&slab);
        let discarded_steps = |slab: &Slab| {
            let _: Try<1> = try_read(slab); // where loom can switch threads
            let mut aside = [0; Diagnostic::COUNT];
            slab.read_diagnostics(&mut aside);
            aside[Diagnostic::DiscardedSteps as usize]
        };
        let thread = thread::spawn(move || {
            drop(writer.open());
            drop(writer);
            drop(Slab::writer(&shared).expect("nobody else wants it").open());
        });
        let seen = [discarded_steps(&slab), discarded_steps(&slab)];
        thread.join().unwrap();
        assert_eq!(discarded_steps(&slab), 2, "both");
        seen
    });
}

/// A leaked step is counted before the slab is given up, so that two owners never count at once. The outcome: whether there was a second
/// owner, and the discarded steps.
#[test]
fn a_leaked_step_is_counted_by_its_owner() {
    explore(3, [(false, 1), (true, 2)], || {
        let (slab, mut writer) = slab(1);
        let thread = thread::spawn(move || {
            std::mem::forget(writer.open());
            drop(writer);
        });
        let second = Slab::writer(&slab).map(|mut writer| drop(writer.open())).is_some();
        thread.join().unwrap();
        let mut aside = [0; Diagnostic::COUNT];
        slab.read_diagnostics(&mut aside);
        (second, aside[Diagnostic::DiscardedSteps as usize])
    });
}
