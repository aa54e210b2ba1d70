//! Sources of more lines than this are split. For functions, clippy counts.

use crate::sources;

const MAX_LINES: usize = 400;

#[test]
fn no_source_is_longer_than_400_lines() {
    let mut found = Vec::new();
    for (name, path) in sources::files("").into_iter().filter(|(name, _)| name.ends_with(".rs")) {
        let lines = std::fs::read_to_string(path).unwrap().lines().count();
        if lines > MAX_LINES {
            found.push(format!("{name} has {lines}"));
        }
    }
    assert!(found.is_empty(), "more than {MAX_LINES} lines:\n{}", found.join("\n"));
}
