//! The entries of a descriptor that share a family.

use std::collections::{BTreeMap, BTreeSet};

use tachometer::{SchemaBuilder, SchemaError};

use super::{
    error::DescriptorError,
    limits::{Limits, within},
    read::{Entry, MetricType, SampleKind},
};
use crate::connectors::{
    Exists, FamilyRow, Metric,
    declare::{self, Series},
};

/// A family: one series, or one per set of constant labels.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) handle: Series,
    /// The values of the constant labels of each series.
    pub(super) series: Vec<Vec<String>>,
}

/// Entries of one name, type and list of bounds.
pub(super) struct Group<'d> {
    first: &'d Entry,
    /// Whether an entry adds floats.
    floats: bool,
    label_names: BTreeSet<&'d str>,
    /// The values of the constant labels of each series, with their index.
    series: BTreeMap<Vec<&'d str>, usize>,
}

/// The groups, and the group and the series of each entry.
type Grouped<'d> = (Vec<Group<'d>>, Vec<(usize, usize)>);

/// Groups the entries. Stops beyond the limits of families and labels, so that it takes time and
/// memory in proportion to the document.
pub(super) fn groups(entries: &[Entry], limits: Limits) -> Result<Grouped<'_>, DescriptorError> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut of_entries = Vec::new();
    for entry in entries {
        let found = groups.iter().position(|group| group.takes(entry));
        let group = found.unwrap_or(groups.len());
        if found.is_none() {
            groups.push(Group::new(entry));
        }
        within("families", groups.len(), limits.families)?;
        groups[group].floats |= entry.kind == SampleKind::IncByF64;
        groups[group].label_names.extend(entry.const_labels.keys().map(String::as_str));
        within("labels", groups[group].label_names.len(), limits.labels)?;
        of_entries.push(group);
    }
    // Only now the labels of each family are known.
    let series = entries.iter().zip(of_entries).map(|(entry, group)| (group, groups[group].series_of(entry))).collect();
    Ok((groups, series))
}

impl<'d> Group<'d> {
    fn new(first: &'d Entry) -> Self {
        Self { first, floats: false, label_names: BTreeSet::new(), series: BTreeMap::new() }
    }

    fn takes(&self, entry: &Entry) -> bool {
        let Entry { metric_type, bounds, .. } = self.first;
        self.first.family() == entry.family()
            && *metric_type == entry.metric_type
            && mutant!(*bounds == entry.bounds, "descriptor: bounds aren't compared" => true)
    }

    /// The index of an entry's series. A label that the entry doesn't have is empty.
    fn series_of(&mut self, entry: &'d Entry) -> usize {
        let value = |name: &&str| entry.const_labels.get(*name).map_or("", String::as_str);
        let values = self.label_names.iter().map(value).collect();
        let next = self.series.len();
        *self.series.entry(values).or_insert(next)
    }

    /// The lines of a page, per engine.
    pub(super) fn samples(&self) -> usize {
        let of_series = match self.first.metric_type {
            MetricType::Counter | MetricType::Gauge => 1,
            MetricType::Histogram => self.first.bounds.len() + 3,
        };
        self.series.len() * of_series
    }

    /// The bytes that these lines take at most, besides numbers and escapes.
    pub(super) fn text(&self) -> usize {
        let Entry { name, help, .. } = self.first;
        let names: usize = self.label_names.iter().map(|name| name.len()).sum();
        let values: usize = self.series.keys().flatten().map(|value| value.len()).sum();
        let of_series = self.samples() / self.series.len().max(1);
        help.len() + name.len() + self.samples() * (name.len() + names) + of_series * values
    }

    pub(super) fn declare(&self, schema: &mut SchemaBuilder) -> Result<Family, SchemaError> {
        let handle =
            if self.label_names.is_empty() { declare::fixed(schema, &self.row())?[0] } else { self.labelled(schema)? };
        let mut series = vec![Vec::new(); self.series.len()];
        for (values, index) in &self.series {
            series[*index] = values.iter().copied().map(str::to_owned).collect();
        }
        Ok(Family { handle, series })
    }

    fn row(&self) -> FamilyRow<'_> {
        let Entry { name, help, metric_type, bounds, .. } = self.first;
        let metric = match metric_type {
            MetricType::Counter if self.floats => Metric::FloatCounter,
            MetricType::Counter => Metric::Counter,
            MetricType::Gauge => Metric::Gauge,
            MetricType::Histogram => Metric::Histogram(bounds),
        };
        FamilyRow { name, help, metric, labels: &[], exists: Exists::Start, samples: &[] }
    }

    fn labelled(&self, schema: &mut SchemaBuilder) -> Result<Series, SchemaError> {
        let FamilyRow { help, metric, .. } = self.row();
        let name = self.first.family();
        let labels: Vec<_> = self.label_names.iter().copied().collect();
        let longest = self.series.keys().flatten().map(|value| value.len()).max().unwrap_or(0);
        // Sparse, so that no page shows the overflow series: no value overflows.
        macro_rules! declare {
            ($kind:ident, $family:expr) => {{
                let family = $family.sparse().dynamic_labels(&labels[..], self.series.len());
                Series::$kind(family.max_value_len(longest).declare()?)
            }};
        }
        Ok(match metric {
            Metric::FloatCounter => declare!(DynamicFloatCounter, schema.counter::<f64>(name, help)),
            Metric::Counter => declare!(DynamicCounter, schema.counter::<u64>(name, help)),
            Metric::Gauge => declare!(DynamicGauge, schema.gauge::<f64>(name, help)),
            Metric::Histogram(bounds) => declare!(DynamicHistogram, schema.histogram::<f64>(name, help, bounds)),
        })
    }
}
