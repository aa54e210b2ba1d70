//! The samples of a family.

use super::{FamilyView, Own, SampleView};
use crate::schema::{
    family::{Samples, SeriesSlot},
    layout::{DynamicIndex, InfoIndex},
};

impl<'s> FamilyView<'s> {
    /// The samples, in the order of a page. No two have the same labels.
    pub fn samples(&self) -> impl Iterator<Item = SampleView<'s>> + use<'s> {
        let own = match &self.family.samples {
            Samples::Series(slots) => Kind::Closed(self.closed(slots)),
            Samples::Dynamic(index) => Kind::Dynamic(self.dynamic(*index)),
            Samples::Info(info) => Kind::Infos(self.infos(*info)),
        };
        own.filter(|sample| !sample.family.sparse || sample.is_recorded()).chain(self.joined_samples())
    }

    /// The same for a renderer. Loops of their own are quicker than one iterator over all kinds.
    #[inline]
    pub(crate) fn each_sample(&self, mut each: impl FnMut(&SampleView<'s>)) {
        let mut shown = |sample: &SampleView<'s>| {
            if !sample.family.sparse || sample.is_recorded() {
                each(sample);
            }
        };
        match &self.family.samples {
            Samples::Series(slots) => self.closed(slots).for_each(|sample| shown(&sample)),
            Samples::Dynamic(index) => self.dynamic(*index).for_each(|sample| shown(&sample)),
            Samples::Info(info) => self.infos(*info).for_each(|sample| shown(&sample)),
        }
        self.joined_samples().for_each(|sample| each(&sample));
    }

    fn closed(&self, slots: &'s [SeriesSlot]) -> impl Iterator<Item = SampleView<'s>> + use<'s> {
        let Self { snapshot, schema, family, .. } = *self;
        slots.iter().enumerate().flat_map(move |(series, slot)| {
            let engines = snapshot.views(family.scope);
            engines.map(move |engine| SampleView { schema, family, engine, own: Own::Closed(series, *slot) })
        })
    }

    fn dynamic(&self, index: DynamicIndex) -> impl Iterator<Item = SampleView<'s>> + use<'s> {
        let Self { snapshot, schema, family, .. } = *self;
        snapshot.views(family.scope).flat_map(move |engine| {
            let labels = &engine.layout.dynamic[index.0 as usize].labels;
            let own = engine.dynamic_rows(index).map(|(row, words)| Own::Dynamic { labels, row, words });
            own.map(move |own| SampleView { schema, family, engine, own })
        })
    }

    fn infos(&self, info: InfoIndex) -> impl Iterator<Item = SampleView<'s>> + use<'s> {
        let Self { snapshot, schema, family, .. } = *self;
        snapshot.newest(family.scope, info).map(move |(engine, reading)| {
            let layout = &engine.layout.infos[info.0 as usize];
            let own = Own::Info { labels: &layout.labels, engine_labels: &layout.engine_labels, reading };
            SampleView { schema, family, engine, own }
        })
    }

    /// What engines of schemas that joined have of one of the crate's own families. A part of an
    /// engine has no sample: its engine's says what they count together.
    fn joined_samples(&self) -> impl Iterator<Item = SampleView<'s>> + use<'s> {
        let index = self.index.index;
        let joined = if self.is_own_of_engines() { self.snapshot.all_joined() } else { &[] }.iter();
        let joined = joined.filter(|joined| joined.wholes().len() > 0);
        joined.filter_map(|joined| Some((joined, joined.schema()?))).flat_map(move |(joined, schema)| {
            let family = &schema.own_families()[index];
            let slot = match &family.samples {
                Samples::Series(slots) => slots.first(),
                Samples::Dynamic(_) | Samples::Info(_) => None,
            };
            let sample = move |engine| Some(SampleView { schema, family, engine, own: Own::Closed(0, *slot?) });
            joined.wholes().filter_map(sample)
        })
    }
}

/// The samples of a family, which are all of one kind.
enum Kind<C, D, I> {
    Closed(C),
    Dynamic(D),
    Infos(I),
}

impl<C, D, I, S> Iterator for Kind<C, D, I>
where
    C: Iterator<Item = S>,
    D: Iterator<Item = S>,
    I: Iterator<Item = S>,
{
    type Item = S;

    fn next(&mut self) -> Option<S> {
        match self {
            Self::Closed(closed) => closed.next(),
            Self::Dynamic(dynamic) => dynamic.next(),
            Self::Infos(infos) => infos.next(),
        }
    }
}
