//! Room for the families in the layouts.

use std::sync::Arc;

use super::{
    bounds::Bounds,
    builder::SchemaBuilder,
    declare::{DynamicLabels, FamilySpec, Labels, Size},
    family::{Family, Samples, SeriesSlot},
    layout::{DynamicIndex, DynamicLayout, HistogramIndex, InfoIndex, InfoLayout, LayoutBuilder, STATE_WORDS, Scope},
    number::{MetricType, Storage, WordType},
};

impl SchemaBuilder {
    /// Adds a family and makes room for it. It was checked, or is one of the crate's own.
    pub(super) fn push(&mut self, spec: FamilySpec, bounds: Option<Bounds>, size: Size) -> usize {
        let FamilySpec { name, help, metric_type, word_type, storage, scope, hidden, exact_name, .. } = spec;
        let FamilySpec { unit, labels, .. } = spec;
        let layout = &mut self.layouts[scope as usize];
        let (first, labels, samples) = match labels {
            Labels::Closed(labels) => {
                let (first, slots) = add_closed(layout, (metric_type, word_type, storage), bounds, &size);
                (first, labels, Samples::Series(slots))
            }
            Labels::Dynamic(DynamicLabels { names, capacity, max_value_len, overflow_value }) => {
                let mut series = LayoutBuilder::new(layout.schema);
                series.add_series(metric_type, word_type, bounds, 1);
                let series = Arc::new(series.build());
                let labels = names.into();
                layout.dynamic.push(DynamicLayout { labels, capacity, max_value_len, overflow_value, series });
                let first = layout.dynamic.len() - 1;
                (first, Vec::new(), Samples::Dynamic(DynamicIndex(first as u32)))
            }
            Labels::Info { names, engine_labels } => {
                let all = if scope == Scope::Engine { &self.engine_labels[..] } else { &[] };
                let chosen = engine_labels.as_deref().unwrap_or(all).iter();
                let chosen = chosen.map(|label| all.iter().position(|other| other == label).expect("checked"));
                layout.infos.push(InfoLayout { labels: names.into(), engine_labels: chosen.collect() });
                let first = layout.infos.len() - 1;
                (first, Vec::new(), Samples::Info(InfoIndex(first as u32)))
            }
        };
        let lines = size.lines;
        let family =
            Family { name, help, metric_type, word_type, scope, hidden, exact_name, unit, labels, samples, lines };
        self.families.push(family);
        first
    }
}

/// Makes room for a family with closed labels. Returns the index of its first series, and where
/// each is.
fn add_closed(
    layout: &mut LayoutBuilder,
    (metric_type, word_type, storage): (MetricType, WordType, Storage),
    bounds: Option<Bounds>,
    size: &Size,
) -> (usize, Vec<SeriesSlot>) {
    match storage {
        Storage::Settable => {
            let first = layout.settable.len();
            layout.settable.resize(first + size.series, word_type);
            (first, (first..layout.settable.len()).map(|index| SeriesSlot::Settable(index as u16)).collect())
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
            let first = layout.add_series(metric_type, word_type, bounds, size.series);
            let slot = |index: usize| match is_histogram {
                true => SeriesSlot::Histogram(HistogramIndex(index as u16)),
                false => SeriesSlot::Scalar(index as u16),
            };
            (first, (first..first + size.series).map(slot).collect())
        }
    }
}
