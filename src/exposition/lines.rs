//! The lines of a schema's families: everything in them that doesn't change, laid out once.
//!
//! A line is a name, the engine's labels (escaped when it attached), the series' own labels, and a
//! number. Both formats share them, except that only OpenMetrics has `_created`. `HELP`, `TYPE` and
//! `UNIT` differ.

use std::ops::Range;

use super::{Format, number};
use crate::{
    escape,
    schema::{
        Schema,
        family::{Family, Samples, SeriesSlot},
        layout::{HistogramLayout, Scope},
        types::MetricType,
    },
};

/// The text of a schema's families.
#[derive(Debug)]
pub(super) struct SchemaText {
    /// The number of the schema.
    pub(super) schema: u32,
    /// What all spans point into.
    text: Vec<u8>,
    /// The declared families. Hidden ones are empty.
    pub(super) families: Vec<Block>,
    /// The crate's own families, all of them. They are the same in each schema.
    pub(super) own: Vec<Block>,
}

/// A piece of [`SchemaText::text`].
pub(super) type Span = Range<u32>;

/// A family.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// `HELP`, `TYPE` and `UNIT`, in each format.
    pub(super) headers: [Span; 2],
    /// One per combination of closed label values.
    pub(super) series: Vec<SeriesText>,
}

/// The lines of a series.
#[derive(Debug)]
pub(super) struct SeriesText {
    /// One, or one per bucket.
    pub(super) lines: Vec<LineText>,
    /// Of a histogram, unless it has negative bounds.
    pub(super) sum_and_count: Option<[LineText; 2]>,
    /// When it was created. Of a histogram, and of a counter that is one in OpenMetrics too.
    pub(super) created: Option<LineText>,
}

/// The text of a line before and after the engine's labels: `name{` and `,label="value"} `.
#[derive(Clone, Debug)]
pub(super) struct LineText {
    pub(super) name: Span,
    pub(super) labels: Span,
}

impl SchemaText {
    /// Lays out the text of a schema's families.
    pub(super) fn new(schema: &Schema) -> Self {
        let mut laid = Self::of_declared(schema);
        laid.own = schema.own_families().iter().map(|family| laid.block(family, schema)).collect();
        laid
    }

    /// Lays out the text of what was declared.
    pub(super) fn of_declared(schema: &Schema) -> Self {
        let number = schema.layout(Scope::Engine).schema;
        let mut laid = Self { schema: number, text: Vec::new(), families: Vec::new(), own: Vec::new() };
        let families = schema.families().iter();
        laid.families =
            families.map(|family| if family.hidden { Block::default() } else { laid.block(family, schema) }).collect();
        laid
    }

    #[inline]
    pub(super) fn piece(&self, span: &Span) -> &[u8] {
        &self.text[span.start as usize..span.end as usize]
    }

    fn block(&mut self, family: &Family, schema: &Schema) -> Block {
        let headers = [Format::Text, Format::OpenMetrics].map(|format| self.add(|text| header(format, family, text)));
        Block { headers, series: self.series(family, schema) }
    }

    fn series(&mut self, family: &Family, schema: &Schema) -> Vec<SeriesText> {
        let (layout, constant) = (schema.layout(family.scope), schema.const_labels().next().is_some());
        let before = constant || family.scope == Scope::Engine && !schema.engine_labels().is_empty();
        match &family.samples {
            Samples::Series(slots) => {
                let series = slots.iter().enumerate().map(|(index, slot)| {
                    let histogram = match slot {
                        SeriesSlot::Histogram(index) => Some(&layout.histograms[usize::from(index.0)]),
                        _ => None,
                    };
                    let own = family.label_pairs(index).collect();
                    Lines { text: self, family, before, own }.series(histogram)
                });
                series.collect()
            }
            Samples::Dynamic(index) => {
                let layout = &layout.dynamic[index.0 as usize];
                let (histogram, before) = (layout.series.histograms.first(), before || !layout.labels.is_empty());
                vec![Lines { text: self, family, before, own: Vec::new() }.series(histogram)]
            }
            Samples::Info(info) => {
                let info = &layout.infos[info.0 as usize];
                let before = constant || !info.labels.is_empty() || !info.engine_labels.is_empty();
                vec![Lines { text: self, family, before, own: Vec::new() }.series(None)]
            }
        }
    }

    fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Span {
        let end = |text: &[u8]| u32::try_from(text.len()).expect("SchemaBuilder::build refuses more text than that");
        let start = end(&self.text);
        write(&mut self.text);
        start..end(&self.text)
    }
}

/// Lays out the lines of one series.
struct Lines<'a> {
    text: &'a mut SchemaText,
    family: &'a Family,
    /// Whether labels that aren't known yet are printed before its own.
    before: bool,
    /// Its own labels, with their values.
    own: Vec<(&'a str, &'a str)>,
}

impl Lines<'_> {
    fn series(&mut self, histogram: Option<&HistogramLayout>) -> SeriesText {
        let name = self.family.name.as_str();
        let Some(HistogramLayout { bounds, .. }) = histogram else {
            let line = self.line(&format!("{name}{}", self.family.suffix()), None);
            let created = (!self.family.suffix().is_empty()).then(|| self.created(&line));
            return SeriesText { lines: vec![line], sum_and_count: None, created };
        };
        let upper_bounds = bounds.upper().iter().copied().chain([f64::INFINITY]);
        let bucket = format!("{name}_bucket");
        let lines = upper_bounds.map(|bound| self.line(&bucket, Some(bound))).collect();
        let sum_can_fall = bounds.upper()[0] < 0.0;
        let mut total = |suffix| self.line(&format!("{name}_{suffix}"), None);
        let sum_and_count = (!sum_can_fall).then(|| ["sum", "count"].map(&mut total));
        let created = match &sum_and_count {
            Some([sum, _]) => self.created(sum),
            None => self.line(&format!("{name}_created"), None),
        };
        SeriesText { lines, sum_and_count, created: Some(created) }
    }

    /// The line about the creation of a series, which has the labels of another line of it.
    fn created(&mut self, other: &LineText) -> LineText {
        let braces = self.text.piece(&other.name).ends_with(b"{");
        let name = format!("{}_created{}", self.family.name, if braces { "{" } else { "" });
        LineText { name: self.text.add(|text| text.extend_from_slice(name.as_bytes())), labels: other.labels.clone() }
    }

    fn line(&mut self, name: &str, upper_bound: Option<f64>) -> LineText {
        let own_labels = self.own_labels(upper_bound);
        let (braces, comma) = (self.before || !own_labels.is_empty(), self.before && !own_labels.is_empty());
        let name = self.text.add(|text| {
            text.extend_from_slice(name.as_bytes());
            text.extend_from_slice(if braces { b"{" } else { b"" });
        });
        let labels = self.text.add(|text| {
            text.extend_from_slice(if comma { b"," } else { b"" });
            text.extend_from_slice(&own_labels);
            text.extend_from_slice(if braces { b"} " } else { b" " });
        });
        LineText { name, labels }
    }

    /// `source="local_compute",le="1.0"`.
    fn own_labels(&self, upper_bound: Option<f64>) -> Vec<u8> {
        let mut labels = Vec::new();
        for (name, value) in &self.own {
            escape::label_pair(name, value, &mut labels);
            labels.push(b',');
        }
        if let Some(bound) = upper_bound {
            labels.extend_from_slice(b"le=\"");
            number::write_f64(bound, &mut labels);
            labels.push(b'"');
        } else {
            labels.pop();
        }
        labels
    }
}

/// `HELP`, `TYPE`, and in OpenMetrics `UNIT`.
fn header(format: Format, family: &Family, text: &mut Vec<u8>) {
    let (suffix, escape_help): (_, fn(&str, &mut Vec<u8>)) = match format {
        Format::Text => (family.suffix(), escape::help),
        Format::OpenMetrics => {
            let suffix = mutant!("", "OpenMetrics: families of counters end in _total" => family.suffix());
            (suffix, mutant!(escape::quoted, "OpenMetrics: quotes of a help text aren't escaped" => escape::help))
        }
    };
    let metric_type = match (family.metric_type, format) {
        (MetricType::Counter, Format::OpenMetrics) if family.exact_name => {
            mutant!("unknown", "OpenMetrics: exact names are counters" => "counter")
        }
        (MetricType::Counter, _) => "counter",
        (MetricType::Gauge, _) => "gauge",
        (MetricType::Histogram, _) => "histogram",
    };
    let name = format!("{}{suffix}", family.name);
    if !family.help.is_empty() {
        text.extend_from_slice(format!("# HELP {name} ").as_bytes());
        escape_help(&family.help, text);
        text.push(b'\n');
    }
    text.extend_from_slice(format!("# TYPE {name} {metric_type}\n").as_bytes());
    let has_unit = mutant!(format == Format::OpenMetrics, "OpenMetrics: no units" => false, "text: has units" => true);
    if let (true, Some(unit)) = (has_unit, &family.unit) {
        text.extend_from_slice(format!("# UNIT {name} {unit}\n").as_bytes());
    }
}
