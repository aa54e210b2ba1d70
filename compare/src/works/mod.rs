//! The works: what is measured, by id.

pub(crate) mod check;
pub(crate) mod lookup;
mod micro;
mod pages;
mod shared;
mod steps;
mod threads;
pub(crate) mod torn;
pub(crate) mod two_engines;

use crate::{
    measure::{Contender, median, paired},
    values::Latencies,
};

/// Builds a contender of each crate with all families. Ours comes first.
macro_rules! all_peers {
    ($build:ident $(, $argument:expr)*) => {
        vec![
            $build::<$crate::peers::Tachometer>($($argument),*),
            $build::<$crate::peers::Prometheus>($($argument),*),
            $build::<$crate::peers::Local>($($argument),*),
            $build::<$crate::peers::PrometheusClient>($($argument),*),
            $build::<$crate::peers::Metrics>($($argument),*),
            $build::<$crate::peers::Measured>($($argument),*),
            $build::<$crate::peers::Fastmetrics>($($argument),*),
            $build::<$crate::peers::FastTelemetry>($($argument),*),
            $build::<$crate::peers::OpenTelemetry>($($argument),*),
            $build::<$crate::peers::Plain>($($argument),*),
        ]
    };
}
pub(crate) use all_peers;

/// How a work is measured.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Contenders in pairs.
    Paired(fn() -> Vec<Contender>),
    /// Steps in two threads, and in one.
    TwoEngines,
    /// Scrapes under a writer without pauses.
    Torn,
}

/// All works, in the order of the tables.
pub(crate) const WORKS: [(&str, Kind); 23] = [
    ("add", Kind::Paired(micro::add)),
    ("add_alone", Kind::Paired(micro::add_alone)),
    ("observe13_spread", Kind::Paired(micro::observe13_spread)),
    ("observe19_spread", Kind::Paired(|| micro::observe19(Latencies::Spread))),
    ("observe19_clustered", Kind::Paired(|| micro::observe19(Latencies::Clustered))),
    ("observe_alone", Kind::Paired(micro::observe_alone)),
    ("step1", Kind::Paired(|| steps::contenders(1, Latencies::Spread))),
    ("step64_spread", Kind::Paired(|| steps::contenders(64, Latencies::Spread))),
    ("step256_spread", Kind::Paired(|| steps::contenders(256, Latencies::Spread))),
    ("step256_clustered", Kind::Paired(|| steps::contenders(256, Latencies::Clustered))),
    ("step256_equal", Kind::Paired(|| steps::contenders(256, Latencies::Equal))),
    ("step1024_spread", Kind::Paired(|| steps::contenders(1024, Latencies::Spread))),
    ("shared_add", Kind::Paired(|| shared::add(1))),
    ("shared_add_2_threads", Kind::Paired(|| shared::add(2))),
    ("shared_observe", Kind::Paired(|| shared::observe(1))),
    ("shared_observe_2_threads", Kind::Paired(|| shared::observe(2))),
    ("own_engines_2_threads", Kind::TwoEngines),
    ("lookup", Kind::Paired(|| lookup::contenders(1))),
    ("lookup_2_threads", Kind::Paired(|| lookup::contenders(2))),
    ("render1", Kind::Paired(|| pages::contenders(1))),
    ("render16", Kind::Paired(|| pages::contenders(16))),
    ("render256", Kind::Paired(|| pages::contenders(256))),
    ("torn", Kind::Torn),
];

/// The works to run: all, or those named.
pub(crate) fn chosen(only: &[String]) -> impl Iterator<Item = (&'static str, Kind)> {
    WORKS.into_iter().filter(|(id, _)| only.is_empty() || only.iter().any(|one| one == id))
}

/// Nanoseconds of an uncontended `fetch_add`, and of copying 32 KiB.
pub(crate) fn calibration() -> (f64, f64) {
    let times = paired(&mut [micro::fetch_add(), micro::copy()]);
    (median(&times[0].ns), median(&times[1].ns))
}
