//! What stands behind one pointer and never changes: whoever wants another puts it in its place (read, copy, update).

use std::sync::Arc;

use crate::sync::ArcSwap;

/// Publishes what `change` makes of the current value, if it does, and returns what else it says. Lock-free: `change` is called
/// again only when another one was published meanwhile.
pub(crate) fn change<T, R, E>(place: &ArcSwap<T>, change: impl Fn(&T) -> Result<(Option<T>, R), E>) -> Result<R, E> {
    let mut current = place.load();
    loop {
        let (changed, result) = change(&current)?;
        let Some(changed) = changed else { return Ok(result) };
        let found = place.compare_and_swap(&*current, Arc::new(changed));
        if mutant!(Arc::ptr_eq(&found, &current), "registry: a lost change isn't tried again" => true) {
            return Ok(result);
        }
        current = found;
    }
}
