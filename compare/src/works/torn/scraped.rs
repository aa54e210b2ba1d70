//! What is scraped: a crate by its page, a protocol by its words.

use std::time::Instant;

use crate::{
    peers::{PAIR, Peer, Writer},
    shape::{HISTOGRAMS, ITERATION_TOKENS, counter_series},
};

/// Numbers that are equal if a scrape saw whole steps only.
pub(super) struct Seen {
    pub(super) least: f64,
    pub(super) greatest: f64,
    pub(super) numbers: usize,
}

impl Seen {
    pub(super) fn of(numbers: impl Iterator<Item = f64>) -> Self {
        let nothing = Self { least: f64::INFINITY, greatest: f64::NEG_INFINITY, numbers: 0 };
        numbers.fold(nothing, |seen, number| Self {
            least: seen.least.min(number),
            greatest: seen.greatest.max(number),
            numbers: seen.numbers + 1,
        })
    }

    pub(super) fn torn(&self) -> bool {
        self.least != self.greatest
    }
}

pub(super) trait Scraped: Sync {
    const NAME: &'static str;
    type Writer;
    type Page: Default;

    fn new() -> Self;
    fn writer(&self) -> Self::Writer;
    /// A step. `between` runs in its middle.
    fn pair(writer: &mut Self::Writer, between: impl FnOnce());
    /// Nothing, if there was no answer until then, or not all samples.
    fn scrape(&self, page: &mut Self::Page, until: Instant) -> Option<Seen>;
}

pub(super) struct OfPeer<P>(pub(super) P);

impl<P: Peer> Scraped for OfPeer<P> {
    const NAME: &'static str = P::NAME;
    type Writer = P::Writer;
    type Page = P::Page;

    fn new() -> Self {
        Self(P::new(1))
    }

    fn writer(&self) -> P::Writer {
        self.0.writer(0)
    }

    #[inline]
    fn pair(writer: &mut P::Writer, between: impl FnOnce()) {
        writer.pair(between);
    }

    fn scrape(&self, page: &mut P::Page, _until: Instant) -> Option<Seen> {
        self.0.render(page);
        let seen = Seen::of(numbers(page.as_ref()));
        // Its buckets with the last, sum and count, and the two counters.
        (seen.numbers == HISTOGRAMS[ITERATION_TOKENS].bounds.len() + 1 + 2 + PAIR.len()).then_some(seen)
    }
}

/// The numbers on a page that a step changes.
fn numbers(page: &[u8]) -> impl Iterator<Item = f64> {
    let page = std::str::from_utf8(page).expect("a page is UTF-8");
    let counters = PAIR.map(|counter| {
        let series = counter_series().nth(counter).expect("a counter of the shape");
        format!("{}_total{{", series.name)
    });
    let of_step = move |line: &&str| {
        line.starts_with(HISTOGRAMS[ITERATION_TOKENS].name) || counters.iter().any(|name| line.starts_with(name))
    };
    let value = |line: &str| line.rsplit_once(' ').and_then(|(_, value)| value.parse().ok());
    page.lines().filter(of_step).map(move |line| value(line).expect("a number behind a space"))
}
