//! Families chosen by names.

use super::family::Family;

/// Families chosen by the names that they expose. By default all of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct FamilyChoice {
    /// A family must be in all of these lists.
    lists: Vec<Vec<String>>,
}

impl FamilyChoice {
    /// Leaves only families with one of these names.
    pub(crate) fn narrow(&mut self, names: Vec<String>) {
        self.lists.push(names);
    }

    pub(crate) fn has(&self, family: &Family) -> bool {
        self.has_any(|name| family.exposes(name))
    }

    /// Whether it has a family that exposes the names for which `exposes` is true.
    pub(crate) fn has_any(&self, exposes: impl Fn(&str) -> bool) -> bool {
        self.lists.iter().all(|names| names.iter().any(|name| exposes(name)))
    }
}
