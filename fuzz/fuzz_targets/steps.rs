#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../../tests/model/mod.rs"]
mod model;
#[path = "../bodies/steps.rs"]
mod steps;

libfuzzer_sys::fuzz_target!(|data: &[u8]| steps::run(data));
