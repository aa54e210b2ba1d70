//! Comments fit into 100 columns: longer lines are hard to read.

use crate::sources;

/// Rows of tables and addresses can't be broken.
fn may_be_long(comment: &str) -> bool {
    comment.starts_with('|') || comment.split(' ').any(|word| word.contains("://") && word.len() > 60)
}

fn is_too_long(line: &str) -> bool {
    let comment = line.trim_start().strip_prefix("//").map(|rest| rest.trim_start_matches(['/', '!', ' ']));
    line.chars().count() > 100 && comment.is_some_and(|comment| !may_be_long(comment))
}

#[test]
fn comments_fit_into_100_columns() {
    let mut found = Vec::new();
    for (name, path) in sources::files("").into_iter().filter(|(name, _)| name.ends_with(".rs")) {
        let text = std::fs::read_to_string(path).unwrap();
        let lines = text.lines().enumerate().filter(|(_, line)| is_too_long(line));
        found.extend(lines.map(|(at, line)| format!("{name}:{}: {line}", at + 1)));
    }
    assert!(found.is_empty(), "longer than 100 columns:\n{}", found.join("\n"));
}

#[test]
fn only_long_comments_are_found() {
    let words = "word ".repeat(20);
    assert!(is_too_long(&format!("    /// {words}")) && is_too_long(&format!("// {words}")));
    assert!(!is_too_long(&format!("//! | {words} |")) && !is_too_long(&format!("let code = \"{words}\";")));
    assert!(!is_too_long(&format!("// https://{}", "long/".repeat(20))) && !is_too_long("// word"));
}
