//! Stops a thread, or lets something happen, at a [`Probe`] in the protocol's code.

use std::cell::RefCell;

use crate::probe::Probe;

type Hook = Box<dyn FnMut(Probe)>;

thread_local! {
    static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
}

/// From now on this thread calls `hook` whenever it reaches a probe, except within `hook` itself.
pub(super) fn at_each_probe(hook: impl FnMut(Probe) + 'static) {
    HOOK.set(Some(Box::new(hook)));
}

pub(crate) fn reached(probe: Probe) {
    let Some(mut hook) = HOOK.take() else { return };
    hook(probe);
    HOOK.set(Some(hook));
}
