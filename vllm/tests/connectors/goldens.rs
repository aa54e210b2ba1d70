//! Each scenario, replayed as a user replays it: every sample and every log line is vLLM's.

use std::{fmt::Debug, fs};

use self::{example::Example, samples::Samples, temp_file::TempFile};

#[path = "../../../tests/common/example.rs"]
mod example;
#[path = "../../../tests/common/golden.rs"]
mod golden;
#[path = "../../../tests/common/samples.rs"]
mod samples;
#[path = "../../../tests/common/temp_file.rs"]
pub(crate) mod temp_file;

static REPLAY: Example = Example::new("replay");

pub(crate) fn run(scenario: &TempFile, arguments: &[&str]) -> String {
    let output =
        REPLAY.command().arg("--connector").args(arguments).arg(&**scenario).output().expect("the example runs");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr)), (Some(0), "".into()));
    String::from_utf8(output.stdout).expect("text")
}

fn assert_equal<T: PartialEq + Debug>(ours: impl Iterator<Item = T>, vllms: impl Iterator<Item = T>, what: &str) {
    let (ours, vllms): (Vec<T>, Vec<T>) = (ours.collect(), vllms.collect());
    for (ours, vllms) in ours.iter().zip(&vllms) {
        assert_eq!(ours, vllms, "{what}");
    }
    assert_eq!(ours.len(), vllms.len(), "{what}");
}

fn compare(scenario: &str) {
    let text = golden::read(&format!("connectors/{scenario}/scenario.jsonl"));
    let file = TempFile::new(&format!("connector-{scenario}"), text);
    for (golden, arguments) in [("page.start.prom", &["--start"][..]), ("page.prom", &[])] {
        let vllms: Samples = samples::samples(&golden::read(&format!("connectors/{scenario}/{golden}")), "vllm:");
        let ours: Samples = samples::samples(&run(&file, arguments), "vllm:");
        assert_equal(ours.into_iter(), vllms.into_iter(), &format!("{scenario}: {golden}"));
    }
    for (golden, style) in [("log.txt", "aggregated"), ("log.per_engine.txt", "per-engine")] {
        let vllms = golden::read(&format!("connectors/{scenario}/{golden}"));
        assert_equal(run(&file, &["--log", style]).lines(), vllms.lines(), &format!("{scenario}: {golden}"));
    }
}

#[test]
fn every_sample_and_log_line_of_every_connector_is_vllms() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/connectors");
    let mut scenarios = 0;
    for entry in fs::read_dir(directory).unwrap() {
        compare(entry.unwrap().file_name().to_str().unwrap());
        scenarios += 1;
    }
    assert_eq!(scenarios, 12);
}
