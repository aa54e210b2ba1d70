//! Models of the publication protocol: commit, catch-up, discard and the resting copy, each against a read.
//!
//! Step k leaves k in every word, so a torn read shows as words that differ, or that aren't the step's number.
//! Under loom a log holds two entries, so a step of three log entries overflows it. Loom remembers the last seven stores of
//! an atomic: a model that stores a word more often before it is read would lose edges and fail for no reason, hence the
//! short models, and `store_pair`, which copies no word twice.

use loom::{model::Builder, thread};

use crate::{
    slab::{Slab, Writer},
    sync::Arc,
};

/// Explores all interleavings with up to three preemptions.
fn model(f: impl Fn() + Sync + Send + 'static) {
    model_bounded(3, f);
}

fn model_bounded(preemptions: usize, f: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 20_000;
    builder.check(f);
}

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

/// Adds one to both words of a slab of two in a step.
fn step_both(writer: &mut Writer) {
    let mut step = writer.open();
    let values = [0, 1].map(|word| step.load(word) + 1);
    step.store_pair([0, 1], values);
    step.commit();
}

/// Reads once, if the try succeeds.
fn try_read<const N: usize>(slab: &Slab) -> Option<(u64, [u64; N])> {
    let mut words = [0; N];
    slab.try_newest(&mut words).ok().map(|step| (step, words))
}

/// Allowed: any whole step. Forbidden: words of two steps, or of another step than the read says.
#[test]
fn a_read_is_one_whole_step() {
    model(|| {
        let (slab, mut writer) = slab(2);
        let thread = thread::spawn(move || (0..3).for_each(|_| step_both(&mut writer)));
        if let Some((step, words)) = try_read::<2>(&slab) {
            assert_eq!(words, [step; 2]);
        }
        thread.join().unwrap();
        assert_eq!(try_read(&slab), Some((3, [3, 3])));
    });
}

/// Each step changes another word, so a word that wasn't caught up shows.
#[test]
fn words_that_a_step_leaves_alone_are_caught_up() {
    model(|| {
        let (slab, mut writer) = slab(2);
        let thread = thread::spawn(move || {
            step(&mut writer, &[0]);
            step(&mut writer, &[1]);
            step(&mut writer, &[0]);
        });
        if let Some((step, words)) = try_read::<2>(&slab) {
            assert_eq!(words, [[0, 0], [1, 0], [1, 1], [2, 1]][step as usize]);
        }
        thread.join().unwrap();
        assert_eq!(try_read(&slab), Some((3, [2, 1])));
    });
}

/// Three entries overflow the log: then the next step copies the whole slab, which is so large that two entries wouldn't do that.
#[test]
fn a_log_that_overflowed_loses_nothing() {
    model(|| {
        let (slab, mut writer) = slab(4);
        let thread = thread::spawn(move || {
            step(&mut writer, &[0, 1, 2]);
            step(&mut writer, &[0]);
            step(&mut writer, &[1, 2]);
        });
        if let Some((step, words)) = try_read::<4>(&slab) {
            assert_eq!(words, [[0, 0, 0, 0], [1, 1, 1, 0], [2, 1, 1, 0], [2, 2, 2, 0]][step as usize]);
        }
        thread.join().unwrap();
        assert_eq!(try_read(&slab), Some((3, [2, 2, 2, 0])));
    });
}

/// A discarded step is never seen, neither before nor after the next commit. It changes a word that no other step does, so that
/// catching up alone can't restore it.
#[test]
fn a_discarded_step_leaves_no_trace() {
    model(|| {
        let (slab, mut writer) = slab(2);
        let thread = thread::spawn(move || {
            step(&mut writer, &[0]);
            let mut discarded = writer.open();
            discarded.store_pair([0, 1], [77, 77]);
            drop(discarded);
            step(&mut writer, &[0]);
        });
        if let Some((step, words)) = try_read::<2>(&slab) {
            assert_eq!(words, [step, 0]);
        }
        thread.join().unwrap();
        assert_eq!(try_read(&slab), Some((2, [2, 0])));
    });
}

/// A step that stays open forever doesn't hold up a read: at most one try fails, for the one commit before.
#[test]
fn an_open_step_never_blocks_a_read() {
    model(|| {
        let (slab, mut writer) = slab(2);
        let thread = thread::spawn(move || {
            step_both(&mut writer);
            let mut open = writer.open();
            open.store_pair([0, 1], [77, 77]);
            std::mem::forget(open);
            writer
        });
        let (step, words) = try_read::<2>(&slab).or_else(|| try_read(&slab)).expect("two tries suffice for one commit");
        assert_eq!(words, [step; 2]);
        drop(thread.join().unwrap());
    });
}

/// The step that was read is whole and not older than the newest one read before.
fn assert_newer(step: u64, newest: u64, words: [u64; 2]) -> u64 {
    assert_eq!(words, [step; 2]);
    assert!(step >= newest, "read step {step} after step {newest}");
    step
}

/// Whole reads, the resting copy included, never go back, and none is older than its floor.
#[test]
fn reads_never_go_back() {
    model_bounded(2, || {
        let (slab, mut writer) = slab(2);
        let thread = thread::spawn(move || (0..3).for_each(|_| step_both(&mut writer)));
        let mut newest = 0;
        for _ in 0..2 {
            let mut words = [0; 2];
            match slab.try_newest(&mut words) {
                Ok(step) => newest = assert_newer(step, newest, words),
                Err(floor) => {
                    assert!(floor >= newest);
                    if let Some(step) = slab.try_resting(floor, &mut words) {
                        newest = assert_newer(step, newest, words);
                    }
                }
            }
        }
        thread.join().unwrap();
    });
}

/// A resting copy that is older than the newest step when the read began isn't taken. The slab is so large that the resting
/// copy still holds step 0 then.
#[test]
fn a_read_at_rest_is_not_older_than_its_floor() {
    model_bounded(2, || {
        let (slab, mut writer) = slab(6);
        let thread = thread::spawn(move || (0..3).for_each(|_| step_both(&mut writer)));
        let mut words = [0; 6];
        if let Err(floor) = slab.try_newest(&mut words) {
            if let Some(step) = slab.try_resting(floor, &mut words) {
                assert!(step >= floor, "read step {step} although step {floor} was committed before");
            }
        }
        thread.join().unwrap();
    });
}

/// A read as readers call it: it ends, since the steps do, with a whole step and a count of failed tries that steps account for.
#[test]
fn a_read_ends_with_one_whole_step() {
    model_bounded(2, || {
        let (slab, mut writer) = slab(6);
        let thread = thread::spawn(move || (0..3).for_each(|_| step_both(&mut writer)));
        let newest = slab.try_newest(&mut [0; 6]).unwrap_or_else(|overwritten| overwritten);
        let mut words = [0; 6];
        let reading = slab.read(&mut words);
        assert_eq!(words[..2], [reading.step; 2]);
        assert!(reading.step >= newest, "read step {} although step {newest} was seen before", reading.step);
        assert!(reading.failed_tries <= 3, "{} failed tries, but only three steps", reading.failed_tries);
        thread.join().unwrap();
    });
}

/// The resting copy by itself is whole too.
#[test]
fn the_resting_copy_is_one_whole_step() {
    model(|| {
        let (slab, mut writer) = slab(2);
        let thread = thread::spawn(move || (0..3).for_each(|_| step_both(&mut writer)));
        let mut words = [0; 2];
        if let Some(step) = slab.try_resting(0, &mut words) {
            assert_eq!(words, [step; 2]);
            let mut newer = [0; 2];
            assert!(
                slab.try_newest(&mut newer).map_or_else(|step| step, |step| step) >= step,
                "ran ahead of `sequence`"
            );
        }
        thread.join().unwrap();
    });
}

/// The next owner goes on from what the last one committed. The slab is too large to be refreshed at rest, whose fence would
/// hide a missing edge.
#[test]
fn ownership_is_handed_over_with_all_words() {
    model(|| {
        let (slab, mut writer) = slab(8);
        let shared = slab.clone();
        let thread = thread::spawn(move || step_both(&mut writer));
        if let Some(mut writer) = Slab::writer(&shared) {
            step_both(&mut writer);
            drop(writer);
            assert_eq!(try_read(&slab), Some((2, [2, 2, 0, 0, 0, 0, 0, 0])));
        }
        thread.join().unwrap();
    });
}
