//! A row of words on cache lines of its own.

use std::ops::Deref;

use crate::sync::AtomicU64;

/// Words before and after the row that keep other data off its cache lines: 128 bytes, as two 64-byte lines are fetched
/// together on x86-64 and lines have 128 bytes on some AArch64. None under loom, where each atomic costs time.
pub(crate) const PADDING: usize = if cfg!(all(test, loom)) { 0 } else { 16 };

/// The words, without their padding.
pub(crate) struct Words(Box<[AtomicU64]>);

impl Words {
    pub(crate) fn zeroed(len: usize) -> Self {
        Self((0..len + 2 * PADDING).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Deref for Words {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        &self.0[PADDING..self.0.len() - PADDING]
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// What is fetched together.
    const LINE: usize = if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) { 128 } else { 64 };

    /// Wherever the words are allocated, and whatever stands beside them.
    #[test]
    fn a_row_keeps_a_line_from_its_neighbours() {
        for len in [1, 333] {
            let row = Words::zeroed(len);
            let (all, words) = (row.0.as_ptr_range(), row.as_ptr_range());
            assert_eq!(row.len(), len);
            assert!(words.start.addr() - all.start.addr() >= LINE && all.end.addr() - words.end.addr() >= LINE);
        }
    }
}
