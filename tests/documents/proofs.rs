//! DESIGN.md's table of promises is complete: each has a check that exists and a mutant that is
//! tried.

use crate::sources;
use std::{collections::BTreeSet, path::Path};

const DESIGN: &str = include_str!("../../DESIGN.md");
const MUTANTS: &str = include_str!("../../scripts/mutants");
const CAUGHT: &str = include_str!("../../docs/mutants.md");
/// The promise that the compiler keeps.
const COMPILER: &str = "P8";

/// The rows of the table: its five cells.
fn promises() -> Vec<Vec<&'static str>> {
    let table = DESIGN.lines().skip_while(|line| !line.starts_with("| # | promise |")).skip(2);
    let rows = table.take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// What is between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> + '_ {
    cell.split('`').skip(1).step_by(2)
}

/// Promise and name of each mutant in the script: two strings that follow each other, the first of
/// them P and a number.
fn mutants() -> BTreeSet<(&'static str, &'static str)> {
    let strings: Vec<&str> = MUTANTS.split('"').collect();
    let promise = |text: &str| text.strip_prefix('P').is_some_and(|number| number.parse::<u8>().is_ok());
    strings.windows(3).filter(|w| promise(w[0]) && w[1].trim() == ",").map(|w| (w[0], w[2])).collect()
}

#[test]
fn each_promise_has_a_check_that_exists_and_a_mutant_that_is_tried() {
    let (promises, mutants) = (promises(), mutants());
    let numbers: Vec<&str> = promises.iter().map(|row| row[0]).collect();
    assert_eq!(numbers, ["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10"]);
    for row in &promises {
        let [number, _, _, check, mutant] = row[..] else { panic!("a row is too short: {row:?}") };
        let files: Vec<&str> = quoted(check).filter(|name| name.contains('/')).collect();
        assert!(!files.is_empty() || check.contains("doc tests"), "{number} has no check");
        for file in files {
            assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(file).exists(), "{number}: {file} isn't there");
        }
        if number == COMPILER {
            assert_eq!(mutant, "none: the compiler refuses it", "{number}");
            continue;
        }
        let tried: Vec<&str> = quoted(mutant).filter(|name| *name != "scripts/loom").collect();
        let unknown: Vec<_> = tried.iter().filter(|name| !mutants.contains(&(number, **name))).collect();
        assert!(!tried.is_empty() && unknown.is_empty(), "{number} names mutants that aren't tried: {unknown:?}");
    }
}

#[test]
fn the_list_of_mutants_is_that_of_the_script() {
    let rows = CAUGHT.lines().filter(|line| line.starts_with("| P"));
    let listed: BTreeSet<(&str, &str)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            assert!(cells[3].contains(' ') || cells[3].starts_with('`'), "not caught: {row}");
            assert!(!cells[3].contains("SURVIVED"), "not caught: {row}");
            (cells[1], cells[2])
        })
        .collect();
    assert_eq!(listed, mutants(), "docs/mutants.md is what scripts/mutants printed last");
}

/// Edge and code of each acquire, release and fence, outside of tests.
fn orderings() -> Vec<(String, String)> {
    let sources = sources::sources("").into_iter().filter(|(file, _)| !file.starts_with("tests/"));
    let code: String = sources.map(|(_, source)| source).collect();
    let strong = ["Acquire)", "Release)", "AcqRel)", "SeqCst)", "Acquire, Relaxed"];
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut orderings: Vec<_> = lines
        .filter_map(|line| line.trim().split_once("//"))
        .filter(|(code, _)| !code.starts_with('"')) // what a mutant does instead
        .map(|(code, comment)| (comment.trim().chars().take(2).collect(), code.trim().to_owned()))
        .filter(|(_, code): &(String, String)| strong.iter().any(|ordering| code.contains(ordering)))
        .collect();
    orderings.sort();
    orderings
}

#[test]
fn each_ordering_is_in_the_list() {
    let rows = CAUGHT.lines().filter(|line| line.starts_with("| E"));
    let mut listed: Vec<_> = rows
        .map(|row| {
            assert!(!row.contains("SURVIVED"), "not caught: {row}");
            (row[2..4].to_owned(), quoted(row).next().expect("code between backticks").replace("\\|", "|"))
        })
        .collect();
    listed.sort();
    assert_eq!(listed, orderings(), "docs/mutants.md has what scripts/loom printed last");
}

/// Atomics are the standard library's or loom's by `src/sync.rs` only, so that models see them.
#[test]
fn one_file_names_atomics() {
    for (file, source) in sources::sources("").into_iter().filter(|(file, _)| !file.starts_with("tests/")) {
        // However the path is written: `atomic::Atomic…` or `atomic::{Atomic…`, also within a
        // longer `use`.
        let words: String = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let words = words.replace(char::is_whitespace, "").replace("crossbeam_utils::atomic::AtomicCell", "");
        let named = ["atomic::Atomic", "atomic::{Atomic", "atomic::fence", "arc_swap::", "useatomic::"]
            .iter()
            .any(|path| words.contains(path));
        assert_eq!(named, file == "sync.rs", "{file}");
    }
}
