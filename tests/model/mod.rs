//! The crate against a naive twin: any operations, done to both, must leave the same in every
//! snapshot and on every page.
//!
//! `tests/step_model.rs` runs it on random operations, `fuzz/` on what a fuzzer makes of them. Both
//! decode bytes into a [`plan::Plan`] (the schema) and [`op::Op`]s; [`run`] applies them.

pub(crate) mod bytes;
mod calls;
mod chosen;
pub(crate) mod collecting;
pub(crate) mod dynamic;
pub(crate) mod guards;
pub(crate) mod joined;
pub(crate) mod op;
mod page;
pub(crate) mod plan;
pub(crate) mod states;
mod sums;
mod twin;
mod world;

pub(crate) use self::world::run;
