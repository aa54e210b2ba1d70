//! Models of states of the engine: what was set last, whichever recorder set it.

use loom::thread;

use super::explore::explore;
use crate::tests::{one_engine::OneEngine, one_step::OneStep as _};
use crate::{Recorder, State, StateSet};

#[derive(Clone, Copy)]
struct Handles {
    share: State<i64>,
    mode: StateSet,
}

/// It may have two recorders.
fn one_engine() -> OneEngine<Handles> {
    OneEngine::new(|schema| {
        schema.max_recorders(2);
        Handles {
            share: schema.gauge("share", "").state().declare().expect("a valid family"),
            mode: schema.state_set("mode", "", "mode", &["a", "b", "c"]).declare().expect("a valid family"),
        }
    })
}

impl OneEngine<Handles> {
    fn recorders(&self) -> [Recorder; 2] {
        [(); 2].map(|()| self.recorder())
    }

    /// The share, and the index of the mode, which is 3 if none is selected.
    fn seen(&self) -> (i64, usize) {
        let Handles { share, mode } = self.handles;
        self.read(|engine| (engine.state(share), engine.selected_state(mode).unwrap_or(3)))
    }
}

impl Handles {
    fn set(self, recorder: &mut Recorder, n: usize) {
        recorder.record(|step| {
            step.set_state(self.share, n as i64);
            step.select_state(self.mode, Some(n));
        });
    }
}

/// One recorder sets the states, then another one does, since it was told that the first is done. A
/// reader sees what was set last, and never goes back to what was set earlier.
#[test]
fn a_state_that_was_set_later_replaces_the_earlier_one() {
    for first_slab_sets_first in [true, false] {
        let steps = [(0, 0), (1, 1), (2, 2)];
        let pairs = (0..3).flat_map(move |one| (one..3).map(move |other| [steps[one], steps[other]]));
        explore(2, pairs, move || {
            let rig = one_engine();
            let [mut one, mut other] = rig.recorders();
            if !first_slab_sets_first {
                std::mem::swap(&mut one, &mut other);
            }
            let handles = rig.handles;
            let thread = thread::spawn(move || {
                handles.set(&mut one, 1);
                let last = thread::spawn(move || {
                    handles.set(&mut other, 2);
                    other
                });
                (one, last.join().unwrap())
            });
            let seen = [rig.seen(), rig.seen()];
            let recorders = thread.join().unwrap();
            assert_eq!(rig.seen(), (2, 2), "the newest");
            drop(recorders);
            assert_eq!(rig.seen(), (2, 2), "the newest, also without recorders");
            seen
        });
    }
}

/// Two recorders set a state at the same time: one of both shows, and whoever sets it afterwards
/// replaces it. The outcome: which one stayed.
#[test]
fn states_that_are_set_at_the_same_time_are_one_of_both() {
    explore(3, [1, 2], || {
        let rig = one_engine();
        let [mut one, mut other] = rig.recorders();
        let handles = rig.handles;
        let thread = thread::spawn(move || {
            handles.set(&mut other, 2);
            other
        });
        handles.set(&mut one, 1);
        let mut other = thread.join().unwrap();
        let (_, stayed) = rig.seen();
        for n in [1, 2, 0] {
            handles.set(if n == 2 { &mut other } else { &mut one }, n);
            assert_eq!(rig.seen(), (n as i64, n), "the newest");
        }
        stayed
    });
}
