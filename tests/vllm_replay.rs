//! The example `replay`, run as a user runs it: what it prints where, and what it refuses.

#[path = "common/example.rs"]
mod example;
#[path = "common/samples.rs"]
mod samples;
#[path = "common/temp_file.rs"]
mod temp_file;

use std::process::{Output, Stdio};

use example::Example;
use temp_file::TempFile;

static REPLAY: Example = Example::new("replay");

const HEADER: &str = concat!(
    r#"{"type": "header", "format": 1, "name": "x", "engines": [7, -2], "model_name": "m", "max_model_len": 100, "#,
    r#""num_spec_tokens": 2, "max_loras": 1, "cache_config": {"num_gpu_blocks": 9}, "t0_wall": 1.5, "t0_mono": 0.0}"#
);
const STEP: &str =
    r#"{"type": "iter", "t": 1.0, "engine": 7, "scheduler": {"running": 3}, "iteration": {"generation_tokens": 2}}"#;
const SCRAPE: &str = r#"{"type": "scrape", "t": 2, "name": "early"}"#;

fn run(scenario: &str, arguments: &[&str]) -> Output {
    REPLAY.command().args(arguments).arg(scenario).output().expect("the example runs")
}

fn scenario(name: &str, lines: &[&str]) -> TempFile {
    TempFile::new(&format!("replay-{name}"), lines.join("\n"))
}

/// The page; nothing else is said.
fn page(lines: &[&str], arguments: &[&str]) -> String {
    let name = std::thread::current().name().expect("a test has a name").replace("::", "-");
    let output = run(&scenario(&name, lines), &[&["--config", "full"], arguments].concat());
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr)), (Some(0), "".into()));
    String::from_utf8(output.stdout).expect("text")
}

/// Exit code 2, nothing on stdout, and this on stderr.
fn assert_refused(output: &Output, what: &str, reasons: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{what}: {stderr}");
    assert!(output.stdout.is_empty(), "{what}: something on stdout");
    for reason in reasons {
        assert!(stderr.contains(reason), "{what}: {reason:?} isn't in {stderr:?}");
    }
}

#[test]
fn the_page_is_all_that_is_printed_and_engines_have_any_numbers() {
    let page = page(&[HEADER, STEP, SCRAPE], &[]);
    assert!(page.starts_with("# HELP ") && page.ends_with('\n'));
    for line in [
        r#"vllm:num_requests_running{engine="7",model_name="m"} 3"#,
        r#"vllm:num_requests_running{engine="-2",model_name="m"} 0"#,
        r#"vllm:lora_requests_info{max_lora="1",running_lora_adapters="",waiting_lora_adapters=""} 2.5"#,
    ] {
        assert!(page.lines().any(|printed| printed == line), "{line} isn't in\n{page}");
    }
    let ours = |line: &&str| !line.starts_with('#') && !line.starts_with("vllm:") && !line.starts_with("tachometer_");
    assert_eq!(page.lines().find(ours), None);
}

#[test]
fn a_scrape_shows_what_there_was_before_it() {
    let lines = [HEADER, SCRAPE.replace("2,", "0,").leak(), STEP];
    let tokens = |arguments: &[&str]| {
        let page = page(&lines, arguments);
        samples::samples(&page, "vllm:generation_tokens_total").values().sum::<f64>()
    };
    assert_eq!([tokens(&["--scrape", "early"]), tokens(&[])], [0.0, 2.0]);
}

#[test]
fn the_earlier_definition_of_iteration_tokens_can_be_asked_for() {
    let received = STEP.replace(
        r#""generation_tokens": 2"#,
        r#""generation_tokens": 1, "prefills": [{"prompt": 1000, "external_cached": 1000}]"#,
    );
    for (definition, sum) in [("computed", 1.0), ("all-sources", 1001.0)] {
        let page = page(&[HEADER, &received], &["--definition", definition]);
        assert_eq!(
            samples::samples(&page, "vllm:iteration_tokens_total_sum").values().sum::<f64>(),
            sum,
            "{definition}"
        );
    }
}

#[test]
fn what_is_odd_but_well_formed_is_replayed() {
    let odd = [
        r#"{"type": "iter", "t": 1.0, "engine": 7, "scheduler": null, "iteration": null}"#,
        r#"{"type": "iter", "t": 1.0, "engine": 7, "scheduler": {}, "iteration": {}, "mm": null}"#,
        "  \t",
        r#"{"type": "iter", "t": 1, "engine": 7, "scheduler": {"kv_usage": "NaN", "unknown": [1]}, "iteration": null}"#,
        r#"{"type": "iter", "t": 1.0, "engine": 7, "scheduler": {"details": {"elapsed_ms": 0.5}, "cudagraph": {"runtime_mode": "FULL"}}, "iteration": {"prefills": [{"prompt": 1, "local_cached": 2}, {"prompt": 4}]}}"#,
        r#"{"type": "sleep", "t": 1.0, "sleep": 5, "level": 0}"#,
        r#"{"type": "log", "t": 1e3}"#,
    ];
    let page = page(&[&[HEADER], &odd[..]].concat().join("\r\n").lines().collect::<Vec<_>>(), &[]);
    let awake: Vec<f64> = samples::samples(&page, r#"vllm:engine_sleep_state{"#).into_values().collect();
    assert_eq!(awake.iter().sum::<f64>(), 2.0, "any other value than 1 is awake");
    let computed = r#"vllm:prompt_tokens_by_source_total{engine="7",model_name="m",source="local_compute"} 3"#;
    assert!(page.contains(computed), "what is computed is the difference of sums");
}

#[test]
fn counts_may_be_written_as_floats() {
    let header = with(&with(HEADER, r#""max_model_len": 100"#, r#""max_model_len": 1e2"#), ": 2,", ": 2.0,");
    let step = r#"{"type": "iter", "t": 1, "engine": 7, "scheduler": {"running": 3.0, "waiting": -0, "skipped": 1e3,
        "spec": {"drafts": 2.0, "accepted_per_pos": [2e0, 1]}, "lora": {"running": {"a": 1.0}}, "evictions": [{}]},
        "iteration": {"prefills": [{"prompt": 5.0, "local_cached": 1.0}], "n": [2.0],
        "finished": [{"reason": "stop", "cached_tokens": -3.0, "prompt_tokens": 8.0, "max_tokens": 9.0}]}}"#;
    let page = page(&[&header, &step.replace('\n', " ")], &[]);
    for (sample, value) in [
        (r#"num_requests_running{engine="7",model_name="m"}"#, 3),
        (r#"num_requests_waiting{engine="7",model_name="m"}"#, 1_000),
        (r#"spec_decode_num_drafts_total{engine="7",model_name="m"}"#, 2),
        (r#"spec_decode_num_accepted_tokens_per_pos_total{engine="7",model_name="m",position="0"}"#, 2),
        (r#"prompt_tokens_total{engine="7",model_name="m"}"#, 5),
        (r#"request_params_n_sum{engine="7",model_name="m"}"#, 2),
        (r#"request_params_max_tokens_sum{engine="7",model_name="m"}"#, 9),
        (r#"request_prefill_kv_computed_tokens_sum{engine="7",model_name="m"}"#, 8),
        // What an eviction doesn't tell is 0.
        (r#"kv_block_lifetime_seconds_count{engine="7",model_name="m"}"#, 1),
        (r#"kv_block_reuse_gap_seconds_count{engine="7",model_name="m"}"#, 0),
    ] {
        let line = format!("vllm:{sample} {value}");
        assert!(page.lines().any(|printed| printed == line), "{line} isn't in\n{page}");
    }
}

#[test]
fn an_engine_sleeps_where_python_takes_the_value_for_1() {
    let asleep = |fields: &str| {
        let line = format!(r#"{{"type": "sleep", "t": 1.0, {fields}}}"#);
        let page = page(&[HEADER, &line], &[]);
        let states = ["awake", "weights_offloaded", "discard_all"];
        states.map(|state| {
            let is_it = |line: &&str| line.contains(&format!("sleep_state=\"{state}\"")) && line.ends_with(" 1");
            page.lines().filter(is_it).count() / 2
        })
    };
    for sleep in ["true", "1", "1.0"] {
        assert_eq!(asleep(&format!(r#""sleep": {sleep}, "level": 1"#)), [0, 1, 0], "{sleep}");
        assert_eq!(asleep(&format!(r#""sleep": {sleep}, "level": 2.0"#)), [0, 0, 1], "{sleep}");
        assert_eq!(asleep(&format!(r#""sleep": {sleep}, "level": 0"#)), [0, 0, 0], "{sleep}");
    }
    for awake in [
        r#""sleep": false, "level": 1"#,
        r#""sleep": 0"#,
        r#""sleep": 2, "level": null"#,
        r#""sleep": -1, "level": -1"#,
        r#""sleep": 0.5, "level": 0.5"#,
        r#""sleep": "1", "level": "1""#,
        r#""sleep": null, "level": []"#,
    ] {
        assert_eq!(asleep(awake), [1, 0, 0], "{awake}");
    }
}

#[test]
fn a_log_event_is_marked_with_its_time_as_python_writes_it() {
    let times = ["-0", "-0.0", "5", "10.0", "1e1", "12.50", "1e16", "100000000000000000000"];
    let events = times.map(|time| format!(r#"{{"type": "log", "t": {time}}}"#));
    let file = scenario("log-times", &[&[HEADER], &events.each_ref().map(String::as_str)[..]].concat());
    let output = run(&file, &["--config", "base", "--log", "aggregated"]);
    let stdout = String::from_utf8(output.stdout).expect("text");
    let marks: Vec<_> = stdout.lines().filter_map(|line| line.strip_prefix("# log() at t=")).collect();
    assert_eq!(marks, ["0", "-0.0", "5", "10.0", "10.0", "12.5", "1e+16", "100000000000000000000"]);
}

#[test]
fn more_speculative_tokens_than_pages_have_series_for_are_refused_for_these_pages_only() {
    let header = with(HEADER, r#""num_spec_tokens": 2"#, r#""num_spec_tokens": 33"#);
    let drafts = r#"{"spec": {"drafts": 2, "accepted_per_pos": [2, 1, 1]}}"#;
    let other = r#"{"type": "iter", "t": 2.0, "engine": -2, "scheduler": {"spec": {"drafts": 1}}, "iteration": null}"#;
    let log = r#"{"type": "log", "t": 10}"#;
    let lines = [&header, &with(STEP, r#"{"running": 3}"#, drafts), other, log];
    let file = scenario("many-spec-tokens", &lines);
    for config in ["base", "full", "extra", "diffusion"] {
        let output = run(&file, &["--config", config, "--log", "per-engine"]);
        assert_eq!(output.status.code(), Some(0), "{config}: {}", String::from_utf8_lossy(&output.stderr));
        let log = String::from_utf8(output.stdout).expect("text");
        // What isn't told by position is told as zeros at all positions, of which there is room for 32.
        let (told, all) = ("rate: 1.000, 0.500, 0.500, Avg", format!("rate: {}0.000, Avg", "0.000, ".repeat(31)));
        assert_eq!(log.contains(told) && log.contains(&all), config != "diffusion", "{config}: {log}");
        let refused = matches!(config, "full" | "extra");
        assert_eq!(run(&file, &["--config", config]).status.code(), Some(if refused { 2 } else { 0 }), "{config}");
    }
}

#[test]
fn label_values_of_the_cache_configuration_look_as_in_python() {
    let fields = concat!(
        r#"{"block_size": 32, "gpu_memory_utilization": 0.5, "enable_prefix_caching": false, "sliding_window": null, "#,
        r#""kv_cache_memory_bytes": 1e16, "cache_dtype": "fp8", "kv_cache_dtype_skip_layers": ["0", "it's", "a\"b", "c\\\n", 1.0, true, null, -0, -0.0, [18446744073709551617]], "#,
        r#""num_cpu_blocks": -0, "num_gpu_blocks_override": 18446744073709551617}"#
    );
    let header = HEADER.replace(r#"{"num_gpu_blocks": 9}"#, fields);
    let page = page(&[&header], &[]);
    for label in [
        r#"block_size="32""#,
        r#"gpu_memory_utilization="0.5""#,
        r#"enable_prefix_caching="False""#,
        r#"sliding_window="None""#,
        r#"kv_cache_memory_bytes="1e+16""#,
        r#"cache_dtype="fp8""#,
        r#"num_gpu_blocks="None""#,
        r#"num_cpu_blocks="0""#,
        r#"num_gpu_blocks_override="18446744073709551617""#,
        // Python prints ['0', "it's", 'a"b', 'c\\\n', 1.0, True, None, 0, -0.0, [18446744073709551617]], and then come the escapes of the text format.
        r#"kv_cache_dtype_skip_layers="['0', \"it's\", 'a\"b', 'c\\\\\\n', 1.0, True, None, 0, -0.0, [18446744073709551617]]""#,
    ] {
        assert!(page.contains(label), "{label} isn't in\n{page}");
    }
}

#[test]
fn texts_in_lists_show_what_is_not_printable_as_python_does() {
    let texts = concat!(
        r#"["\u0000\u001b", "\u007f\u0085\u00a0\u00ad", "\u0378\u200b\u2028\u3000\ufeff\ue000", "#,
        r#""\ud83d\ude00\udb40\udc01", "é漢\u0301 '\u2060\""]"#
    );
    let header = with(HEADER, r#"{"num_gpu_blocks": 9}"#, &format!(r#"{{"kv_cache_dtype_skip_layers": {texts}}}"#));
    let label = concat!(
        r"['\\x00\\x1b', '\\x7f\\x85\\xa0\\xad', '\\u0378\\u200b\\u2028\\u3000\\ufeff\\ue000', ",
        r#"'😀\\U000e0001', 'é漢"#,
        "\u{301}",
        r#" \\'\\u2060\"']"#
    );
    let page = page(&[&header], &[]);
    assert!(page.contains(&format!("kv_cache_dtype_skip_layers=\"{label}\"")), "{label} isn't in\n{page}");
}

/// A line with one thing replaced.
fn with(line: &str, from: &str, to: &str) -> String {
    assert!(line.contains(from), "{from} isn't in {line}");
    line.replacen(from, to, 1)
}

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
        ("unknown-cache-field", with(HEADER, "num_gpu_blocks", "num_gpu_block"), "num_gpu_block"),
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

/// Name, line, and a word of the reason.
type Malformed = (&'static str, String, &'static str);

fn malformed_fields() -> Vec<Malformed> {
    let scheduler = |stats: &str| with(STEP, r#"{"running": 3}"#, stats);
    let iteration = |stats: &str| with(STEP, r#"{"generation_tokens": 2}"#, stats);
    vec![
        ("no-engine", with(STEP, r#""engine": 7, "#, ""), "engine"),
        ("unknown-engine", with(STEP, "7", "8"), "engine 8"),
        ("no-time", with(STEP, r#""t": 1.0, "#, ""), "`t`"),
        ("time-as-text", with(STEP, "1.0", r#""1.0""#), "string"),
        ("time-not-finite", with(STEP, "1.0", r#""NaN""#), "string"),
        ("no-scheduler", with(STEP, r#""scheduler": {"running": 3}, "#, ""), "scheduler"),
        ("no-iteration", with(STEP, r#", "iteration": {"generation_tokens": 2}"#, ""), "iteration"),
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
        ("fraction-in-list", iteration(r#"{"n": [1.0, 2.5]}"#), "2.5"),
        ("adapters-as-list", scheduler(r#"{"lora": {"running": ["a"], "waiting": {}}}"#), "object of counts"),
        ("adapter-twice", scheduler(r#"{"lora": {"running": {"a": 1, "a": 2}}}"#), "twice"),
        ("negative-adapter", scheduler(r#"{"lora": {"running": {"a": -1}}}"#), "-1"),
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
    for (name, line, reason) in [malformed_fields(), malformed_lines()].concat() {
        let number = if name == "scrape-twice" { 5 } else { 4 };
        // The page that is asked for doesn't need the line, and it is refused all the same.
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
