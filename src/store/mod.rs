//! What writers and readers share: rows of words, and infos. `record` writes them and `snapshot`
//! reads them; neither imports the other.
//!
//! An [engine](engine::EngineStore) has slabs, one per exclusive recorder; shards, for shared
//! recorders; series with dynamic labels; settable gauges; and infos. The value of a counter, gauge
//! or histogram is the sum over slabs and shards. A state is taken from one slab.

mod clock;
pub(crate) mod dynamic;
pub(crate) mod engine;
pub(crate) mod info;
pub(crate) mod row;
pub(crate) mod settable;
pub(crate) mod shards;
pub(crate) mod slab;
pub(crate) mod stamps;
mod thread_index;
#[cfg(all(test, loom))]
pub(crate) use self::thread_index::{Indices, NONE};
