//! Two engines on two threads, against one on one thread.

use std::{hint::black_box, time::Duration};

use super::{all_peers, threads::together};
use crate::{
    measure::{Contender, timed},
    peers::{Peer, Writer},
    values::{Latencies, Steps},
};

/// Requests in a step.
const BATCH: usize = 64;

/// Of each crate, two threads; then of each crate, one.
pub(crate) fn contenders() -> Vec<Contender> {
    fn one<P: Peer + 'static>(threads: usize) -> Contender {
        let (peer, steps) = (P::new(2), Steps::new(BATCH, Latencies::Spread));
        let run = move |iterations| -> Duration {
            together(threads, |number| {
                let (mut writer, steps) = (peer.writer(number), &steps);
                let start = 777 * number as u64;
                move || timed(iterations, |index| writer.step(&steps.step(start + index)))
            })
        };
        Contender { name: P::NAME, calibration: false, operations: 1, run: Box::new(run) }
    }
    let mut contenders = all_peers!(one, 2);
    contenders.push(plain_loops(2));
    contenders.extend(all_peers!(one, 1));
    contenders.push(plain_loops(1));
    contenders
}

/// Loops that add to memory of their own: how far two threads scale on this machine.
fn plain_loops(threads: usize) -> Contender {
    let run = move |iterations| -> Duration {
        together(threads, |_| {
            let mut words = [0_u64; 64];
            move || timed(iterations, |index| black_box(&mut words).iter_mut().for_each(|word| *word += index))
        })
    };
    Contender { name: "plain loops", calibration: true, operations: 1, run: Box::new(run) }
}
