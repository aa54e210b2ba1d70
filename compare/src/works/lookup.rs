//! Series looked up by three labels at each addition, a hundred in turn.

use std::time::Duration;

use super::threads::together;
use crate::{
    measure::{Contender, timed},
    peers::{
        FastTelemetryLookup, FastmetricsLookup, LocalLookup, Lookup, MeasuredLookup, MetricsLookup,
        OpenTelemetryLookup, PrometheusClientLookup, PrometheusLookup, TachometerLookup,
    },
    values::random,
};

/// Look-ups in a rotation.
const ROTATION: usize = 8_192;

/// The values of each label. All combinations occur.
pub(crate) fn values() -> [Vec<&'static str>; 3] {
    [("tenant", 10), ("adapter", 5), ("region", 2)]
        .map(|(label, values)| (0..values).map(|value| &*format!("{label}-{value}").leak()).collect())
}

/// Label values in a random order.
pub(super) fn rotation(len: usize) -> Vec<[&'static str; 3]> {
    let (values, mut random) = (values(), random());
    (0..len).map(|_| values.each_ref().map(|values| values[random.usize(..values.len())])).collect()
}

/// Calls a function with each crate that looks series up.
macro_rules! lookups {
    ($build:ident, $argument:expr) => {
        vec![
            $build::<TachometerLookup>($argument),
            $build::<PrometheusLookup>($argument),
            $build::<LocalLookup>($argument),
            $build::<PrometheusClientLookup>($argument),
            $build::<MetricsLookup>($argument),
            $build::<MeasuredLookup>($argument),
            $build::<FastmetricsLookup>($argument),
            $build::<FastTelemetryLookup>($argument),
            $build::<OpenTelemetryLookup>($argument),
        ]
    };
}

pub(super) fn contenders(threads: usize) -> Vec<Contender> {
    fn one<L: Lookup + 'static>(threads: usize) -> Contender {
        let (peer, rotation) = (L::new(), rotation(ROTATION));
        let run = move |iterations| -> Duration {
            together(threads, |number| {
                let (mut add, rotation) = (peer.adder(), &rotation);
                let start = number as u64 * 777;
                move || timed(iterations, |index| add(rotation[(start + index) as usize % ROTATION]))
            })
        };
        Contender { name: L::NAME, calibration: false, operations: 1, run: Box::new(run) }
    }
    lookups!(one, threads)
}

/// What each crate prints after the same look-ups.
pub(super) fn pages(additions: usize) -> Vec<(&'static str, Vec<u8>)> {
    fn one<L: Lookup>(additions: usize) -> (&'static str, Vec<u8>) {
        let peer = L::new();
        let mut add = peer.adder();
        rotation(additions).into_iter().for_each(&mut add);
        drop(add);
        (L::NAME, peer.page())
    }
    lookups!(one, additions)
}
