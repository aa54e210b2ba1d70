//! The Prometheus text format, version 0.0.4.

use std::{fmt, iter, sync::Arc};

use super::{
    joined::{JoinedTexts, OwnLabels},
    lines::{LineText, SchemaText, SeriesText},
    number,
};
use crate::{
    schema::{Schema, layout::Scope, value::ObservationValue},
    snapshot::{HistogramView, SampleValue, SampleView, Snapshot},
    sync::ArcSwap,
};

/// Turns snapshots into pages.
///
/// Families are printed in declared order, including those of the registry. Those of schemas that
/// [joined](crate::Registry::join) follow, in the order of joining, and the crate's [own
/// families](crate::docs::self_metrics) come last, once for all schemas. Each family has one `HELP`
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
pub struct TextRenderer {
    first: SchemaText,
    /// The text of the schemas that had joined in the snapshot that was rendered last.
    joined: ArcSwap<JoinedTexts>,
}
impl TextRenderer {
    /// The value of the `Content-Type` header for a page in this format.
    pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

    /// Lays out the text of a schema's families.
    #[must_use]
    pub fn new(schema: &Schema) -> Self {
        Self::of(SchemaText::new(schema))
    }

    /// Lays out the text of what was declared, without the crate's own families.
    pub(crate) fn of_declared(schema: &Schema) -> Self {
        Self::of(SchemaText::of_declared(schema))
    }

    fn of(first: SchemaText) -> Self {
        Self { first, joined: ArcSwap::from_pointee(JoinedTexts::default()) }
    }

    /// Appends a page to `page`. It doesn't clear `page`, which may already hold another crate's
    /// page. Allocates nothing once `page` is large enough, except to lay out the text of a schema
    /// that joined.
    ///
    /// # Panics
    /// If the snapshot is of a registry with another schema.
    pub fn render(&self, snapshot: &Snapshot, page: &mut Vec<u8>) {
        let first = &self.first;
        let schema = snapshot.schema().map_or(first.schema, |schema| schema.layout(Scope::Engine).schema);
        assert!(schema == first.schema, "the snapshot was taken of a registry with another schema");
        let joined = self.joined_texts(snapshot);
        let all = iter::once(first).chain(joined.texts.iter().map(Arc::as_ref));
        let declared = all.flat_map(|text| text.families.iter().map(move |family| (text, family)));
        let own = first.own.iter().enumerate().filter(|(index, _)| snapshot.shows_own(*index));
        for ((text, block), family) in declared.chain(own.map(|(_, block)| (first, block))).zip(snapshot.families()) {
            let start = page.len();
            page.extend_from_slice(text.piece(&block.header));
            let header_end = page.len();
            match &joined.own_labels {
                Some(labels) if family.is_own_of_engines() => {
                    family.samples().for_each(|sample| text.own_sample(&block.series[0], &sample, labels, page));
                }
                _ => family.samples().for_each(|sample| text.sample(&block.series[sample.series()], &sample, page)),
            }
            if page.len() == header_end {
                page.truncate(start); // a family without a sample isn't shown
            }
        }
    }

    /// The text of the schemas that joined. It is kept for the next page, which most often has the
    /// same ones.
    fn joined_texts(&self, snapshot: &Snapshot) -> Arc<JoinedTexts> {
        let known = self.joined.load();
        if known.is_of(snapshot) {
            return Arc::clone(&known);
        }
        let joined = Arc::new(known.of(snapshot));
        self.joined.compare_and_swap(&*known, Arc::clone(&joined)); // another page's are as good
        joined
    }
}

impl fmt::Debug for TextRenderer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextRenderer").field("schema", &self.first.schema).finish_non_exhaustive()
    }
}

/// How lines are written.
impl SchemaText {
    /// One of the crate's own samples, where engines of several schemas have different labels.
    fn own_sample(&self, series: &SeriesText, sample: &SampleView<'_>, labels: &OwnLabels, page: &mut Vec<u8>) {
        let name = self.piece(&series.lines[0].name);
        page.extend_from_slice(name.strip_suffix(b"{").unwrap_or(name));
        labels.write(sample, page);
        if let SampleValue::U64(value) = sample.value() {
            number::write_u64(value, page);
        }
        page.push(b'\n');
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
}
