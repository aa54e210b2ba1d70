//! What is printed for well-formed scenarios, however odd.

#[path = "../../../tests/common/samples.rs"]
mod samples;

use crate::support::*;

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
        // Whatever an eviction leaves out is 0.
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
        // Drafts that aren't reported by position count as zeros at all positions, of which there
        // are at most 32.
        let (reported, all) = ("rate: 1.000, 0.500, 0.500, Avg", format!("rate: {}0.000, Avg", "0.000, ".repeat(31)));
        assert_eq!(log.contains(reported) && log.contains(&all), config != "diffusion", "{config}: {log}");
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
        // Python prints ['0', "it's", 'a"b', 'c\\\n', 1.0, True, None, 0, -0.0,
        // [18446744073709551617]]. Then the escapes of the text format follow.
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
