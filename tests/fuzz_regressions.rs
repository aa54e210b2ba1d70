//! Replays the inputs under `fuzz/regressions` on the bodies of the fuzz targets, and random ones
//! besides.

mod common;
mod model;

#[path = "../fuzz/bodies/declarations.rs"]
mod declarations;
#[path = "../fuzz/bodies/observations.rs"]
mod observations;
#[path = "../fuzz/bodies/page_round_trip.rs"]
mod page_round_trip;
#[path = "../fuzz/bodies/steps.rs"]
mod steps;

use std::{fs, path::Path};

use proptest::prelude::*;

/// Runs every file of a target.
fn replay(target: &str, run: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/regressions").join(target);
    let files: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty(), "{} is empty", directory.display());
    for file in files {
        println!("{}", file.display()); // shown on a failure
        run(&fs::read(&file).unwrap());
    }
}

/// One test for each target, which replays it, and the list of them.
macro_rules! targets {
    ($($target:ident),*) => {
        const TARGETS: &[&str] = &[$(stringify!($target)),*];

        mod known_inputs_of {
            $(
                #[test]
                fn $target() {
                    super::replay(stringify!($target), super::$target::run);
                }
            )*
        }
    };
}

targets!(declarations, observations, page_round_trip, steps);

#[test]
fn every_target_is_replayed() {
    let manifest = include_str!("../fuzz/Cargo.toml");
    let names = manifest.split("[[bin]]").skip(1).map(|bin| bin.split('"').nth(1).unwrap());
    assert_eq!(names.collect::<Vec<_>>(), TARGETS);
}

proptest! {
    #[test]
    fn random_inputs_of_page_round_trip(bits in any::<u64>(), text in "[ -~\\n\\r\\t|\"\\\\é🦀]{0,60}") {
        page_round_trip::run(&[&bits.to_le_bytes(), text.as_bytes()].concat());
    }

    #[test]
    fn random_inputs_of_declarations(data in prop::collection::vec(any::<u8>(), 0..200)) {
        declarations::run(&data);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_inputs_of_observations(data in prop::collection::vec(any::<u8>(), 0..600)) {
        observations::run(&data);
    }
}
