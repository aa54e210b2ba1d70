//! DESIGN.md's table of promises is complete: each has a check that exists and a mutant that is tried.

use std::{collections::BTreeSet, fs, path::Path};

const DESIGN: &str = include_str!("../DESIGN.md");
const MUTANTS: &str = include_str!("../scripts/mutants");
const CAUGHT: &str = include_str!("../docs/mutants.md");

/// The rows of the table: its six cells.
fn promises() -> Vec<Vec<&'static str>> {
    let table = DESIGN.lines().skip_while(|line| !line.starts_with("| # | promise |")).skip(2);
    let rows = table.take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// What stands between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> + '_ {
    cell.split('`').skip(1).step_by(2)
}

/// Promise and name of each mutant in the script: two strings that follow each other, the first of them P and a digit.
fn mutants() -> BTreeSet<(&'static str, &'static str)> {
    let strings: Vec<&str> = MUTANTS.split('"').collect();
    let promise = |text: &str| text.len() == 2 && text.starts_with('P') && text.ends_with(|c: char| c.is_ascii_digit());
    strings.windows(3).filter(|w| promise(w[0]) && w[1].trim() == ",").map(|w| (w[0], w[2])).collect()
}

#[test]
fn each_promise_has_a_check_that_exists_and_a_mutant_that_is_tried() {
    let (promises, mutants) = (promises(), mutants());
    let numbers: Vec<&str> = promises.iter().map(|row| row[0]).collect();
    assert_eq!(numbers, ["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9"]);
    for row in &promises {
        let [number, .., check, mutant, result] = row[..] else { panic!("a row is too short: {row:?}") };
        let files: Vec<&str> = quoted(check).filter(|name| name.contains('/')).collect();
        assert!(!files.is_empty() || check.contains("doc tests"), "{number} has no check");
        for file in files {
            assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(file).exists(), "{number}: {file} isn't there");
        }
        let tried: Vec<&str> = quoted(mutant).filter(|name| *name != "scripts/loom").collect();
        let unknown: Vec<_> = tried.iter().filter(|name| !mutants.contains(&(number, **name))).collect();
        assert!(!tried.is_empty() && unknown.is_empty(), "{number} names mutants that aren't tried: {unknown:?}");
        assert!(result.contains("202"), "{number} has no dated result");
    }
}

#[test]
fn the_list_of_mutants_is_that_of_the_script() {
    let rows = CAUGHT.lines().filter(|line| line.starts_with("| P"));
    let listed: BTreeSet<(&str, &str)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            assert!(cells[3].contains('`') || cells[3].contains("didn't end"), "not caught: {row}");
            (cells[1], cells[2])
        })
        .collect();
    assert_eq!(listed, mutants(), "docs/mutants.md is what scripts/mutants printed last");
}

#[test]
fn each_ordering_is_in_the_list() {
    let sources = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let sources = sources.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let code: String = sources.map(|path| fs::read_to_string(path).unwrap()).collect();
    let code = code.lines().filter_map(|line| line.trim().split("//").next().map(str::trim));
    let strong: BTreeSet<&str> =
        code.filter(|code| ["Acquire)", "Release)"].iter().any(|ordering| code.contains(ordering))).collect();
    let rows = CAUGHT.lines().filter(|line| line.starts_with("| E"));
    let listed: BTreeSet<&str> = rows.map(|row| quoted(row).next().expect("code between backticks")).collect();
    assert_eq!(listed, strong, "docs/mutants.md has what scripts/loom printed last");
}
