//! Families chosen by names.

use super::{Schema, family::Family};

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

    pub(crate) fn is_all(&self) -> bool {
        self.lists.is_empty()
    }

    /// Overwrites `declared` and `own` with the indices of the chosen families of a schema: of
    /// those that were declared, hidden or not, and of the crate's own.
    pub(crate) fn find(&self, schema: &Schema, declared: &mut Vec<usize>, own: &mut Vec<usize>) {
        let (last, others) = self.lists.split_last().expect("some families were chosen");
        declared.clear();
        own.clear();
        for name in last {
            declared.extend(schema.find(name));
            own.extend(schema.find_own(name));
        }
        let is_in_others = |family: &Family| others.iter().all(|names| names.iter().any(|name| family.exposes(name)));
        if !others.is_empty() {
            declared.retain(|index| is_in_others(&schema.families()[*index]));
            own.retain(|index| is_in_others(&schema.own_families()[*index]));
        }
        for indices in [declared, own] {
            indices.sort_unstable();
            indices.dedup();
        }
    }

    pub(crate) fn has(&self, family: &Family) -> bool {
        self.has_any(|name| family.exposes(name))
    }

    /// Whether it has a family that exposes the names for which `exposes` is true.
    pub(crate) fn has_any(&self, exposes: impl Fn(&str) -> bool) -> bool {
        self.lists.iter().all(|names| names.iter().any(|name| exposes(name)))
    }
}
