//! Probes: points at which the unit tests can stop a thread, or let another one overtake it.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// In a commit, before the step is published.
    BeforePublish,
    /// In a commit, after the step is published and before the fallback copy is refreshed.
    Published,
    /// In a commit, while `fallback_sequence` is odd.
    Refreshing,
    /// In a change of a list of engines or of series, before the changed one is published.
    Changing,
    /// When the writer copies all words.
    WholeCopy,
    /// In a read, before an attempt.
    Attempting,
    /// In a read, between the copying and the check.
    Copied,
}

/// Does nothing, except in the unit tests.
#[cfg(not(all(test, not(loom))))]
#[inline(always)]
pub(crate) fn reached(_: Probe) {}

#[cfg(all(test, not(loom)))]
pub(crate) use crate::tests::probes::reached;
