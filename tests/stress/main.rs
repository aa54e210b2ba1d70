//! Threads that record without a pause, against readers that snapshot as fast as they can.
//!
//! `TACHOMETER_STRESS_SECONDS` sets how long each part goes on (2 unless set), or longer where that
//! is too little to say anything.

mod churn;
#[path = "../common/mod.rs"]
mod common;
mod joining;
#[path = "../common/one_engine.rs"]
mod one_engine;
#[path = "../common/one_step.rs"]
mod one_step;
mod steps;
mod tenants;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, ScopedJoinHandle},
    time::{Duration, Instant},
};

/// All in turn, since they would take each other's cores.
#[test]
fn everything_in_turn() {
    steps::a_snapshot_is_whole_and_recent_whatever_the_writer_does();
    churn::totals_are_exact_whoever_comes_and_goes();
    tenants::totals_of_tenants_are_exact();
    joining::what_joins_is_whole_and_guards_end();
}

/// How long a part may take beyond its time, on the slowest of machines.
const PATIENCE: Duration = Duration::from_secs(300);

/// A part's time.
#[derive(Clone, Copy)]
pub(crate) struct Budget {
    end: Instant,
}

impl Budget {
    pub(crate) fn begin() -> Self {
        let seconds = std::env::var("TACHOMETER_STRESS_SECONDS").map_or(2.0, |seconds| seconds.parse().unwrap());
        Self { end: Instant::now() + Duration::from_secs_f64(seconds) }
    }

    /// Until the time is over, and `enough` has happened to say something, however slow the machine
    /// is.
    pub(crate) fn goes_on(self, enough: bool) -> bool {
        let now = Instant::now();
        assert!(now < self.end + PATIENCE, "too little happened to say anything");
        now < self.end || !enough
    }

    /// Waits until as much was counted, or one of these threads has ended, which only a failed
    /// assertion does early.
    pub(crate) fn wait<const N: usize>(
        self,
        counted: impl Fn() -> [u64; N],
        enough: [u64; N],
        threads: &[ScopedJoinHandle<'_, ()>],
    ) {
        let all_there = || counted().iter().zip(enough).all(|(count, enough)| *count >= enough);
        while self.goes_on(all_there()) && !threads.iter().any(ScopedJoinHandle::is_finished) {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Tells the others to stop when it is dropped.
pub(crate) struct Stop<'a>(pub(crate) &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
