//! A sorted list behind one pointer that never changes: a changed copy shares nearly all of it.
//!
//! ```text
//!   spine ──▶ | chunk 0 | chunk 1 | … | chunk m |        a few √n chunks
//!                          │
//!                          ▼  | item | item | … |         of about √n items
//! ```
//!
//! To insert, remove or replace an item copies one or two chunks and the spine: pointers in
//! proportion to √n. With 10,000 items that is about 300 pointers, where a plain list copies
//! 10,000. A tree of more levels would copy fewer. But readers go through the whole list at each
//! scrape, and two levels are nearly as quick to go through as one.

use std::{cmp::Ordering, ops::Range, slice, sync::Arc};

/// The most items of a chunk in a list of `len`. A chunk with less than a quarter is joined with
/// its neighbour, so the number of chunks stays in proportion, whatever is inserted and removed.
fn largest(len: usize) -> usize {
    (len.isqrt() + 1).next_power_of_two().max(64)
}

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

    /// A copy with `item` inserted at a position that [`find`](Self::find) returned.
    pub(crate) fn inserted(&self, Position { chunk, index }: Position, item: T) -> Self {
        let items: &[T] = self.chunks.get(chunk).map_or(&[], |chunk| chunk);
        let (before, after) = items.split_at(index);
        let grown = before.iter().cloned().chain([item]).chain(after.iter().cloned());
        let (largest, len) = (largest(self.len), items.len() + 1);
        let replacement = if len > largest {
            // Appending fills the last chunk, so that a list which grows in order has full chunks.
            let appended = chunk + 1 >= self.chunks.len() && after.is_empty();
            let first = if appended { largest } else { len / 2 };
            let grown: Vec<T> = grown.collect();
            vec![grown[..first].into(), grown[first..].into()]
        } else {
            vec![grown.collect()]
        };
        let replaced = chunk.min(self.chunks.len())..(chunk + 1).min(self.chunks.len());
        self.with_chunks(replaced, &replacement, self.len + 1)
    }

    /// A copy without the item at this position.
    pub(crate) fn removed(&self, Position { chunk, index }: Position) -> Self {
        let is_small = self.chunks[chunk].len() - 1 < largest(self.len) / 4;
        // Together with the next chunk, or the last but one together with the last.
        let first = if is_small { chunk.min(self.chunks.len().saturating_sub(2)) } else { chunk };
        let end = if is_small { (first + 2).min(self.chunks.len()) } else { chunk + 1 };
        let mut items: Vec<T> = Vec::new();
        for (number, chunk_items) in (first..end).zip(&self.chunks[first..end]) {
            let kept = chunk_items.iter().enumerate().filter(|(at, _)| (number, *at) != (chunk, index));
            items.extend(kept.map(|(_, item)| item.clone()));
        }
        let half = if items.len() > largest(self.len) { items.len() / 2 } else { items.len() };
        let halves = [&items[..half], &items[half..]].into_iter().filter(|half| !half.is_empty());
        let replacement: Vec<Arc<[T]>> = halves.map(Arc::from).collect();
        self.with_chunks(first..end, &replacement, self.len - 1)
    }

    /// A copy with the items for which `keep` returns true.
    pub(crate) fn retained(&self, keep: impl Fn(&T) -> bool) -> Self {
        let items: Vec<T> = self.iter().filter(|item| keep(item)).cloned().collect();
        Self { chunks: items.chunks(largest(items.len())).map(Arc::from).collect(), len: items.len() }
    }

    /// A copy without the items for which `gone` returns true, and how many these are. They are
    /// among those for which `within` returns `Equal`, and only these are looked at. Chunks without
    /// such an item are shared.
    pub(crate) fn without(&self, within: impl Fn(&T) -> Ordering, gone: impl Fn(&T) -> bool) -> (Self, usize) {
        let first = self.chunks.partition_point(|chunk| chunk.last().is_some_and(|last| within(last).is_lt()));
        let end = self.chunks.partition_point(|chunk| within(&chunk[0]).is_le()).max(first);
        let mut kept = Kept { chunks: Vec::new(), rest: Vec::new(), largest: largest(self.len) };
        let is_gone = |item: &T| within(item).is_eq() && gone(item);
        let removed = self.chunks[first..end].iter().map(|chunk| kept.take(chunk, is_gone)).sum();
        let (mut first, mut end) = (first, end);
        // What is left over joins a neighbour.
        if !kept.rest.is_empty() && kept.chunks.is_empty() {
            if let Some(next) = self.chunks.get(end) {
                kept.rest.extend(next.iter().cloned());
                end += 1;
            } else if first > 0 {
                first -= 1;
                kept.chunks.push(Arc::clone(&self.chunks[first]));
            }
        }
        (self.with_chunks(first..end, &kept.finish(), self.len - removed), removed)
    }

    /// A copy with another item at this position, which must compare as the one before.
    pub(crate) fn replaced(&self, Position { chunk, index }: Position, item: T) -> Self {
        let mut items: Vec<T> = self.chunks[chunk].to_vec();
        items[index] = item;
        self.with_chunks(chunk..chunk + 1, &[items.into()], self.len)
    }

    fn with_chunks(&self, replaced: Range<usize>, replacement: &[Arc<[T]>], len: usize) -> Self {
        let (before, after) = (&self.chunks[..replaced.start], &self.chunks[replaced.end..]);
        Self { chunks: before.iter().chain(replacement).chain(after).cloned().collect(), len }
    }
}

/// Chunks of a changed copy.
struct Kept<T> {
    chunks: Vec<Arc<[T]>>,
    /// Items behind them, too few for a chunk.
    rest: Vec<T>,
    /// The most items of a chunk.
    largest: usize,
}

impl<T: Clone> Kept<T> {
    /// Takes what stays of a chunk. Returns how many items don't.
    fn take(&mut self, chunk: &Arc<[T]>, is_gone: impl Fn(&T) -> bool) -> usize {
        let gone = chunk.iter().filter(|item| is_gone(item)).count();
        if gone == 0 && self.rest.is_empty() {
            self.chunks.push(Arc::clone(chunk));
            return 0;
        }
        self.rest.extend(chunk.iter().filter(|item| !is_gone(item)).cloned());
        if self.rest.len() >= self.largest / 4 {
            self.flush();
        }
        gone
    }

    /// Makes a chunk of the rest, or two.
    fn flush(&mut self) {
        let rest = std::mem::take(&mut self.rest);
        let chunks = rest.len().div_ceil(self.largest).max(1);
        self.chunks.extend(rest.chunks(rest.len().div_ceil(chunks).max(1)).map(Arc::from));
    }

    fn finish(mut self) -> Vec<Arc<[T]>> {
        if !self.rest.is_empty() {
            let before = self.chunks.pop();
            let before = before.iter().flat_map(|chunk| chunk.iter().cloned());
            self.rest = before.chain(std::mem::take(&mut self.rest)).collect();
            self.flush();
        }
        self.chunks
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

    /// Copied items and chunks of one change, with this many items in the list.
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
            assert!(few <= 350 && many <= 1_000, "{few}, {many}");
            assert!(many < 5 * few, "ten times the items, {few} and {many} copies");
        }
    }

    /// Items come at one end and leave at the other, except for one in 128, which stays.
    #[test]
    fn items_that_come_and_leave_don_t_wear_out_the_chunks() {
        let mut list = Sorted::new();
        for key in 0..64_000_u32 {
            list = list.inserted(list.find(|item: &u32| item.cmp(&key)).unwrap_err(), key);
            if let Some(old) = key.checked_sub(256).filter(|old| old % 128 != 0) {
                list = list.removed(list.find(|item| item.cmp(&old)).unwrap());
            }
        }
        assert!(list.len() > 500 && list.chunks.len() < 60, "{} chunks of {} items", list.chunks.len(), list.len());
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
            prop_assert!(list.chunks.iter().all(|chunk| !chunk.is_empty()));
            prop_assert!(list.chunks.len() <= 2 + list.len() / 8, "{} chunks of {}", list.chunks.len(), list.len());
            for (from, to, every) in [(0, 600, 3), (100, 300, 2), (0, 600, 1), (250, 260, 1)] {
                let within = |item: &(u16, usize)| match item.0 {
                    key if key < from => Ordering::Less,
                    key if key >= to => Ordering::Greater,
                    _ => Ordering::Equal,
                };
                let (fewer, removed) = list.without(within, |item| item.0 % every == 0);
                let stays = |item: &&(u16, usize)| !(from..to).contains(&item.0) || item.0 % every != 0;
                prop_assert!(fewer.iter().eq(list.iter().filter(stays)));
                prop_assert_eq!((fewer.len(), fewer.iter().len()), (list.len() - removed, fewer.iter().count()));
                prop_assert!(fewer.chunks.iter().all(|chunk| !chunk.is_empty() && chunk.len() <= largest(list.len())));
                prop_assert!(fewer.chunks.len() <= 2 + list.len() / 8);
            }
            let even = list.retained(|item| item.0 % 2 == 0);
            prop_assert!(even.iter().eq(list.iter().filter(|item| item.0 % 2 == 0)));
        }
    }
}
