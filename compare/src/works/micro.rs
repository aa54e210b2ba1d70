//! Single operations. Those in an open step come in steps of [`OBSERVATIONS`] observations or
//! [`ROUNDS`] rounds of additions, so that opening and committing hardly show.

use std::{
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use super::all_peers;
use crate::{
    measure::{Contender, timed},
    peers::{Metriken, Peer, Writer},
    shape::STEP_COUNTERS,
    values::{Latencies, Values, rounds},
};

/// Observations in a step.
const OBSERVATIONS: usize = 64;
/// Rounds of additions to each of the twelve counters in a step.
const ROUNDS: usize = 5;
/// Rounds in a rotation.
const ROTATION: usize = 1_280;

/// A contender with one writer. `operation` gets the writer and the iteration's number.
pub(super) fn writer<P: Peer + 'static>(
    operations: usize,
    operation: impl Fn(&mut P::Writer, u64) + 'static,
) -> Contender
where
    P::Writer: 'static,
{
    let peer = P::new(1);
    let mut writer = peer.writer(0);
    let run = move |iterations| {
        let _series_stay = &peer;
        let time = timed(iterations, |index| operation(&mut writer, index));
        writer.finish();
        time
    };
    Contender { name: P::NAME, calibration: false, operations: operations as u64, run: Box::new(run) }
}

/// A contender that isn't a whole crate.
fn part(
    name: &'static str,
    calibration: bool,
    operations: usize,
    mut operation: impl FnMut(u64) + 'static,
) -> Contender {
    let run = move |iterations| -> Duration { timed(iterations, &mut operation) };
    Contender { name, calibration, operations: operations as u64, run: Box::new(run) }
}

/// The rounds of one step.
fn step_of(rounds: &[[u64; STEP_COUNTERS]], index: u64) -> &[[u64; STEP_COUNTERS]] {
    let at = index as usize % (ROTATION / ROUNDS) * ROUNDS;
    &rounds[at..at + ROUNDS]
}

pub(super) fn add() -> Vec<Contender> {
    const OPERATIONS: usize = ROUNDS * STEP_COUNTERS;
    fn one<P: Peer + 'static>() -> Contender {
        let rounds = rounds(ROTATION);
        writer::<P>(OPERATIONS, move |writer, index| writer.adds(black_box(step_of(&rounds, index))))
    }
    let mut contenders = all_peers!(one);
    let (metriken, amounts) = (Metriken::new(), rounds(ROTATION));
    contenders.push(part(Metriken::NAME, false, OPERATIONS, move |index| metriken.adds(step_of(&amounts, index))));
    contenders
}

pub(super) fn add_alone() -> Vec<Contender> {
    fn one<P: Peer + 'static>() -> Contender {
        writer::<P>(1, |writer, index| writer.add_alone(black_box(index)))
    }
    let mut contenders = all_peers!(one);
    let metriken = Metriken::new();
    contenders.push(part(Metriken::NAME, false, 1, move |index| metriken.add_alone(black_box(index))));
    contenders.push(fetch_add());
    contenders
}

/// An uncontended `fetch_add`.
pub(super) fn fetch_add() -> Contender {
    let word = AtomicU64::new(0);
    part("fetch_add", true, 1, move |index| _ = black_box(&word).fetch_add(black_box(index), Relaxed))
}

/// A copy of 32 KiB.
pub(super) fn copy() -> Contender {
    let (from, mut to) = (vec![1_u8; 1 << 15], vec![2_u8; 1 << 15]);
    part("memcpy", true, 1, move |_| black_box(&mut to).copy_from_slice(black_box(&from)))
}

pub(super) fn observe13_spread() -> Vec<Contender> {
    fn one<P: Peer + 'static>() -> Contender {
        let values = Values::step_tokens();
        writer::<P>(OBSERVATIONS, move |writer, index| writer.observe_tokens(values.window(index, OBSERVATIONS)))
    }
    all_peers!(one)
}

pub(super) fn observe19(latencies: Latencies) -> Vec<Contender> {
    fn one<P: Peer + 'static>(latencies: Latencies) -> Contender {
        let values = Values::latencies(latencies, 1);
        writer::<P>(OBSERVATIONS, move |writer, index| writer.observe_latencies(values.window(index, OBSERVATIONS)))
    }
    all_peers!(one, latencies)
}

pub(super) fn observe_alone() -> Vec<Contender> {
    fn one<P: Peer + 'static>() -> Contender {
        let values = Values::latencies(Latencies::Spread, 1);
        writer::<P>(1, move |writer, index| writer.observe_alone(values.value(index)))
    }
    all_peers!(one)
}
