//! Running an example as a user runs it.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    sync::OnceLock,
};

use serde_json::{Value, json};

/// An example, built once (in the profile of this test).
pub(crate) struct Example {
    name: &'static str,
    path: OnceLock<PathBuf>,
}

impl Example {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, path: OnceLock::new() }
    }

    pub(crate) fn command(&self) -> Command {
        Command::new(self.path.get_or_init(|| build(self.name)))
    }
}

/// Builds an example and returns where it is.
fn build(name: &str) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args([
        "build",
        "--package",
        "tachometer",
        "--example",
        name,
        "--message-format=json",
    ]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let output = cargo.stderr(Stdio::inherit()).output().expect("cargo runs");
    assert!(output.status.success(), "the example doesn't build");
    let messages = output.stdout.split(|byte| *byte == b'\n');
    let executable = messages.filter_map(|line| serde_json::from_slice::<Value>(line).ok()).find_map(|message| {
        let is_it = message["target"]["name"] == name && message["target"]["kind"] == json!(["example"]);
        message["executable"].as_str().filter(|_| is_it).map(PathBuf::from)
    });
    executable.expect("cargo says where the example is")
}
