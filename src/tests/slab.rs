//! The slab by itself: how often the fallback copy is refreshed, and what shares a cache line.

use std::ops::Range;

use super::*;

/// After each step, which step the fallback copy holds.
#[test]
fn the_resting_copy_is_refreshed_when_four_slabs_of_words_were_stored() {
    const WORDS: usize = 100;
    assert_eq!(REFRESH_AFTER_SLABS, 4);
    let slab = Slab::new(WORDS);
    let mut writer = Slab::writer(&slab).unwrap();
    // One entry of two words, and one for the step itself.
    let steps_a_refresh = (REFRESH_AFTER_SLABS * WORDS / 3 + 1) as u64;
    for step in 1..=3 * steps_a_refresh {
        let mut open = writer.open();
        open.store(7, step);
        open.commit();
        let mut words = [0; WORDS];
        let rests = step / steps_a_refresh * steps_a_refresh;
        assert_eq!(slab.attempt_fallback(0, None, &mut words), Some(rests), "after step {step}");
        assert_eq!(words[7], rests);
        assert_eq!(slab.attempt_fallback(rests + 1, None, &mut words), None, "it isn't that new");
    }
}

/// Whether the step after one of so many entries copies all words of a slab, or only those that were touched.
fn all_are_caught_up(entries: usize, words: usize) -> bool {
    let slab = Slab::new(words);
    let mut writer = Slab::writer(&slab).unwrap();
    // Two steps for the logs of a new owner, which stand for all words.
    for entries in [0, 0, entries] {
        let mut open = writer.open();
        (0..entries).for_each(|_| open.store(0, 1));
        open.commit();
    }
    slab.copies[0][words - 1].store(1, Relaxed); // hidden, as three steps were committed
    writer.open().load(words as u16 - 1) == 0
}

#[test]
fn a_log_has_256_entries_and_names_no_more_words_than_there_are() {
    assert!(LOG_CAPACITY.is_power_of_two());
    assert_eq!(size_of_val(&Log::OVERFLOWED.entries[0]), 4, "two numbers of 16 bits");
    assert!(!all_are_caught_up(256, 1_000) && all_are_caught_up(257, 1_000));
    assert!(!all_are_caught_up(50, 100) && all_are_caught_up(51, 100));
}

/// What is fetched together: see [`PADDING`](crate::words::PADDING).
const LINE: usize = if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) { 128 } else { 64 };

/// Where a value's bytes are.
fn place<T: ?Sized>(value: &T) -> Range<usize> {
    let start = std::ptr::from_ref(value).addr();
    start..start + size_of_val(value)
}

fn share_a_line(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start / LINE <= (other.end - 1) / LINE && other.start / LINE <= (one.end - 1) / LINE
}

/// The parts of a slab, none of which may share a line with another, and who writes each. Readers read all but the counts.
fn parts(slab: &Arc<Slab>) -> Vec<(&'static str, Range<usize>)> {
    let [even, odd] = &slab.copies;
    // The counts of references stand before the value, as far as its alignment pushes them: two words.
    let counts = place(&**slab).start - align_of::<Slab>();
    vec![
        ("counts: attach, detach, recorders that come and go", counts..counts + 2 * size_of::<usize>()),
        ("sequence: the owner, each step", place(&*slab.sequence)),
        ("fallback_sequence: the owner, some steps", place(&*slab.fallback_sequence)),
        ("diagnostics: the writer, at any time", place(&*slab.diagnostics)),
        ("leased, and where the copies are: nobody while a recorder lives", cold(slab)),
        ("even copy: the owner, every other step", place(&**even)),
        ("odd copy: the owner, every other step", place(&**odd)),
        ("fallback copy: the writer, some steps", place(&*slab.fallback)),
    ]
}

/// What changes only when an owner comes or goes, together.
fn cold(slab: &Slab) -> Range<usize> {
    let parts = [place(&slab.leased), place(&slab.copies), place(&slab.fallback)];
    let [first, last] = [parts.iter().map(|part| part.start).min(), parts.iter().map(|part| part.end).max()];
    first.unwrap_or(0)..last.unwrap_or(0)
}

#[test]
fn what_is_written_apart_shares_no_line() {
    for words in [1, 2, 16, 333] {
        let slabs = [Slab::new(words), Slab::new(words)];
        let parts: Vec<_> = slabs.iter().flat_map(parts).collect();
        for (index, (one, place)) in parts.iter().enumerate() {
            for (other, other_place) in &parts[..index] {
                assert!(!share_a_line(place, other_place), "{words} words: {one}; {other}");
            }
        }
    }
}

#[test]
fn what_nobody_writes_meanwhile_shares_a_line() {
    let slab = Slab::new(1);
    let cold = cold(&slab);
    assert_eq!(cold.start / LINE, (cold.end - 1) / LINE);
    assert_eq!(size_of::<Slab>(), 4 * LINE, "sequence, fallback_sequence, aside, and the rest");
}
