//! Which families a snapshot holds. For a page of a few families it reads only their series, but
//! into rows of the whole layout, so that everything that reads rows works as for all families.

use super::chosen::ChosenSeries;
use crate::schema::{Schema, choice::FamilyChoice, layout::Scope};

/// The families that a snapshot holds of one schema.
#[derive(Default)]
pub(super) struct Shown {
    /// Only some were chosen. Otherwise it holds all that aren't hidden.
    pub(super) some: bool,
    /// The chosen ones, as indices among those that were declared, in their order.
    families: Vec<usize>,
    /// The chosen ones of the crate's own.
    own: Vec<usize>,
    /// The series of these families, per scope.
    pub(super) series: [ChosenSeries; Scope::COUNT],
}

impl Shown {
    /// All families from now on.
    pub(super) fn show_all(&mut self) {
        self.some = false;
    }

    /// Only these from now on.
    pub(super) fn show(&mut self, choice: &FamilyChoice, schema: &Schema) {
        self.some = true;
        choice.find(schema, &mut self.families, &mut self.own);
        self.series.iter_mut().for_each(ChosenSeries::clear);
        let declared = self.families.iter().map(|index| &schema.families()[*index]);
        for family in declared.chain(self.own.iter().map(|index| &schema.own_families()[*index])) {
            self.series[family.scope as usize].add(family, schema.layout(family.scope));
        }
    }

    /// The indices of the families that are shown, of `len` that were declared.
    pub(super) fn declared(&self, len: usize) -> impl Iterator<Item = usize> {
        self.indices(&self.families, len)
    }

    /// The same of the crate's own.
    pub(super) fn own(&self, len: usize) -> impl Iterator<Item = usize> {
        self.indices(&self.own, len)
    }

    fn indices<'s>(&self, some: &'s [usize], len: usize) -> impl Iterator<Item = usize> + use<'s> {
        let some = self.some.then_some(some);
        (0..some.map_or(len, <[usize]>::len)).map(move |nth| some.map_or(nth, |some| some[nth]))
    }

    /// Whether an info of an engine is shown.
    pub(super) fn has_info(&self, info: usize) -> bool {
        !self.some || self.series[Scope::Engine as usize].infos.contains(&info)
    }

    /// Whether what recorders count about themselves is shown.
    pub(super) fn has_counted(&self, scope: Scope) -> bool {
        !self.some || self.series[scope as usize].counted
    }

    /// Whether there is anything to read.
    pub(super) fn has_any(&self, scope: Scope) -> bool {
        !self.some || !self.series[scope as usize].is_empty()
    }
}
