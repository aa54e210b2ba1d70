//! Runs the example; helpers for its tests.

use std::process::Output;

use self::example::Example;
pub(crate) use self::temp_file::TempFile;

#[path = "../../../tests/common/example.rs"]
mod example;
#[path = "../../../tests/common/temp_file.rs"]
mod temp_file;

pub(crate) static REPLAY: Example = Example::new("replay");

pub(crate) const HEADER: &str = concat!(
    r#"{"type": "header", "format": 1, "name": "x", "engines": [7, -2], "model_name": "m", "max_model_len": 100, "#,
    r#""num_spec_tokens": 2, "max_loras": 1, "cache_config": {"num_gpu_blocks": 9}, "t0_wall": 1.5, "t0_mono": 0.0}"#
);
pub(crate) const STEP: &str =
    r#"{"type": "iter", "t": 1.0, "engine": 7, "scheduler": {"running": 3}, "iteration": {"generation_tokens": 2}}"#;
pub(crate) const SCRAPE: &str = r#"{"type": "scrape", "t": 2, "name": "early"}"#;

pub(crate) fn run(scenario: &str, arguments: &[&str]) -> Output {
    REPLAY.command().args(arguments).arg(scenario).output().expect("the example runs")
}

pub(crate) fn scenario(name: &str, lines: &[&str]) -> TempFile {
    TempFile::new(&format!("replay-{name}"), lines.join("\n"))
}

/// The page. Nothing else may be printed.
pub(crate) fn page(lines: &[&str], arguments: &[&str]) -> String {
    let name = std::thread::current().name().expect("a test has a name").replace("::", "-");
    let output = run(&scenario(&name, lines), &[&["--config", "full"], arguments].concat());
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr)), (Some(0), "".into()));
    String::from_utf8(output.stdout).expect("text")
}

/// Exit code 2, nothing on stdout, and the reasons on stderr.
pub(crate) fn assert_refused(output: &Output, what: &str, reasons: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{what}: {stderr}");
    assert!(output.stdout.is_empty(), "{what}: something on stdout");
    for reason in reasons {
        assert!(stderr.contains(reason), "{what}: {reason:?} isn't in {stderr:?}");
    }
}

/// A line with one thing replaced.
pub(crate) fn with(line: &str, from: &str, to: &str) -> String {
    assert!(line.contains(from), "{from} isn't in {line}");
    line.replacen(from, to, 1)
}
