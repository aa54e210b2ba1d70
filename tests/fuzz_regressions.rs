//! Replays the inputs under `fuzz/regressions` on the bodies of the fuzz targets, and random ones beside them.

#[path = "../fuzz/bodies/page_round_trip.rs"]
mod page_round_trip;

use std::{fs, path::Path};

use proptest::prelude::*;

/// Runs every file of a target; returns how many there were.
fn replay(target: &str, run: fn(&[u8])) -> usize {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/regressions").join(target);
    let files: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.iter().for_each(|file| run(&fs::read(file).unwrap()));
    files.len()
}

#[test]
fn known_inputs_of_page_round_trip() {
    assert!(replay("page_round_trip", page_round_trip::run) >= 6);
}

proptest! {
    #[test]
    fn random_inputs_of_page_round_trip(bits in any::<u64>(), text in "[ -~\\n\\r\\t|\"\\\\é🦀]{0,60}") {
        page_round_trip::run(&[&bits.to_le_bytes(), text.as_bytes()].concat());
    }
}
