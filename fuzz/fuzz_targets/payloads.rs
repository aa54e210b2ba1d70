#![no_main]

#[path = "../bodies/payloads.rs"]
mod payloads;

libfuzzer_sys::fuzz_target!(|data: &[u8]| payloads::run(data));
