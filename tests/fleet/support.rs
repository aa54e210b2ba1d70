//! Running the example, and what tests of it have in common.

use std::io::Write;
use std::process::{Command, Output};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use self::example::Example;
use self::temp_file::TempFile;

#[path = "../common/example.rs"]
mod example;
#[path = "../common/temp_file.rs"]
mod temp_file;

/// The example, ready to be given arguments.
pub(crate) fn fleet() -> Command {
    static FLEET: Example = Example::new("fleet");
    FLEET.command()
}

pub(crate) fn run(arguments: &[&str]) -> Output {
    fleet().args(arguments).output().expect("the example runs")
}

/// Runs at full speed without a server; returns the one JSON object that stdout must be.
pub(crate) fn replay(arguments: &[&str]) -> Value {
    let output = run(&[&["--speed", "max", "--no-listen", "--json"], arguments].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("stdout is one JSON object");
    let checks = report["checks"].as_array().expect("checks are a list");
    assert!(!checks.is_empty() && checks.iter().all(|check| check["ok"] == true), "{arguments:?}: {checks:?}");
    report
}

pub(crate) fn fixture(name: &str) -> String {
    format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The requests of `mooncake.jsonl` never overlap. By hand: blocks 1 and 2 are found by the second
/// request (1,024 tokens) and the third (all but one of its 1,024 tokens), block 1 by the fourth
/// (512).
pub(crate) const COMPUTED: u64 = 1_200 + 176 + 1 + 188 + 100;
pub(crate) const HITS: u64 = 1_024 + 1_023 + 512;
pub(crate) const PROMPTS: u64 = COMPUTED + HITS;
pub(crate) const GENERATED: u64 = 5 + 1 + 3 + 2 + 4;

pub(crate) fn trace(name: &str, content: impl AsRef<[u8]>) -> TempFile {
    TempFile::new(&format!("fleet-{name}"), content)
}

pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

pub(crate) fn totals(report: &Value) -> [u64; 3] {
    ["requests", "prompt_tokens", "generation_tokens"].map(|key| report[key].as_u64().expect("a plain integer"))
}

/// `[local_compute, local_cache_hit, external_kv_transfer]`, generated, iteration sum and count,
/// steps.
pub(crate) fn engine(report: &Value, index: usize) -> ([u64; 3], u64, [u64; 2], u64) {
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

pub(crate) fn without_seconds(mut report: Value) -> Value {
    let seconds = report.as_object_mut().expect("an object").remove("seconds");
    assert!(seconds.is_some_and(|seconds| seconds.is_f64()), "`seconds` is a float");
    report
}

pub(crate) fn line(prompt_tokens: u64, output_tokens: u64) -> String {
    format!("{{\"timestamp\": 0, \"input_length\": {prompt_tokens}, \"output_length\": {output_tokens}}}\n")
}

/// Exit code 2, the reasons on stderr, nothing on stdout.
pub(crate) fn assert_refused(arguments: &[&str], reasons: &[&str]) {
    let output = run(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
    assert!(output.stdout.is_empty(), "{arguments:?}: nothing on stdout");
    assert!(reasons.iter().all(|reason| stderr.contains(reason)), "{arguments:?}: {stderr}, not {reasons:?}");
}
