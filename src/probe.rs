//! Where the unit tests can stop a thread, or let another one go past it.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// In a commit, before the step is published.
    BeforePublish,
    /// In a commit, when the step is published and the fallback copy isn't yet refreshed.
    Published,
    /// In a commit, while the fallback copy is odd.
    Refreshing,
    /// The writer copies all words.
    WholeCopy,
    /// In a read, before an attempt.
    Attempting,
    /// In a read, between the copy and the check.
    Copied,
}

/// Nothing, except in the unit tests.
#[cfg(not(all(test, not(loom))))]
#[inline(always)]
pub(crate) fn reached(_: Probe) {}

#[cfg(all(test, not(loom)))]
pub(crate) use crate::tests::probes::reached;
