//! The only file that names the standard library's atomics, or their replacements in the unit
//! tests: the same atomics with a count, or loom's for the models.
//!
//! The protocol uses nothing that isn't listed here. The switch is `all(test, loom)`, so a
//! dependent crate that is built with `--cfg loom` gets the real atomics.

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

/// A cell of a type of its own. Only settable gauges use it, which no step touches, so it isn't
/// counted.
#[cfg(not(all(test, loom)))]
pub(crate) use atomic::Atomic;
const _: () = assert!(atomic::Atomic::<f64>::is_lock_free() && atomic::Atomic::<i64>::is_lock_free());

#[cfg(not(all(test, loom)))]
pub(crate) use std::hint::spin_loop;

/// Does nothing. Loom's own lets other threads go first, so models would miss the readers that try
/// again at once.
#[cfg(all(test, loom))]
pub(crate) fn spin_loop() {}

#[cfg(all(test, loom))]
pub(crate) use crate::tests::{
    stand_in::{ArcSwap, ArcSwapOption},
    weakened::{Arc, Atomic, AtomicBool, AtomicU64, Ordering, fence},
};

/// A number that no other call in this process returned: 1, 2, 3, …
///
/// It orders nothing, so it stays a standard atomic under loom.
///
/// # Panics
/// After 2³¹ − 1 calls, rather than return a number twice: handles need the highest bit (for
/// sparse series). A schema takes two numbers.
pub(crate) fn unique_id() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    static LAST: AtomicU32 = AtomicU32::new(0);
    let taken = LAST.fetch_update(Relaxed, Relaxed, |last| (last < (1 << 31) - 1).then_some(last + 1));
    taken.expect("more than 2^30 schemas in one process") + 1
}
