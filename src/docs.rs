//! Recipes, how to be fast, how the crate works, and why it is as it is. Nothing to call.

#[doc = include_str!("../docs/recipes.md")]
pub mod recipes {}

#[doc = include_str!("../docs/tuning.md")]
pub mod tuning {}

#[doc = include_str!("../docs/from-prometheus.md")]
pub mod from_prometheus {}

/// The header of `src/store/slab.rs`, which is the whole protocol between a recorder and its
/// readers.
///
#[doc = include_str!("../docs/protocol.md")]
pub mod protocol {}

#[doc = include_str!("../docs/self-metrics.md")]
pub mod self_metrics {}

#[doc = include_str!("../docs/other-schemas.md")]
pub mod other_schemas {}

#[doc = include_str!("../docs/threads.md")]
pub mod threads {}

#[doc = include_str!("../DESIGN.md")]
pub mod design {}
