//! Parts of engines: what their recorders count about themselves is shown with the engine's own
//! counts.

use std::sync::Arc;

use super::rows::Rows;

/// A row: the index of the schema in a snapshot, and of the engine in its rows.
pub(super) type RowIndex = (usize, usize);

/// The parts among the rows of a snapshot, and for which engines they were found.
#[derive(Default)]
pub(super) struct Parts {
    /// A part, and its engine.
    rows: Vec<(RowIndex, RowIndex)>,
    /// A lingering engine leaves without a new membership, so the number of rows counts too.
    of: Option<(Arc<()>, usize)>,
}

impl Parts {
    /// The parts, found anew if there are other engines than before. `members` are the rows of each
    /// schema.
    pub(super) fn update<'s>(
        &mut self,
        membership: &Arc<()>,
        members: impl Iterator<Item = &'s Rows> + Clone,
    ) -> &[(RowIndex, RowIndex)] {
        let len = members.clone().map(|rows| rows.headers.len()).sum();
        let same = |(known, rows): &(Arc<()>, usize)| Arc::ptr_eq(known, membership) && *rows == len;
        if !self.of.as_ref().is_some_and(same) {
            self.of = Some((Arc::clone(membership), len));
            self.rows.clear();
            for (member, rows) in members.clone().enumerate() {
                for (index, header) in rows.headers.iter().enumerate() {
                    let Some(whole) = &header.labels.whole else { continue };
                    let found = |rows: &Rows| {
                        rows.headers.binary_search_by_key(&whole.number(), |header| header.labels.number()).ok()
                    };
                    let mut wholes = members.clone().enumerate();
                    let whole = wholes.find_map(|(member, rows)| Some((member, found(rows)?)));
                    self.rows.extend(whole.map(|whole| ((member, index), whole)));
                }
            }
        }
        &self.rows
    }
}
