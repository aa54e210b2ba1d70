//! Tests that need the crate's inside. Under `--cfg loom` these are the models (`scripts/loom` runs
//! them). Otherwise they are tests that stop a thread inside the protocol's code, or that count
//! what the code does.

#[cfg(loom)]
mod explore;
#[cfg(loom)]
mod loom_collector;
#[cfg(loom)]
mod loom_dynamic;
#[cfg(loom)]
mod loom_info;
#[cfg(loom)]
mod loom_join;
#[cfg(loom)]
mod loom_lease;
#[cfg(loom)]
mod loom_registry;
#[cfg(loom)]
pub(crate) mod loom_shards;
#[cfg(loom)]
mod loom_slab;
#[cfg(loom)]
mod loom_state;
#[cfg(loom)]
pub(crate) mod stand_in;
#[cfg(loom)]
pub(crate) mod weakened;

#[cfg(not(loom))]
pub(crate) mod counted;
#[path = "../../tests/common/one_engine.rs"]
pub(crate) mod one_engine;
#[path = "../../tests/common/one_step.rs"]
pub(crate) mod one_step;
#[cfg(not(loom))]
pub(crate) mod probes;
#[cfg(not(loom))]
mod stopped_threads;
#[cfg(not(loom))]
mod writer;
