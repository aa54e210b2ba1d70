//! A sorted list behind one pointer that never changes: a changed copy shares nearly all of it.
//!
//! ```text
//!   spine ──▶ | chunk 0 | chunk 1 | … | chunk m |        about √n chunks
//!                          │
//!                          ▼  | item | item | … |         of at most `LARGEST` items
//! ```
//!
//! Inserting, removing or replacing an item copies one chunk and the spine. That is sub-linear:
//! with 10,000 items about 300 pointers, where a plain list copies 10,000. A tree of more levels
//! would copy fewer. But readers go through the list at each scrape, and two levels are nearly as
//! quick to go through as one.

use std::{cmp::Ordering, slice, sync::Arc};

/// The most items of a chunk.
const LARGEST: usize = 128;

/// Items in ascending order.
pub(crate) struct Sorted<T> {
    chunks: Arc<[Arc<[T]>]>,
    len: usize,
}

/// Where an item is, or would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    chunk: usize,
    index: usize,
}

impl<T: Clone> Sorted<T> {
    pub(crate) fn new() -> Self {
        Self { chunks: Arc::new([]), len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn iter(&self) -> Iter<'_, T> {
        Iter { chunks: self.chunks.iter(), items: [].iter(), left: self.len }
    }

    /// Finds the item for which `compare` returns `Equal`. `Err` is where it would be inserted.
    pub(crate) fn find(&self, compare: impl Fn(&T) -> Ordering) -> Result<Position, Position> {
        let after = self.chunks.partition_point(|chunk| compare(&chunk[0]).is_le());
        let chunk = after.saturating_sub(1);
        let Some(items) = self.chunks.get(chunk) else { return Err(Position { chunk: 0, index: 0 }) };
        let position = |index| Position { chunk, index };
        items.binary_search_by(compare).map(position).map_err(position)
    }

    pub(crate) fn get(&self, Position { chunk, index }: Position) -> &T {
        &self.chunks[chunk][index]
    }

    /// A copy with `item` inserted at a position that [`find`](Self::find) gave.
    pub(crate) fn inserted(&self, Position { chunk, index }: Position, item: T) -> Self {
        let items: &[T] = self.chunks.get(chunk).map_or(&[], |chunk| chunk);
        let (before, after) = items.split_at(index);
        let grown: Vec<T> = before.iter().cloned().chain([item]).chain(after.iter().cloned()).collect();
        // An item behind all others fills a chunk to the end, so that a list which grows in order has full chunks.
        let at_the_end = chunk + 1 >= self.chunks.len() && after.is_empty();
        let half = if at_the_end { LARGEST } else { grown.len() / 2 };
        let replacement = match grown.len() > LARGEST {
            true => vec![grown[..half].into(), grown[half..].into()],
            false => vec![grown.into()],
        };
        self.with_chunk(chunk, replacement, self.len + 1)
    }

    /// A copy without the item at this position.
    pub(crate) fn removed(&self, Position { chunk, index }: Position) -> Self {
        let items = self.chunks[chunk].iter().enumerate().filter(|(other, _)| *other != index);
        let items: Arc<[T]> = items.map(|(_, item)| item.clone()).collect();
        let next = self.chunks.get(chunk + 1).filter(|next| next.len() + items.len() <= LARGEST / 2);
        match next {
            // Chunks that are nearly empty are joined, so that their number stays in proportion.
            Some(next) => {
                let joined = items.iter().chain(next.iter()).cloned().collect();
                let (before, after) = (&self.chunks[..chunk], &self.chunks[chunk + 2..]);
                let chunks = before.iter().chain([&joined]).chain(after).cloned().collect();
                Self { chunks, len: self.len - 1 }
            }
            None if items.is_empty() => self.with_chunk(chunk, Vec::new(), self.len - 1),
            None => self.with_chunk(chunk, vec![items], self.len - 1),
        }
    }

    /// A copy with another item at this position, which must compare as the one before.
    pub(crate) fn replaced(&self, Position { chunk, index }: Position, item: T) -> Self {
        let mut items: Vec<T> = self.chunks[chunk].to_vec();
        items[index] = item;
        self.with_chunk(chunk, vec![items.into()], self.len)
    }

    fn with_chunk(&self, chunk: usize, replacement: Vec<Arc<[T]>>, len: usize) -> Self {
        let (before, rest) = self.chunks.split_at(chunk.min(self.chunks.len()));
        let after = rest.get(1..).unwrap_or(&[]);
        Self { chunks: before.iter().chain(&replacement).chain(after).cloned().collect(), len }
    }
}

/// The items in order.
#[derive(Clone)]
pub(crate) struct Iter<'l, T> {
    chunks: slice::Iter<'l, Arc<[T]>>,
    items: slice::Iter<'l, T>,
    left: usize,
}

impl<'l, T> Iterator for Iter<'l, T> {
    type Item = &'l T;

    #[inline]
    fn next(&mut self) -> Option<&'l T> {
        loop {
            if let Some(item) = self.items.next() {
                self.left -= 1;
                return Some(item);
            }
            self.items = self.chunks.next()?.iter();
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> ExactSizeIterator for Iter<'_, T> {}

impl<T> Default for Iter<'_, T> {
    fn default() -> Self {
        Self { chunks: [].iter(), items: [].iter(), left: 0 }
    }
}

impl<T> Clone for Sorted<T> {
    fn clone(&self) -> Self {
        Self { chunks: Arc::clone(&self.chunks), len: self.len }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use proptest::prelude::*;

    use super::*;

    /// Counts its copies.
    #[derive(Debug)]
    struct Counted(u32, Rc<Cell<usize>>);

    impl Clone for Counted {
        fn clone(&self) -> Self {
            self.1.set(self.1.get() + 1);
            Self(self.0, Rc::clone(&self.1))
        }
    }

    /// Copied items and chunks of one change, with so many items in the list.
    fn copied(items: u32, in_order: bool) -> usize {
        let copies = Rc::new(Cell::new(0));
        let mut list = Sorted::new();
        for n in 0..items {
            let key = if in_order { n } else { n.wrapping_mul(2_654_435_761) };
            let position = list.find(|item: &Counted| item.0.cmp(&key)).unwrap_err();
            list = list.inserted(position, Counted(key, Rc::clone(&copies)));
        }
        copies.set(0);
        let key = u32::MAX / 2;
        let position = list.find(|item: &Counted| item.0.cmp(&key)).unwrap_err();
        let grown = list.inserted(position, Counted(key, Rc::clone(&copies)));
        let _shrunk = grown.removed(grown.find(|item| item.0.cmp(&key)).unwrap());
        copies.get() + list.chunks.len() + grown.chunks.len()
    }

    #[test]
    fn a_change_copies_far_less_than_the_list_has() {
        for in_order in [true, false] {
            let [few, many] = [1_000, 10_000].map(|items| copied(items, in_order));
            assert!(few <= 2 * LARGEST + 50 && many <= 2 * LARGEST + 500, "{few}, {many}");
            assert!(many < 3 * few, "ten times the items, {few} and {many} copies");
        }
    }

    #[derive(Clone, Debug)]
    enum Op {
        Insert(u16),
        Remove(u16),
        Replace(u16),
    }

    fn op() -> impl Strategy<Value = Op> {
        let key = 0..600_u16;
        prop_oneof![
            3 => key.clone().prop_map(Op::Insert),
            2 => key.clone().prop_map(Op::Remove),
            1 => key.prop_map(Op::Replace),
        ]
    }

    proptest! {
        #[test]
        fn it_is_a_sorted_map(ops in prop::collection::vec(op(), 0..2_000)) {
            let (mut list, mut twin) = (Sorted::<(u16, usize)>::new(), std::collections::BTreeMap::new());
            for (time, op) in ops.into_iter().enumerate() {
                let (Op::Insert(key) | Op::Remove(key) | Op::Replace(key)) = op;
                let found = list.find(|item| item.0.cmp(&key));
                prop_assert_eq!(found.is_ok(), twin.contains_key(&key));
                match (op, found) {
                    (Op::Insert(_), Err(position)) => {
                        list = list.inserted(position, (key, time));
                        twin.insert(key, time);
                    }
                    (Op::Remove(_), Ok(position)) => {
                        list = list.removed(position);
                        twin.remove(&key);
                    }
                    (Op::Replace(_), Ok(position)) => {
                        prop_assert_eq!(list.get(position).0, key);
                        list = list.replaced(position, (key, time));
                        twin.insert(key, time);
                    }
                    _ => {}
                }
                prop_assert_eq!(list.len(), twin.len());
            }
            prop_assert_eq!(list.iter().len(), twin.len());
            prop_assert!(list.iter().copied().eq(twin));
            prop_assert!(list.chunks.iter().all(|chunk| (1..=LARGEST).contains(&chunk.len())));
        }
    }
}
