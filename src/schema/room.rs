//! Room for the families in the layouts.

use std::sync::Arc;

use super::{
    bounds::Bounds,
    builder::SchemaBuilder,
    declare::{DynamicLabels, FamilySpec, Labels, Size},
    family::{ClosedLabel, Family, Samples, SeriesSlot},
    layout::{DynamicIndex, DynamicLayout, HistogramIndex, InfoIndex, InfoLayout, LayoutBuilder, STATE_WORDS, Scope},
    types::{Storage, WordType},
};

impl SchemaBuilder {
    /// Adds a family and makes room for it. It was checked, or is one of the crate's own.
    pub(super) fn push(&mut self, spec: FamilySpec, bounds: Option<Bounds>, size: Size) -> usize {
        let (first, labels, samples) = self.add_samples(&spec, bounds, &size);
        let FamilySpec { name, help, metric_type, word_type, scope, hidden, exact_name, sparse, unit, .. } = spec;
        let lines = size.lines;
        let family = Family {
            name,
            help,
            metric_type,
            word_type,
            scope,
            hidden,
            exact_name,
            sparse,
            unit,
            labels,
            samples,
            lines,
        };
        self.families.push(family);
        first
    }

    /// The index of the first series (or of the info, or of the family with dynamic labels) in the
    /// layout, the closed labels, and what holds the samples.
    fn add_samples(
        &mut self,
        spec: &FamilySpec,
        bounds: Option<Bounds>,
        size: &Size,
    ) -> (usize, Vec<ClosedLabel>, Samples) {
        let layout = &mut self.layouts[spec.scope as usize];
        match &spec.labels {
            Labels::Closed(labels) => {
                let (first, slots) = add_closed(layout, spec, bounds, size);
                (first, labels.clone(), Samples::Series(slots))
            }
            Labels::Dynamic(labels) => {
                let first = add_dynamic(layout, spec, labels, bounds);
                (first, Vec::new(), Samples::Dynamic(DynamicIndex(first as u32)))
            }
            Labels::Info { names, engine_labels } => {
                let all = if spec.scope == Scope::Engine { &self.engine_labels[..] } else { &[] };
                let chosen = engine_labels.as_deref().unwrap_or(all).iter();
                let chosen = chosen.map(|label| all.iter().position(|other| other == label).expect("checked"));
                layout.infos.push(InfoLayout { labels: names.clone().into(), engine_labels: chosen.collect() });
                let first = layout.infos.len() - 1;
                (first, Vec::new(), Samples::Info(InfoIndex(first as u32)))
            }
        }
    }
}

/// Makes room for a family with dynamic labels. Returns its index.
fn add_dynamic(layout: &mut LayoutBuilder, spec: &FamilySpec, labels: &DynamicLabels, bounds: Option<Bounds>) -> usize {
    let DynamicLabels { names, capacity, max_value_len, overflow_value } = labels.clone();
    let mut series = LayoutBuilder::new(layout.schema);
    series.add_series(spec.metric_type, spec.word_type, bounds, spec.words_per_scalar(), 1);
    let (labels, series) = (names.into(), Arc::new(series.build()));
    let sparse = spec.sparse;
    layout.dynamic.push(DynamicLayout { labels, capacity, max_value_len, overflow_value, sparse, series });
    layout.dynamic.len() - 1
}

/// Makes room for a family with closed labels. Returns the index of its first series, and where
/// each is.
fn add_closed(
    layout: &mut LayoutBuilder,
    spec: &FamilySpec,
    bounds: Option<Bounds>,
    size: &Size,
) -> (usize, Vec<SeriesSlot>) {
    let &FamilySpec { metric_type, word_type, storage, .. } = spec;
    let words = spec.words_per_scalar();
    match storage {
        Storage::Settable => {
            let first = layout.settable.len();
            // A cell that says whether something was recorded is an integer.
            let cells = (0..size.series * words).map(|cell| if cell % words == 0 { word_type } else { WordType::U64 });
            layout.settable.extend(cells);
            let slots = (first..layout.settable.len()).step_by(words);
            (first, slots.map(|index| SeriesSlot::Settable(index as u16)).collect())
        }
        Storage::State | Storage::StateSet => {
            let states = size.words / STATE_WORDS;
            let first = layout.add_states(states);
            let slot = |series: usize| {
                let word = (first + series % states * STATE_WORDS) as u16;
                match storage {
                    Storage::StateSet => SeriesSlot::OneOf { word, index: (series / states) as u64 },
                    _ => SeriesSlot::Scalar(word),
                }
            };
            (first, (0..size.series).map(slot).collect())
        }
        Storage::Summed => {
            let is_histogram = bounds.is_some();
            let first = layout.add_series(metric_type, word_type, bounds, words, size.series);
            let slot = |index: usize| match is_histogram {
                true => SeriesSlot::Histogram(HistogramIndex(index as u16)),
                false => SeriesSlot::Scalar(index as u16),
            };
            (first, (first..first + size.series * words).step_by(words).map(slot).collect())
        }
    }
}
