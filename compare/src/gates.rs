//! The targets: ratios of the best peer to ours, in one run on one machine.

/// What our time is compared with.
#[derive(Clone, Copy)]
pub(crate) enum Against {
    /// The fastest crate. `plain`, which isn't a crate, is reported too.
    Best,
    /// The same, but of those whose counters aren't thread-local.
    BestSharable,
    FetchAdd,
}

impl Against {
    /// Whether a contender counts.
    pub(crate) fn counts(self, name: &str, calibration: bool) -> bool {
        match self {
            Self::Best => !calibration,
            Self::BestSharable => !calibration && name != "prometheus::local",
            Self::FetchAdd => name == "fetch_add",
        }
    }
}

pub(crate) struct Target {
    pub(crate) work: &'static str,
    pub(crate) against: Against,
    /// The least ratio: below it, `--gate` fails.
    pub(crate) gate: f64,
    pub(crate) aim: f64,
}

const fn best(work: &'static str, gate: f64, aim: f64) -> Target {
    Target { work, against: Against::Best, gate, aim }
}

pub(crate) const TARGETS: [Target; 13] = [
    best("step1", 1.2, 1.6),
    best("step64_spread", 2.5, 3.8),
    best("step256_spread", 3.5, 4.5),
    best("step256_clustered", 5.5, 7.5),
    best("step256_equal", 4.0, 6.0),
    best("observe19_spread", 1.3, 2.0),
    best("observe19_clustered", 1.0, 1.5),
    Target { work: "add", against: Against::BestSharable, gate: 0.85, aim: 1.2 },
    // At most 4 times an uncontended fetch_add, and 2.5 times.
    Target { work: "add_alone", against: Against::FetchAdd, gate: 1.0 / 4.0, aim: 1.0 / 2.5 },
    best("shared_add", 0.8, 1.2),
    best("shared_observe", 0.6, 1.0),
    best("shared_add_2_threads", 4.0, 8.0),
    best("shared_observe_2_threads", 1.7, 3.0),
];

/// Two engines on two threads: the least part of the speed-up of two plain loops in the same run.
pub(crate) const SPEED_UP: f64 = 0.95;

/// The 99th percentile of one engine's snapshot under a writer without pauses, in nanoseconds, and
/// the processor of which this is asked.
pub(crate) const SNAPSHOT_P99: (f64, &str) = (5_000.0, "AMD EPYC");

pub(crate) fn target(work: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.work == work)
}
