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

/// Look-ups in a rotation: too many for a branch predictor to learn.
const ROTATION: usize = 65_536;

/// The values of each label. All combinations occur.
pub(crate) fn values() -> [Vec<&'static str>; 3] {
    [("tenant", 10), ("adapter", 5), ("region", 2)]
        .map(|(label, values)| (0..values).map(|value| &*format!("{label}-{value}").leak()).collect())
}

/// Series in a random order.
struct Rotation {
    series: Vec<[&'static str; 3]>,
    order: Vec<u8>,
}

impl Rotation {
    fn new() -> Self {
        let ([tenants, adapters, regions], mut random) = (values(), random());
        let mut series = Vec::new();
        for tenant in tenants {
            for adapter in &adapters {
                series.extend(regions.iter().map(|region| [tenant, *adapter, *region]));
            }
        }
        let last = u8::try_from(series.len() - 1).expect("a hundred series");
        Self { series, order: (0..ROTATION).map(|_| random.u8(..=last)).collect() }
    }

    #[inline(always)]
    fn at(&self, index: u64) -> [&'static str; 3] {
        self.series[usize::from(self.order[index as usize % ROTATION])]
    }
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
        let (peer, rotation) = (L::new(), Rotation::new());
        let run = move |iterations| -> Duration {
            together(threads, |number| {
                let (mut add, rotation) = (peer.adder(), &rotation);
                let start = number as u64 * 777;
                move || timed(iterations, |index| add(rotation.at(start + index)))
            })
        };
        Contender { name: L::NAME, calibration: false, operations: 1, run: Box::new(run) }
    }
    lookups!(one, threads)
}

/// What each crate prints after the same look-ups.
pub(super) fn pages(additions: u64) -> Vec<(&'static str, Vec<u8>)> {
    fn one<L: Lookup>(additions: u64) -> (&'static str, Vec<u8>) {
        let (peer, rotation) = (L::new(), Rotation::new());
        let mut add = peer.adder();
        (0..additions).for_each(|index| add(rotation.at(index)));
        drop(add);
        (L::NAME, peer.page())
    }
    lookups!(one, additions)
}
