//! A crate's own sources, for tests that compare them with what is said about them.

// Each test compiles this module for itself and uses a part of it.
#![allow(dead_code)]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Each file under `src/` whose path, relative to it, begins with `prefix`: the path and the text.
pub(crate) fn sources(prefix: &str) -> Vec<(String, String)> {
    sources_in("src", prefix)
}

/// The same of another directory of the package.
pub(crate) fn sources_in(directory: &str, prefix: &str) -> Vec<(String, String)> {
    let files = files(directory).into_iter().filter(|(name, _)| name.starts_with(prefix));
    let mut found: Vec<_> = files.map(|(name, path)| (name, fs::read_to_string(path).unwrap())).collect();
    found.sort();
    assert!(!found.is_empty(), "no source begins with {prefix}");
    found
}

/// Each file below a directory of the package: its path relative to the directory, and as a whole.
/// Leaves out what is built, and hidden directories.
pub(crate) fn files(directory: &str) -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let (mut found, mut directories) = (Vec::new(), vec![root.clone()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            let (name, path) = (entry.file_name(), entry.path());
            if !path.is_dir() {
                found.push((path.strip_prefix(&root).unwrap().to_string_lossy().into_owned(), path));
            } else if name != "target" && !name.to_string_lossy().starts_with('.') {
                directories.push(path);
            }
        }
    }
    found
}
