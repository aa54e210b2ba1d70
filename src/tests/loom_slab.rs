//! Models of the publication protocol. Each lists the outcomes that are allowed, and all of them
//! are reached.
//!
//! Step k leaves k in every word that it changes. So a torn read shows as words that differ, or
//! that aren't the step's number. Under loom a log holds two entries, so a step with three log
//! entries overflows it.
//!
//! Loom remembers the last seven stores of an atomic. A model that stores a word more often before
//! it is read would lose edges and fail for no reason. Hence the models are short and use
//! `store_pair`, which copies no word twice. Also, loom doesn't switch threads at a load of a word
//! which the other thread loads before it stores; the loads of `sequence` make up for that.

use loom::thread;

use super::explore::explore;
use crate::{
    schema::layout::Diagnostic,
    store::slab::{Slab, writer::Writer},
    sync::Arc,
};

/// A slab of `words` words, and its writer.
fn slab(words: usize) -> (Arc<Slab>, Writer) {
    let slab = Slab::new(words, None);
    let writer = Slab::writer(&slab).expect("the slab has no writer yet");
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

/// The result of one attempt: the step and its words.
type Attempt<const N: usize> = Option<(u64, [u64; N])>;

fn attempt<const N: usize>(slab: &Slab) -> Attempt<N> {
    let mut words = [0; N];
    slab.attempt_newest(None, &mut words).ok().map(|step| (step, words))
}

/// A failed attempt, and all whole steps up to `last` of a writer that changes both words.
fn failed_or_whole(last: u64) -> impl Iterator<Item = Attempt<2>> {
    (0..=last).map(|step| Some((step, [step; 2]))).chain([None])
}

/// One attempt on the newest copy, with a writer that changes both words. Never torn.
fn newest_step(slab: &Slab) -> Option<u64> {
    let (step, words) = attempt(slab)?;
    assert_eq!(words, [step; 2], "torn");
    Some(step)
}

/// The same for the fallback copy.
fn fallback_step(slab: &Slab) -> Option<u64> {
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
        let read = attempt(&slab);
        thread.join().unwrap();
        assert_eq!(attempt(&slab), Some((3, [3, 3])), "the newest step, after joining the writer");
        read
    });
}

/// A read of chosen words shows them as of one step. Here they are the first and the last of three
/// words, all of which each step changes. Loom tries the same as for a read of all words.
#[test]
fn a_read_of_chosen_words_is_one_whole_step() {
    explore(3, failed_or_whole(3), || {
        let (slab, mut writer) = slab(3);
        let thread = thread::spawn(move || (0..3).for_each(|_| step(&mut writer, &[0, 1, 2])));
        let attempt_chosen = || {
            let mut words = [0; 2];
            slab.attempt_newest(Some(&[0, 2]), &mut words).ok().map(|step| (step, words))
        };
        let read = attempt_chosen();
        thread.join().unwrap();
        assert_eq!(attempt_chosen(), Some((3, [3, 3])), "the newest step, after joining the writer");
        read
    });
}

/// Each step changes a different word, so a word that wasn't caught up would show.
#[test]
fn words_that_a_step_leaves_alone_are_caught_up() {
    let steps = [[0, 0], [1, 0], [1, 1], [2, 1]];
    let whole = (0..).zip(steps).map(Some);
    explore(3, whole.chain([None]), || {
        let (slab, mut writer) = slab(2);
        let thread = thread::spawn(move || [0, 1, 0].iter().for_each(|word| step(&mut writer, &[*word])));
        let read = attempt(&slab);
        thread.join().unwrap();
        assert_eq!(attempt(&slab), Some((3, [2, 1])), "the newest step, after joining the writer");
        read
    });
}

/// Three entries overflow the log, so the next step copies the whole slab. The slab is so large
/// that the six words of three entries wouldn't cause that. Word 0 is in a block; no step changes
/// it.
#[test]
fn a_log_that_overflowed_loses_nothing() {
    let steps = [[0, 0, 0], [1, 1, 1], [2, 1, 1], [2, 2, 2]].map(|[one, two, three]| [0, one, two, three, 0, 0]);
    let whole = (0..).zip(steps).map(Some);
    explore(3, whole.chain([None]), || {
        let (slab, mut writer) = slab(6);
        let thread = thread::spawn(move || {
            step(&mut writer, &[1, 2, 3]);
            step(&mut writer, &[1]);
            step(&mut writer, &[2, 3]);
        });
        let read = attempt(&slab);
        thread.join().unwrap();
        assert_eq!(attempt(&slab), Some((3, [0, 2, 2, 2, 0, 0])), "the newest step, after joining the writer");
        read
    });
}

/// A discarded step is never seen, neither before nor after the next commit. It changes a word that
/// no other step changes, so that catching up alone can't restore it. Odd but allowed: an attempt
/// fails although only two steps are committed, since the discarded step was opened between them.
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
        let read = attempt(&slab);
        thread.join().unwrap();
        assert_eq!(attempt(&slab), Some((2, [2, 0])), "the newest step, after joining the writer");
        read
    });
}

/// A step that stays open forever doesn't hold up a read. At most one attempt fails, because of the
/// one commit before. The outcome: retries, step.
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
        let first = attempt::<2>(&slab);
        let (step, words) = first.or_else(|| attempt(&slab)).expect("two attempts suffice for one commit");
        assert_eq!(words, [step; 2], "torn");
        drop(thread.join().unwrap());
        (u32::from(first.is_none()), step)
    });
}

/// Odd but allowed: of two readers that don't synchronize, one sees the newest step and the other
/// an older one.
#[test]
fn two_unsynchronized_readers_may_disagree() {
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

/// A read that begins after another reader was joined isn't older than what that reader saw.
#[test]
fn a_reader_is_never_behind_one_that_it_joined() {
    let pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)].map(|(one, other)| (Some(one), Some(other)));
    // The last step is never overwritten. A failed attempt of the first reader saw the second step
    // being opened.
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

/// The reads of one reader never go back, the fallback copy included.
#[test]
fn reads_never_go_back() {
    let whole = (0..=3).flat_map(|one| (one..=3).map(move |other| (Some(one), Some(other))));
    // Nothing overwrites the last two steps, and after a failed attempt the next one sees a newer
    // step.
    let failures = [0, 1].map(|one| (Some(one), None)).into_iter();
    let failed_first = [None, Some(1), Some(2), Some(3)].map(|other| (None, other));
    explore(2, whole.chain(failures).chain(failed_first), || {
        let (slab, mut writer) = slab(2);
        let writing = thread::spawn(move || (0..3).for_each(|_| step_both(&mut writer)));
        let read = || newest_step(&slab).or_else(|| fallback_step(&slab));
        let reads = (read(), read());
        writing.join().unwrap();
        reads
    });
}

/// A fallback copy that is older than the newest step when the read began isn't taken. The slab is
/// so large that the fallback copy holds step 1, the writer's first, until step 4. The outcome: the
/// floor, and the step of the fallback copy if it was taken.
#[test]
fn a_fallback_read_is_not_older_than_its_floor() {
    let allowed = [(1, None), (1, Some(1)), (1, Some(4)), (2, None), (2, Some(4))];
    explore(2, allowed.map(Some).into_iter().chain([None]), || {
        let (slab, mut writer) = slab(6);
        step_both(&mut writer);
        let thread = thread::spawn(move || (0..3).for_each(|_| step_both(&mut writer)));
        let mut words = [0; 6];
        let overwritten = slab.attempt_newest(None, &mut words).err();
        let outcome = overwritten.map(|floor| (floor, slab.attempt_fallback(floor, None, &mut words)));
        thread.join().unwrap();
        outcome
    });
}

/// A read as readers call it. The outcome: the newest step known before, the step that was read,
/// and the retries. Each retry means a commit, and the step is never older than the known one. Odd
/// but allowed: step 1 after a retry, from the fallback copy.
#[test]
fn a_read_ends_with_one_whole_step() {
    let at_once = (1..=4).flat_map(|known| (known..=4).map(move |step| (known, step, 0)));
    let overtaken_once = [(1, 1, 1), (1, 3, 1), (1, 4, 1), (2, 3, 1), (2, 4, 1)];
    let overtaken_twice = [(1, 3, 2), (1, 4, 2)];
    explore(2, at_once.chain(overtaken_once).chain(overtaken_twice), || {
        let (slab, mut writer) = slab(6);
        step_both(&mut writer);
        let thread = thread::spawn(move || (0..3).for_each(|_| step_both(&mut writer)));
        let known = slab.attempt_newest(None, &mut [0; 6]).unwrap_or_else(|overwritten| overwritten);
        let mut words = [0; 6];
        let reading = slab.read(None, &mut words);
        assert_eq!(words[..2], [reading.step; 2], "torn");
        thread.join().unwrap();
        (known, reading.step, reading.retries)
    });
}

/// The fallback copy by itself is whole, and never ahead of `sequence`. The outcome: its step, and
/// the newest step after it.
#[test]
fn the_fallback_copy_is_one_whole_step() {
    let taken = (0..=3).flat_map(|fallback| (fallback..=3).map(move |newest| Some((fallback, newest))));
    explore(3, taken.chain([None]), || {
        let (slab, mut writer) = slab(2);
        let thread = thread::spawn(move || (0..3).for_each(|_| step_both(&mut writer)));
        let newest = || slab.attempt_newest(None, &mut [0; 2]).unwrap_or_else(|overwritten| overwritten);
        let outcome = fallback_step(&slab).map(|step| (step, newest()));
        thread.join().unwrap();
        outcome
    });
}

/// The next writer goes on from what the last one committed, or finds the slab leased. The slab is
/// so large that the fallback copy isn't refreshed: the fence of a refresh would hide a missing
/// edge.
#[test]
fn a_slab_is_handed_over_with_all_words() {
    explore(3, [None, Some((2, [2, 2, 0, 0, 0, 0, 0, 0]))], || {
        let (slab, mut writer) = slab(8);
        let thread = thread::spawn(move || step_both(&mut writer));
        let outcome = Slab::writer(&slab).and_then(|mut writer| {
            step_both(&mut writer);
            drop(writer);
            attempt(&slab)
        });
        thread.join().unwrap();
        outcome
    });
}

/// Only a writer counts diagnostics, so the next writer loses none of them. A reader sees them
/// grow.
#[test]
fn diagnostics_are_never_lost() {
    explore(3, [[0, 0], [0, 1], [1, 1], [0, 2], [1, 2], [2, 2]], || {
        let (slab, mut writer) = slab(1);
        let shared = Arc::clone(&slab);
        let discarded_steps = |slab: &Slab| {
            let _: Attempt<1> = attempt(slab); // where loom can switch threads
            let mut diagnostics = [0; Diagnostic::COUNT];
            slab.diagnostics.read(&mut diagnostics);
            diagnostics[Diagnostic::DiscardedSteps as usize]
        };
        let thread = thread::spawn(move || {
            drop(writer.open());
            drop(writer);
            drop(Slab::writer(&shared).expect("the last writer gave up").open());
        });
        let seen = [discarded_steps(&slab), discarded_steps(&slab)];
        thread.join().unwrap();
        assert_eq!(discarded_steps(&slab), 2, "both writers' steps");
        seen
    });
}

/// A leaked step is counted before the slab is given up, so that two writers never count at once.
/// The outcome: whether there was a second writer, and the discarded steps.
#[test]
fn a_leaked_step_is_counted_by_its_writer() {
    explore(3, [(false, 1), (true, 2)], || {
        let (slab, mut writer) = slab(1);
        let thread = thread::spawn(move || {
            std::mem::forget(writer.open());
            drop(writer);
        });
        let second = Slab::writer(&slab).map(|mut writer| drop(writer.open())).is_some();
        thread.join().unwrap();
        let mut diagnostics = [0; Diagnostic::COUNT];
        slab.diagnostics.read(&mut diagnostics);
        (second, diagnostics[Diagnostic::DiscardedSteps as usize])
    });
}
