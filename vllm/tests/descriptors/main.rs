//! Descriptors: what is read, what is declared, and what is recorded.

#[path = "../../../tests/common/golden.rs"]
mod golden;
#[path = "../../../tests/common/samples.rs"]
mod samples;

mod arriving;
mod declaring;
mod reading;
mod recording;
mod rig;
mod wire;
