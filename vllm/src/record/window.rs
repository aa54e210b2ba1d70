//! A window over the last lookups.

use std::hash::{BuildHasher, Hasher, RandomState};

use crate::CacheStats;

/// Requests of a window. Only its newest update alone may have more.
pub(crate) const WINDOW_REQUESTS: u64 = 1_000;

/// Updates that are remembered: those of a full window (1,001 at most: a reset without requests may
/// begin it), and those that a discarded step may have added.
pub(crate) const REMEMBERED: u64 = 2_048;

/// Where a window was, as the step shows that published it. All zeros where none did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which window, and which of its beginnings: 64 bits that were random when the window was
    /// made, counted up with each beginning.
    pub(crate) epoch: i64,
    /// How many updates there were in the epoch.
    pub(crate) updates: i64,
}

/// The last updates, numbered from 0 in each epoch.
#[derive(Debug)]
pub(crate) struct Window {
    /// See [`Place::epoch`].
    epoch: i64,
    /// The update of number n is at n modulo the length.
    ring: Box<[Update]>,
    /// The oldest update in the window.
    oldest: u64,
    /// The next update: how many there were.
    next: u64,
    /// The greatest that `next` was in the epoch: updates that are more than a ring older are
    /// overwritten.
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
pub(crate) struct Totals {
    pub(crate) requests: u64,
    pub(crate) queries: u64,
    pub(crate) hits: u64,
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
    pub(crate) fn new() -> Self {
        let epoch = RandomState::new().build_hasher().finish() as i64;
        let ring = (0..REMEMBERED).map(|_| Update::default()).collect();
        Self { epoch, ring, oldest: 0, next: 0, written: 0, totals: Totals::default() }
    }

    pub(crate) fn place(&self) -> Place {
        Place { epoch: self.epoch, updates: self.next as i64 }
    }

    pub(crate) fn totals(&self) -> Totals {
        self.totals
    }

    /// Adds an update, and drops whole ones from the old end: the newest stays, however large.
    pub(crate) fn update(&mut self, stats: CacheStats) {
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

    /// Makes the window what it was at `place`: the updates from there on were discarded. It begins
    /// empty if `place` isn't of its epoch: then another window wrote last, or a recorder is new.
    ///
    /// What is overwritten doesn't come back: if one step discarded more than 1,047 updates, the
    /// window's oldest may be missing.
    pub(crate) fn go_to(&mut self, place: Place) {
        if mutant!(place.epoch != self.epoch, "hit rate: another window isn't noticed" => false) {
            self.begin();
        } else if mutant!(place.updates as u64 != self.next, "hit rate: a discarded update stays" => false) {
            self.go_back(place.updates as u64);
        }
    }

    /// Begins an epoch: nothing is remembered.
    fn begin(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        (self.oldest, self.next, self.written, self.totals) = (0, 0, 0, Totals::default());
    }

    fn go_back(&mut self, number: u64) {
        let overwritten = self.written.saturating_sub(REMEMBERED);
        (self.next, self.oldest, self.totals) = (number, number, Totals::default());
        while self.oldest > overwritten {
            let update = *self.at(self.oldest - 1);
            let full = self.totals.requests + u64::from(update.requests) > WINDOW_REQUESTS;
            if full && self.oldest < self.next {
                break;
            }
            self.totals.add(update);
            self.oldest -= 1;
            if mutant!(update.reset, "hit rate: going back, a reset is passed over" => false) {
                break;
            }
        }
    }

    fn at(&mut self, number: u64) -> &mut Update {
        &mut self.ring[(number % REMEMBERED) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No requests, or queries and hits.
    fn totals(window: &Window) -> Option<(u64, u64)> {
        let Totals { requests, queries, hits } = window.totals;
        (requests > 0).then_some((queries, hits))
    }

    fn lookups(requests: u64, queries: u64, hits: u64) -> CacheStats {
        CacheStats { reset: false, requests, queries, hits }
    }

    fn window(updates: &[CacheStats]) -> Option<(u64, u64)> {
        let mut window = Window::new();
        updates.iter().for_each(|update| window.update(*update));
        totals(&window)
    }

    /// A step with as many updates, from a place on. Returns the place that it publishes if it is
    /// committed.
    fn step(window: &mut Window, from: Place, updates: u64, update: CacheStats) -> Place {
        window.go_to(from);
        (0..updates).for_each(|_| window.update(update));
        window.place()
    }

    #[test]
    fn whole_updates_are_dropped_from_the_old_end_and_the_newest_stays() {
        assert_eq!(window(&[]), None);
        assert_eq!(window(&[lookups(1_000, 10, 1)]), Some((10, 1)));
        assert_eq!(window(&[lookups(600, 10, 1), lookups(400, 20, 2)]), Some((30, 3)), "just full");
        assert_eq!(window(&[lookups(600, 10, 1), lookups(401, 20, 2)]), Some((20, 2)));
        assert_eq!(window(&[lookups(600, 10, 1), lookups(5_000, 20, 2)]), Some((20, 2)));
        assert_eq!(window(&[lookups(5_000, 20, 2), lookups(1, 4, 3)]), Some((4, 3)));
    }

    #[test]
    fn updates_without_requests_count_only_as_resets() {
        let reset = CacheStats { reset: true, ..lookups(0, 7, 7) };
        let full = lookups(1, 4, 3);
        assert_eq!(window(&[full, lookups(0, 100, 100)]), Some((4, 3)));
        assert_eq!(window(&[full, reset]), None);
        assert_eq!(window(&[full, reset, lookups(1, 2, 1)]), Some((2, 1)));
        assert_eq!(window(&[full, CacheStats { reset: true, ..lookups(1, 2, 1) }]), Some((2, 1)));
    }

    /// However many updates there were with the recorder before.
    #[test]
    fn a_step_of_the_next_recorder_can_be_taken_back() {
        for before in [0, 1, 10, 3_000] {
            let mut window = Window::new();
            step(&mut window, Place::default(), before, lookups(1, 5, 5));
            let nine = step(&mut window, Place::default(), 9, lookups(1, 1, 0));
            step(&mut window, nine, 1, lookups(1, 7, 7));
            window.go_to(nine);
            assert_eq!(totals(&window), Some((9, 0)), "{before} before");
        }
    }

    #[test]
    fn the_first_step_of_the_next_recorder_can_be_taken_back() {
        let mut window = Window::new();
        step(&mut window, Place::default(), 10, lookups(1, 5, 5));
        for _ in 0..3 {
            step(&mut window, Place::default(), 10, lookups(1, 7, 7));
        }
        window.go_to(Place::default());
        assert_eq!(totals(&window), None);
    }

    /// One thread may record the lookups of many engines in one step.
    #[test]
    fn a_step_of_a_thousand_updates_can_be_taken_back() {
        const MOST: u64 = REMEMBERED - WINDOW_REQUESTS - 1;
        for discarded in [1, 24, 25, 64, MOST] {
            let mut window = Window::new();
            let full = step(&mut window, Place::default(), 5_000, lookups(1, 1, 0));
            for _ in 0..3 {
                step(&mut window, full, discarded, lookups(1, 7, 7));
                window.go_to(full);
                assert_eq!(totals(&window), Some((1_000, 0)), "{discarded} discarded");
            }
        }
    }

    #[test]
    fn what_a_larger_step_overwrote_is_missing_and_nothing_of_the_step_stays() {
        for (discarded, remembered) in [(1_500, Some((548, 0))), (2_047, Some((1, 0))), (2_048, None), (9_999, None)] {
            let mut window = Window::new();
            let full = step(&mut window, Place::default(), 5_000, lookups(1, 1, 0));
            step(&mut window, full, discarded, lookups(1, 7, 7));
            window.go_to(full);
            assert_eq!(totals(&window), remembered, "{discarded} discarded");
            window.update(lookups(1, 1, 0));
            let one_more = remembered.map_or(1, |(queries, _)| queries + 1);
            assert_eq!(totals(&window), Some((one_more, 0)), "{discarded} discarded");
        }
    }

    /// Its updates have the numbers that the other's had.
    #[test]
    fn a_window_begins_empty_where_another_wrote() {
        let (mut one, mut other) = (Window::new(), Window::new());
        let common = step(&mut one, Place::default(), 10, lookups(1, 1, 0));
        step(&mut one, common, 10, lookups(1, 7, 7)); // discarded
        let place = step(&mut other, common, 15, lookups(1, 2, 1));
        assert_eq!(totals(&other), Some((30, 15)), "nothing of the first window's");
        one.go_to(place);
        assert_eq!(totals(&one), None, "nothing of its own, and nothing discarded");
        let place = step(&mut one, place, 1, lookups(1, 3, 1));
        step(&mut one, place, 5, lookups(1, 7, 7));
        one.go_to(place);
        assert_eq!(totals(&one), Some((3, 1)));
    }

    #[test]
    fn a_window_that_changes_between_recorders_begins_empty_each_time() {
        let mut window = Window::new();
        let first = step(&mut window, Place::default(), 10, lookups(1, 1, 0));
        let second = step(&mut window, Place::default(), 20, lookups(1, 7, 7));
        for place in [first, second] {
            window.go_to(place);
            assert_eq!(totals(&window), None);
        }
    }
}
