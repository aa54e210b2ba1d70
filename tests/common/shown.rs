//! What a registry shows: its page as text, and a snapshot of it.
#![allow(dead_code)] // no test uses all of it

use tachometer::{Registry, Snapshot};

/// The whole page.
pub(crate) fn page(registry: &Registry) -> String {
    let mut page = Vec::new();
    registry.render(&mut page);
    String::from_utf8(page).expect("a page is UTF-8")
}

/// The lines of the page that begin with `begin`.
pub(crate) fn lines(registry: &Registry, begin: &str) -> Vec<String> {
    page(registry).lines().filter(|line| line.starts_with(begin)).map(str::to_owned).collect()
}

/// A new snapshot.
pub(crate) fn snapshot(registry: &Registry) -> Snapshot {
    let mut snapshot = Snapshot::new();
    registry.snapshot(&mut snapshot);
    snapshot
}
