//! What programs that exist ask for: each module is a piece of such a program, in this crate's
//! words.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/one_engine.rs"]
mod one_engine;
#[path = "../common/one_step.rs"]
mod one_step;

mod bad_input;
mod collectors;
mod const_labels;
mod exact_names;
mod otlp;
mod ports;
#[allow(dead_code)] // its `main`
#[path = "../../examples/process.rs"]
mod process;
mod reserved_labels;
mod run_time_shapes;
#[path = "../common/samples.rs"]
mod samples;
mod walk;

use one_engine::shown;
