//! Runs the example `replay` as a user does: what it prints where, and what it refuses.

mod printed;
mod refused;
mod support;
