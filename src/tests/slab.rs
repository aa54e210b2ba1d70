//! The slab by itself: how often the fallback copy is refreshed, what a log holds, and which data
//! shares a cache line.

use std::ops::Range;

use super::*;

/// Checks after each step which step the fallback copy holds.
#[test]
fn the_fallback_copy_is_refreshed_when_four_slabs_of_words_were_copied() {
    const WORDS: usize = 100;
    assert_eq!(REFRESH_AFTER_SLABS, 4);
    let slab = Slab::new(WORDS, None);
    let mut writer = Slab::writer(&slab).unwrap();
    let (mut copied, mut refreshed) = (0, 0);
    for step in 1..=300 {
        // A new writer's first open copies all words, the others one block of four. Each open
        // counts as one word more.
        copied += if step == 1 { WORDS + 1 } else { 4 + 1 };
        if copied > REFRESH_AFTER_SLABS * WORDS {
            (copied, refreshed) = (0, step);
        }
        let mut open = writer.open();
        open.store(7, step);
        open.commit();
        let mut words = [0; WORDS];
        assert_eq!(slab.attempt_fallback(0, None, &mut words), Some(refreshed), "after step {step}");
        assert_eq!(words[7], refreshed);
        assert_eq!(slab.attempt_fallback(refreshed + 1, None, &mut words), None, "it isn't that new");
    }
    assert!(refreshed > 200, "several times");
}

/// Whether, after a step with this number of entries in its log, the next one copies all words of
/// the slab. Otherwise it copies only those that were touched.
fn all_are_caught_up(entries: usize, words: usize) -> bool {
    let slab = Slab::new(words, None);
    let mut writer = Slab::writer(&slab).unwrap();
    // Two empty steps first, since the logs of a new writer count as logs of all words.
    for entries in [0, 0, entries] {
        let mut open = writer.open();
        (0..entries).for_each(|_| open.store_pair([0, 0], [1, 1]));
        open.commit();
    }
    slab.copies[0][words - 1].store(1, Relaxed); // hidden, as three steps were committed
    writer.open().load(words as u16 - 1) == 0
}

#[test]
fn a_log_has_256_entries_and_lists_no_more_words_than_there_are() {
    assert!(!all_are_caught_up(256, 1_000) && all_are_caught_up(257, 1_000));
    assert!(!all_are_caught_up(50, 100) && all_are_caught_up(51, 100));
}

/// The words that a step copies, if the step before stored this one.
fn caught_up(word: u16, words: usize) -> Vec<usize> {
    let slab = Slab::new(words, None);
    let mut writer = Slab::writer(&slab).unwrap();
    for touched in [None, None, Some(word)] {
        let mut open = writer.open();
        touched.into_iter().for_each(|word| open.store(word, 1));
        open.commit();
    }
    // Hidden, as three steps were committed.
    slab.copies[0].iter().for_each(|hidden| hidden.store(7, Relaxed));
    drop(writer.open());
    (0..words).filter(|word| slab.copies[0][*word].load(Relaxed) != 7).collect()
}

#[test]
fn the_first_256_words_are_caught_up_in_blocks_of_four() {
    assert_eq!(caught_up(0, 1_000), [0, 1, 2, 3]);
    assert_eq!(caught_up(255, 1_000), [252, 253, 254, 255]);
    assert_eq!(caught_up(256, 1_000), [256], "behind the blocks, by itself");
    assert_eq!(caught_up(253, 254), [252, 253], "the last block is shorter");
    assert_eq!(caught_up(1, 3), [0, 1, 2], "a slab of less than a block");
}

/// Bytes that are fetched together: see [`PADDING`](crate::store::row::PADDING).
const LINE: usize = if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) { 128 } else { 64 };

/// The addresses of a value's bytes.
fn addresses<T: ?Sized>(value: &T) -> Range<usize> {
    let start = std::ptr::from_ref(value).addr();
    start..start + size_of_val(value)
}

fn share_a_line(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start / LINE <= (other.end - 1) / LINE && other.start / LINE <= (one.end - 1) / LINE
}

/// The pieces of a slab, each with what writes it. No two of them may share a line. Readers read
/// all except the reference counts.
fn pieces(slab: &Arc<Slab>) -> Vec<(&'static str, Range<usize>)> {
    let [even, odd] = &slab.copies;
    // The two reference counts precede the value, at the distance of its alignment.
    let counts = addresses(&**slab).start - align_of::<Slab>();
    vec![
        ("reference counts: attach, detach, a recorder is leased or dropped", counts..counts + 2 * size_of::<usize>()),
        ("sequence: the writer, each step", addresses(&*slab.sequence)),
        ("fallback_sequence: the writer, some steps", addresses(&*slab.fallback_sequence)),
        ("diagnostics: the writer, at any time", addresses(&*slab.diagnostics)),
        ("leased, and where the copies are: nobody while a recorder lives", cold(slab)),
        ("even copy: the writer, every other step", addresses(&**even)),
        ("odd copy: the writer, every other step", addresses(&**odd)),
        ("fallback copy: the writer, some steps", addresses(&*slab.fallback)),
    ]
}

/// What changes only when the slab is leased or given up.
fn cold(slab: &Slab) -> Range<usize> {
    let pieces = [addresses(&slab.leased), addresses(&slab.copies), addresses(&slab.fallback)];
    let [first, last] = [pieces.iter().map(|piece| piece.start).min(), pieces.iter().map(|piece| piece.end).max()];
    first.unwrap_or(0)..last.unwrap_or(0)
}

#[test]
fn what_is_written_apart_shares_no_line() {
    for words in [1, 2, 16, 333] {
        let slabs = [Slab::new(words, None), Slab::new(words, None)];
        let pieces: Vec<_> = slabs.iter().flat_map(pieces).collect();
        for (index, (one, addresses)) in pieces.iter().enumerate() {
            for (other, other_addresses) in &pieces[..index] {
                assert!(!share_a_line(addresses, other_addresses), "{words} words: {one}; {other}");
            }
        }
    }
}

#[test]
fn what_is_rarely_written_shares_a_line() {
    let slab = Slab::new(1, None);
    let cold = cold(&slab);
    assert_eq!(cold.start / LINE, (cold.end - 1) / LINE);
    assert_eq!(size_of::<Slab>(), 4 * LINE, "sequence, fallback_sequence, diagnostics, and the rest");
}
