//! Tests with data that isn't part of the repository; `scripts/data` says where it is, and runs
//! them.

#[allow(dead_code)] // the tests of the example use more of it
#[path = "../fleet/support.rs"]
mod fleet;
#[path = "../common/vllm_page.rs"]
mod vllm_page;

mod captures;
mod traces;

/// The path of a file of the data.
fn data(file: &str) -> String {
    let directory = std::env::var("TACHOMETER_DATA").expect("scripts/data says where the data is");
    format!("{directory}/{file}")
}
