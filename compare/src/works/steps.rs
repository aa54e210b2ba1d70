//! Whole steps of one engine.

use super::{all_peers, micro::writer};
use crate::{
    measure::Contender,
    peers::{Peer, Writer},
    values::{Latencies, Steps},
};

pub(super) fn contenders(batch: usize, latencies: Latencies) -> Vec<Contender> {
    fn one<P: Peer + 'static>(batch: usize, latencies: Latencies) -> Contender {
        let steps = Steps::new(batch, latencies);
        writer::<P>(1, move |writer, index| writer.step(&steps.step(index)))
    }
    all_peers!(one, batch, latencies)
}
