//! A crate's own sources, for tests that compare them with what is said about them.

// Each test compiles this module for itself and uses a part of it.
#![allow(dead_code)]

use std::{fs, path::Path};

/// Each file under `src/` whose path, relative to it, begins with `prefix`: the path and the text.
pub(crate) fn sources(prefix: &str) -> Vec<(String, String)> {
    sources_in("src", prefix)
}

/// The same of another directory of the package.
pub(crate) fn sources_in(directory: &str, prefix: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let (mut found, mut directories) = (Vec::new(), vec![root.clone()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
            if name.starts_with(prefix) {
                found.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no source begins with {prefix}");
    found
}
