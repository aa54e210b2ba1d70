//! Replacements for `ArcSwap` in models. Loom can't look into the real one, whose own tests show
//! that it is linearizable.

use std::{
    ops::Deref,
    sync::{self, Arc},
};

use loom::sync::{
    Mutex,
    atomic::{
        AtomicUsize,
        Ordering::{AcqRel, Acquire},
    },
};

/// Uses a lock, so that loom tries every order of its calls.
pub(crate) struct ArcSwap<T>(Mutex<Arc<T>>);

/// What `load` and `compare_and_swap` return.
pub(crate) struct Guard<T>(Arc<T>);

impl<T> Deref for Guard<T> {
    type Target = Arc<T>;

    fn deref(&self) -> &Arc<T> {
        &self.0
    }
}

impl<T> ArcSwap<T> {
    pub(crate) fn from_pointee(value: T) -> Self {
        Self(Mutex::new(Arc::new(value)))
    }

    pub(crate) fn load(&self) -> Guard<T> {
        Guard(Arc::clone(&self.0.lock().unwrap()))
    }

    /// Replaces the value with `new` if it is `current`. Returns the value that was there before.
    pub(crate) fn compare_and_swap(&self, current: &Arc<T>, new: Arc<T>) -> Guard<T> {
        let mut value = self.0.lock().unwrap();
        let found = Arc::clone(&value);
        if Arc::ptr_eq(&found, current) {
            *value = new;
        }
        Guard(found)
    }
}

/// All values that it ever held, and which of them it holds now. A lock would order more than the
/// real one does, and hide a missing edge. This orders less than the real one, which is
/// sequentially consistent; of that, loom would only show that a load sees the last store.
pub(crate) struct ArcSwapOption<T> {
    /// 0 for none, otherwise the index plus one.
    which: AtomicUsize,
    /// Not modelled: a value is read only after its index was stored in `which`.
    values: sync::Mutex<Vec<Arc<T>>>,
}

impl<T> ArcSwapOption<T> {
    pub(crate) fn empty() -> Self {
        Self { which: AtomicUsize::new(0), values: sync::Mutex::default() }
    }

    pub(crate) fn load_full(&self) -> Option<Arc<T>> {
        let index = self.which.load(Acquire).checked_sub(1)?;
        Some(Arc::clone(&self.values.lock().unwrap()[index]))
    }

    /// Replaces the value with `new` if it is `current`. Returns the value that was there before.
    pub(crate) fn compare_and_swap(&self, current: &Option<Arc<T>>, new: Option<Arc<T>>) -> Found<T> {
        let (current, new) = (self.index(current), self.index(&new));
        let found = self.which.compare_exchange(current, new, AcqRel, Acquire).unwrap_or_else(|found| found);
        Found(found.checked_sub(1).map(|index| Arc::clone(&self.values.lock().unwrap()[index])))
    }

    /// The index of a value, plus one; 0 for none.
    fn index(&self, value: &Option<Arc<T>>) -> usize {
        let Some(value) = value else { return 0 };
        let mut values = self.values.lock().unwrap();
        let known = values.iter().position(|other| Arc::ptr_eq(other, value));
        1 + known.unwrap_or_else(|| {
            values.push(Arc::clone(value));
            values.len() - 1
        })
    }
}

/// What `compare_and_swap` returns.
pub(crate) struct Found<T>(Option<Arc<T>>);

impl<T> Deref for Found<T> {
    type Target = Option<Arc<T>>;

    fn deref(&self) -> &Option<Arc<T>> {
        &self.0
    }
}
