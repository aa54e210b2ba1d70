#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../../tests/model/mod.rs"]
mod model;
#[path = "../bodies/declarations.rs"]
mod declarations;

libfuzzer_sys::fuzz_target!(|data: &[u8]| declarations::run(data));
