//! What is recorded, and what snapshots, views and pages show of it.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/one_engine.rs"]
mod one_engine;
#[path = "../common/one_step.rs"]
mod one_step;

mod batches;
mod dynamic_labels;
mod dynamic_overflow;
mod dynamic_removal;
mod engine_handles;
mod engines;
mod guards;

mod infos;
mod infos_cleared;
mod largest_slab;
mod lingering;
mod mirrored;
mod registry_wide;
mod settable;
mod shared;
mod shared_limits;
mod small_things;
mod sparse;
mod states;
mod steps;
mod view;

use one_engine::shown;
