//! What readers can tell about the writer without its help: whether there is one, and whether its
//! step is open.
//!
//! An odd `sequence` means that a step was opened and not committed. A discarded step leaves it
//! odd, since `sequence` never goes back. So the writer notes which one was discarded, and takes
//! the note back when it opens the step again: both on cold paths. A step that is opened and
//! committed costs nothing more. A leaked step counts as open until the writer opens another, or
//! gives up.
//!
//! All is relaxed. Each answer is true by itself, and soon up to date; together they aren't one
//! moment.

use super::{Slab, last_step::LastStep, log::Log, writer::Writer};
use crate::{schema::layout::Diagnostic, sync::Ordering::Relaxed};

/// A note that no step was discarded: an even number isn't the sequence of an open step.
const NONE: u64 = 0;

impl Slab {
    /// How many steps were committed.
    pub(crate) fn committed(&self) -> u64 {
        self.sequence.load(Relaxed) >> 1 // no edge: true by itself
    }

    /// How many recorders use it, and how many of their steps are open: 0 or 1 each.
    pub(crate) fn recorders_and_open_steps(&self) -> [u64; 2] {
        let leased = self.leased.load(Relaxed); // no edge: true by itself
        let sequence = self.sequence.load(Relaxed); // no edge: true by itself
        let discarded = self.discarded.load(Relaxed); // no edge: compared with the sequence
        let discarded = mutant!(sequence == discarded, "liveness: a discarded step stays open" => false);
        [u64::from(leased), u64::from(sequence & 1 == 1 && !discarded)]
    }

    /// Only the writer calls this, while `sequence` says that step `committed + 1` is open: on a
    /// discard, and when it gives up after a leaked step.
    #[cold]
    pub(super) fn count_discarded(&self, committed: u64) {
        self.diagnostics.count(Diagnostic::DiscardedSteps, 1);
        self.discarded.store(2 * committed + 1, Relaxed); // no edge: compared with the sequence
    }
}

impl Writer {
    /// Before a step is opened whose sequence may be that of a discarded or a leaked one.
    #[cold]
    pub(super) fn reopen(&mut self) {
        if self.progress.last == LastStep::Open {
            self.recover_leaked();
        }
        mutant!(
            self.slab.discarded.store(NONE, Relaxed), // no edge: compared with the sequence
            "liveness: a step that is opened again stays discarded" => (),
        );
    }

    /// The leaked step's log is lost: makes the next open copy every word.
    #[cold]
    fn recover_leaked(&mut self) {
        mutant!(
            self.logs[(self.progress.committed & 1) as usize] = Log::OVERFLOWED,
            "leaked step: its log trusted" => (),
        );
        mutant!(self.slab.diagnostics.count(Diagnostic::DiscardedSteps, 1), "leaked step: not counted" => ());
    }
}
