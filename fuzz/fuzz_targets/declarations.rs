#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../bodies/declarations.rs"]
mod declarations;
#[path = "../../tests/model/mod.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|data: &[u8]| declarations::run(data));
