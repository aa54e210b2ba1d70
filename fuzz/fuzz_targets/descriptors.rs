#![no_main]

#[path = "../bodies/descriptors.rs"]
mod descriptors;

libfuzzer_sys::fuzz_target!(|data: &[u8]| descriptors::run(data));
