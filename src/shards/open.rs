//! Series whose label values aren't known beforehand: a list a family, beside the shards, and a row of words a series.
//!
//! ```text
//!  a handle ──────────────── fetch_add ────────────┐
//!                                                  ▼
//!  family ──▶ list (never changes) ──▶ series: label values, text, a row of words
//!    ▲  look up, retire: another list, by one compare-and-swap
//! ```
//!
//! A series that is retired leaves the list with its row, so its label values begin at zero if they come again, and who still has
//! a handle adds to a row that nobody reads. The list holds the overflow series from the beginning.
//!
//! One row a series, not one a shard: there are many series, each snapshot reads them all, and threads that record different label
//! values don't meet.

use std::{convert::Infallible, iter, sync::Arc};

use super::Shard;
use crate::{
    escape, rcu,
    schema::layout::{Layout, OpenIndex, OpenLayout},
    sync::ArcSwap,
    words::Words,
};

/// Each label value of the overflow series.
pub(crate) const OTHER: &str = "other";

/// The families with open labels of an engine, or of the registry.
pub(crate) struct OpenFamilies(Box<[OpenFamily]>);

/// A family.
pub(crate) struct OpenFamily {
    list: ArcSwap<OpenList>,
    layout: OpenLayout,
    /// The engine's labels, as printed.
    engine_labels: Arc<[u8]>,
}

/// The series of a family, in the order of their label values.
pub(crate) struct OpenList(Vec<Arc<OpenRow>>);

/// A series.
pub(crate) struct OpenRow {
    pub(crate) values: Box<[String]>,
    /// `engine="0",adapter="sql"`, escaped.
    pub(crate) text: Box<[u8]>,
    pub(crate) layout: Arc<Layout>,
    words: Words,
}

/// A series that was looked up.
pub(crate) struct Found {
    pub(crate) row: Arc<OpenRow>,
    /// The family is full, so it is the overflow series.
    pub(crate) overflowed: bool,
}

impl OpenFamilies {
    /// With nothing but the overflow series. `engine_labels` are the engine's, as printed.
    pub(crate) fn new(layout: &Layout, engine_labels: &[u8]) -> Self {
        let engine_labels = Arc::from(engine_labels);
        Self(layout.open.iter().map(|layout| OpenFamily::new(layout, &engine_labels)).collect())
    }

    pub(crate) fn family(&self, OpenIndex(index): OpenIndex) -> &OpenFamily {
        &self.0[index as usize]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &OpenFamily> {
        self.0.iter()
    }
}

impl OpenFamily {
    fn new(layout: &OpenLayout, engine_labels: &Arc<[u8]>) -> Self {
        let other = OpenRow::new(layout, engine_labels, &vec![OTHER; layout.labels.len()]);
        let list = ArcSwap::from_pointee(OpenList(vec![Arc::new(other)]));
        Self { list, layout: layout.clone(), engine_labels: Arc::clone(engine_labels) }
    }

    /// The series with these label values, a new one if there is none, the overflow series if there is no room. Lock-free.
    pub(crate) fn look_up(&self, values: &[&str]) -> Found {
        let Ok(found) = rcu::change(&self.list, |OpenList(list)| {
            let found = |series: &Arc<OpenRow>, overflowed| Found { row: Arc::clone(series), overflowed };
            let known = mutant!(&list[..], "open: made by each who looks up" => &[]);
            let place = match position(known, values.iter().copied()) {
                Ok(place) => return Ok::<_, Infallible>((None, found(&list[place], false))),
                Err(place) => place,
            };
            let full = list.len() > self.layout.capacity;
            if mutant!(full, "open: more than there is room for" => false) {
                let other = position(list, iter::repeat_n(OTHER, values.len())).expect("it is never retired");
                return Ok((None, found(&list[other], true)));
            }
            let new = Arc::new(OpenRow::new(&self.layout, &self.engine_labels, values));
            let (before, after) = list.split_at(place);
            let longer = before.iter().chain(iter::once(&new)).chain(after).cloned().collect();
            Ok((Some(OpenList(longer)), found(&new, false)))
        });
        found
    }

    /// Takes the series with these label values off the list, if it is there and isn't the overflow series. Lock-free.
    pub(crate) fn retire(&self, values: &[&str]) -> bool {
        let Ok(retired) = rcu::change(&self.list, |OpenList(list)| {
            let stays = mutant!(
                values.iter().all(|value| *value == OTHER),
                "open: the overflow series is retired" => false,
            );
            let retired = position(list, values.iter().copied()).ok().filter(|_| !stays);
            let shorter = retired.map(|place| {
                let off = mutant!(place, "open: a retired series stays" => list.len());
                let others = list.iter().enumerate().filter(|(other, _)| *other != off);
                OpenList(others.map(|(_, series)| Arc::clone(series)).collect())
            });
            Ok::<_, Infallible>((shorter, retired.is_some()))
        });
        retired
    }

    /// The list as it is now, if it isn't `known`.
    pub(crate) fn newer_than(&self, known: Option<&Arc<OpenList>>) -> Option<Arc<OpenList>> {
        let current = self.list.load();
        let same = mutant!(
            known.is_some_and(|known| Arc::ptr_eq(known, &current)),
            "snapshot: its list of series is kept" => known.is_some(),
        );
        (!same).then(|| Arc::clone(&current))
    }
}

impl OpenList {
    pub(crate) fn series(&self) -> &[Arc<OpenRow>] {
        &self.0
    }
}

impl OpenRow {
    /// With nothing recorded.
    fn new(OpenLayout { labels, series, .. }: &OpenLayout, engine_labels: &[u8], values: &[&str]) -> Self {
        let own = escape::label_pairs(labels.iter().map(String::as_str).zip(values.iter().copied()));
        let comma: &[u8] = if engine_labels.is_empty() { b"" } else { b"," };
        Self {
            values: values.iter().copied().map(str::to_owned).collect(),
            text: [engine_labels, comma, &own].concat().into(),
            words: Words::zeroed(series.words),
            layout: Arc::clone(series),
        }
    }

    /// All its words.
    #[inline(always)]
    pub(crate) fn row(&self) -> Shard<'_> {
        Shard(&self.words)
    }
}

/// Where the series with these label values is, or would be.
fn position<'v>(list: &'v [Arc<OpenRow>], values: impl Iterator<Item = &'v str> + Clone) -> Result<usize, usize> {
    list.binary_search_by(|series| series.values.iter().map(String::as_str).cmp(values.clone()))
}
