//! What is simulated, pinned as a whole: one trace that fills the prefix caches, the KV pools and
//! the batches, in both formats and layouts. And details that show in few traces, worked out by
//! hand.
//!
//! The numbers of the whole come from a second simulation, written in another language after the
//! comments in `examples/fleet`; both gave the same. Whoever changes the model on purpose has to
//! change them, and should have an explanation for each.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::support::*;

// ---- the trace

const REQUESTS: usize = 2_400;
/// Too large for an engine's KV pool together.
const LARGE: std::ops::Range<usize> = 300..312;
/// Small requests that come all at once, more than a batch takes.
const CROWD: std::ops::Range<usize> = 1_000..1_700;
/// Of each 100 requests, the last 30 come at once.
const BURST_EVERY: usize = 100;
const BURST_AFTER: usize = 70;
/// Together longer than a prefix cache; some go on more often than others.
const CONVERSATIONS: u64 = 240;
const LONGEST_CONVERSATION: u64 = 40;

#[derive(Clone, Debug)]
struct Line {
    milliseconds: u64,
    prompt_tokens: u64,
    output_tokens: u64,
    hashes: Vec<u64>,
}

/// Knuth's linear congruential generator: whole numbers only, so that every language draws the
/// same.
struct Draws(u64);

impl Draws {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn lines() -> Vec<Line> {
    let mut draws = Draws(0x5eed);
    let mut conversations = vec![Conversation::default(); CONVERSATIONS as usize];
    let mut milliseconds = 0;
    let mut line = |index: usize| {
        let crowded = CROWD.contains(&index);
        if !crowded && index % BURST_EVERY < BURST_AFTER {
            milliseconds += draws.below(400);
        }
        let line = |prompt_tokens, output_tokens| Line { milliseconds, prompt_tokens, output_tokens, hashes: vec![] };
        if crowded {
            return line(1 + draws.below(30), 40 + draws.below(20));
        }
        if LARGE.contains(&index) {
            return line(200_000 + draws.below(200_000), 2_000 + draws.below(2_000));
        }
        let limit = 1 + draws.below(CONVERSATIONS);
        let number = draws.below(limit);
        let (blocks, hashes) = conversations[number as usize].go_on(number, &mut draws);
        Line { hashes, ..line(blocks * 512 + draws.below(512), draws.below(200)) }
    };
    (0..REQUESTS).map(&mut line).collect()
}

#[derive(Clone, Debug, Default)]
struct Conversation {
    /// How often it began anew.
    beginnings: u64,
    blocks: u64,
}

impl Conversation {
    /// The blocks of the next prompt, which begins with all earlier ones, and their hashes.
    fn go_on(&mut self, number: u64, draws: &mut Draws) -> (u64, Vec<u64>) {
        self.blocks += 1 + draws.below(6);
        if self.blocks > LONGEST_CONVERSATION {
            (self.beginnings, self.blocks) = (self.beginnings + 1, 1);
        }
        let first = (number * 1_000 + self.beginnings) * 100;
        (self.blocks, (first..first + self.blocks).collect())
    }
}

fn mooncake(lines: &[Line]) -> String {
    let line = |line: &Line| {
        let Line { milliseconds, prompt_tokens, output_tokens, hashes } = line;
        let (timestamp, input_length, output_length) = (milliseconds, prompt_tokens, output_tokens);
        let line = json!({
            "timestamp": timestamp, "input_length": input_length, "output_length": output_length, "hash_ids": hashes,
        });
        format!("{line}\n")
    };
    lines.iter().map(line).collect()
}

/// The same without hashes.
fn azure(lines: &[Line]) -> String {
    let mut csv = "TIMESTAMP,ContextTokens,GeneratedTokens\n".to_owned();
    for Line { milliseconds, prompt_tokens, output_tokens, .. } in lines {
        let (minute, second, millisecond) = (milliseconds / 60_000, milliseconds / 1_000 % 60, milliseconds % 1_000);
        writeln!(csv, "2024-02-28 23:{minute:02}:{second:02}.{millisecond:03}0000,{prompt_tokens},{output_tokens}")
            .expect("writing to memory");
    }
    csv
}

// ---- what must come out

struct Pinned {
    role: &'static str,
    computed: u64,
    cache_hits: u64,
    transferred: u64,
    generated: u64,
    iteration_tokens: [u64; 2],
    steps: u64,
    /// The table's last columns: tokens an iteration, TTFT, ITL.
    quantiles: [&'static str; 3],
}

impl Pinned {
    const fn prompt_tokens(&self) -> u64 {
        self.computed + self.cache_hits + self.transferred
    }

    fn json(&self, engine: usize) -> Value {
        json!({
            "engine": engine,
            "role": self.role,
            "prompt_tokens": self.prompt_tokens(),
            "prompt_tokens_by_source": {
                "local_compute": self.computed,
                "local_cache_hit": self.cache_hits,
                "external_kv_transfer": self.transferred,
            },
            "generation_tokens": self.generated,
            "iteration_tokens_sum": self.iteration_tokens[0],
            "iteration_tokens_count": self.iteration_tokens[1],
            "steps": self.steps,
        })
    }
}

const PROMPT_TOKENS: u64 = 17_443_874;
const GENERATION_TOKENS: u64 = 238_622;

const MIXED_MOONCAKE: [Pinned; 2] = [
    Pinned {
        role: "mixed",
        computed: 4_185_087,
        cache_hits: 4_301_312,
        transferred: 0,
        generated: 119_677,
        iteration_tokens: [4_304_764, 9_451],
        steps: 9_451,
        quantiles: ["5 / 7765", "53448 ms / 154465 ms", "23 ms / 291 ms"],
    },
    Pinned {
        role: "mixed",
        computed: 4_529_187,
        cache_hits: 4_428_288,
        transferred: 0,
        generated: 118_945,
        iteration_tokens: [4_648_132, 10_115],
        steps: 10_115,
        quantiles: ["5 / 7631", "101297 ms / 158826 ms", "21 ms / 289 ms"],
    },
];

const DISAGGREGATED_MOONCAKE: [Pinned; 4] = [
    Pinned {
        role: "prefill",
        computed: 4_183_039,
        cache_hits: 4_303_360,
        transferred: 0,
        generated: 1_200,
        iteration_tokens: [4_184_239, 544],
        steps: 743,
        quantiles: ["3883 / 16384", "1453 ms / 68293 ms", "-"],
    },
    Pinned {
        role: "prefill",
        computed: 4_535_843,
        cache_hits: 4_421_632,
        transferred: 0,
        generated: 1_200,
        iteration_tokens: [4_537_043, 535],
        steps: 757,
        quantiles: ["4508 / 16384", "1602 ms / 74353 ms", "-"],
    },
    Pinned {
        role: "decode",
        computed: 0,
        cache_hits: 0,
        transferred: 8_486_399,
        generated: 119_677,
        iteration_tokens: [119_677, 14_873],
        steps: 14_873,
        quantiles: ["5 / 62", "55 ms / 36427 ms", "18 ms / 48 ms"],
    },
    Pinned {
        role: "decode",
        computed: 0,
        cache_hits: 0,
        transferred: 8_957_475,
        generated: 118_945,
        iteration_tokens: [118_945, 14_535],
        steps: 14_535,
        quantiles: ["5 / 59", "23165 ms / 39691 ms", "19 ms / 48 ms"],
    },
];

const MIXED_AZURE: [Pinned; 2] = [
    Pinned {
        role: "mixed",
        computed: 8_486_399,
        cache_hits: 0,
        transferred: 0,
        generated: 119_677,
        iteration_tokens: [8_606_076, 9_085],
        steps: 9_085,
        quantiles: ["5 / 16384", "114138 ms / 159083 ms", "38 ms / 297 ms"],
    },
    Pinned {
        role: "mixed",
        computed: 8_957_475,
        cache_hits: 0,
        transferred: 0,
        generated: 118_945,
        iteration_tokens: [9_076_420, 9_580],
        steps: 9_580,
        quantiles: ["5 / 16384", "122574 ms / 612197 ms", "24 ms / 296 ms"],
    },
];

const DISAGGREGATED_AZURE: [Pinned; 4] = [
    Pinned {
        role: "prefill",
        computed: 8_486_399,
        cache_hits: 0,
        transferred: 0,
        generated: 1_200,
        iteration_tokens: [8_487_599, 673],
        steps: 1_097,
        quantiles: ["10655 / 16384", "56879 ms / 79538 ms", "-"],
    },
    Pinned {
        role: "prefill",
        computed: 8_957_475,
        cache_hits: 0,
        transferred: 0,
        generated: 1_200,
        iteration_tokens: [8_958_675, 668],
        steps: 1_144,
        quantiles: ["11121 / 16384", "57055 ms / 79541 ms", "-"],
    },
    Pinned {
        role: "decode",
        computed: 0,
        cache_hits: 0,
        transferred: 8_486_399,
        generated: 119_677,
        iteration_tokens: [119_677, 19_713],
        steps: 19_713,
        quantiles: ["5 / 52", "45 ms / 32020 ms", "18 ms / 25 ms"],
    },
    Pinned {
        role: "decode",
        computed: 0,
        cache_hits: 0,
        transferred: 8_957_475,
        generated: 118_945,
        iteration_tokens: [118_945, 20_342],
        steps: 20_342,
        quantiles: ["5 / 52", "49 ms / 37946 ms", "18 ms / 48 ms"],
    },
];

/// The whole report but `seconds`, `checks` and its quantiles, and the table's quantiles.
fn assert_pinned(trace: &str, layout: &[&str], pinned: &[Pinned]) {
    let mut report = without_seconds(replay(&[&["--trace", trace], layout].concat()));
    report.as_object_mut().expect("an object").remove("checks");
    for engine in report["engines"].as_array_mut().expect("a list") {
        // The table has them too, and is compared below.
        engine.as_object_mut().expect("an object").remove("quantiles");
    }
    let expected = json!({
        "requests": REQUESTS,
        "prompt_tokens": PROMPT_TOKENS,
        "generation_tokens": GENERATION_TOKENS,
        "steps": pinned.iter().map(|engine| engine.steps).sum::<u64>(),
        "engines": pinned.iter().enumerate().map(|(index, engine)| engine.json(index)).collect::<Vec<_>>(),
    });
    assert_eq!(report, expected, "{layout:?}");

    let expected: Vec<_> = pinned.iter().map(|engine| engine.quantiles).collect();
    assert_eq!(quantiles(trace, layout), expected, "{layout:?}");
}

/// The last columns of the closing table, by engine.
fn quantiles(trace: &str, layout: &[&str]) -> Vec<[String; 3]> {
    let output = run(&[&["--trace", trace, "--speed", "max", "--no-listen"], layout].concat());
    let stdout = String::from_utf8(output.stdout).expect("the table is text");
    let rows = stdout.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    // Nothing comes before the first bar or after the last; header and rule come first.
    rows.filter(|row| row.len() == 12).skip(2).map(|row| [row[8], row[9], row[10]].map(str::to_owned)).collect()
}

#[test]
fn mixed_engines_replay_the_mooncake_trace_as_simulated_elsewhere() {
    assert_pinned(&trace("model-mixed-mooncake", mooncake(&lines())), &["--mixed", "2"], &MIXED_MOONCAKE);
}

#[test]
fn prefill_and_decode_engines_replay_the_mooncake_trace_as_simulated_elsewhere() {
    assert_pinned(
        &trace("model-disaggregated-mooncake", mooncake(&lines())),
        &["--prefill", "2", "--decode", "2"],
        &DISAGGREGATED_MOONCAKE,
    );
}

#[test]
fn mixed_engines_replay_the_azure_trace_as_simulated_elsewhere() {
    assert_pinned(&trace("model-mixed-azure", azure(&lines())), &["--mixed", "2"], &MIXED_AZURE);
}

#[test]
fn prefill_and_decode_engines_replay_the_azure_trace_as_simulated_elsewhere() {
    assert_pinned(
        &trace("model-disaggregated-azure", azure(&lines())),
        &["--prefill", "2", "--decode", "2"],
        &DISAGGREGATED_AZURE,
    );
}

// ---- details

/// A prompt of whole blocks with the hashes `first..first + blocks`, and `more` tokens; one output.
fn blocks(milliseconds: u64, first: u64, blocks: u64, more: u64) -> Line {
    let hashes = (first..first + blocks).collect();
    Line { milliseconds, prompt_tokens: blocks * 512 + more, output_tokens: 1, hashes }
}

#[test]
fn a_prompt_that_is_stored_loses_its_end_before_its_beginning() {
    // 10 blocks, then so many that 5 of the 10 are left: the first 5, or nothing would be found.
    let lines = [blocks(0, 0, 10, 0), blocks(100_000, 1_000, 4_091, 0), blocks(300_000, 0, 10, 1)];
    let report = replay(&["--trace", &trace("stored", mooncake(&lines)), "--mixed", "1"]);
    assert_eq!(engine(&report, 0).0, [(10 + 4_091 + 5) * 512 + 1, 5 * 512, 0]);
}

#[test]
fn a_prompt_that_is_found_loses_its_end_before_its_beginning() {
    let lines = [
        // Makes the KV pool large enough for all that follows: 367 steps.
        Line { milliseconds: 0, prompt_tokens: 3_000_000, output_tokens: 1, hashes: vec![] },
        blocks(200_000, 0, 10, 0),
        // Used later than the 10, until they are found again.
        blocks(250_000, 500, 100, 0),
        // 255 steps and 5,632 tokens of the next. The other 2,560 go to the request below, which
        // finds its first 10 blocks just before this one is stored: 5 of the 10 are left.
        blocks(300_000, 1_000, 4_091, 0),
        blocks(300_000, 0, 30, 0),
        // Looks for the 10 in the step after, before that request is stored, and ends one step
        // later.
        blocks(300_000, 0, 10, 1),
    ];
    let report = replay(&["--trace", &trace("found", mooncake(&lines)), "--mixed", "1"]);
    let computed = 3_000_000 + (10 + 100 + 4_091 + 20 + 5) * 512 + 1;
    assert_eq!(engine(&report, 0), ([computed, 15 * 512, 0], 6, [computed + 6, 6], 367 + 1 + 7 + 258));
}

#[test]
fn a_decode_engine_waits_for_the_slower_prefill_engine() {
    // One prefill engine computes ten large prompts, in 1,221 steps each. The other has ten small
    // ones and is done at once, so that its last transfer, of a request that comes when all else is
    // over, is sent first unless the threads are unlucky. It must not be served first.
    let line = |milliseconds, prompt_tokens| Line { milliseconds, prompt_tokens, output_tokens: 5, hashes: vec![] };
    let mut lines = vec![[line(0, 10_000_000), line(0, 10)]; 10].concat();
    lines[19].milliseconds = 10_000_000;
    let trace = trace("slower-prefill", mooncake(&lines));
    for _ in 0..3 {
        // Times to first token: 25 s of transfer and 92 ms, in the bucket from 20 to 40 s; 5 ms and
        // 12 ms, in the bucket from 10 to 20 ms.
        let decode = &quantiles(&trace, &["--prefill", "2", "--decode", "1"])[2];
        assert_eq!(decode[1], "20 ms / 39600 ms");
    }
}
