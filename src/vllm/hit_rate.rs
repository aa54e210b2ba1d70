//! Hit rates over the last requests, for the log lines.
//!
//! A window remembers updates, each the lookups of some requests, and publishes its totals into hidden gauges: so a log line is a
//! function of snapshots, like a page. It belongs to what records an engine, not to the step, and yet a discarded step leaves no
//! trace: the number of updates is published too, and when an open step shows another number than the window has, the
//! updates from there on were discarded, and are taken back.

use super::{CacheStats, ConnectorCacheStats, Families, SchedulerStats, StepStats, recording::clamp, set::Set};
use crate::{Gauge, SchemaError, Step};

/// Requests of a window. Only its newest update alone may have more.
const WINDOW_REQUESTS: u64 = 1_000;

/// Updates that are remembered: those of a full window, and some that a discarded step may have added.
const REMEMBERED: u64 = 1_024;

/// Whose lookups they are.
#[derive(Clone, Copy, Debug)]
enum Cache {
    Prefix,
    External,
    MultiModal,
}

/// For each [`Cache`] the updates so far, and the window's requests, queries and hits.
#[derive(Clone, Copy, Debug)]
pub(super) struct HitRateFamilies(pub(super) [[Gauge<i64>; 4]; 3]);

impl HitRateFamilies {
    const CACHES: [&'static str; 3] = ["prefix", "external", "multi_modal"];
    const TOTALS: [&'static str; 4] = ["updates", "requests", "queries", "hits"];

    /// The windows of an engine.
    pub(super) fn declare(set: &mut Set<'_>) -> Result<Self, SchemaError> {
        let gauges = set.schema.gauge("vllm:hit_rate_window", "Lookups of the last requests, for log lines.").hidden();
        gauges.label("cache", Self::CACHES).label("total", Self::TOTALS).declare().map(Self)
    }

    /// The windows of all engines together.
    pub(super) fn declare_shared(set: &mut Set<'_>) -> Result<Self, SchemaError> {
        let help = "Lookups of the last requests of all engines, for log lines.";
        let gauges = set.schema.gauge("vllm:shared_hit_rate_window", help).hidden().registry_wide();
        gauges.label("cache", Self::CACHES).label("total", Self::TOTALS).declare().map(Self)
    }
}

/// The windows, one a cache.
#[derive(Debug)]
pub(super) struct HitRates {
    families: HitRateFamilies,
    windows: [Window; 3],
}

impl HitRates {
    /// Empty windows. Allocates all that they will ever need, about 24 KB each.
    pub(super) fn new(families: HitRateFamilies) -> Self {
        Self { families, windows: std::array::from_fn(|_| Window::new()) }
    }

    /// Takes in what the scheduler looked up.
    pub(super) fn scheduler(&mut self, step: &mut Step<'_>, stats: &SchedulerStats<'_>) {
        self.update(step, Cache::Prefix, stats.prefix_cache);
        if let Some(ConnectorCacheStats { requests, queries, hits, .. }) = stats.connector_prefix_cache {
            self.update(step, Cache::External, CacheStats { reset: false, requests, queries, hits });
        }
    }

    /// Takes in lookups in the multi-modal cache.
    pub(super) fn mm_cache(&mut self, step: &mut Step<'_>, stats: CacheStats) {
        self.update(step, Cache::MultiModal, stats);
    }

    fn update(&mut self, step: &mut Step<'_>, cache: Cache, stats: CacheStats) {
        if stats.requests == 0 && !stats.reset {
            return;
        }
        let (window, gauges) = (&mut self.windows[cache as usize], self.families.0[cache as usize]);
        let [updates, totals @ ..] = gauges;
        window.go_to(step.gauge(updates) as u64);
        window.update(stats);
        step.set(updates, window.next as i64);
        let Totals { requests, queries, hits } = window.totals;
        for (gauge, total) in totals.into_iter().zip([requests, queries, hits]) {
            step.set(gauge, clamp(total));
        }
    }
}

/// Hit rates over the lookups of several engines, in the order in which they are recorded here: what the line about all
/// engines tells with [`Config::shared_hit_rates`](super::Config::shared_hit_rates). For the one thread that records all engines.
///
/// ```
/// # use tachometer::{Recorder, vllm::{Recording, SharedHitRates, StepStats}};
/// # struct Engine { recorder: Recorder, recording: Recording }
/// /// `front` is the registry's recorder.
/// fn record(engine: &mut Engine, front: &mut Recorder, shared: &mut SharedHitRates, stats: &StepStats<'_>) {
///     let mut step = engine.recorder.step();
///     engine.recording.record(&mut step, stats);
///     step.commit();
///     let mut step = front.step();
///     shared.record(&mut step, stats);
///     step.commit();
/// }
/// ```
#[derive(Debug)]
pub struct SharedHitRates(HitRates);

impl Families {
    /// `None` without [`Config::shared_hit_rates`](super::Config::shared_hit_rates) and [`Config::log_lines`](super::Config::log_lines).
    #[must_use]
    pub fn shared_hit_rates(&self) -> Option<SharedHitRates> {
        self.log?.shared_hit_rates.map(|families| SharedHitRates(HitRates::new(families)))
    }
}

impl SharedHitRates {
    /// Takes in the lookups of an engine's step. `step` is one of [`Registry::recorder`](crate::Registry::recorder).
    pub fn record(&mut self, step: &mut Step<'_>, stats: &StepStats<'_>) {
        if let Some(scheduler) = stats.scheduler {
            self.0.scheduler(step, scheduler);
        }
        if let Some(cache) = stats.mm_cache {
            self.0.mm_cache(step, cache);
        }
    }
}

/// The last updates, numbered from 0.
#[derive(Debug)]
struct Window {
    /// The update of number n is at n modulo the length.
    ring: Box<[Update]>,
    /// The oldest update in the window.
    oldest: u64,
    /// The next update: how many there were.
    next: u64,
    /// The greatest that `next` ever was: updates that are more than a ring older are overwritten.
    written: u64,
    totals: Totals,
}

#[derive(Clone, Copy, Debug, Default)]
struct Update {
    queries: u64,
    hits: u64,
    /// At most one more than a window has: no more count.
    requests: u16,
    /// Nothing before it counts any more.
    reset: bool,
}

/// What the updates of a window add up to. Wraps, so that taking off what was added is exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Totals {
    requests: u64,
    queries: u64,
    hits: u64,
}

impl Totals {
    fn add(&mut self, update: Update) {
        self.requests = self.requests.wrapping_add(update.requests.into());
        self.queries = self.queries.wrapping_add(update.queries);
        self.hits = self.hits.wrapping_add(update.hits);
    }

    fn take_off(&mut self, update: Update) {
        self.requests = self.requests.wrapping_sub(update.requests.into());
        self.queries = self.queries.wrapping_sub(update.queries);
        self.hits = self.hits.wrapping_sub(update.hits);
    }
}

impl Window {
    fn new() -> Self {
        let ring = (0..REMEMBERED).map(|_| Update::default()).collect();
        Self { ring, oldest: 0, next: 0, written: 0, totals: Totals::default() }
    }

    /// Adds an update, and drops whole ones from the old end: the newest stays, however large.
    fn update(&mut self, stats: CacheStats) {
        if stats.reset {
            (self.oldest, self.totals) = (self.next, Totals::default());
        }
        // Without requests it is only there to tell of the reset.
        let CacheStats { queries, hits, .. } = if stats.requests == 0 { CacheStats::default() } else { stats };
        let requests = stats.requests.min(WINDOW_REQUESTS + 1) as u16;
        let update = Update { queries, hits, requests, reset: stats.reset };
        *self.at(self.next) = update;
        self.totals.add(update);
        self.next += 1;
        self.written = self.written.max(self.next);
        while self.totals.requests > WINDOW_REQUESTS && self.next - self.oldest > 1 {
            let oldest = *self.at(self.oldest);
            self.totals.take_off(oldest);
            self.oldest += 1;
        }
    }

    /// Makes `number` the next update's, and the window what it was then. If there never was such an update, another recording has
    /// written it, and the window begins empty.
    fn go_to(&mut self, number: u64) {
        if number == self.next {
            return;
        }
        let overwritten = if number > self.written { number } else { self.written.saturating_sub(REMEMBERED) };
        self.written = self.written.max(number);
        (self.next, self.oldest, self.totals) = (number, number, Totals::default());
        while self.oldest > overwritten {
            let update = *self.at(self.oldest - 1);
            let full = self.totals.requests + u64::from(update.requests) > WINDOW_REQUESTS;
            if full && self.oldest < self.next {
                break;
            }
            self.totals.add(update);
            self.oldest -= 1;
            if update.reset {
                break;
            }
        }
    }

    fn at(&mut self, number: u64) -> &mut Update {
        &mut self.ring[(number % REMEMBERED) as usize]
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rules, written down as they are said.
    #[derive(Clone, Default)]
    struct Naive(Vec<CacheStats>);

    impl Naive {
        fn update(&mut self, stats: CacheStats) {
            if stats.reset {
                self.0.clear();
            }
            if stats.requests == 0 {
                return;
            }
            self.0.push(stats);
            while self.0.len() > 1 && self.0.iter().map(|update| update.requests).sum::<u64>() > WINDOW_REQUESTS {
                self.0.remove(0);
            }
        }

        fn totals(&self) -> (bool, u64, u64) {
            let sum = |number: fn(&CacheStats) -> u64| self.0.iter().map(number).sum();
            (self.0.is_empty(), sum(|update| update.queries), sum(|update| update.hits))
        }
    }

    fn totals(window: &Window) -> (bool, u64, u64) {
        (window.totals.requests == 0, window.totals.queries, window.totals.hits)
    }

    fn lookups(requests: u64, queries: u64, hits: u64) -> CacheStats {
        CacheStats { reset: false, requests, queries, hits }
    }

    fn window(updates: &[CacheStats]) -> (bool, u64, u64) {
        let mut window = Window::new();
        updates.iter().for_each(|update| window.update(*update));
        totals(&window)
    }

    #[test]
    fn whole_updates_are_dropped_from_the_old_end_and_the_newest_stays() {
        assert_eq!(window(&[]), (true, 0, 0));
        assert_eq!(window(&[lookups(1_000, 10, 1)]), (false, 10, 1));
        assert_eq!(window(&[lookups(600, 10, 1), lookups(400, 20, 2)]), (false, 30, 3), "just full");
        assert_eq!(window(&[lookups(600, 10, 1), lookups(401, 20, 2)]), (false, 20, 2));
        assert_eq!(window(&[lookups(600, 10, 1), lookups(5_000, 20, 2)]), (false, 20, 2));
        assert_eq!(window(&[lookups(5_000, 20, 2), lookups(1, 4, 3)]), (false, 4, 3));
    }

    #[test]
    fn updates_without_requests_count_only_as_resets() {
        let reset = CacheStats { reset: true, ..lookups(0, 7, 7) };
        let full = lookups(1, 4, 3);
        assert_eq!(window(&[full, lookups(0, 100, 100)]), (false, 4, 3));
        assert_eq!(window(&[full, reset]), (true, 0, 0));
        assert_eq!(window(&[full, reset, lookups(1, 2, 1)]), (false, 2, 1));
        assert_eq!(window(&[full, CacheStats { reset: true, ..lookups(1, 2, 1) }]), (false, 2, 1));
    }

    #[test]
    fn updates_of_another_recording_are_forgotten() {
        let mut window = Window::new();
        window.go_to(50);
        assert_eq!((totals(&window), window.next), ((true, 0, 0), 50));
        window.update(lookups(1, 2, 1));
        window.go_to(50);
        assert_eq!(totals(&window), (true, 0, 0));
        window.update(lookups(1, 3, 1));
        assert_eq!(totals(&window), (false, 3, 1));
    }

    fn update() -> impl Strategy<Value = CacheStats> {
        let requests = prop_oneof![3 => 0..4_u64, 2 => 0..400_u64, 1 => 900..1_200_u64];
        (prop::bool::weighted(0.02), requests, 0..1_000_u64, 0..1_000_u64)
            .prop_map(|(reset, requests, queries, hits)| CacheStats { reset, requests, queries, hits })
    }

    proptest! {
        #[test]
        fn a_window_is_what_the_rules_say_also_when_steps_are_discarded(
            steps in prop::collection::vec((prop::collection::vec(update(), 0..4), prop::bool::weighted(0.8)), 0..400),
        ) {
            let (mut window, mut naive) = (Window::new(), Naive::default());
            for (updates, committed) in steps {
                let (before, mut step) = (window.next, naive.clone());
                for update in updates {
                    if update.requests > 0 || update.reset {
                        window.update(update);
                    }
                    step.update(update);
                    prop_assert_eq!(totals(&window), step.totals());
                }
                if committed {
                    naive = step;
                } else {
                    window.go_to(before);
                }
                prop_assert_eq!(totals(&window), naive.totals());
            }
        }
    }
}
