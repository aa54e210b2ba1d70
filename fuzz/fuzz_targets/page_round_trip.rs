#![no_main]

#[path = "../bodies/page_round_trip.rs"]
mod page_round_trip;

libfuzzer_sys::fuzz_target!(|data: &[u8]| page_round_trip::run(data));
