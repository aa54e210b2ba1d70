//! What a writer knows of its last step.

/// What became of a writer's last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LastStep {
    Committed,
    /// It is open, or was leaked if the writer opens another.
    Open,
    /// It was discarded, or the writer is new and doesn't know: the last writer may have discarded.
    Discarded,
}
