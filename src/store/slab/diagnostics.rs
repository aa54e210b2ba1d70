//! Counts outside of steps: they show at once, and stay when a step is discarded.

use crate::{
    schema::layout::Diagnostic,
    sync::{AtomicU64, Ordering::Relaxed},
};

/// A slab's diagnostics. Each is true by itself; together they aren't one moment.
pub(crate) struct Diagnostics([AtomicU64; Diagnostic::COUNT]);

impl Diagnostics {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }

    /// Only the writer calls this, so a load and a store can't lose a count.
    #[cold]
    pub(crate) fn count(&self, diagnostic: Diagnostic, n: u64) {
        let word = &self.0[diagnostic as usize];
        word.store(word.load(Relaxed).saturating_add(n), Relaxed); // no edge: read by itself
    }

    /// See [`Slab::touch`](super::Slab::touch).
    #[inline]
    pub(super) fn any(&self) -> u64 {
        self.0[0].load(Relaxed) // no edge: unused
    }

    /// Overwrites `out`.
    pub(crate) fn read(&self, out: &mut [u64]) {
        for (out, word) in out.iter_mut().zip(&self.0) {
            *out = word.load(Relaxed); // no edge: read by itself
        }
    }
}
