//! The only file that names the standard library's atomics, or what the unit tests put in their place: the same
//! atomics with a count, or loom's when they run as models.
//!
//! What isn't listed here, the protocol doesn't use. The switch is `all(test, loom)`, so a build of a
//! dependent crate with `--cfg loom` gets the real atomics.

#[cfg(not(target_has_atomic = "64"))]
compile_error!("tachometer needs atomic operations on 64-bit words, which this target doesn't have");

#[cfg(not(test))]
pub(crate) use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering, fence},
};

#[cfg(not(test))]
pub(crate) use arc_swap::{ArcSwap, ArcSwapOption};

#[cfg(all(test, not(loom)))]
pub(crate) use crate::tests::counted::{Arc, ArcSwap, ArcSwapOption, AtomicBool, AtomicU64, Ordering, fence};

#[cfg(not(all(test, loom)))]
pub(crate) use std::hint::spin_loop;

/// Nothing: loom's own lets other threads go first, so that models would lose the readers that try again at once.
#[cfg(all(test, loom))]
pub(crate) fn spin_loop() {}

#[cfg(all(test, loom))]
pub(crate) use crate::tests::{
    stand_in::{ArcSwap, ArcSwapOption},
    weakened::{Arc, AtomicBool, AtomicU64, Ordering, fence},
};
