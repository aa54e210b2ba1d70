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

/// A number that no other call in this process got: 1, 2, 3, …
///
/// Never modelled (it orders nothing), so it stays a standard atomic under loom.
///
/// # Panics
/// After 2³² − 1 calls, rather than hand out a number twice.
pub(crate) fn unique_id() -> u32 {
    use std::sync::atomic::AtomicU32;
    static LAST: AtomicU32 = AtomicU32::new(0);
    let taken = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| last.checked_add(1));
    taken.expect("more than 2^32 schemas in one process") + 1
}

/// Where the unit tests can stop a thread, or let another one go past it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a commit, before the step is published.
    BeforePublish,
    /// In a commit, when the step is published and the resting copy isn't yet refreshed.
    Published,
    /// In a commit, while the resting copy is odd.
    Resting,
    /// The owner copies all words.
    WholeCopy,
    /// In a read, before a try.
    Trying,
    /// In a read, between the copy and the check.
    Copied,
}

/// Nothing, except in the unit tests.
#[cfg(not(all(test, not(loom))))]
#[inline(always)]
pub(crate) fn reached(_: Place) {}

#[cfg(all(test, not(loom)))]
pub(crate) use crate::tests::places::reached;
