//! Loom models. They are in the crate because they need the shim of `sync.rs`; `scripts/loom` runs them.

mod loom_slab;
