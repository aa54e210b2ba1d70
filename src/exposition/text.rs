//! The Prometheus text format, version 0.0.4.
//!
//! A line is a name, the engine's labels (escaped when it attached), the series' own labels, and a
//! number. Everything that doesn't change is laid out once, when the renderer is built.

use std::ops::Range;

use super::number;
use crate::{
    escape,
    schema::{
        Schema,
        family::{Family, Samples, SeriesSlot},
        layout::{HistogramLayout, Scope},
        number::MetricType,
        value::ObservationValue,
    },
    snapshot::{HistogramView, SampleValue, SampleView, Snapshot},
};

/// Turns snapshots of one schema into pages.
///
/// Families are printed in declared order, including those of the registry. Each has one `HELP`
/// line (none if its help text is empty) and one `TYPE` line; a family without a sample has
/// neither. Within a family, series are in the order in which their label values were declared.
/// Within a series, engines are in the order in which they attached. Dynamic series are printed
/// engine by engine, sorted by their label values. A histogram with negative bounds is printed
/// without `_sum` and `_count`, as OpenMetrics asks: such a sum can fall.
///
/// ```
/// use tachometer::{Registry, Schema, Snapshot, TextRenderer};
///
/// let mut schema = Schema::builder(&["engine"]);
/// let tokens = schema.counter::<u64>("generation_tokens", "Tokens generated.").declare()?;
/// let schema = schema.build()?;
/// let renderer = TextRenderer::new(&schema);
/// let registry = Registry::new(schema);
/// let engine = registry.attach(&["0"])?;
/// engine.shared_recorder().add(tokens, 3);
///
/// let (mut snapshot, mut page) = (Snapshot::new(), Vec::new());
/// registry.snapshot(&mut snapshot);
/// renderer.render(&snapshot, &mut page);
/// let page = String::from_utf8(page)?;
/// let mut lines = page.lines();
/// assert_eq!(lines.next(), Some("# HELP generation_tokens_total Tokens generated."));
/// assert_eq!(lines.next(), Some("# TYPE generation_tokens_total counter"));
/// assert_eq!(lines.next(), Some("generation_tokens_total{engine=\"0\"} 3"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TextRenderer {
    schema: u32,
    /// What all spans point into.
    text: Vec<u8>,
    families: Vec<Block>,
}

/// A piece of [`TextRenderer::text`].
type Span = Range<u32>;

/// A family.
#[derive(Debug)]
struct Block {
    /// `HELP` and `TYPE`.
    header: Span,
    /// One per combination of closed label values.
    series: Vec<SeriesText>,
}

/// The lines of a series.
#[derive(Debug)]
struct SeriesText {
    /// One, or one per bucket.
    lines: Vec<LineText>,
    /// Of a histogram, unless it has negative bounds.
    sum_and_count: Option<[LineText; 2]>,
}

/// The text of a line before and after the engine's labels: `name{` and `,label="value"} `.
#[derive(Clone, Debug)]
struct LineText {
    name: Span,
    labels: Span,
}

impl TextRenderer {
    /// The value of the `Content-Type` header for a page in this format.
    pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

    /// Lays out the text of a schema's families.
    #[must_use]
    pub fn new(schema: &Schema) -> Self {
        Self::of(schema, schema.families())
    }

    /// Lays out the text of what was declared, without the crate's own families.
    pub(crate) fn of_declared(schema: &Schema) -> Self {
        Self::of(schema, schema.declared_families())
    }

    fn of(schema: &Schema, families: &[Family]) -> Self {
        let schema_number = schema.layout(Scope::Engine).schema;
        let mut renderer = Self { schema: schema_number, text: Vec::new(), families: Vec::new() };
        for family in families.iter().filter(|family| !family.hidden) {
            let block = renderer.block(family, schema);
            renderer.families.push(block);
        }
        renderer
    }

    /// Appends a page to `page`. It doesn't clear `page`, which may already hold another crate's
    /// page. Allocates nothing once `page` is large enough.
    ///
    /// # Panics
    /// If the snapshot is of a registry with another schema.
    pub fn render(&self, snapshot: &Snapshot, page: &mut Vec<u8>) {
        let schema = snapshot.schema().map_or(self.schema, |schema| schema.layout(Scope::Engine).schema);
        assert!(schema == self.schema, "the snapshot was taken of a registry with another schema");
        for (block, family) in self.families.iter().zip(snapshot.families()) {
            let start = page.len();
            page.extend_from_slice(self.piece(&block.header));
            let header_end = page.len();
            family.samples().for_each(|sample| self.sample(&block.series[sample.series()], &sample, page));
            if page.len() == header_end {
                page.truncate(start); // a family without a sample isn't shown
            }
        }
    }

    #[inline]
    fn sample(&self, series: &SeriesText, sample: &SampleView<'_>, page: &mut Vec<u8>) {
        let (first, labels) = (&series.lines[0], sample.label_text());
        match sample.value() {
            SampleValue::U64(value) => self.line(first, labels, page, |page| number::write_u64(value, page)),
            SampleValue::I64(value) => self.line(first, labels, page, |page| number::write_i64(value, page)),
            SampleValue::F64(value) => self.line(first, labels, page, |page| number::write_f64(value, page)),
            SampleValue::U64Histogram(view) => {
                self.histogram(series, labels, &view, page, |page| number::write_u64(view.sum(), page));
            }
            SampleValue::F64Histogram(view) => {
                self.histogram(series, labels, &view, page, |page| number::write_f64(view.sum(), page));
            }
        }
    }

    #[inline]
    fn histogram<T: ObservationValue>(
        &self,
        series: &SeriesText,
        labels: &[u8],
        histogram: &HistogramView<'_, T>,
        page: &mut Vec<u8>,
        write_sum: impl FnOnce(&mut Vec<u8>),
    ) {
        let mut count = 0;
        for (line, (_, cumulative)) in series.lines.iter().zip(histogram.cumulative_buckets()) {
            count = cumulative;
            self.line(line, labels, page, |page| number::write_u64(count, page));
        }
        if let Some([sum_line, count_line]) = &series.sum_and_count {
            self.line(sum_line, labels, page, write_sum);
            mutant!("text: the count isn't the last bucket's" => count += 1);
            self.line(count_line, labels, page, |page| number::write_u64(count, page));
        }
    }

    #[inline]
    fn line(&self, line: &LineText, labels: &[u8], page: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        page.extend_from_slice(self.piece(&line.name));
        page.extend_from_slice(labels);
        page.extend_from_slice(self.piece(&line.labels));
        write(page);
        page.push(b'\n');
    }

    #[inline]
    fn piece(&self, span: &Span) -> &[u8] {
        &self.text[span.start as usize..span.end as usize]
    }

    fn block(&mut self, family: &Family, schema: &Schema) -> Block {
        let name = format!("{}{}", family.name, family.suffix());
        let metric_type = match family.metric_type {
            MetricType::Counter => "counter",
            MetricType::Gauge => "gauge",
            MetricType::Histogram => "histogram",
        };
        let header = self.add(|text| {
            if !family.help.is_empty() {
                text.extend_from_slice(format!("# HELP {name} ").as_bytes());
                escape::help(&family.help, text);
                text.push(b'\n');
            }
            text.extend_from_slice(format!("# TYPE {name} {metric_type}\n").as_bytes());
        });
        Block { header, series: self.series(&name, family, schema) }
    }

    fn series(&mut self, name: &str, family: &Family, schema: &Schema) -> Vec<SeriesText> {
        let (layout, constant) = (schema.layout(family.scope), schema.const_labels().next().is_some());
        match &family.samples {
            Samples::Series(slots) => {
                let before = constant || family.scope == Scope::Engine && !schema.engine_labels().is_empty();
                let series = slots.iter().enumerate().map(|(index, slot)| {
                    let histogram = match slot {
                        SeriesSlot::Histogram(index) => Some(&layout.histograms[usize::from(index.0)]),
                        _ => None,
                    };
                    let own = family.label_pairs(index).collect();
                    Lines { renderer: self, before, own }.series(name, histogram)
                });
                series.collect()
            }
            Samples::Dynamic(index) => {
                let histogram = layout.dynamic[index.0 as usize].series.histograms.first();
                vec![Lines { renderer: self, before: true, own: Vec::new() }.series(name, histogram)]
            }
            Samples::Info(info) => {
                let info = &layout.infos[info.0 as usize];
                let before = constant || !info.labels.is_empty() || !info.engine_labels.is_empty();
                vec![Lines { renderer: self, before, own: Vec::new() }.series(name, None)]
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
    renderer: &'a mut TextRenderer,
    /// Whether labels that aren't known yet are printed before its own.
    before: bool,
    /// Its own labels, with their values.
    own: Vec<(&'a str, &'a str)>,
}

impl Lines<'_> {
    fn series(&mut self, name: &str, histogram: Option<&HistogramLayout>) -> SeriesText {
        let Some(HistogramLayout { bounds, .. }) = histogram else {
            return SeriesText { lines: vec![self.line(name, None)], sum_and_count: None };
        };
        let upper_bounds = bounds.upper().iter().copied().chain([f64::INFINITY]);
        let bucket = format!("{name}_bucket");
        let lines = upper_bounds.map(|bound| self.line(&bucket, Some(bound))).collect();
        let sum_can_fall = bounds.upper()[0] < 0.0;
        let mut total = |suffix| self.line(&format!("{name}_{suffix}"), None);
        let sum_and_count = (!sum_can_fall).then(|| ["sum", "count"].map(&mut total));
        SeriesText { lines, sum_and_count }
    }

    fn line(&mut self, name: &str, upper_bound: Option<f64>) -> LineText {
        let own_labels = self.own_labels(upper_bound);
        let (braces, comma) = (self.before || !own_labels.is_empty(), self.before && !own_labels.is_empty());
        let name = self.renderer.add(|text| {
            text.extend_from_slice(name.as_bytes());
            text.extend_from_slice(if braces { b"{" } else { b"" });
        });
        let labels = self.renderer.add(|text| {
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
