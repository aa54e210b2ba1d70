//! What stands for `ArcSwap` in models: loom can't look into the real one, whose own tests show that it is linearizable. This one
//! is a lock, so that loom tries every order of its calls.

use std::{ops::Deref, sync::Arc};

use loom::sync::Mutex;

pub(crate) struct ArcSwap<T>(Mutex<Arc<T>>);

/// What `load` gives.
pub(crate) struct Guard<T>(Arc<T>);

impl<T> Deref for Guard<T> {
    type Target = Arc<T>;

    fn deref(&self) -> &Arc<T> {
        &self.0
    }
}

impl<T: Default> Default for ArcSwap<T> {
    fn default() -> Self {
        Self(Mutex::new(Arc::default()))
    }
}

impl<T> ArcSwap<T> {
    pub(crate) fn load(&self) -> Guard<T> {
        Guard(Arc::clone(&self.0.lock().unwrap()))
    }

    /// Puts `new` in the place of `current`, and returns what stood there: `current`, if it was replaced.
    pub(crate) fn compare_and_swap(&self, current: &Arc<T>, new: Arc<T>) -> Guard<T> {
        let mut place = self.0.lock().unwrap();
        let found = Arc::clone(&place);
        if Arc::ptr_eq(&found, current) {
            *place = new;
        }
        Guard(found)
    }
}
