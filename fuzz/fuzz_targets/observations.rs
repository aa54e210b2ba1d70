#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../../tests/model/mod.rs"]
mod model;
#[path = "../bodies/observations.rs"]
mod observations;

libfuzzer_sys::fuzz_target!(|data: &[u8]| observations::run(data));
