//! Pages, in both formats.

use std::{fmt, sync::Arc};

use super::{
    Format, PageOptions,
    joined::{JoinedTexts, OwnLabels},
    lines::{Block, LineText, SchemaText, SeriesText},
    number,
};
use crate::{
    schema::{Schema, layout::Scope, value::ObservationValue},
    snapshot::{FamilyView, HistogramView, SampleValue, SampleView, Snapshot},
    sync::ArcSwap,
};

/// Turns snapshots into pages.
///
/// Families are printed in declared order, including those of the registry. Those of schemas that
/// [joined](crate::Registry::join) follow, in the order of joining, and the crate's [own
/// families](crate::docs::self_metrics) come last, once for all schemas. Each family has one `HELP`
/// line (none if its help text is empty) and one `TYPE` line, in OpenMetrics followed by a `UNIT`
/// line if it has a [unit](crate::Declaration::unit); a family without a sample has none of them.
/// Within a family, series are in the order in which their label values were declared. Within a
/// series, engines are in the order in which they attached. Dynamic series are printed engine by
/// engine, sorted by their label values. A histogram with negative bounds is printed without `_sum`
/// and `_count`, as OpenMetrics asks: such a sum can fall.
///
/// ```
/// use tachometer::{Format, PageOptions, Registry, Renderer, Schema, Snapshot};
///
/// let mut schema = Schema::builder(&["engine"]);
/// let tokens = schema.counter::<u64>("generation_tokens", "Tokens generated.").declare()?;
/// let schema = schema.build()?;
/// let renderer = Renderer::new(&schema);
/// let registry = Registry::new(schema);
/// let engine = registry.attach(&["0"])?;
/// engine.shared_recorder().add(tokens, 3);
///
/// let (mut snapshot, mut page) = (Snapshot::new(), Vec::new());
/// registry.snapshot(&mut snapshot);
/// renderer.render(&snapshot, Format::Text, &PageOptions::new(), &mut page);
/// let page = String::from_utf8(page)?;
/// let mut lines = page.lines();
/// assert_eq!(lines.next(), Some("# HELP generation_tokens_total Tokens generated."));
/// assert_eq!(lines.next(), Some("# TYPE generation_tokens_total counter"));
/// assert_eq!(lines.next(), Some("generation_tokens_total{engine=\"0\"} 3"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Renderer {
    first: SchemaText,
    /// The text of the schemas that had joined in the snapshot that was rendered last.
    joined: ArcSwap<JoinedTexts>,
}

/// How samples are written.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    format: Format,
    /// With the times of creation.
    created: bool,
}

impl Style {
    pub(crate) fn new(format: Format, options: &PageOptions) -> Self {
        let created = options.has_created() && mutant!(format == Format::OpenMetrics, "text: has _created" => true);
        Self { format, created }
    }

    /// The same without the times of creation.
    pub(crate) fn without_created(self) -> Self {
        Self { created: false, ..self }
    }

    /// Whether a page has what only OpenMetrics has.
    pub(crate) fn is_open_metrics(self) -> bool {
        self.format == Format::OpenMetrics
    }

    pub(crate) fn has_created(self) -> bool {
        self.created
    }

    /// Appends what ends a page.
    pub(crate) fn end(self, page: &mut Vec<u8>) {
        if mutant!(self.is_open_metrics(), "OpenMetrics: no end" => false, "text: has an end" => true) {
            page.extend_from_slice(b"# EOF\n");
        }
    }
}

impl Renderer {
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
    /// page. Nothing may follow a page in OpenMetrics, which ends in `# EOF`. Allocates nothing
    /// once `page` is large enough, except to lay out the text of a schema that joined.
    ///
    /// # Panics
    /// If the snapshot is of a registry with another schema.
    pub fn render(&self, snapshot: &Snapshot, format: Format, options: &PageOptions, page: &mut Vec<u8>) {
        let style = Style::new(format, options);
        let families = snapshot.families().filter(|family| family.is_in(&options.families));
        self.families(snapshot, families, style, page);
        style.end(page);
    }

    /// Appends families of the snapshot.
    pub(crate) fn families<'s>(
        &self,
        snapshot: &'s Snapshot,
        families: impl Iterator<Item = FamilyView<'s>>,
        style: Style,
        page: &mut Vec<u8>,
    ) {
        let first = &self.first;
        let schema = snapshot.schema().map_or(first.schema, |schema| schema.layout(Scope::Engine).schema);
        assert!(schema == first.schema, "the snapshot was taken of a registry with another schema");
        let joined = self.joined_texts(snapshot);
        for family in families {
            let (member, index) = family.index();
            let text = member.checked_sub(1).map_or(first, |joined_before| &*joined.texts[joined_before]);
            let own_labels = joined.own_labels.as_ref().filter(|_| family.is_own_of_engines());
            match own_labels {
                _ if !family.is_own() => text.family(&text.families[index], family, style, page),
                None => first.family(&first.own[index], family, style, page),
                Some(labels) => first.own_family(&first.own[index], family, labels, style, page),
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

impl fmt::Debug for Renderer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renderer").field("schema", &self.first.schema).finish_non_exhaustive()
    }
}

/// How lines are written.
impl SchemaText {
    /// A family, unless it has no sample.
    fn family(&self, block: &Block, family: FamilyView<'_>, style: Style, page: &mut Vec<u8>) {
        self.with_header(block, style, page, |page| {
            family.each_sample(|sample| {
                let series = &block.series[sample.series()];
                self.sample(series, sample, page);
                if style.created {
                    self.created(series, sample, page);
                }
            });
        });
    }

    /// When it was created.
    #[cold]
    fn created(&self, series: &SeriesText, sample: &SampleView<'_>, page: &mut Vec<u8>) {
        if let (Some(line), Some(created)) = (&series.created, sample.created()) {
            mutant!("created: of another label set" => self.line(line, b"", page, |page| number::write_milliseconds(0, page)));
            self.line(line, sample.label_text(), page, |page| number::write_milliseconds(created, page));
        }
    }

    /// One of the crate's own families, where engines of several schemas have different labels.
    fn own_family(&self, block: &Block, family: FamilyView<'_>, labels: &OwnLabels, style: Style, page: &mut Vec<u8>) {
        let series = &block.series[0];
        let line = |line: &LineText,
                    sample: &SampleView<'_>,
                    page: &mut Vec<u8>,
                    number: u64,
                    write: fn(u64, &mut Vec<u8>)| {
            let name = self.piece(&line.name);
            page.extend_from_slice(name.strip_suffix(b"{").unwrap_or(name));
            labels.write(sample, page);
            write(number, page);
            page.push(b'\n');
        };
        self.with_header(block, style, page, |page| {
            family.each_sample(|sample| {
                if let SampleValue::U64(value) = sample.value() {
                    line(&series.lines[0], sample, page, value, number::write_u64);
                }
                if let (true, Some(created_line), Some(created)) = (style.created, &series.created, sample.created()) {
                    line(created_line, sample, page, created, number::write_milliseconds);
                }
            });
        });
    }

    fn with_header(&self, block: &Block, style: Style, page: &mut Vec<u8>, samples: impl FnOnce(&mut Vec<u8>)) {
        let start = page.len();
        page.extend_from_slice(self.piece(&block.headers[style.format as usize]));
        let header_end = page.len();
        samples(page);
        if page.len() == header_end {
            page.truncate(start); // a family without a sample isn't shown
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
}
