//! All crates print the same samples after the same work. Nothing is timed before this is known.

use anyhow::{Context as _, ensure};

use super::{all_peers, lookup, shared};
use crate::{
    page::{self, Samples},
    peers::{Metriken, Peer, Shared as _, SharedPeer, Writer},
    shape::{ALL_COUNTERS, GAUGES, HISTOGRAMS},
    values::{Latencies, Steps, Values, rounds},
};

const ENGINES: usize = 3;
const STEPS: u64 = 40;
/// Look-ups: a multiple of what `prometheus::local` holds back.
const ADDITIONS: u64 = 4_096;

/// Compares the pages of all crates with ours. Says how many samples there were.
pub(crate) fn same_samples() -> anyhow::Result<usize> {
    let pages = all_peers!(after_work);
    let expected = GAUGES.len() + ALL_COUNTERS + HISTOGRAMS.iter().map(|family| family.bounds.len() + 3).sum::<usize>();
    let compared = compare(&pages)?;
    ensure!(compared == ENGINES * expected, "{compared} samples instead of {}", ENGINES * expected);
    let compared = compared + compare(&looked_up()).context("looked up")?;
    let compared = compared + compare(&shared::pages()).context("from any thread")?;
    metriken()?;
    Ok(compared)
}

/// Everything that a writer can do.
fn after_work<P: Peer>() -> (&'static str, Samples) {
    let peer = P::new(ENGINES);
    let mut writers: Vec<_> = (0..ENGINES).map(|engine| peer.writer(engine)).collect();
    for (engine, writer) in (0..).zip(&mut writers) {
        for (batch, latencies) in [(1, Latencies::Spread), (64, Latencies::Clustered), (256, Latencies::Equal)] {
            let steps = Steps::new(batch, latencies);
            (0..STEPS).for_each(|step| writer.step(&steps.step(step + 31 * engine)));
        }
        let (tokens, latencies) = (Values::step_tokens(), Values::latencies(Latencies::Spread, 1));
        writer.adds(&rounds(7));
        writer.observe_tokens(tokens.window(engine, 500));
        writer.observe_latencies(latencies.window(engine, 500));
        writer.add_alone(5);
        writer.observe_alone(latencies.value(3));
        writer.pair(|| ());
        writer.finish();
    }
    (P::NAME, page_of(&peer)) // the writers stay: gauges of a recorder that is gone are zero
}

pub(super) fn page_of<P: Peer>(peer: &P) -> Samples {
    let mut page = P::Page::default();
    peer.render(&mut page);
    P::samples(page.as_ref())
}

/// Adds and observes through what threads share.
pub(super) fn after_shared_work<P: SharedPeer>(_: ()) -> (&'static str, Samples) {
    let peer = P::new(1);
    let (shared, values) = (peer.shared(), Values::latencies(Latencies::Clustered, 1));
    for index in 0..1_000 {
        shared.add(index);
        shared.observe(values.value(index));
    }
    (P::NAME, page_of(&peer))
}

/// What was looked up. Ours also prints a series for label values that find the family full: it is
/// zero.
fn looked_up() -> Vec<(&'static str, Samples)> {
    let used = |page: Vec<u8>| page::parse(&page).into_iter().filter(|(_, value)| *value != 0.0).collect();
    lookup::pages(ADDITIONS).into_iter().map(|(name, page)| (name, used(page))).collect()
}

/// How many samples all pages have in common, or the first that differs.
fn compare(pages: &[(&'static str, Samples)]) -> anyhow::Result<usize> {
    let (_, ours) = &pages[0];
    for (name, samples) in &pages[1..] {
        for (sample, value) in ours {
            let theirs = samples.get(sample).with_context(|| format!("{name} doesn't print {sample:?} {value}"))?;
            ensure!(theirs == value, "{name}: {sample:?} is {theirs} instead of {value}");
        }
        let other = samples.keys().find(|sample| !ours.contains_key(sample));
        ensure!(other.is_none(), "only {name} prints {other:?}");
    }
    Ok(ours.len())
}

fn metriken() -> anyhow::Result<()> {
    let (metriken, rounds) = (Metriken::new(), rounds(7));
    metriken.adds(&rounds);
    metriken.add_alone(5);
    let mut expected: [u64; _] = std::array::from_fn(|counter| rounds.iter().map(|round| round[counter]).sum());
    expected[0] += 5;
    ensure!(metriken.values() == expected, "metriken: {:?} instead of {expected:?}", metriken.values());
    Ok(())
}
