//! What is refused, and how.

use std::process::Stdio;

use crate::support::*;

#[test]
fn a_malformed_header_is_refused() {
    for (name, header, reason) in [
        ("no-header", STEP.to_owned(), "header"),
        ("unknown-type", with(HEADER, r#""header""#, r#""heading""#), "heading"),
        ("no-type", with(HEADER, r#""type": "header", "#, ""), "type"),
        ("no-engines", with(HEADER, r#""engines": [7, -2], "#, ""), "engines"),
        ("none-of-engines", with(HEADER, "[7, -2]", "[]"), "engines"),
        ("engine-twice", with(HEADER, "[7, -2]", "[7, -2, 7]"), "7"),
        ("engine-as-text", with(HEADER, "[7, -2]", r#"["7"]"#), "string"),
        ("engine-with-fraction", with(HEADER, "[7, -2]", "[7.5]"), "7.5"),
        ("huge-engine", with(HEADER, "[7, -2]", "[99999999999999999999]"), "i64"),
        ("other-format", with(HEADER, r#""format": 1"#, r#""format": 2"#), "format 2"),
        ("no-model", with(HEADER, r#""model_name": "m", "#, ""), "model_name"),
        ("negative-length", with(HEADER, "100", "-100"), "-100"),
        ("no-spec-tokens", with(HEADER, r#""num_spec_tokens": 2, "#, ""), "num_spec_tokens"),
        ("many-spec-tokens", with(HEADER, r#""num_spec_tokens": 2"#, r#""num_spec_tokens": 33"#), "33"),
        ("no-wall-clock", with(HEADER, r#""t0_wall": 1.5, "#, ""), "t0_wall"),
        ("clock-as-text", with(HEADER, "1.5", r#""now""#), "string"),
        ("cache-config-as-list", with(HEADER, r#"{"num_gpu_blocks": 9}"#, "[]"), "map"),
        ("cache-field-no-page-may-hold", with(HEADER, "num_gpu_blocks", "num gpu"), "num gpu"),
        ("cache-field-object", with(HEADER, "9}", "{}}"), "num_gpu_blocks"),
        ("byte-order-mark", format!("\u{feff}{HEADER}"), "byte order mark"),
        ("cut", HEADER[..40].to_owned(), "EOF"),
        ("not-json", "engines: 7".to_owned(), "expected value"),
        ("trailing", format!("{HEADER} x"), "trailing"),
    ] {
        let file = scenario(&format!("header-{name}"), &[&header, STEP]);
        assert_refused(&run(&file, &["--config", "full"]), name, &[&*file, "line 1: ", reason]);
    }
    for (name, content) in [("nothing", ""), ("blank", "\n \r\n\n")] {
        let file = scenario(name, &[content]);
        assert_refused(&run(&file, &["--config", "base"]), name, &["line 1: ", "empty"]);
    }
}

/// Name, line, and a word from the reason.
type Malformed = (&'static str, String, &'static str);

fn malformed_steps() -> Vec<Malformed> {
    vec![
        ("no-engine", with(STEP, r#""engine": 7, "#, ""), "engine"),
        ("unknown-engine", with(STEP, "7", "8"), "engine 8"),
        ("no-time", with(STEP, r#""t": 1.0, "#, ""), "`t`"),
        ("time-as-text", with(STEP, "1.0", r#""1.0""#), "string"),
        ("time-not-finite", with(STEP, "1.0", r#""NaN""#), "string"),
        ("no-scheduler", with(STEP, r#""scheduler": {"running": 3}, "#, ""), "scheduler"),
        ("no-iteration", with(STEP, r#", "iteration": {"generation_tokens": 2}"#, ""), "iteration"),
    ]
}

fn malformed_schedulers() -> Vec<Malformed> {
    let scheduler = |stats: &str| with(STEP, r#"{"running": 3}"#, stats);
    vec![
        ("scheduler-as-list", scheduler("[]"), "an object"),
        ("perf-as-list", scheduler(r#"{"perf": [1, 2, 3]}"#), "an object"),
        ("negative-count", scheduler(r#"{"running": -1}"#), "-1"),
        ("fractional-count", scheduler(r#"{"waiting": 1.5}"#), "1.5"),
        ("count-as-text", scheduler(r#"{"skipped": "1"}"#), "string"),
        ("null-count", scheduler(r#"{"skipped": null}"#), "null"),
        ("huge-count", scheduler(r#"{"running": 18446744073709551616}"#), "floating point"),
        ("usage-as-other-text", scheduler(r#"{"kv_usage": "inf"}"#), "Infinity"),
        ("usage-out-of-range", scheduler(r#"{"kv_usage": 1e999}"#), "out of range"),
        ("negative-queries", scheduler(r#"{"prefix": {"queries": -5}}"#), "-5"),
        ("reset-as-number", scheduler(r#"{"prefix": {"reset": 1}}"#), "boolean"),
        ("unknown-source", scheduler(r#"{"connector": {"hits_by_source": {"moon": 1}}}"#), "moon"),
        ("negative-drafts", scheduler(r#"{"spec": {"drafts": -1}}"#), "-1"),
        ("negative-position", scheduler(r#"{"spec": {"accepted_per_pos": [1, -1]}}"#), "-1"),
        ("eviction-as-text", scheduler(r#"{"evictions": [{"lifetime": "long"}]}"#), "long"),
        ("negative-float-count", scheduler(r#"{"running": -1.0}"#), "-1"),
        ("negative-adapter-float", scheduler(r#"{"lora": {"running": {"a": -2e0}}}"#), "-2"),
        ("adapters-as-list", scheduler(r#"{"lora": {"running": ["a"], "waiting": {}}}"#), "object of counts"),
        ("adapter-twice", scheduler(r#"{"lora": {"running": {"a": 1, "a": 2}}}"#), "twice"),
        ("negative-adapter", scheduler(r#"{"lora": {"running": {"a": -1}}}"#), "-1"),
    ]
}

fn malformed_iterations() -> Vec<Malformed> {
    let iteration = |stats: &str| with(STEP, r#"{"generation_tokens": 2}"#, stats);
    vec![
        ("fraction-in-list", iteration(r#"{"n": [1.0, 2.5]}"#), "2.5"),
        ("prefill-without-prompt", iteration(r#"{"prefills": [{"local_cached": 1}]}"#), "prompt"),
        ("more-cached-than-prompt", iteration(r#"{"prefills": [{"prompt": 1, "local_cached": 2}]}"#), "cached"),
        (
            "prompts-overflow",
            iteration(r#"{"prefills": [{"prompt": 18446744073709551615}, {"prompt": 1}]}"#),
            "counted",
        ),
        ("latency-as-text", iteration(r#"{"itl": ["fast"]}"#), "fast"),
        ("latency-null", iteration(r#"{"ttft": [null]}"#), "null"),
        ("no-reason", iteration(r#"{"finished": [{"e2e": 1.0}]}"#), "reason"),
        ("unknown-reason", iteration(r#"{"finished": [{"reason": "bored"}]}"#), "bored"),
        ("negative-length", iteration(r#"{"finished": [{"reason": "stop", "prompt_tokens": -1}]}"#), "-1"),
        ("negative-limit", iteration(r#"{"finished": [{"reason": "stop", "max_tokens": -1}]}"#), "-1"),
        ("fractional-cached", iteration(r#"{"finished": [{"reason": "stop", "cached_tokens": 0.5}]}"#), "0.5"),
        ("negative-n", iteration(r#"{"n": [-1]}"#), "-1"),
    ]
}

fn malformed_lines() -> Vec<Malformed> {
    vec![
        ("unknown-type", r#"{"type": "nap", "t": 1.0}"#.to_owned(), "nap"),
        ("no-type", r#"{"t": 1.0}"#.to_owned(), "type"),
        ("type-as-number", r#"{"type": 1, "t": 1.0}"#.to_owned(), "1"),
        ("list", r#"["scrape", 1.0, "x"]"#.to_owned(), "an object"),
        ("number", "5".to_owned(), "5"),
        ("cut", STEP[..50].to_owned(), "EOF"),
        ("trailing", format!("{STEP},"), "trailing"),
        ("time-goes-back", with(STEP, "1.0", "0.999"), "0.999"),
        ("second-header", HEADER.to_owned(), "second header"),
        ("sleep-without-level", r#"{"type": "sleep", "t": 1.0, "sleep": 1}"#.to_owned(), "level"),
        ("negative-level", r#"{"type": "sleep", "t": 1.0, "sleep": 1, "level": -1}"#.to_owned(), "-1"),
        ("sleep-without-sleep", r#"{"type": "sleep", "t": 1.0, "level": 1}"#.to_owned(), "`sleep`"),
        ("null-level", r#"{"type": "sleep", "t": 1.0, "sleep": true, "level": null}"#.to_owned(), "level: "),
        ("log-with-time-as-text", r#"{"type": "log", "t": "1.0"}"#.to_owned(), "string"),
        ("byte-order-mark", format!("\u{feff}{STEP}"), "byte order mark"),
        ("unknown-rejection", r#"{"type": "reject", "t": 1.0, "reason": "tired"}"#.to_owned(), "tired"),
        ("log-without-time", r#"{"type": "log"}"#.to_owned(), "`t`"),
        ("scrape-without-name", r#"{"type": "scrape", "t": 1.0}"#.to_owned(), "name"),
        ("scrape-twice", format!("{SCRAPE}\n{SCRAPE}"), "early"),
    ]
}

#[test]
fn a_malformed_line_is_refused_with_its_number_whatever_is_asked_for() {
    for (name, line, reason) in
        [malformed_steps(), malformed_schedulers(), malformed_iterations(), malformed_lines()].concat()
    {
        let number = if name == "scrape-twice" { 5 } else { 4 };
        // The requested page doesn't need the line, and yet the line is refused.
        let first = SCRAPE.replace("early", "first").replace('2', "0");
        let file = scenario(name, &[HEADER, &first, STEP, &line, STEP]);
        for arguments in [&["--config", "full"][..], &["--config", "base", "--scrape", "first"]] {
            let output = run(&file, arguments);
            assert_refused(&output, name, &[&*file, &format!("line {number}: "), reason]);
        }
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let lines = [HEADER.as_bytes(), b"\xff\xfe", STEP.as_bytes()].join(&b'\n');
    let file = TempFile::new("replay-not-utf-8", lines);
    assert_refused(&run(&file, &["--config", "base"]), "not UTF-8", &["line 2: ", "utf-8"]);
}

#[test]
fn bad_arguments_are_refused() {
    let file = scenario("arguments", &[HEADER, SCRAPE]);
    for (arguments, reason) in [
        (&[][..], "--config"),
        (&["--config", "most"], "most"),
        (&["--config", "base", "--definition", "scheduled"], "scheduled"),
        (&["--config", "base", "--scrape", "late"], "early"),
        (&["--config", "base", "--log", "loud"], "loud"),
        (&["--config", "base", "--log", "aggregated", "--scrape", "early"], "--scrape"),
        (&["--config", "base", "--scrape"], "--scrape"),
        (&["--config", "base", "--verbose"], "--verbose"),
        (&["--config", "base", "another"], "unexpected"),
    ] {
        assert_refused(&run(&file, arguments), &format!("{arguments:?}"), &[reason]);
    }
    assert_refused(&run("no-such-file", &["--config", "base"]), "no file", &["no-such-file"]);
    assert_refused(
        &run(env!("CARGO_MANIFEST_DIR"), &["--config", "base"]),
        "a directory",
        &[env!("CARGO_MANIFEST_DIR")],
    );
}

#[test]
fn a_page_that_nobody_reads_is_no_error_and_one_that_cannot_be_written_is() {
    let file = scenario("output", &[HEADER, STEP]);
    let mut child = REPLAY
        .command()
        .args(["--config", "full", &file])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr)), (Some(0), "".into()));
    if cfg!(target_os = "linux") {
        let full = std::fs::File::create("/dev/full").expect("Linux has it");
        let output =
            REPLAY.command().args(["--config", "base", &file]).stdout(full).output().expect("the example runs");
        assert_refused(&output, "/dev/full", &["can't write to stdout"]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_endless_file_is_refused() {
    assert_refused(&run("/dev/zero", &["--config", "base"]), "/dev/zero", &["/dev/zero", "is longer than"]);
}
