//! Recording to one series from any thread.

use std::{
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use super::{check::after_shared_work, threads::together};
use crate::{
    measure::{Contender, timed},
    page::Samples,
    peers::{
        FastTelemetry, Fastmetrics, Measured, Metrics, Metriken, OpenTelemetry, Plain, Prometheus, PrometheusClient,
        Shared, SharedPeer, Tachometer,
    },
    values::{Latencies, Values},
};

/// Operations until a crate's upkeep.
const UNTIL_UPKEEP: u64 = 16_384;

/// `prometheus::local` isn't among them: it belongs to one thread.
macro_rules! shared_peers {
    ($build:ident, $argument:expr) => {
        vec![
            $build::<Tachometer>($argument),
            $build::<Prometheus>($argument),
            $build::<PrometheusClient>($argument),
            $build::<Metrics>($argument),
            $build::<Measured>($argument),
            $build::<Fastmetrics>($argument),
            $build::<FastTelemetry>($argument),
            $build::<OpenTelemetry>($argument),
            $build::<Plain>($argument),
        ]
    };
}

/// Runs `operation` in each thread, with the iteration's number.
fn contender(
    name: &'static str,
    calibration: bool,
    threads: usize,
    operation: impl Fn(u64) + Sync + 'static,
) -> Contender {
    let run = move |iterations| -> Duration { together(threads, |_| || timed(iterations, &operation)) };
    Contender { name, calibration, operations: 1, run: Box::new(run) }
}

fn of_peer<P: SharedPeer + 'static>(threads: usize, operation: impl Fn(&P::Shared, u64) + Sync + 'static) -> Contender
where
    P::Shared: Send + 'static,
{
    let peer = P::new(1);
    let shared = peer.shared();
    contender(P::NAME, false, threads, move |index| {
        let _series_stay = &peer;
        operation(&shared, index);
        if index % UNTIL_UPKEEP == UNTIL_UPKEEP - 1 {
            shared.upkeep();
        }
    })
}

pub(super) fn add(threads: usize) -> Vec<Contender> {
    fn one<P: SharedPeer + 'static>(threads: usize) -> Contender
    where
        P::Shared: Send + 'static,
    {
        of_peer::<P>(threads, |shared, index| shared.add(black_box(index)))
    }
    let mut contenders = shared_peers!(one, threads);
    let (metriken, word) = (Metriken::new(), AtomicU64::new(0));
    contenders.push(contender(Metriken::NAME, false, threads, move |index| metriken.add_alone(black_box(index))));
    contenders.push(contender("fetch_add", true, threads, move |index| _ = word.fetch_add(black_box(index), Relaxed)));
    contenders
}

pub(super) fn observe(threads: usize) -> Vec<Contender> {
    fn one<P: SharedPeer + 'static>(threads: usize) -> Contender
    where
        P::Shared: Send + 'static,
    {
        let values = Values::latencies(Latencies::Clustered, 1);
        of_peer::<P>(threads, move |shared, index| shared.observe(values.value(index)))
    }
    shared_peers!(one, threads)
}

/// What each crate prints after the same work.
pub(super) fn pages() -> Vec<(&'static str, Samples)> {
    shared_peers!(after_shared_work, ())
}
