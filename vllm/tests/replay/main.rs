//! The example `replay`, run as a user runs it: what it prints where, and what it refuses.

mod printed;
mod refused;
mod support;
