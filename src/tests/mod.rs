//! Tests that need the crate's inside. Under `--cfg loom` the models (`scripts/loom` runs them); otherwise those that stop a
//! thread where only the protocol's code is, or count what it does.

#[cfg(loom)]
mod explore;
#[cfg(loom)]
mod loom_dynamic;
#[cfg(loom)]
mod loom_info;
#[cfg(loom)]
mod loom_lease;
#[cfg(loom)]
mod loom_registry;
#[cfg(loom)]
pub(crate) mod loom_shards;
#[cfg(loom)]
mod loom_slab;
#[cfg(loom)]
pub(crate) mod stand_in;
#[cfg(loom)]
pub(crate) mod weakened;

#[cfg(not(loom))]
pub(crate) mod counted;
#[path = "../../tests/common/one_step.rs"]
pub(crate) mod one_step;
#[cfg(not(loom))]
mod owner;
#[cfg(not(loom))]
pub(crate) mod probes;
#[cfg(not(loom))]
mod stopped_threads;
