//! Each doc test that must not compile says with which error, and comes before a twin that must
//! compile and differs from it in the forbidden thing only.
//!
//! Stable rustdoc doesn't compare the errors; `scripts/test` has it done.

use crate::sources;
use std::collections::BTreeSet;

/// What is forbidden, by the error's number and the line that is wrong.
const FORBIDDEN: [(&str, &str); 16] = [
    ("E0599", "let another = recorder.clone();"),
    ("E0277", "given_to_a_thread::<tachometer::Recorder>();"),
    ("E0499", "let other = recorder.step();"),
    ("E0716", "let mut step = engine.recorder()?.step();"),
    ("E0382", "step.inc(tokens);"),
    ("E0505", "drop(recorder);"),
    ("E0277", "given_to_a_thread::<tachometer::Step<'_>>();"),
    ("E0308", "step.set(series, 1.0);"),
    ("E0308", "step.add(series, 1.0);"),
    ("E0308", "step.observe(series, 1.0);"),
    ("E0308", "step.set(series, 0.5);"),
    ("E0308", "recorder.set(series, 2.5);"),
    ("E0308", "recorder.add_gauge(series, 2.5);"),
    ("E0599", "series.set(1.0);"),
    ("E0277", "let caught = std::panic::catch_unwind(|| metrics.iteration(step, |_| ()));"),
    ("E0063", "let stats = PerfStats { flops: 1.0, read_bytes: 2.0, write_bytes: 3.0 };"),
];

struct Example {
    /// What follows the opening fence.
    kind: String,
    lines: Vec<String>,
}

impl Example {
    fn words(&self) -> BTreeSet<&str> {
        let words = self.lines.iter().flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_'));
        words.filter(|word| !word.is_empty()).collect()
    }
}

/// The examples in a file's documentation, in order.
fn examples(source: &str) -> Vec<Example> {
    let (mut examples, mut open) = (Vec::new(), None);
    let lines = source.lines().filter_map(|line| line.trim_start().strip_prefix("//")?.strip_prefix(['/', '!']));
    for line in lines.map(str::trim) {
        match (line.strip_prefix("```"), &mut open) {
            (Some(kind), None) => open = Some(Example { kind: kind.to_owned(), lines: Vec::new() }),
            (Some(_), Some(_)) => examples.extend(open.take()),
            (None, Some(example)) => example.lines.push(line.to_owned()),
            (None, None) => {}
        }
    }
    examples
}

#[test]
fn what_must_not_compile_has_a_twin_that_must() {
    let mut found = BTreeSet::new();
    for (file, source) in sources::sources("").into_iter().chain(sources::sources_in("vllm/src", "")) {
        let examples = examples(&source);
        for (at, wrong) in examples.iter().enumerate() {
            let Some(error) = wrong.kind.strip_prefix("compile_fail") else { continue };
            let forbidden = FORBIDDEN.iter().find(|(number, line)| {
                error.strip_prefix(',') == Some(*number) && wrong.lines.iter().any(|wrong| wrong == line)
            });
            found.insert(forbidden.unwrap_or_else(|| panic!("{file}: not in the list: {:?}", wrong.lines)));
            let twin = examples.get(at + 1).filter(|twin| twin.kind.is_empty() && twin.lines != wrong.lines);
            let twin = twin.unwrap_or_else(|| panic!("{file}: no twin behind {:?}", wrong.lines));
            let (wrong, twin) = (wrong.words(), twin.words());
            let different: Vec<_> = wrong.symmetric_difference(&twin).collect();
            assert!(different.len() <= 2, "{file}: twins differ in more than one thing: {different:?}");
        }
    }
    assert_eq!(found, FORBIDDEN.iter().collect());
}
