//! A window over the last lookups.

use std::hash::{BuildHasher, Hasher, RandomState};

use crate::CacheStats;

/// The number of requests that a window covers. Only its newest update alone may have more.
pub(crate) const WINDOW_REQUESTS: u64 = 1_000;

/// The number of updates that are remembered: those of a full window (1,001 at most: a reset
/// without requests may begin it), and those that a discarded step may have added.
pub(crate) const REMEMBERED: u64 = 2_048;

/// A window's position, as published by a step. All zeros where none was published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// Identifies the window and its start: 64 bits, random when the window was made, incremented
    /// at each new start.
    pub(crate) epoch: i64,
    /// The number of updates in the epoch so far.
    pub(crate) updates: i64,
}

/// The last updates, numbered from 0 in each epoch.
#[derive(Debug)]
pub(crate) struct Window {
    /// See [`Position::epoch`].
    epoch: i64,
    /// Update n is at index n modulo the length.
    ring: Box<[Update]>,
    /// The oldest update in the window.
    oldest: u64,
    /// The next update, which is also the number of updates so far.
    next: u64,
    /// The largest value of `next` in the epoch. Updates more than one ring older are overwritten.
    written: u64,
    totals: Totals,
}

#[derive(Clone, Copy, Debug, Default)]
struct Update {
    queries: u64,
    hits: u64,
    /// At most one more than a window covers; further requests wouldn't change anything.
    requests: u16,
    /// Nothing before it counts.
    reset: bool,
}

/// The sums over the updates in a window. They wrap, so that subtracting what was added is exact.
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

    fn subtract(&mut self, update: Update) {
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

    pub(crate) fn position(&self) -> Position {
        Position { epoch: self.epoch, updates: self.next as i64 }
    }

    pub(crate) fn totals(&self) -> Totals {
        self.totals
    }

    /// Adds an update, and drops whole updates from the old end. The newest stays, however large.
    pub(crate) fn update(&mut self, stats: CacheStats) {
        if stats.reset {
            (self.oldest, self.totals) = (self.next, Totals::default());
        }
        // Without requests the update only records the reset.
        let CacheStats { queries, hits, .. } = if stats.requests == 0 { CacheStats::default() } else { stats };
        let requests = stats.requests.min(WINDOW_REQUESTS + 1) as u16;
        let update = Update { queries, hits, requests, reset: stats.reset };
        *self.at(self.next) = update;
        self.totals.add(update);
        self.next += 1;
        self.written = self.written.max(self.next);
        while self.totals.requests > WINDOW_REQUESTS && self.next - self.oldest > 1 {
            let oldest = *self.at(self.oldest);
            self.totals.subtract(oldest);
            self.oldest += 1;
        }
    }

    /// Restores the window to what it was at `position`: the updates since then were discarded. It
    /// starts empty if `position` isn't of its epoch, that is if another window wrote last, or the
    /// recorder is new.
    ///
    /// What is overwritten doesn't come back: if one step discarded more than 1,047 updates, the
    /// oldest ones may be missing from the window.
    pub(crate) fn go_to(&mut self, position: Position) {
        if mutant!(position.epoch != self.epoch, "hit rate: another window isn't noticed" => false) {
            self.begin();
        } else if mutant!(position.updates as u64 != self.next, "hit rate: a discarded update stays" => false) {
            self.go_back(position.updates as u64);
        }
    }

    /// Starts an epoch, with nothing remembered.
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

    /// `None` without requests; otherwise queries and hits.
    fn totals(window: &Window) -> Option<(u64, u64)> {
        let Totals { requests, queries, hits } = window.totals;
        (requests > 0).then_some((queries, hits))
    }

    fn lookups(requests: u64, queries: u64, hits: u64) -> CacheStats {
        CacheStats { requests, queries, hits, ..Default::default() }
    }

    fn window(updates: &[CacheStats]) -> Option<(u64, u64)> {
        let mut window = Window::new();
        updates.iter().for_each(|update| window.update(*update));
        totals(&window)
    }

    /// A step with this many updates, starting at a position. Returns the position that it
    /// publishes if it is committed.
    fn step(window: &mut Window, from: Position, updates: u64, update: CacheStats) -> Position {
        window.go_to(from);
        (0..updates).for_each(|_| window.update(update));
        window.position()
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

    /// However many updates the previous recorder had.
    #[test]
    fn a_step_of_the_next_recorder_can_be_taken_back() {
        for before in [0, 1, 10, 3_000] {
            let mut window = Window::new();
            step(&mut window, Position::default(), before, lookups(1, 5, 5));
            let nine = step(&mut window, Position::default(), 9, lookups(1, 1, 0));
            step(&mut window, nine, 1, lookups(1, 7, 7));
            window.go_to(nine);
            assert_eq!(totals(&window), Some((9, 0)), "{before} before");
        }
    }

    #[test]
    fn the_first_step_of_the_next_recorder_can_be_taken_back() {
        let mut window = Window::new();
        step(&mut window, Position::default(), 10, lookups(1, 5, 5));
        for _ in 0..3 {
            step(&mut window, Position::default(), 10, lookups(1, 7, 7));
        }
        window.go_to(Position::default());
        assert_eq!(totals(&window), None);
    }

    /// One thread may record the lookups of many engines in one step.
    #[test]
    fn a_step_of_a_thousand_updates_can_be_taken_back() {
        const MOST: u64 = REMEMBERED - WINDOW_REQUESTS - 1;
        for discarded in [1, 24, 25, 64, MOST] {
            let mut window = Window::new();
            let full = step(&mut window, Position::default(), 5_000, lookups(1, 1, 0));
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
            let full = step(&mut window, Position::default(), 5_000, lookups(1, 1, 0));
            step(&mut window, full, discarded, lookups(1, 7, 7));
            window.go_to(full);
            assert_eq!(totals(&window), remembered, "{discarded} discarded");
            window.update(lookups(1, 1, 0));
            let one_more = remembered.map_or(1, |(queries, _)| queries + 1);
            assert_eq!(totals(&window), Some((one_more, 0)), "{discarded} discarded");
        }
    }

    /// The window's updates have the same numbers as the other's.
    #[test]
    fn a_window_begins_empty_where_another_wrote() {
        let (mut one, mut other) = (Window::new(), Window::new());
        let common = step(&mut one, Position::default(), 10, lookups(1, 1, 0));
        step(&mut one, common, 10, lookups(1, 7, 7)); // discarded
        let position = step(&mut other, common, 15, lookups(1, 2, 1));
        assert_eq!(totals(&other), Some((30, 15)), "nothing of the first window's");
        one.go_to(position);
        assert_eq!(totals(&one), None, "nothing of its own, and nothing discarded");
        let position = step(&mut one, position, 1, lookups(1, 3, 1));
        step(&mut one, position, 5, lookups(1, 7, 7));
        one.go_to(position);
        assert_eq!(totals(&one), Some((3, 1)));
    }

    #[test]
    fn a_window_that_changes_between_recorders_begins_empty_each_time() {
        let mut window = Window::new();
        let first = step(&mut window, Position::default(), 10, lookups(1, 1, 0));
        let second = step(&mut window, Position::default(), 20, lookups(1, 7, 7));
        for position in [first, second] {
            window.go_to(position);
            assert_eq!(totals(&window), None);
        }
    }
}
