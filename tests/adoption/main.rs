//! What programs that exist ask for: each module is a piece of such a program, in this crate's
//! words.

#[path = "../common/shown.rs"]
mod shown;

mod run_time_shapes;
