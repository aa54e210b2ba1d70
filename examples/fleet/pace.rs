//! Ties virtual time to wall time.

use std::thread;
use std::time::{Duration, Instant};

use crate::args::Speed;
use crate::timing::Nanos;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    started: Instant,
    speed: Speed,
}

impl Pace {
    pub(crate) const fn new(started: Instant, speed: Speed) -> Self {
        Self { started, speed }
    }

    /// Sleeps until virtual time `moment`. Returns at once at full speed, or if that moment has
    /// passed.
    pub(crate) fn wait_until(&self, moment: Nanos) {
        let Speed::Times(times) = self.speed else { return };
        // No one waits for a moment beyond the range of `Duration`.
        let due = Duration::try_from_secs_f64(moment as f64 * 1e-9 / times).unwrap_or(Duration::MAX);
        if let Some(rest) = due.checked_sub(self.started.elapsed()) {
            thread::sleep(rest);
        }
    }
}
