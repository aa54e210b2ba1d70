//! Hit rates over the last requests, for the log lines.
//!
//! A window publishes its totals in hidden gauges, so a log line is a function of snapshots, like a
//! page. The window belongs to the recording thread, not to the step, and yet a discarded step
//! leaves no trace: the window publishes its position too. If an open step shows a different
//! position than the window has, the updates since that position were discarded, and the window
//! takes them back.

use tachometer::Step;

use crate::{
    CacheStats, ConnectorCacheStats, Families, SchedulerStats, StepStats,
    families::hit_rate::{Cache, HitRateFamilies},
    record::window::{Position, Totals, Window},
    stats::clamp,
};

/// The windows, one per cache.
#[derive(Debug)]
pub(crate) struct HitRates {
    families: HitRateFamilies,
    windows: [Window; 3],
}

impl HitRates {
    /// Empty windows. Allocates everything that they will ever need, about 49 KB per window.
    pub(crate) fn new(families: HitRateFamilies) -> Self {
        Self { families, windows: std::array::from_fn(|_| Window::new()) }
    }

    /// Records the scheduler's lookups.
    pub(crate) fn scheduler(&mut self, step: &mut Step<'_>, stats: &SchedulerStats<'_>) {
        self.update(step, Cache::Prefix, stats.prefix_cache);
        if let Some(ConnectorCacheStats { requests, queries, hits, .. }) = stats.connector_prefix_cache {
            self.update(step, Cache::External, CacheStats { requests, queries, hits, ..Default::default() });
        }
    }

    /// Records lookups in the multi-modal cache.
    pub(crate) fn mm_cache(&mut self, step: &mut Step<'_>, stats: CacheStats) {
        self.update(step, Cache::MultiModal, stats);
    }

    fn update(&mut self, step: &mut Step<'_>, cache: Cache, stats: CacheStats) {
        let stats = if wrapped(&stats) { CacheStats { reset: stats.reset, ..CacheStats::default() } } else { stats };
        if stats.requests == 0 && !stats.reset {
            return;
        }
        let (window, gauges) = (&mut self.windows[cache as usize], self.families.0[cache as usize]);
        let [epoch, updates, totals @ ..] = gauges;
        window.go_to(Position { epoch: step.gauge(epoch), updates: step.gauge(updates) });
        window.update(stats);
        let position = window.position();
        step.set(epoch, position.epoch);
        step.set(updates, position.updates);
        let Totals { requests, queries, hits } = window.totals();
        for (gauge, total) in totals.into_iter().zip([requests, queries, hits]) {
            step.set(gauge, clamp(total));
        }
    }
}

/// Whether a number is a negative difference that wrapped around. Counters reject it, and a window
/// must not keep it.
fn wrapped(stats: &CacheStats) -> bool {
    mutant!(
        [stats.requests, stats.queries, stats.hits].into_iter().any(|n| i64::try_from(n).is_err()),
        "hit rate: wrapped differences are taken in" => false,
    )
}

/// Hit rates over the lookups of several engines, in the order in which they are recorded here:
/// what the aggregated line shows with
/// [`Config::shared_hit_rates`](crate::Config::shared_hit_rates). For servers where one thread
/// records all engines.
///
/// ```
/// # use tachometer::Recorder;
/// # use tachometer_vllm::{EngineMetrics, SharedHitRates, StepStats};
/// # struct Engine { recorder: Recorder, metrics: EngineMetrics }
/// /// `front` is the registry's recorder.
/// fn record(
///     engine: &mut Engine,
///     front: &mut Recorder,
///     shared: &mut SharedHitRates,
///     stats: &StepStats<'_>,
/// ) {
///     let mut step = engine.recorder.step();
///     engine.metrics.record(&mut step, stats);
///     step.commit();
///     let mut step = front.step();
///     shared.record(&mut step, stats);
///     step.commit();
/// }
/// ```
#[derive(Debug)]
pub struct SharedHitRates(HitRates);

impl Families {
    /// `None` without [`Config::shared_hit_rates`](crate::Config::shared_hit_rates) and
    /// [`Config::log_lines`](crate::Config::log_lines).
    #[must_use]
    pub fn shared_hit_rates(&self) -> Option<SharedHitRates> {
        self.log?.shared_hit_rates.map(|families| SharedHitRates(HitRates::new(families)))
    }
}

impl SharedHitRates {
    /// Records the lookups of an engine's step. `step` must be of a [registry's
    /// recorder](tachometer::Registry::recorder).
    pub fn record(&mut self, step: &mut Step<'_>, stats: &StepStats<'_>) {
        if let Some(scheduler) = stats.scheduler {
            self.0.scheduler(step, scheduler);
        }
        if let Some(cache) = stats.mm_cache {
            self.0.mm_cache(step, cache);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use tachometer::{Engine, Gauge, Recorder, Registry, Schema, Snapshot};

    use super::*;
    use crate::{Config, EngineMetrics, record::window::WINDOW_REQUESTS};

    /// The rules, implemented literally.
    #[derive(Clone, Default)]
    struct Naive {
        updates: Vec<CacheStats>,
        requests: u64,
    }

    impl Naive {
        fn update(&mut self, stats: CacheStats) {
            if stats.reset {
                *self = Self::default();
            }
            if stats.requests == 0 {
                return;
            }
            self.updates.push(stats);
            self.requests += stats.requests;
            while self.updates.len() > 1 && self.requests > WINDOW_REQUESTS {
                self.requests -= self.updates.remove(0).requests;
            }
        }

        fn published(&self) -> Published {
            let sum = |number: fn(&CacheStats) -> u64| self.updates.iter().map(number).sum::<u64>() as i64;
            (self.requests > 0, sum(|update| update.queries), sum(|update| update.hits))
        }
    }

    /// What an engine publishes: whether there were requests; queries; hits.
    type Published = (bool, i64, i64);

    /// An engine that two `EngineMetrics` write to in turn, and whose recorder is replaced now and
    /// then. With it, the expected outcome.
    struct Rig {
        registry: Registry,
        engine: Engine,
        recorder: Option<Recorder>,
        metrics: [EngineMetrics; 2],
        gauges: [Gauge<i64>; 5],
        /// Which of the two published last, and its window.
        last: Option<(usize, Naive)>,
    }

    #[derive(Clone, Debug)]
    enum Event {
        /// A step of one of the two: updates, each with a repeat count; whether it is committed.
        Step { metrics: usize, updates: Vec<(CacheStats, usize)>, committed: bool },
        /// The recorder is replaced, while the previous one still exists or after its drop.
        Replace { overlapping: bool },
    }

    impl Rig {
        fn new() -> Self {
            let mut schema = Schema::builder(&["engine"]);
            let families = Families::declare(&mut schema, &Config::new().log_lines(true)).unwrap();
            let registry = Registry::new(schema.build().unwrap());
            let engine = registry.attach(&["0"]).unwrap();
            let mut recorder = engine.recorder().unwrap();
            let metrics = [(); 2].map(|()| families.engine_metrics(&mut recorder));
            let gauges = families.log.unwrap().hit_rates.0[Cache::MultiModal as usize];
            Self { registry, engine, recorder: Some(recorder), metrics, gauges, last: None }
        }

        fn happen(&mut self, event: &Event) {
            match event {
                Event::Step { metrics, updates, committed } => self.step(*metrics, updates, *committed),
                Event::Replace { overlapping } => {
                    if !overlapping {
                        self.recorder = None;
                    }
                    self.recorder = Some(self.engine.recorder().unwrap());
                    self.last = None;
                }
            }
        }

        fn step(&mut self, metrics: usize, updates: &[(CacheStats, usize)], committed: bool) {
            let own = |(of, window): &(usize, Naive)| (*of == metrics).then(|| window.clone());
            let mut window = self.last.as_ref().and_then(own).unwrap_or_default();
            let mut any = false;
            let mut step = self.recorder.as_mut().unwrap().step();
            for update in updates.iter().flat_map(|(update, times)| std::iter::repeat_n(*update, *times)) {
                self.metrics[metrics].mm_cache(&mut step, update);
                window.update(update);
                any |= update.requests > 0 || update.reset;
            }
            if committed {
                step.commit();
                self.last = if any { Some((metrics, window)) } else { self.last.take() };
            }
        }

        fn published(&self) -> Published {
            let mut snapshot = Snapshot::new();
            self.registry.snapshot(&mut snapshot);
            let [_, _, requests, queries, hits] =
                self.gauges.map(|gauge| snapshot.engines().next().unwrap().gauge(gauge));
            (requests > 0, queries, hits)
        }

        fn expected(&self) -> Published {
            self.last.as_ref().map_or((false, 0, 0), |(_, window)| window.published())
        }
    }

    fn update(requests: impl Strategy<Value = u64>) -> impl Strategy<Value = CacheStats> {
        (prop::bool::weighted(0.003), requests, 0..1_000_u64, 0..1_000_u64).prop_map(
            |(reset, requests, queries, hits)| CacheStats { reset, requests, queries, hits, ..Default::default() },
        )
    }

    /// A step has a few updates or up to a thousand. One of the two writes most often, so that its
    /// window fills.
    fn events(requests: impl Strategy<Value = u64>) -> impl Strategy<Value = Vec<Event>> {
        let metrics = prop::bool::weighted(0.03).prop_map(usize::from);
        let times = prop_oneof![2 => Just(1_usize), 1 => 1..340_usize];
        let step = (metrics, prop::collection::vec((update(requests), times), 0..4), prop::bool::weighted(0.7));
        let event = prop_oneof![
            60 => step.prop_map(|(metrics, updates, committed)| Event::Step { metrics, updates, committed }),
            1 => any::<bool>().prop_map(|overlapping| Event::Replace { overlapping }),
        ];
        prop::collection::vec(event, 0..120)
    }

    fn check(events: &[Event]) -> Result<(), TestCaseError> {
        let mut rig = Rig::new();
        for event in events {
            rig.happen(event);
            prop_assert_eq!(rig.published(), rig.expected(), "after {:?}", event);
        }
        Ok(())
    }

    #[test]
    fn wrapped_numbers_are_left_out_of_the_window() {
        let mut rig = Rig::new();
        let wrapped = 3_u64.wrapping_sub(5);
        let lookups = |requests, queries, hits| CacheStats { requests, queries, hits, ..CacheStats::default() };
        let updates = [(1, 8, 2), (wrapped, 8, 0), (1, wrapped, 0), (1, 0, wrapped)];
        let mut step = rig.recorder.as_mut().unwrap().step();
        for (requests, queries, hits) in updates {
            rig.metrics[0].mm_cache(&mut step, lookups(requests, queries, hits));
        }
        step.commit();
        assert_eq!(rig.published(), (true, 8, 2));
        let reset = CacheStats { reset: true, ..lookups(1, wrapped, 0) };
        let mut step = rig.recorder.as_mut().unwrap().step();
        rig.metrics[0].mm_cache(&mut step, reset);
        step.commit();
        assert_eq!(rig.published(), (false, 0, 0), "the reset counts");
    }

    proptest! {
        #[test]
        fn hit_rates_are_what_the_rules_say_whatever_is_discarded_and_replaced(
            events in events(prop_oneof![3 => 0..4_u64, 2 => 0..400_u64, 1 => 900..1_200_u64]),
        ) {
            check(&events)?;
        }

        /// A full window then has nearly a thousand updates.
        #[test]
        fn hit_rates_of_single_requests_are_what_the_rules_say(events in events(prop_oneof![9 => Just(1_u64), 1 => 0..3_u64])) {
            check(&events)?;
        }
    }
}
