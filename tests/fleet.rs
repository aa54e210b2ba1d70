//! The example `fleet`, run as a user runs it: its totals, its answers to odd and to broken files, its exit codes, and its
//! page while it runs.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use openmetrics_parser::PrometheusValue;
use openmetrics_parser::prometheus::parse_prometheus;
use serde_json::{Value, json};

// ---- running the example

/// Builds the example (in the profile of this test) and returns where it is.
fn fleet() -> Command {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    Command::new(PATH.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--example", "fleet", "--message-format=json"]);
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        let output = cargo.stderr(Stdio::inherit()).output().expect("cargo runs");
        assert!(output.status.success(), "the example doesn't build");
        let messages = output.stdout.split(|byte| *byte == b'\n');
        let executable = messages.filter_map(|line| serde_json::from_slice::<Value>(line).ok()).find_map(|message| {
            let is_fleet = message["target"]["name"] == "fleet" && message["target"]["kind"] == json!(["example"]);
            message["executable"].as_str().filter(|_| is_fleet).map(PathBuf::from)
        });
        executable.expect("cargo tells where the example is")
    }))
}

fn run(arguments: &[&str]) -> Output {
    fleet().args(arguments).output().expect("the example runs")
}

/// Runs at full speed without a server; returns the one JSON object that stdout must be.
fn replay(arguments: &[&str]) -> Value {
    let output = run(&[&["--speed", "max", "--no-listen", "--json"], arguments].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("stdout is one JSON object");
    let checks = report["checks"].as_array().expect("checks are a list");
    assert!(!checks.is_empty() && checks.iter().all(|check| check["ok"] == true), "{arguments:?}: {checks:?}");
    report
}

fn fixture(name: &str) -> String {
    format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Writes a trace for one test; the file stays in cargo's directory for tests.
fn trace(name: &str, content: impl AsRef<[u8]>) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fleet-{name}"));
    std::fs::write(&path, content).expect("a test can write its trace");
    path.to_str().expect("a path in UTF-8").to_owned()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

fn totals(report: &Value) -> [u64; 3] {
    ["requests", "prompt_tokens", "generation_tokens"].map(|key| report[key].as_u64().expect("a plain integer"))
}

/// `[local_compute, local_cache_hit, external_kv_transfer]`, generated, iteration sum and count, steps.
fn engine(report: &Value, index: usize) -> ([u64; 3], u64, [u64; 2], u64) {
    let engine = &report["engines"][index];
    let number = |value: &Value| value.as_u64().expect("a plain integer");
    let source = |name: &str| number(&engine["prompt_tokens_by_source"][name]);
    (
        [source("local_compute"), source("local_cache_hit"), source("external_kv_transfer")],
        number(&engine["generation_tokens"]),
        [number(&engine["iteration_tokens_sum"]), number(&engine["iteration_tokens_count"])],
        number(&engine["steps"]),
    )
}

fn without_seconds(mut report: Value) -> Value {
    let seconds = report.as_object_mut().expect("an object").remove("seconds");
    assert!(seconds.is_some_and(|seconds| seconds.is_f64()), "`seconds` is a float");
    report
}

// ---- what comes out

#[test]
fn the_json_object_has_exactly_the_documented_fields() {
    let report = replay(&["--trace", &fixture("mooncake.jsonl"), "--prefill", "1", "--decode", "1"]);
    let keys = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<BTreeSet<_>>();
    let top = ["requests", "prompt_tokens", "generation_tokens", "steps", "seconds", "engines", "checks"];
    assert_eq!(keys(&report), BTreeSet::from(top.map(str::to_owned)));
    let of_engine = [
        "engine",
        "role",
        "prompt_tokens",
        "prompt_tokens_by_source",
        "generation_tokens",
        "iteration_tokens_sum",
        "iteration_tokens_count",
        "steps",
    ];
    assert_eq!(keys(&report["engines"][0]), BTreeSet::from(of_engine.map(str::to_owned)));
    assert_eq!(keys(&report["checks"][0]), BTreeSet::from(["name", "ok"].map(str::to_owned)));
    assert_eq!(report["engines"][0]["engine"], 0);
    assert_eq!(report["engines"][0]["role"], "prefill");
    assert_eq!(report["engines"][1]["role"], "decode");
}

/// The fixture's requests never overlap. By hand: blocks 1 and 2 are found by the second request (1,024 tokens) and the third
/// (all but one of its 1,024 tokens), block 1 by the fourth (512).
const COMPUTED: u64 = 1_200 + 176 + 1 + 188 + 100;
const HITS: u64 = 1_024 + 1_023 + 512;
const PROMPTS: u64 = COMPUTED + HITS;
const GENERATED: u64 = 5 + 1 + 3 + 2 + 4;

#[test]
fn a_mixed_engine_counts_what_was_worked_out_by_hand() {
    for (definition, sum) in
        [("computed", COMPUTED + GENERATED), ("all-sources", PROMPTS + GENERATED), ("scheduled", COMPUTED + GENERATED)]
    {
        let report = replay(&["--trace", &fixture("mooncake.jsonl"), "--mixed", "1", "--definition", definition]);
        assert_eq!(totals(&report), [5, PROMPTS, GENERATED]);
        assert_eq!(engine(&report, 0), ([COMPUTED, HITS, 0], GENERATED, [sum, 15], 15), "{definition}");
    }
}

#[test]
fn prefill_and_decode_engines_count_what_was_worked_out_by_hand() {
    for (definition, prefill, decode) in [
        ("computed", COMPUTED + 5, GENERATED),
        ("all-sources", PROMPTS + 5, PROMPTS + GENERATED),
        ("scheduled", COMPUTED + 5, GENERATED),
    ] {
        let trace = fixture("mooncake.jsonl");
        let report = replay(&["--trace", &trace, "--prefill", "1", "--decode", "1", "--definition", definition]);
        assert_eq!(totals(&report), [5, PROMPTS, GENERATED], "each request once");
        assert_eq!(engine(&report, 0), ([COMPUTED, HITS, 0], 5, [prefill, 5], 5), "{definition}");
        assert_eq!(engine(&report, 1), ([0, 0, PROMPTS], GENERATED, [decode, 15], 15), "{definition}");
    }
}

#[test]
fn the_azure_fixture_gives_its_totals() {
    for layout in [&["--mixed", "2"][..], &["--prefill", "2", "--decode", "1"]] {
        let report = replay(&[&["--trace", &fixture("azure.csv")], layout].concat());
        assert_eq!(totals(&report), [4, 374 + 396 + 1 + 9_012, 44 + 109 + 1 + 27]);
    }
}

#[test]
fn chunks_of_a_long_prompt_show_under_the_scheduled_definition_only() {
    let trace = trace("chunks.jsonl", line(20_000, 2));
    // 8,192 + 8,192 + 3,616 tokens with the first output, then the second output.
    let report = replay(&["--trace", &trace, "--mixed", "1"]);
    assert_eq!(engine(&report, 0), ([20_000, 0, 0], 2, [20_002, 2], 4));
    let report = replay(&["--trace", &trace, "--mixed", "1", "--definition", "scheduled"]);
    assert_eq!(engine(&report, 0), ([20_000, 0, 0], 2, [20_002, 4], 4));
}

#[test]
fn two_runs_differ_in_nothing_but_seconds() {
    for layout in [&["--mixed", "3"][..], &["--prefill", "2", "--decode", "2"], &["--prefill", "3", "--decode", "1"]] {
        let first = without_seconds(replay(layout));
        assert_eq!(first, without_seconds(replay(layout)), "{layout:?}");
        // Nor does it matter how fast virtual time runs, nor who listens.
        let output = run(&[layout, &["--speed", "2000", "--listen", "127.0.0.1:0", "--json"]].concat());
        assert_eq!(first, without_seconds(serde_json::from_slice(&output.stdout).expect("JSON")), "{layout:?}");
    }
}

#[test]
fn a_limit_takes_the_first_requests_of_the_file() {
    let report = replay(&["--trace", &fixture("mooncake.jsonl"), "--limit", "2"]);
    assert_eq!(totals(&report), [2, 2_400, 6]);
    assert_eq!(totals(&replay(&["--limit", "100"]))[0], 100);
}

#[test]
fn the_table_goes_to_stdout_and_the_rest_to_stderr() {
    let output = run(&["--trace", &fixture("azure.csv"), "--speed", "max", "--listen", "127.0.0.1:0"]);
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout.contains("| 0 prefill |") && stdout.contains("checks passed"), "{stdout}");
    assert!(stderr.contains("listening on http://127.0.0.1:"), "{stderr}");
}

// ---- odd files

fn line(prompt_tokens: u64, output_tokens: u64) -> String {
    format!("{{\"timestamp\": 0, \"input_length\": {prompt_tokens}, \"output_length\": {output_tokens}}}\n")
}

/// A line with hashes, as JSON writes them.
fn hashed(timestamp: &str, prompt_tokens: u64, output_tokens: u64, hashes: &str) -> String {
    format!(
        "{{\"timestamp\": {timestamp}, \"input_length\": {prompt_tokens}, \"output_length\": {output_tokens}, \
         \"hash_ids\": {hashes}, \"other\": {{\"field\": [1, \"x\"]}}}}\n"
    )
}

const HEADER: &str = "TIMESTAMP,ContextTokens,GeneratedTokens\n";

#[test]
fn odd_files_are_replayed_whole() {
    let burst: String = (0..67).map(|_| hashed("3000", 600, 3, "[7, 8]")).collect();
    let max = u64::MAX;
    let cases: Vec<(&str, Vec<u8>, [u64; 3])> = vec![
        ("empty-prompt", line(0, 3).into(), [1, 0, 3]),
        ("empty-output", [line(700, 0), line(1, 2)].concat().into(), [2, 701, 2]),
        ("empty-both", line(0, 0).into(), [1, 0, 0]),
        ("one-token", line(1, 1).into(), [1, 1, 1]),
        ("long-prompt", [line(250_000, 2), line(10, 2)].concat().into(), [2, 250_010, 4]),
        ("larger-than-the-pool", [line(3_000_000, 2), line(10, 2)].concat().into(), [2, 3_000_010, 4]),
        ("null-hashes", hashed("5", 2_000, 2, "null").into(), [1, 2_000, 2]),
        ("no-hashes", hashed("5", 2_000, 2, "[]").into(), [1, 2_000, 2]),
        ("few-hashes", hashed("5", 2_000, 2, "[4]").repeat(2).into(), [2, 4_000, 4]),
        ("many-hashes", hashed("5", 600, 2, "[4, 5, 6, 7, 8]").repeat(2).into(), [2, 1_200, 4]),
        ("large-hashes", hashed("5", 600, 2, &format!("[{max}, 0]")).into(), [1, 600, 2]),
        ("hashes-without-prompt", hashed("5", 0, 2, "[1]").into(), [1, 0, 2]),
        ("burst", burst.into(), [67, 67 * 600, 67 * 3]),
        ("gaps", [hashed("0", 9, 2, "[]"), hashed("90000000000", 9, 2, "[]")].concat().into(), [2, 18, 4]),
        ("unsorted", [hashed("9000", 9, 2, "[]"), hashed("1", 8, 1, "[]")].concat().into(), [2, 17, 3]),
        ("late-start", hashed("1700000000000", 9, 2, "[]").into(), [1, 9, 2]),
        ("fraction-of-a-millisecond", hashed("12.75", 9, 2, "[]").into(), [1, 9, 2]),
        ("crlf-and-blank-lines", format!("\r\n{}\r\n\n  \n", line(5, 5).trim_end()).into(), [1, 5, 5]),
        ("no-final-newline", line(5, 5).trim_end().into(), [1, 5, 5]),
        ("byte-order-mark", format!("\u{feff}{}", line(5, 5)).into(), [1, 5, 5]),
        ("zipped-without-the-name", gzip(line(5, 5).as_bytes()), [1, 5, 5]),
        ("zipped-twice", [gzip(line(5, 5).as_bytes()), gzip(line(6, 6).as_bytes())].concat(), [2, 11, 11]),
        ("named-zipped-but-plain.gz", line(5, 5).into(), [1, 5, 5]),
        ("csv-named.jsonl", format!("{HEADER}2024-01-01 00:00:00,5,6\n").into(), [1, 5, 6]),
        ("csv-with-mark", format!("\u{feff}{HEADER}2024-01-01 00:00:00,5,6\n\n\r\n").into(), [1, 5, 6]),
        (
            "csv-columns",
            "id,GeneratedTokens,TIMESTAMP,note,ContextTokens\n1,6,2024-01-01 00:00:00.1,\"a, b\",5\n".into(),
            [1, 5, 6],
        ),
        (
            "csv-times",
            format!(
                "{HEADER}2024-05-10 00:00:00.009930+00:00,1,1\n2024-05-10 02:00:00.123456789+02:00,1,1\n\
                 2024-05-10T00:00:00Z,1,1\n2024-05-10 00:00:01.1234567,1,1\n2024-05-10 00:00:00,0,0\n"
            )
            .into(),
            [5, 4, 4],
        ),
    ];
    for (name, content, expected) in cases {
        let trace = trace(name, content);
        for layout in [&["--mixed", "1"][..], &["--prefill", "2", "--decode", "2"]] {
            for definition in ["computed", "all-sources", "scheduled"] {
                let report = replay(&[&["--trace", &trace, "--definition", definition], layout].concat());
                assert_eq!(totals(&report), expected, "{name}, {layout:?}, {definition}");
            }
        }
    }
}

#[test]
fn only_whole_blocks_that_the_prompt_fills_are_found() {
    // The second prompt could find two blocks by its hashes, but the prompt that was computed filled only the first.
    let content = [hashed("0", 600, 1, "[1, 2]"), hashed("60000", 1_100, 1, "[1, 2, 3]")].concat();
    let report = replay(&["--trace", &trace("whole-blocks", content), "--mixed", "1"]);
    assert_eq!(engine(&report, 0).0, [600 + 1_100 - 512, 512, 0]);
    // A hash that is found is worth nothing behind one that isn't.
    let content = [hashed("0", 1_100, 1, "[1, 2]"), hashed("60000", 1_100, 1, "[9, 2]")].concat();
    let report = replay(&["--trace", &trace("from-the-start", content), "--mixed", "1"]);
    assert_eq!(engine(&report, 0).0, [2_200, 0, 0]);
}

// ---- broken files and arguments

#[test]
fn a_malformed_line_is_named_with_its_reason() {
    let good = line(5, 5);
    let row = "2024-01-01 00:00:00,5,6\n";
    let cases: Vec<(&str, String, u64, &str)> = vec![
        ("cut-json", format!("{good}{good}{}", &good[..20]), 3, "EOF"),
        ("missing-field", format!("{good}{{\"timestamp\": 0, \"input_length\": 1}}\n"), 2, "output_length"),
        ("negative", format!("{good}{}", good.replace("_length\": 5", "_length\": -5")), 2, "-5"),
        ("fractional", format!("{good}{}", good.replace("_length\": 5", "_length\": 5.5")), 2, "5.5"),
        ("text-for-a-number", format!("{good}{}", good.replace("_length\": 5", "_length\": \"5\"")), 2, "string"),
        ("null-for-a-number", format!("{good}{}", good.replace("_length\": 5", "_length\": null")), 2, "null"),
        ("overflow", good.replace("_length\": 5", "_length\": 99999999999999999999999"), 1, "floating point"),
        ("too-long", format!("{good}\n{}", line(1_000_000_000_000, 5)), 3, "above the limit of 10000000"),
        ("too-much-output", line(1, u64::MAX), 1, "above the limit of 10000000"),
        ("negative-time", hashed("-1", 5, 5, "[]"), 1, "timestamp"),
        ("time-overflow", hashed("1e300", 5, 5, "[]"), 1, "timestamp"),
        ("time-as-text", hashed("\"now\"", 5, 5, "[]"), 1, "string"),
        ("centuries", format!("{good}{}", hashed("9000000000000000", 5, 5, "[]")), 2, "100 years"),
        ("hash-as-text", format!("{good}{}", hashed("1", 5, 5, "[\"a\"]")), 2, "string"),
        ("array", format!("{good}[0, 5, 5, []]\n"), 2, "not a JSON object"),
        ("trailing", format!("{good}{} x\n", good.trim_end()), 2, "trailing"),
        ("csv-in-json", format!("{good}{row}"), 2, "not a JSON object"),
        ("no-format", "hello\n".to_owned(), 1, "Mooncake"),
        ("other-header", "TIMESTAMP,ContextTokens\n1,2\n".to_owned(), 1, "GeneratedTokens"),
        ("csv-few-columns", format!("{HEADER}{row}2024-01-01 00:00:00,5\n"), 3, "2 columns"),
        ("csv-many-columns", format!("{HEADER}{row}2024-01-01 00:00:00,5,6,7\n"), 3, "4 columns"),
        ("csv-negative", format!("{HEADER}2024-01-01 00:00:00,-5,6\n"), 2, "ContextTokens"),
        ("csv-fractional", format!("{HEADER}{row}\r\n2024-01-01 00:00:00,5,6.5\n"), 4, "GeneratedTokens"),
        ("csv-text", format!("{HEADER}{row}2024-01-01 00:00:00,five,6\n"), 3, "`five`"),
        ("csv-empty-field", format!("{HEADER}2024-01-01 00:00:00,,6\n"), 2, "ContextTokens"),
        ("csv-overflow", format!("{HEADER}2024-01-01 00:00:00,5,99999999999999999999999\n"), 2, "GeneratedTokens"),
        ("csv-too-long", format!("{HEADER}2024-01-01 00:00:00,5,1000000000000\n"), 2, "above the limit of 10000000"),
        ("csv-time", format!("{HEADER}{row}2024-13-01 00:00:00,5,6\n"), 3, "TIMESTAMP"),
        ("csv-no-time", format!("{HEADER}yesterday,5,6\n"), 2, "TIMESTAMP"),
    ];
    for (name, content, number, reason) in cases {
        assert_malformed(&trace(name, content), number, reason);
    }
    assert_malformed(&trace("not-utf-8", [good.as_bytes(), b"\xff\xfe\n"].concat()), 2, "utf-8");
}

fn assert_malformed(trace: &str, number: u64, reason: &str) {
    let output = run(&["--trace", trace, "--speed", "max", "--no-listen", "--json"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{trace}: {stderr}");
    assert!(output.stdout.is_empty(), "{trace}: nothing on stdout");
    assert!(stderr.contains(&format!("{trace}: line {number}: ")) && stderr.contains(reason), "{trace}: {stderr}");
}

#[test]
fn bad_arguments_and_files_exit_with_2_and_say_why() {
    let empty = trace("empty", "\n\r\n");
    let only_header = trace("only-header", HEADER);
    let cut = gzip(line(5, 5).repeat(1_000).as_bytes());
    let cut = trace("cut.gz", &cut[..cut.len() / 2]);
    let directory = env!("CARGO_MANIFEST_DIR");
    let cases: &[(&[&str], &str)] = &[
        (&["--trace", "no-such-file"], "no-such-file"),
        (&["--trace", directory], directory),
        (&["--trace", &empty], "no request"),
        (&["--trace", &only_header], "no request"),
        (&["--trace", &cut], &cut),
        (&["--mixed", "0"], "--mixed"),
        (&["--prefill", "0"], "--prefill"),
        (&["--decode", "0"], "--decode"),
        (&["--decode", "-1"], "-1"),
        (&["--mixed", "2", "--prefill", "1"], "--prefill"),
        (&["--mixed", "2", "--decode", "1"], "--decode"),
        (&["--limit", "0"], "--limit"),
        (&["--speed", "0"], "--speed"),
        (&["--speed", "-3"], "--speed"),
        (&["--speed", "NaN"], "--speed"),
        (&["--speed", "fast"], "--speed"),
        (&["--definition", "other"], "--definition"),
        (&["--no-listen", "--listen", "127.0.0.1:0"], "--listen"),
        (&["--no-listen", "--hold"], "--hold"),
        (&["--listen", "nowhere"], "nowhere"),
        (&["--unknown"], "--unknown"),
    ];
    for (arguments, reason) in cases {
        // Bad arguments must be found before anything is replayed or waited for.
        let output = run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(output.stdout.is_empty() && stderr.contains(reason), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_taken_port_exits_with_2() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let output = run(&["--speed", "max", "--listen", &address]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains(&format!("can't listen on {address}")), "{stderr}");
}

#[test]
fn a_failed_check_exits_with_1_and_names_both_numbers() {
    let output = run(&[
        "--trace",
        &fixture("mooncake.jsonl"),
        "--mixed",
        "1",
        "--speed",
        "max",
        "--no-listen",
        "--json",
        "--miscount",
    ]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let failed = format!("generation tokens = the trace's: {} is not {GENERATED}", GENERATED + 1);
    assert!(stderr.contains(&failed), "{stderr}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("stdout is still one JSON object");
    let checks = report["checks"].as_array().expect("checks are a list");
    let failed: Vec<_> = checks.iter().filter(|check| check["ok"] == false).map(|check| &check["name"]).collect();
    assert!(failed.contains(&&json!("generation tokens = the trace's")), "{failed:?}");
}

// ---- the page

/// A running example, killed when the test is over.
struct Serving {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    url: String,
}

impl Serving {
    fn start(arguments: &[&str]) -> Self {
        let mut child = fleet()
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the example runs");
        let mut serving =
            Self { stderr: BufReader::new(child.stderr.take().expect("stderr is piped")), child, url: String::new() };
        let listening = serving.read_until("listening on ");
        listening.trim().rsplit(' ').next().expect("a word").clone_into(&mut serving.url);
        serving
    }

    /// The next line of stderr that contains `wanted`.
    fn read_until(&mut self, wanted: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.stderr.read_line(&mut line).expect("stderr is text"), 0, "stderr ended without `{wanted}`");
            if line.contains(wanted) {
                return line;
            }
        }
    }

    fn scrape(&self) -> String {
        let mut response = ureq::get(&self.url).call().expect("the page is served");
        let content_type = response.headers()["content-type"].to_str().expect("text").to_owned();
        assert_eq!(content_type, "text/plain; version=0.0.4; charset=utf-8");
        response.body_mut().read_to_string().expect("the page is text")
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a page says of one engine.
#[derive(Clone, Debug, Default, PartialEq)]
struct Scraped {
    prompt_tokens: f64,
    by_source: f64,
    computed: f64,
    generated: f64,
    iteration_tokens_sum: f64,
    ended: f64,
    e2e_latencies: f64,
}

impl Scraped {
    fn assert_identities(&self, page: &str) {
        assert_eq!(self.prompt_tokens, self.by_source, "prompt tokens = sum of sources, in\n{page}");
        assert_eq!(self.iteration_tokens_sum, self.computed + self.generated, "iteration tokens, in\n{page}");
        assert_eq!(self.ended, self.e2e_latencies, "ended requests = latencies, in\n{page}");
    }

    fn grown_since(&self, earlier: &Self) -> bool {
        self.prompt_tokens >= earlier.prompt_tokens
            && self.generated >= earlier.generated
            && self.ended >= earlier.ended
    }
}

/// The engines of a page, read by a parser that isn't ours.
fn parse(page: &str, engines: usize) -> Vec<Scraped> {
    let exposition = parse_prometheus(page).unwrap_or_else(|error| panic!("{error}, in\n{page}"));
    let mut scraped = vec![Scraped::default(); engines];
    for (name, family) in &exposition.families {
        for sample in family.iter_samples() {
            let labels = sample.get_labelset().expect("labels");
            let Some(engine) = labels.get_label_value("engine") else { continue };
            let engine = &mut scraped[engine.parse::<usize>().expect("engines are numbered")];
            match (name.as_str(), &sample.value) {
                ("vllm:prompt_tokens_total", PrometheusValue::Counter(counter)) => {
                    engine.prompt_tokens = counter.value.as_f64();
                }
                ("vllm:prompt_tokens_by_source_total", PrometheusValue::Counter(counter)) => {
                    engine.by_source += counter.value.as_f64();
                    if labels.get_label_value("source") == Some("local_compute") {
                        engine.computed = counter.value.as_f64();
                    }
                }
                ("vllm:generation_tokens_total", PrometheusValue::Counter(counter)) => {
                    engine.generated = counter.value.as_f64();
                }
                ("vllm:request_success_total", PrometheusValue::Counter(counter)) => {
                    engine.ended += counter.value.as_f64();
                }
                ("vllm:iteration_tokens_total", PrometheusValue::Histogram(histogram)) => {
                    engine.iteration_tokens_sum = histogram.sum.as_ref().expect("a sum").as_f64();
                }
                ("vllm:e2e_request_latency_seconds", PrometheusValue::Histogram(histogram)) => {
                    engine.e2e_latencies = histogram.count.expect("a count") as f64;
                }
                _ => {}
            }
        }
    }
    scraped
}

#[test]
fn the_identities_hold_in_every_scrape_of_the_running_fleet() {
    // In P/D each of the built-in workload's requests ends at two engines.
    for (layout, ended) in [(&["--prefill", "2", "--decode", "2"][..], 3_000.0), (&["--mixed", "4"], 1_500.0)] {
        let serving = Serving::start(&[&["--speed", "60", "--hold"], layout].concat());
        let patience = Instant::now() + Duration::from_secs(120);
        let mut pages: Vec<Vec<Scraped>> = Vec::new();
        while pages.last().is_none_or(|page| page.iter().map(|engine| engine.ended).sum::<f64>() < ended) {
            assert!(Instant::now() < patience, "the replay doesn't end: {:?}", pages.last());
            let page = serving.scrape();
            let engines = parse(&page, 4);
            engines.iter().for_each(|engine| engine.assert_identities(&page));
            if let Some(earlier) = pages.last() {
                assert!(
                    engines.iter().zip(earlier).all(|(now, earlier)| now.grown_since(earlier)),
                    "{earlier:?}\n{page}"
                );
            }
            if pages.last() != Some(&engines) {
                pages.push(engines);
            }
        }
        assert!(pages.len() >= 20, "{} different pages", pages.len());
        for (first, last) in pages[0].iter().zip(&pages[pages.len() - 1]) {
            assert!(last.prompt_tokens > first.prompt_tokens && last.generated > first.generated);
        }
    }
}

#[cfg(unix)]
#[test]
fn a_held_fleet_serves_until_it_is_interrupted() {
    for (arguments, code) in [(&[][..], 0), (&["--miscount"], 1)] {
        let trace = fixture("mooncake.jsonl");
        let base = ["--trace", &trace, "--mixed", "1", "--speed", "max", "--hold"];
        let mut serving = Serving::start(&[&base, arguments].concat());
        serving.read_until("until Ctrl-C");
        assert_eq!(parse(&serving.scrape(), 1)[0].prompt_tokens, PROMPTS as f64);
        let interrupt = Command::new("kill").args(["-INT", &serving.child.id().to_string()]).status();
        assert!(interrupt.expect("kill runs").success());
        assert_eq!(serving.child.wait().expect("it ends").code(), Some(code));
    }
}

// ---- real traces

#[test]
fn real_traces_give_their_published_totals() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/traces");
    for (file, expected) in [
        ("conversation_trace.jsonl.gz", [12_031, 144_793_823, 4_122_048]),
        ("AzureLLMInferenceTrace_conv.csv.gz", [19_366, 22_361_870, 4_088_665]),
    ] {
        let path = directory.join(file);
        if !path.exists() {
            // Not `eprintln`, which the test harness swallows: a trace that isn't there must be noticed.
            writeln!(std::io::stderr(), "NOT TESTED: {} isn't there", path.display()).expect("stderr is open");
            continue;
        }
        let trace = path.to_str().expect("a path in UTF-8");
        for layout in [&["--prefill", "2", "--decode", "2"][..], &["--mixed", "4"]] {
            if cfg!(debug_assertions) {
                assert_eq!(totals(&replay(&[&["--trace", trace, "--limit", "500"], layout].concat()))[0], 500);
            } else {
                assert_eq!(totals(&replay(&[&["--trace", trace], layout].concat())), expected, "{file}");
            }
        }
    }
}
