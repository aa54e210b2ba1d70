//! What a trace's numbers mean: blocks of other sizes, times in other units, and traces that
//! contradict them.

use crate::support::*;

/// Arrival by request, in the trace's own unit.
fn timed(times: impl IntoIterator<Item = f64>) -> String {
    let line = |time| format!("{{\"timestamp\": {time}, \"input_length\": 40, \"output_length\": 2}}\n");
    times.into_iter().map(line).collect()
}

/// A prompt of these tokens, with a hash for each of its blocks, the last one too.
fn hashed(minute: u64, tokens: u64, block_size: u64) -> String {
    let hashes: Vec<u64> = (0..tokens.div_ceil(block_size)).collect();
    let time = minute * 60_000;
    format!("{{\"timestamp\": {time}, \"input_length\": {tokens}, \"output_length\": 1, \"hash_ids\": {hashes:?}}}\n")
}

/// The same prompt four times, a minute apart.
fn repeated(tokens: u64, block_size: u64) -> String {
    (0..4).map(|minute| hashed(minute, tokens, block_size)).collect()
}

#[test]
fn a_hash_covers_as_many_tokens_as_is_said() {
    for (block_size, found) in [(1, 999), (16, 992), (512, 512), (1_000, 999), (2_048, 0)] {
        let trace = trace(&format!("blocks-of-{block_size}"), repeated(1_000, block_size));
        let report = replay(&["--trace", &trace, "--mixed", "1", "--block-size", &block_size.to_string()]);
        assert_eq!(engine(&report, 0).0, [4_000 - 3 * found, 3 * found, 0], "blocks of {block_size} tokens");
    }
}

#[test]
fn the_prefix_cache_holds_as_many_tokens_whatever_the_size_of_a_block() {
    // Of 131,072 blocks of 16 tokens, the second prompt needs all but 10.
    let line = |minute: u64, first: u64, blocks: u64| {
        let hashes: Vec<u64> = (first..first + blocks).collect();
        let (time, tokens) = (minute * 60_000, blocks * 16 + 1);
        let line = format!("{{\"timestamp\": {time}, \"input_length\": {tokens}, \"output_length\": 1, \"hash_ids\": ");
        format!("{line}{hashes:?}}}\n")
    };
    let lines = [line(0, 0, 20), line(10, 1_000, 131_062), line(100, 0, 20)].concat();
    let report = replay(&["--trace", &trace("cache-of-16", lines), "--mixed", "1", "--block-size", "16"]);
    assert_eq!(engine(&report, 0).0[1], 10 * 16);
}

#[test]
fn more_hashes_than_blocks_are_refused() {
    for (tokens, hashed_by, arguments) in [
        (1_000, 16, &[][..]),
        (1_000, 256, &[]),
        (1_000, 16, &["--block-size", "512"]),
        (1_000, 16, &["--block-size", "17"]),
        (16, 8, &["--block-size", "16"]),
    ] {
        let trace = trace(&format!("hashes-of-{hashed_by}-{}", arguments.len()), hashed(0, tokens, hashed_by));
        assert_refused(&[&["--trace", &trace], arguments].concat(), &["line 1: ", "--block-size"]);
    }
    // A hash without a block.
    let line = "{\"timestamp\": 0, \"input_length\": 0, \"output_length\": 2, \"hash_ids\": [1]}\n";
    assert_refused(&["--trace", &trace("hash-without-block", line)], &["line 1: ", "--block-size"]);
}

#[test]
fn a_trace_without_a_prompt_that_has_all_its_hashes_is_refused() {
    let of_512 = trace("far-too-small", repeated(10_000, 512));
    assert_refused(&["--trace", &of_512, "--block-size", "16"], &["--block-size"]);
    let of_1024 = trace("too-small", repeated(10_000, 1_024));
    assert_refused(&["--trace", &of_1024], &["--block-size"]);
    // One prompt that has them all is enough, and so is a trace of few requests.
    let mixed = trace("cut-lists", [hashed(0, 10_000, 1_024), repeated(600, 512)].concat());
    assert_eq!(totals(&replay(&["--trace", &mixed]))[1], 12_400);
    let few = trace("few-of-1024", hashed(0, 10_000, 1_024));
    assert_eq!(totals(&replay(&["--trace", &few]))[1], 10_000);
}

/// How long the last of two requests waits for its first token shows when it came.
#[test]
fn times_are_in_the_unit_that_is_said() {
    let report = |name: &str, times: [f64; 2], unit: &str| {
        let trace = trace(&format!("unit-{name}"), timed(times));
        engine(&replay(&["--trace", &trace, "--mixed", "1", "--time-unit", unit]), 0).3
    };
    // 40 ms apart: the second request comes while the first is running, and shares one of its two
    // steps. A minute apart: it has two steps of its own.
    for (unit, scale) in [("s", 1.0), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)] {
        assert_eq!(report(&format!("close-{unit}"), [5.0 * scale, 5.01 * scale], unit), 3, "{unit}");
        assert_eq!(report(&format!("far-{unit}"), [5.0 * scale, 65.0 * scale], unit), 4, "{unit}");
    }
}

#[test]
fn times_that_lie_within_seconds_are_refused_unless_their_unit_is_said() {
    let every = |gap: f64, requests: u32| timed((0..requests).map(move |index| f64::from(index) * gap));
    for (name, content) in [
        ("an-hour", every(3.0, 1_200)),
        ("fractions", every(1.7, 12)),
        ("two-fractions", timed([0.25, 17.5])),
        ("since-1970", timed((0..30).map(|index| 1_700_000_000.0 + f64::from(index)))),
        ("ticks", timed((0..60).map(|index| f64::from(index / 12 * 3)))),
        ("a-day", timed((0..2_000).map(|index| f64::from(index * 9)))),
    ] {
        let trace = trace(&format!("seconds-{name}"), &content);
        assert_refused(&["--trace", &trace, "--speed", "max", "--no-listen"], &["--time-unit"]);
        let requests = content.lines().count() as u64;
        for unit in ["s", "ms"] {
            let report = replay(&["--trace", &trace, "--time-unit", unit]);
            assert_eq!(totals(&report), [requests, 40 * requests, 2 * requests], "{name}, {unit}");
        }
    }
}

#[test]
fn times_that_are_milliseconds_are_not_mistaken() {
    for (name, content) in [
        ("at-once", timed([0.0; 40])),
        ("ticks", timed((0..30).map(|index| f64::from(index / 10 * 3_000)))),
        ("minutes", timed((0..10).map(|index| f64::from(index) * 60_000.0))),
        ("busy", timed((0..2_000).map(|index| f64::from(index) * 20.0))),
        ("two", timed([0.0, 5.0])),
        ("fraction", timed([12.75, 60_012.25])),
    ] {
        let trace = trace(&format!("milliseconds-{name}"), content);
        replay(&["--trace", &trace, "--mixed", "2"]);
    }
}

#[test]
fn units_are_refused_where_there_is_nothing_to_apply_them_to() {
    for flag in [["--block-size", "16"], ["--time-unit", "s"]] {
        assert_refused(&flag, &["--trace", flag[0]]);
        let csv = fixture("azure.csv");
        assert_refused(&[&["--trace", &csv], &flag[..]].concat(), &["line 1: ", flag[0], "Azure"]);
    }
    let trace = fixture("mooncake.jsonl");
    for (flag, value) in [("--block-size", "0"), ("--block-size", "many"), ("--time-unit", "h")] {
        assert_refused(&["--trace", &trace, flag, value], &[flag]);
    }
    assert_refused(&["--trace", &self::trace("centuries", timed([0.0, 9e12]))], &["line 2: ", "--time-unit"]);
}
