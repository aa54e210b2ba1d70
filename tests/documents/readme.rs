//! What the README prints is true: its example is the one that the crate's documentation compiles,
//! and its tree of dependencies is the real one.

use std::process::Command;

const README: &str = include_str!("../../README.md");
const CRATE: &str = include_str!("../../src/lib.rs");

/// The first block that begins with `fence` and a line that begins with `first`, without the
/// fences.
fn block<'t>(text: &'t str, fence: &str, first: &str) -> &'t str {
    let opening = format!("{fence}\n");
    let mut blocks = text.split(opening.as_str()).skip(1);
    let block = blocks.find(|block| block.starts_with(first)).unwrap_or_else(|| panic!("no block {first:?}"));
    // A bare closing fence has split it already.
    block.split("\n```").next().unwrap().trim_end_matches('\n')
}

#[test]
fn the_example_is_the_one_that_is_compiled() {
    let documentation: Vec<_> = CRATE.lines().filter_map(|line| line.strip_prefix("//!")).collect();
    let documentation = documentation.iter().map(|line| line.strip_prefix(' ').unwrap_or(line));
    let visible: Vec<_> = documentation.filter(|line| !line.starts_with("# ")).collect();
    let compiled = block(&visible.join("\n"), "```", "use tachometer").to_owned();
    assert_eq!(block(README, "```rust", "use tachometer"), compiled);
}

#[test]
fn the_tree_of_dependencies_is_the_real_one() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--edges",
            "normal",
            "--quiet",
            "--manifest-path",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        ])
        .output()
        .unwrap();
    let tree = String::from_utf8(tree.stdout).unwrap();
    // The root's line ends with its directory.
    let tree: Vec<_> = tree.lines().map(|line| line.split(" (/").next().unwrap()).collect();
    assert_eq!(block(README, "```text", "tachometer v"), tree.join("\n"));
}

/// `docs/protocol.md` is on docs.rs what the slab's header is to those who open the source.
/// `TACHOMETER_UPDATE_GOLDEN=1` writes it anew.
#[test]
fn the_protocol_on_docs_rs_is_the_slabs_header() {
    let header = include_str!("../../src/store/slab.rs").lines().map_while(|line| line.strip_prefix("//!"));
    let header: String = header.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/protocol.md");
    if std::env::var_os("TACHOMETER_UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &header).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), header);
}
