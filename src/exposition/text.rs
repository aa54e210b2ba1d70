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
        layout::{DynamicIndex, HistogramIndex, InfoIndex, Layout, Scope},
        number::{MetricType, WordType},
    },
    snapshot::Snapshot,
    store::info::InfoReading,
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
    word_type: WordType,
    samples: SamplesText,
}

/// A family's samples.
#[derive(Debug)]
enum SamplesText {
    Series(Scope, Vec<SeriesText>),
    /// The lines of one series. The labels of each series come from the snapshot.
    Dynamic(Scope, DynamicIndex, SeriesText),
    /// The name. The labels of each sample come from the snapshot.
    Info(Span, InfoIndex),
}

/// The lines of a series.
#[derive(Debug)]
enum SeriesText {
    Scalar {
        line: LineText,
        word: usize,
    },
    OneOf {
        line: LineText,
        word: usize,
        index: u64,
    },
    /// The lines of the buckets, and of sum and count unless there are negative bounds.
    Histogram {
        buckets: Vec<LineText>,
        first: usize,
        sum_and_count: Option<[LineText; 2]>,
    },
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
        let schema_number = schema.layout(Scope::Engine).schema;
        let mut renderer = Self { schema: schema_number, text: Vec::new(), families: Vec::new() };
        for family in schema.families().iter().filter(|family| !family.hidden) {
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
        for family in &self.families {
            let start = page.len();
            page.extend_from_slice(self.piece(&family.header));
            let header_end = page.len();
            match &family.samples {
                SamplesText::Series(scope, series) => {
                    for series in series {
                        for view in snapshot.views(*scope) {
                            self.series(series, family.word_type, view.label_text(), view.words(), page);
                        }
                    }
                }
                SamplesText::Dynamic(scope, index, series) => {
                    for (labels, words) in snapshot.views(*scope).flat_map(|view| view.dynamic_rows(*index)) {
                        self.series(series, family.word_type, labels, words, page);
                    }
                }
                SamplesText::Info(name, info) => self.infos(name, snapshot.newest(*info), page),
            }
            if page.len() == header_end {
                page.truncate(start); // a family without a sample isn't shown
            }
        }
    }

    fn infos<'s>(&self, name: &Span, readings: impl Iterator<Item = &'s InfoReading>, page: &mut Vec<u8>) {
        for reading in readings {
            page.extend_from_slice(self.piece(name));
            match reading.sample.text() {
                b"" => page.push(b' '),
                labels => {
                    page.push(b'{');
                    page.extend_from_slice(labels);
                    page.extend_from_slice(b"} ");
                }
            }
            number::write_f64(reading.value, page);
            page.push(b'\n');
        }
    }

    #[inline]
    fn series(&self, series: &SeriesText, word_type: WordType, labels: &[u8], words: &[u64], page: &mut Vec<u8>) {
        match series {
            SeriesText::Scalar { line, word } => self.line(line, labels, word_type, words[*word], page),
            SeriesText::OneOf { line, word, index } => {
                self.line(line, labels, WordType::U64, u64::from(words[*word] == *index), page);
            }
            SeriesText::Histogram { buckets, first, sum_and_count } => {
                let mut cumulative = 0_u64;
                for (line, bucket) in buckets.iter().zip(&words[*first..]) {
                    cumulative = cumulative.saturating_add(*bucket);
                    self.line(line, labels, WordType::U64, cumulative, page);
                }
                if let Some([sum, count]) = sum_and_count {
                    self.line(sum, labels, word_type, words[*first + buckets.len()], page);
                    let total = mutant!(cumulative, "text: the count isn't the last bucket's" => cumulative + 1);
                    self.line(count, labels, WordType::U64, total, page);
                }
            }
        }
    }

    #[inline]
    fn line(&self, line: &LineText, labels: &[u8], word_type: WordType, word: u64, page: &mut Vec<u8>) {
        page.extend_from_slice(self.piece(&line.name));
        page.extend_from_slice(labels);
        page.extend_from_slice(self.piece(&line.labels));
        match word_type {
            WordType::U64 => number::write_u64(word, page),
            WordType::I64 => number::write_i64(word as i64, page),
            WordType::F64 => number::write_f64(f64::from_bits(word), page),
        }
        page.push(b'\n');
    }

    #[inline]
    fn piece(&self, span: &Span) -> &[u8] {
        &self.text[span.start as usize..span.end as usize]
    }

    fn block(&mut self, family: &Family, schema: &Schema) -> Block {
        let name = family.exposed_name();
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
        Block { header, word_type: family.word_type, samples: self.samples(&name, family, schema) }
    }

    fn samples(&mut self, name: &str, family: &Family, schema: &Schema) -> SamplesText {
        let layout = schema.layout(family.scope);
        match &family.samples {
            Samples::Series(slots) => {
                let before = family.has_all_engine_labels() && !schema.engine_labels().is_empty();
                let series = slots.iter().enumerate().map(|(index, slot)| {
                    let own = family.label_pairs(index);
                    Lines { renderer: self, before, own }.series(name, *slot, layout)
                });
                SamplesText::Series(family.scope, series.collect())
            }
            Samples::Dynamic(index) => {
                let layout = &layout.dynamic[index.0 as usize].series;
                let slot = if layout.histograms.is_empty() {
                    SeriesSlot::Scalar(0)
                } else {
                    SeriesSlot::Histogram(HistogramIndex(0))
                };
                let series = Lines { renderer: self, before: true, own: Vec::new() }.series(name, slot, layout);
                SamplesText::Dynamic(family.scope, *index, series)
            }
            Samples::Info(info) => SamplesText::Info(self.add(|text| text.extend_from_slice(name.as_bytes())), *info),
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
    fn series(&mut self, name: &str, slot: SeriesSlot, layout: &Layout) -> SeriesText {
        match slot {
            SeriesSlot::Scalar(word) => SeriesText::Scalar { line: self.line(name, None), word: usize::from(word) },
            SeriesSlot::Settable(index) => {
                SeriesText::Scalar { line: self.line(name, None), word: layout.row_len() + usize::from(index) }
            }
            SeriesSlot::OneOf { word, index } => {
                SeriesText::OneOf { line: self.line(name, None), word: usize::from(word), index }
            }
            SeriesSlot::Diagnostic(diagnostic) => {
                SeriesText::Scalar { line: self.line(name, None), word: layout.words + diagnostic as usize }
            }
            SeriesSlot::Liveness(liveness) => {
                SeriesText::Scalar { line: self.line(name, None), word: layout.liveness() + liveness as usize }
            }
            SeriesSlot::Histogram(histogram) => {
                let histogram = &layout.histograms[usize::from(histogram.0)];
                let upper_bounds = histogram.bounds.upper().iter().copied().chain([f64::INFINITY]);
                let bucket = format!("{name}_bucket");
                let buckets = upper_bounds.map(|bound| self.line(&bucket, Some(bound))).collect();
                let sum_can_fall = histogram.bounds.upper()[0] < 0.0;
                let mut total = |suffix| self.line(&format!("{name}_{suffix}"), None);
                let sum_and_count = (!sum_can_fall).then(|| ["sum", "count"].map(&mut total));
                SeriesText::Histogram { buckets, first: usize::from(histogram.first), sum_and_count }
            }
        }
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
