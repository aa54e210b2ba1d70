//! Threads that record without a pause, against readers that snapshot as fast as they can.
//!
//! `TACHOMETER_STRESS_SECONDS` sets how long each part goes on (2 unless set).

mod churn;
#[path = "../common/mod.rs"]
mod common;
mod steps;
mod tenants;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// All in turn, since they would take each other's cores.
#[test]
fn everything_in_turn() {
    steps::a_snapshot_is_whole_and_recent_whatever_the_writer_does();
    churn::totals_are_exact_whoever_comes_and_goes();
    tenants::totals_of_tenants_are_exact();
}

/// How long to go on.
pub(crate) fn budget() -> Duration {
    let seconds = std::env::var("TACHOMETER_STRESS_SECONDS").map_or(2.0, |seconds| seconds.parse().unwrap());
    Duration::from_secs_f64(seconds)
}

/// Tells the others to stop when it is dropped.
pub(crate) struct Stop<'a>(pub(crate) &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
