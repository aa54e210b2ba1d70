//! Stops a thread, or lets something happen, at a [`Place`] in the protocol's code.

use std::cell::RefCell;

use crate::sync::Place;

type Hook = Box<dyn FnMut(Place)>;

thread_local! {
    static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
}

/// From now on this thread calls `hook` wherever it comes to a place, except within `hook` itself.
pub(super) fn at_each_place(hook: impl FnMut(Place) + 'static) {
    HOOK.set(Some(Box::new(hook)));
}

pub(crate) fn reached(place: Place) {
    let Some(mut hook) = HOOK.take() else { return };
    hook(place);
    HOOK.set(Some(hook));
}
