//! Series whose label values aren't known beforehand: a list per family, besides the shards, and a
//! row of words per series.
//!
//! ```text
//!  a handle ──────────────── fetch_add ────────────┐
//!                                                  ▼
//!  family ──▶ list (never changes) ──▶ series: label values, text, a row of words
//!    ▲  look up, remove: another list, by one compare-and-swap
//! ```
//!
//! A removed series leaves the list together with its row. If its label values are looked up again,
//! they get a new row and begin at zero. Additions through a handle of the removed series go to a
//! row that nobody reads. The list holds the overflow series from the beginning.
//!
//! Each series has one row, not one per shard: there are many series, each snapshot reads them all,
//! and threads that record different label values don't contend.

use std::{cmp::Ordering, convert::Infallible, iter, sync::Arc};

use super::{
    clock::unix_milliseconds,
    row::{Row, Words},
};
use crate::{
    escape, rcu,
    schema::layout::{DynamicIndex, DynamicLayout, Layout},
    sorted::{Iter, Position, Sorted},
    sync::ArcSwap,
};

/// The families with dynamic labels of an engine, or of the registry.
pub(crate) struct DynamicFamilies(Box<[FamilySeries]>);

/// The series of one family.
pub(crate) struct FamilySeries {
    list: ArcSwap<SeriesList>,
    layout: DynamicLayout,
    /// The engine's labels as printed.
    engine_labels: Arc<[u8]>,
}

/// The series of a family, sorted by their label values.
pub(crate) struct SeriesList(Sorted<Arc<SeriesRow>>);

/// A series.
pub(crate) struct SeriesRow {
    pub(crate) values: Box<[String]>,
    /// `engine="0",adapter="sql"`, escaped.
    pub(crate) text: Box<[u8]>,
    pub(crate) layout: Arc<Layout>,
    /// When it was looked up first, in milliseconds since the Unix epoch.
    pub(crate) created: u64,
    /// The row has a word that says whether something was recorded.
    pub(crate) notes: bool,
    words: Words,
}

/// A series that was looked up.
pub(crate) struct Found {
    pub(crate) row: Arc<SeriesRow>,
    /// The family is full, or a label value too long, so this is the overflow series.
    pub(crate) overflowed: bool,
}

impl DynamicFamilies {
    /// Each family has only its overflow series. `engine_labels` are the engine's labels as
    /// printed.
    pub(crate) fn new(layout: &Layout, engine_labels: &[u8]) -> Self {
        let engine_labels = Arc::from(engine_labels);
        Self(layout.dynamic.iter().map(|layout| FamilySeries::new(layout, &engine_labels)).collect())
    }

    pub(crate) fn family(&self, DynamicIndex(index): DynamicIndex) -> &FamilySeries {
        &self.0[index as usize]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &FamilySeries> {
        self.0.iter()
    }
}

impl FamilySeries {
    fn new(layout: &DynamicLayout, engine_labels: &Arc<[u8]>) -> Self {
        let overflow =
            SeriesRow::new(layout, engine_labels, &vec![layout.overflow_value.as_str(); layout.labels.len()]);
        let none = Sorted::new();
        let first = position(&none, iter::empty()).expect_err("nothing is there");
        let list = ArcSwap::from_pointee(SeriesList(none.inserted(first, Arc::new(overflow))));
        Self { list, layout: layout.clone(), engine_labels: Arc::clone(engine_labels) }
    }

    /// The series with these label values. Creates it if there is none, or returns the overflow
    /// series if the family is full or a value is too long. Lock-free.
    pub(crate) fn look_up(&self, values: &[&str]) -> Found {
        let Ok(found) = rcu::update(&self.list, |SeriesList(list)| {
            let found = |series: &Arc<SeriesRow>, overflowed| Found { row: Arc::clone(series), overflowed };
            let find = || position(list, values.iter().copied());
            let known = mutant!(find(), "dynamic: found under a lock" => under_a_lock!(find));
            let new_at = match mutant!(known, "dynamic: made by each lookup" => Err(known.unwrap_or_else(|at| at))) {
                Ok(known) => return Ok::<_, Infallible>((None, found(list.get(known), false))),
                Err(new_at) => new_at,
            };
            let full = mutant!(list.len() > self.layout.capacity, "dynamic: more series than the capacity" => false);
            if full || self.has_too_long(values) {
                let overflow = iter::repeat_n(self.layout.overflow_value.as_str(), values.len());
                let overflow = position(list, overflow).expect("it is never removed");
                return Ok((None, found(list.get(overflow), true)));
            }
            let new = Arc::new(SeriesRow::new(&self.layout, &self.engine_labels, values));
            let longer = list.inserted(new_at, Arc::clone(&new));
            Ok((Some(SeriesList(longer)), found(&new, false)))
        });
        found
    }

    /// Removes each series whose label `label` (its index) has this value, except for the overflow
    /// series. Returns how many these are. Lock-free.
    pub(crate) fn remove_where(&self, label: usize, value: &str) -> usize {
        let Ok(removed) = rcu::update(&self.list, |SeriesList(list)| {
            let overflow = |series: &SeriesRow| series.values.iter().all(|own| *own == self.layout.overflow_value);
            // Sorted by the first label: the series with one value of it are neighbours.
            let within = |series: &Arc<SeriesRow>| match label {
                0 => series.values[0].as_str().cmp(value),
                _ => Ordering::Equal,
            };
            let gone = |series: &Arc<SeriesRow>| {
                series.values[label] == value
                    && mutant!(!overflow(series), "dynamic: the overflow series is removed by its value" => true)
            };
            let (shorter, removed) = list.without(within, gone);
            Ok::<_, Infallible>(((removed > 0).then_some(SeriesList(shorter)), removed))
        });
        removed
    }

    /// The index of the label with this name.
    pub(crate) fn label(&self, name: &str) -> Option<usize> {
        self.layout.labels.iter().position(|label| label == name)
    }

    fn has_too_long(&self, values: &[&str]) -> bool {
        let max = self.layout.max_value_len;
        mutant!(values.iter().any(|value| value.len() > max), "dynamic: a value may be of any length" => false)
    }

    /// Removes the series with these label values, unless it is the overflow series. Returns
    /// whether it removed one. Lock-free.
    pub(crate) fn remove(&self, values: &[&str]) -> bool {
        let Ok(removed) = rcu::update(&self.list, |SeriesList(list)| {
            let stays = mutant!(
                values.iter().all(|value| *value == self.layout.overflow_value),
                "dynamic: the overflow series is removed" => false,
            );
            let removed = position(list, values.iter().copied()).ok().filter(|_| !stays);
            let shorter = removed
                .map(|at| SeriesList(mutant!(list.removed(at), "dynamic: a removed series stays" => list.clone())));
            Ok::<_, Infallible>((shorter, removed.is_some()))
        });
        removed
    }

    /// The current list, unless it is `known`.
    pub(crate) fn newer_than(&self, known: Option<&Arc<SeriesList>>) -> Option<Arc<SeriesList>> {
        let current = self.list.load();
        let same = mutant!(
            known.is_some_and(|known| Arc::ptr_eq(known, &current)),
            "snapshot: its list of series is kept" => known.is_some(),
        );
        (!same).then(|| Arc::clone(&current))
    }
}

impl SeriesList {
    pub(crate) fn series(&self) -> Iter<'_, Arc<SeriesRow>> {
        self.0.iter()
    }
}

impl SeriesRow {
    /// All words are zero.
    fn new(
        DynamicLayout { labels, series, sparse, .. }: &DynamicLayout,
        engine_labels: &[u8],
        values: &[&str],
    ) -> Self {
        Self {
            values: values.iter().copied().map(str::to_owned).collect(),
            text: escape::label_pairs(engine_labels, labels.iter().map(String::as_str).zip(values.iter().copied())),
            words: Words::zeroed(series.words),
            created: unix_milliseconds(),
            notes: *sparse && series.histograms.is_empty(),
            layout: Arc::clone(series),
        }
    }

    /// All its words.
    #[inline(always)]
    pub(crate) fn row(&self) -> Row<'_> {
        Row::shared(&self.words)
    }
}

/// The position of the series with these label values, or where it would be inserted.
fn position<'v>(
    list: &Sorted<Arc<SeriesRow>>,
    values: impl Iterator<Item = &'v str> + Clone,
) -> Result<Position, Position> {
    list.find(|series| {
        let mut pairs = iter::zip(&series.values, values.clone()).map(|(own, value)| own.as_str().cmp(value));
        pairs.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    })
}
