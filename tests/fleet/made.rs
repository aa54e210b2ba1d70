//! Traces of the kinds that real ones are, made here: packed, with bursts, conversations that come
//! back, and short answers. The real ones are replayed by `scripts/data`.

use std::fmt::Write as _;

use crate::support::*;

const BLOCK: u64 = 512;
const REQUESTS: u64 = 400;

/// A trace, and the requests, prompt tokens and generated tokens in it.
type Made = (String, [u64; 3]);

/// Arrivals in ticks of three seconds; each block of a prompt has an id, the last and partial one
/// too; a conversation comes back with a longer prompt, and now and then with the same.
fn mooncake() -> Made {
    let mut random = fastrand::Rng::with_seed(1);
    let mut conversations: Vec<Vec<u64>> = vec![Vec::new(); 40];
    let (mut text, mut sums, mut next_block) = (String::new(), [REQUESTS, 0, 0], 0);
    for request in 0..REQUESTS {
        let blocks = random.choice(&mut conversations).expect("there are some");
        if blocks.is_empty() || random.u32(..8) > 0 {
            blocks.pop(); // another id, now that more follows
            let more = random.u64(1..9);
            blocks.extend(next_block..next_block + more);
            next_block += more;
        }
        // The length is that of the blocks, so an equal list is an equal prompt.
        let partial = 1 + blocks[blocks.len() - 1] * 37 % BLOCK;
        let prompt = (blocks.len() as u64 - 1) * BLOCK + partial;
        let output = if random.u32(..10) == 0 { 1 } else { random.u64(2..300) };
        let tick = request / 12 * 3_000;
        writeln!(
            text,
            "{{\"timestamp\": {tick}, \"input_length\": {prompt}, \"output_length\": {output}, \"hash_ids\": {blocks:?}}}"
        )
        .expect("writing to memory");
        sums[1] += prompt;
        sums[2] += output;
    }
    (text, sums)
}

/// Lines end with CR and LF, the last with nothing.
fn azure() -> Made {
    let mut random = fastrand::Rng::with_seed(2);
    let (mut text, mut sums) = ("TIMESTAMP,ContextTokens,GeneratedTokens".to_owned(), [REQUESTS, 0, 0]);
    let mut time = 0;
    for _ in 0..REQUESTS {
        time += random.u64(..2_000_000);
        let (minutes, seconds, fraction) = (time / 60_000_000, time / 1_000_000 % 60, time % 1_000_000);
        let (prompt, output) = (random.u64(1..8_000), random.u64(1..500));
        write!(text, "\r\n2023-12-31 23:{minutes:02}:{seconds:02}.{fraction:06}0,{prompt},{output}")
            .expect("writing to memory");
        sums[1] += prompt;
        sums[2] += output;
    }
    (text, sums)
}

#[test]
fn traces_of_both_kinds_give_their_totals() {
    for (name, (text, expected)) in [("mooncake.jsonl.gz", mooncake()), ("azure.csv.gz", azure())] {
        let trace = trace(&format!("made-{name}"), gzip(text.as_bytes()));
        for layout in [&["--prefill", "2", "--decode", "2"][..], &["--mixed", "4"]] {
            let report = replay(&[&["--trace", &trace], layout].concat());
            assert_eq!(totals(&report), expected, "{name}, {layout:?}");
            let hits: u64 = (0..4).map(|index| engine(&report, index).0[1]).sum();
            assert_eq!(hits > 0, name.starts_with("mooncake"), "{name}, {layout:?}: {hits} tokens found");
        }
    }
}
