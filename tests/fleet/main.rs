//! The example `fleet`, run as a user runs it: its totals, its answers to odd and to broken files,
//! its exit codes, its page while it runs, and the model that it simulates.

#[cfg(target_os = "linux")]
mod clients;
mod files;
mod input;
mod made;
mod model;
mod optional;
mod page;
mod support;
mod totals;
mod units;
