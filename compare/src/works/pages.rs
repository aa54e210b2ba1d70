//! Pages of many engines, rendered into a buffer that is used again.

use std::{hint::black_box, time::Duration};

use super::all_peers;
use crate::{
    measure::{Contender, timed},
    peers::{Peer, Tachometer, Writer},
    values::{Latencies, Steps},
};

/// Steps that each engine has recorded.
const STEPS: u64 = 200;

/// A crate with engines that recorded.
pub(super) fn filled<P: Peer>(engines: usize) -> P {
    let (peer, steps) = (P::new(engines), Steps::new(64, Latencies::Spread));
    for engine in 0..engines {
        let mut writer = peer.writer(engine);
        (0..STEPS).for_each(|step| writer.step(&steps.step(step + 31 * engine as u64)));
    }
    peer
}

pub(super) fn contenders(engines: usize) -> Vec<Contender> {
    fn one<P: Peer + 'static>(engines: usize) -> Contender {
        let (peer, mut page) = (filled::<P>(engines), P::Page::default());
        let run = move |iterations| -> Duration {
            timed(iterations, |_| {
                peer.render(&mut page);
                black_box(page.as_ref().len());
            })
        };
        Contender { name: P::NAME, calibration: false, operations: 1, run: Box::new(run) }
    }
    let mut contenders = all_peers!(one, engines);
    contenders.push(copy(engines));
    contenders
}

/// A copy of our page's bytes.
fn copy(engines: usize) -> Contender {
    let mut page = Vec::new();
    filled::<Tachometer>(engines).render(&mut page);
    let mut copy = page.clone();
    let run = move |iterations| timed(iterations, |_| black_box(&mut copy).copy_from_slice(black_box(&page)));
    Contender { name: "memcpy", calibration: true, operations: 1, run: Box::new(run) }
}
