//! What comes out of a replay: totals, options, exit codes.

use std::collections::BTreeSet;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::*;

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
        "quantiles",
    ];
    assert_eq!(keys(&report["engines"][0]), BTreeSet::from(of_engine.map(str::to_owned)));
    assert_eq!(keys(&report["checks"][0]), BTreeSet::from(["name", "ok"].map(str::to_owned)));
    assert_eq!(report["engines"][0]["engine"], 0);
    assert_eq!(report["engines"][0]["role"], "prefill");
    assert_eq!(report["engines"][1]["role"], "decode");
}

#[test]
fn the_readme_says_how_many_engines_there_are_and_where() {
    let readme = include_str!("../../README.md");
    assert!(readme.contains("# four simulated engines replay a workload; scrape http://127.0.0.1:9464/metrics"));
    assert_eq!(replay(&["--limit", "1"])["engines"].as_array().map(Vec::len), Some(4));
    assert!(String::from_utf8_lossy(&run(&["--help"]).stdout).contains("[default: 127.0.0.1:9464]"));
}

#[test]
fn a_mixed_engine_counts_what_was_worked_out_by_hand() {
    for (definition, sum) in [
        ("computed", COMPUTED + GENERATED),
        ("all-sources", PROMPTS + GENERATED),
        // Each first token comes out of a prompt's last chunk.
        ("scheduled", COMPUTED + GENERATED - 5),
    ] {
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
        ("scheduled", COMPUTED, GENERATED),
    ] {
        let trace = fixture("mooncake.jsonl");
        let report = replay(&["--trace", &trace, "--prefill", "1", "--decode", "1", "--definition", definition]);
        assert_eq!(totals(&report), [5, PROMPTS, GENERATED], "each request once");
        assert_eq!(engine(&report, 0), ([COMPUTED, HITS, 0], 5, [prefill, 5], 5), "{definition}");
        assert_eq!(engine(&report, 1), ([0, 0, PROMPTS], GENERATED, [decode, 15], 15), "{definition}");
    }
}

#[test]
fn the_connector_changes_which_engines_report_kv_transfers_and_nothing_else() {
    for layout in [&["--prefill", "2", "--decode", "1"][..], &["--mixed", "2"]] {
        let of = |connector| without_seconds(replay(&[&["--connector", connector], layout].concat()));
        let [nixl, mooncake] = ["nixl", "mooncake"].map(of);
        let reporters = |report: &Value| -> Vec<String> {
            let names =
                report["checks"].as_array().expect("a list").iter().map(|check| check["name"].as_str().unwrap());
            let engines = names.filter_map(|name| name.strip_suffix(": KV transfers = requests routed here"));
            engines.map(str::to_owned).collect()
        };
        if layout[0] == "--mixed" {
            assert_eq!(reporters(&nixl), reporters(&mooncake));
        } else {
            assert_eq!(reporters(&nixl), ["engine 2 (decode)"]);
            assert_eq!(reporters(&mooncake), ["engine 0 (prefill)", "engine 1 (prefill)"]);
        }
        assert_eq!(nixl["engines"], mooncake["engines"]);
    }
}

#[test]
fn the_azure_fixture_gives_its_totals() {
    for layout in [&["--mixed", "2"][..], &["--prefill", "2", "--decode", "1"]] {
        let report = replay(&[&["--trace", &fixture("azure.csv")], layout].concat());
        assert_eq!(totals(&report), [4, 380 + 402 + 1 + 9_012, 40 + 112 + 1 + 27]);
    }
}

#[test]
fn chunks_of_a_long_prompt_show_under_the_scheduled_definition_only() {
    let trace = trace("chunks.jsonl", line(20_000, 2));
    // 8,192 + 8,192 + 3,616 tokens with the first output, then 1 for the second output.
    let report = replay(&["--trace", &trace, "--mixed", "1"]);
    assert_eq!(engine(&report, 0), ([20_000, 0, 0], 2, [20_002, 2], 4));
    let report = replay(&["--trace", &trace, "--mixed", "1", "--definition", "scheduled"]);
    assert_eq!(engine(&report, 0), ([20_000, 0, 0], 2, [20_001, 4], 4));
}

#[test]
fn two_runs_differ_in_nothing_but_seconds() {
    for layout in [&["--mixed", "3"][..], &["--prefill", "2", "--decode", "2"], &["--prefill", "3", "--decode", "1"]] {
        let first = without_seconds(replay(layout));
        assert_eq!(first, without_seconds(replay(layout)), "{layout:?}");
        // Nor does it matter how fast virtual time runs, nor whether anybody listens.
        let output = run(&[layout, &["--speed", "2000", "--listen", "127.0.0.1:0", "--json"]].concat());
        assert_eq!(first, without_seconds(serde_json::from_slice(&output.stdout).expect("JSON")), "{layout:?}");
    }
}

#[test]
fn the_release_note_shows_what_the_fleet_shows() {
    const NOTE: &str = include_str!("../../docs/iteration-tokens.md");
    let of_definition = |definition| {
        let arguments = ["--prefill", "1", "--decode", "1", "--definition", definition];
        let table = String::from_utf8(run(&[&arguments[..], &["--speed", "max", "--no-listen"]].concat()).stdout);
        let quantiles = |role: &str| {
            let rows = table.as_ref().expect("text").lines();
            let row =
                rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>()).find(|row| row.get(1) == Some(&role));
            row.expect("a row for each engine")[8].to_owned()
        };
        let report = replay(&arguments);
        let mean = |engine: usize| {
            let ([_, _, _], _, [sum, count], _) = self::engine(&report, engine);
            format!("{:.0}", sum as f64 / count as f64)
        };
        ([quantiles("0 prefill"), quantiles("1 decode")], [mean(0), mean(1)])
    };
    let (computed, all_sources) = (of_definition("computed"), of_definition("all-sources"));
    for (engine, role) in ["prefill engine", "decode engine"].into_iter().enumerate() {
        let [quantiles, means] =
            [[&computed.0, &all_sources.0], [&computed.1, &all_sources.1]].map(|of| of.map(|of| of[engine].as_str()));
        let row = format!("| {role} | {} | {} | {} | {} |", quantiles[0], quantiles[1], means[0], means[1]);
        assert!(NOTE.contains(&row), "not said any more: {row}");
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

#[test]
fn bad_arguments_exit_with_2_and_say_why() {
    let cases: &[(&[&str], &str)] = &[
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
        // They must be found before anything is replayed or waited for.
        assert_refused(arguments, &[reason]);
    }
}

#[test]
fn a_taken_port_exits_with_2() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    assert_refused(&["--speed", "max", "--listen", &address], &[&format!("can't listen on {address}")]);
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

/// Runs the fixture with stdout and stderr as given; returns the exit code.
fn code_with(stdout: Stdio, stderr: Stdio, arguments: &[&str]) -> Option<i32> {
    let mut command = fleet();
    command.args(["--trace", &fixture("mooncake.jsonl"), "--speed", "max", "--listen", "127.0.0.1:0"]).args(arguments);
    let mut child = command.stdout(stdout).stderr(stderr).spawn().expect("the example runs");
    // Nobody reads from a pipe any more, if there was one.
    drop((child.stdout.take(), child.stderr.take()));
    child.wait().expect("it ends").code()
}

#[test]
fn a_pipe_that_nobody_reads_changes_no_exit_code() {
    for (arguments, code) in [(&[][..], 0), (&["--json"], 0), (&["--miscount"], 1), (&["--miscount", "--json"], 1)] {
        assert_eq!(code_with(Stdio::piped(), Stdio::null(), arguments), Some(code), "stdout, {arguments:?}");
        assert_eq!(code_with(Stdio::null(), Stdio::piped(), arguments), Some(code), "stderr, {arguments:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_report_that_cannot_be_written_is_an_error_and_hides_no_failed_check() {
    for arguments in [&["--miscount"][..], &["--miscount", "--json"]] {
        let full = std::fs::File::create("/dev/full").expect("Linux has it");
        let mut command = fleet();
        command.args(["--trace", &fixture("mooncake.jsonl"), "--speed", "max", "--no-listen"]).args(arguments);
        let output = command.stdout(full).stderr(Stdio::piped()).output().expect("the example runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("check failed: ") && stderr.contains("can't write the report"), "{stderr}");
    }
}
