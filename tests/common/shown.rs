//! What a registry shows: lines of its page, and a snapshot of it.
#![allow(dead_code)] // no test uses all of it

use tachometer::{Registry, Snapshot};

/// The lines of the page that begin with `begin`.
pub(crate) fn lines(registry: &Registry, begin: &str) -> Vec<String> {
    registry.page().lines().filter(|line| line.starts_with(begin)).map(str::to_owned).collect()
}

/// A new snapshot.
pub(crate) fn snapshot(registry: &Registry) -> Snapshot {
    let mut snapshot = Snapshot::new();
    registry.snapshot(&mut snapshot);
    snapshot
}
