//! Read, copy, update: a value behind one pointer never changes. A changed copy replaces it.

use std::sync::Arc;

use crate::{
    probe::{Probe, reached},
    sync::ArcSwap,
};

/// Publishes the value that `change` makes of the current one, if any, and returns the result of
/// `change`. Lock-free: `change` is called again only if another value was published meanwhile.
pub(crate) fn update<T, R, E>(cell: &ArcSwap<T>, change: impl Fn(&T) -> Result<(Option<T>, R), E>) -> Result<R, E> {
    let mut current = cell.load();
    loop {
        let (changed, result) = change(&current)?;
        let Some(changed) = changed else { return Ok(result) };
        let publish = || {
            reached(Probe::Changing);
            cell.compare_and_swap(&*current, Arc::new(changed))
        };
        let found = mutant!(
            publish(),
            "engine: found under a lock" => under_a_lock!(publish),
            "dynamic: found under a lock" => under_a_lock!(publish),
        );
        if mutant!(Arc::ptr_eq(&found, &current), "registry: a lost change isn't repeated" => true) {
            return Ok(result);
        }
        current = found;
    }
}
