//! What vLLM or its Python client printed, in a package's `tests/data`. A file that isn't there
//! fails the test.

// Each test compiles this module for itself and uses a part of it.
#![allow(dead_code)]

use std::{collections::BTreeSet, fs, io::Read, path::PathBuf};

use flate2::read::GzDecoder;

fn directory() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "data"].iter().collect()
}

/// The text of a file. `name` leaves out the ending `.gz`.
pub(crate) fn read(name: &str) -> String {
    let path = directory().join(format!("{name}.gz"));
    let packed = fs::File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut text = String::new();
    GzDecoder::new(packed).read_to_string(&mut text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text
}

/// The files in a subdirectory whose names end with `ending`, both without `.gz`.
pub(crate) fn names(subdirectory: &str, ending: &str) -> BTreeSet<String> {
    let files = fs::read_dir(directory().join(subdirectory)).unwrap_or_else(|error| panic!("{subdirectory}: {error}"));
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| name.strip_suffix(".gz").filter(|name| name.ends_with(ending)).map(str::to_owned)).collect()
}
