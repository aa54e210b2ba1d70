//! A walk over a snapshot: families, and the samples of each, as a page shows them.

mod samples;

use std::{fmt, iter};

use super::{Snapshot, histogram::HistogramView, view::EngineView};
use crate::{
    schema::{
        Schema,
        choice::FamilyChoice,
        family::{Family, SeriesSlot},
        layout::{HistogramLayout, SPARSE_WORDS, Scope},
        types::{MetricType, WordType},
        value::ObservationValue,
    },
    store::{dynamic::SeriesRow, info::InfoReading},
};

/// A walk over everything that a page shows.
impl Snapshot {
    /// The families in declared order, including those of the registry; then those of schemas that
    /// [joined](crate::Registry::join), in the order of joining; and then the crate's own, once for
    /// all schemas. Hidden ones are left out. A family may have no samples: a page leaves it out
    /// then. What [collectors](crate::Registry::collector) add to a page isn't in a snapshot.
    ///
    /// This is for exporters of other formats, and for tests that select by name. The example
    /// `otlp` writes OTLP in this way.
    ///
    /// ```
    /// # use tachometer::{Registry, SampleValue, Schema, Snapshot};
    /// # let mut schema = Schema::builder(&["engine"]);
    /// # let tokens = schema.counter::<u64>("generation_tokens", "Tokens.").declare()?;
    /// # let registry = Registry::new(schema.build()?);
    /// # let engine = registry.attach(&["0"])?;
    /// engine.shared_recorder().add(tokens, 3);
    /// let mut snapshot = Snapshot::new();
    /// registry.snapshot(&mut snapshot);
    /// let mut families = snapshot.families();
    /// let family = families.find(|family| family.name() == "generation_tokens").unwrap();
    /// let sample = family.samples().next().unwrap();
    /// assert!(sample.labels().eq([("engine", "0")]));
    /// assert!(matches!(sample.value(), SampleValue::U64(3)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn families(&self) -> impl Iterator<Item = FamilyView<'_>> {
        let all = iter::once(self).chain(self.all_joined()).enumerate();
        let families = all.filter_map(|(member, snapshot)| Some((member, snapshot, snapshot.schema()?)));
        let families = families.flat_map(|(member, snapshot, schema)| {
            let families = schema.families();
            let shown = snapshot.shown.declared(families.len()).filter(|index| !families[*index].hidden);
            shown.map(move |index| FamilyView {
                snapshot,
                schema,
                family: &families[index],
                index: FamilyIndex { member, index, own: false },
            })
        });
        let own = self.schema().into_iter().flat_map(move |schema| {
            let own = schema.own_families();
            let shown = self.shown.own(own.len()).filter(|index| self.shows_own(*index));
            shown.map(move |index| FamilyView {
                snapshot: self,
                schema,
                family: &own[index],
                index: FamilyIndex { member: 0, index, own: true },
            })
        });
        families.chain(own)
    }

    /// Whether one of the crate's own families says anything about one of the schemas.
    pub(crate) fn shows_own(&self, index: usize) -> bool {
        let shows = |schema: &Schema| !schema.own_families()[index].hidden;
        let joined = self.all_joined().iter().filter_map(Self::schema);
        let joined = mutant!(joined.clone().any(shows), "text: own families of the first schema only" => false);
        self.schema().is_some_and(shows) || joined
    }
}

/// A family in a [`Snapshot`], and its samples.
#[derive(Clone, Copy)]
pub struct FamilyView<'s> {
    snapshot: &'s Snapshot,
    schema: &'s Schema,
    family: &'s Family,
    index: FamilyIndex,
}

/// Which family it is.
#[derive(Clone, Copy)]
struct FamilyIndex {
    /// 0 for the schema of the registry, and from 1 on those that joined.
    member: usize,
    index: usize,
    /// Whether it is one of the crate's own, which has samples of all schemas.
    own: bool,
}

impl<'s> FamilyView<'s> {
    /// The name as declared.
    #[must_use]
    pub fn name(&self) -> &'s str {
        &self.family.name
    }

    /// What a page in the text format appends to the name: `_total` for a counter, unless its name
    /// is [exact](crate::Declaration::exact_name), and nothing for others. (The samples of a
    /// histogram have three suffixes of their own.)
    #[must_use]
    pub fn suffix(&self) -> &'static str {
        self.family.suffix()
    }

    /// The help text.
    #[must_use]
    pub fn help(&self) -> &'s str {
        &self.family.help
    }

    /// Counter, gauge or histogram. States and infos are gauges.
    #[must_use]
    pub fn metric_type(&self) -> MetricType {
        self.family.metric_type
    }

    /// The [unit](crate::Declaration::unit), if one was declared. The name ends in it.
    #[must_use]
    pub fn unit(&self) -> Option<&'s str> {
        self.family.unit.as_deref()
    }

    /// The index of its schema, 0 for that of the registry, and its own index: among the crate's
    /// own families, or among those that the schema declares.
    pub(crate) fn index(&self) -> (usize, usize) {
        (self.index.member, self.index.index)
    }

    /// Whether it is one of the crate's own.
    pub(crate) fn is_own(&self) -> bool {
        self.index.own
    }

    /// Whether it is one of the crate's own, with engines of several schemas.
    pub(crate) fn is_own_of_engines(&self) -> bool {
        self.index.own && self.family.scope == Scope::Engine
    }

    /// Whether it is one of these.
    pub(crate) fn is_in(&self, choice: &FamilyChoice) -> bool {
        choice.has(self.family)
    }
}

impl fmt::Debug for FamilyView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FamilyView")
            .field("name", &self.name())
            .field("metric_type", &self.metric_type())
            .finish_non_exhaustive()
    }
}

/// A sample of a family: labels and a value. A histogram is one sample.
#[derive(Clone, Copy)]
pub struct SampleView<'s> {
    schema: &'s Schema,
    family: &'s Family,
    engine: EngineView<'s>,
    own: Own<'s>,
}

/// What distinguishes a sample from others of its engine.
#[derive(Clone, Copy)]
enum Own<'s> {
    /// The index of the series in its family, and where it is.
    Closed(usize, SeriesSlot),
    Dynamic {
        labels: &'s [String],
        row: &'s SeriesRow,
        words: &'s [u64],
    },
    Info {
        labels: &'s [String],
        engine_labels: &'s [usize],
        reading: &'s InfoReading,
    },
}

/// The value of a sample, in the type in which it was declared.
#[derive(Clone, Copy, Debug)]
pub enum SampleValue<'s> {
    /// Of a counter, a gauge, or a state set (0 or 1).
    U64(u64),
    /// Of a gauge.
    I64(i64),
    /// Of a counter, a gauge or an info.
    F64(f64),
    /// Of a histogram with an exact sum.
    U64Histogram(HistogramView<'s, u64>),
    /// Of a histogram.
    F64Histogram(HistogramView<'s, f64>),
}

impl<'s> SampleView<'s> {
    /// Names and values of all labels, as on a page but not escaped: the
    /// [constant](crate::SchemaBuilder::const_label) ones, those of the engine, and those of the
    /// family.
    pub fn labels(&self) -> impl Iterator<Item = (&'s str, &'s str)> + use<'s> {
        let sample = *self;
        let engine = (0..self.engine_labels()).map(move |label| sample.engine_label(label));
        let own = (0..self.own_labels()).map(move |label| sample.own_label(label));
        self.schema.const_labels().chain(engine).chain(own)
    }

    /// The value.
    #[must_use]
    #[inline]
    pub fn value(&self) -> SampleValue<'s> {
        let (layout, words) = (self.engine.layout, self.engine.words());
        match self.own {
            Own::Closed(_, slot) => match slot {
                SeriesSlot::Scalar(word) => self.number(words[usize::from(word)]),
                SeriesSlot::Settable(index) => self.number(words[layout.row_len() + usize::from(index)]),
                SeriesSlot::OneOf { word, index } => SampleValue::U64(u64::from(words[usize::from(word)] == index)),
                SeriesSlot::Diagnostic(diagnostic) => self.number(words[layout.words + diagnostic as usize]),
                SeriesSlot::Liveness(liveness) => self.number(words[layout.liveness() + liveness as usize]),
                SeriesSlot::Histogram(index) => {
                    let histogram = &layout.histograms[usize::from(index.0)];
                    self.histogram(histogram, &words[usize::from(histogram.first)..=usize::from(histogram.sum)])
                }
            },
            Own::Dynamic { row, words, .. } => match row.layout.histograms.first() {
                None => self.number(words[0]),
                Some(histogram) => self.histogram(histogram, words),
            },
            Own::Info { reading, .. } => SampleValue::F64(reading.value),
        }
    }

    /// Whether something was recorded into the series. The word behind a scalar says it, or the
    /// stamp of a state; of a histogram, its buckets.
    fn is_recorded(&self) -> bool {
        let (layout, words) = (self.engine.layout, self.engine.words());
        let any = |words: &[u64]| words.iter().any(|word| *word != 0);
        let scalar = |word: usize| any(&words[word..word + SPARSE_WORDS]);
        match self.own {
            Own::Closed(_, slot) => match slot {
                SeriesSlot::Scalar(word) | SeriesSlot::OneOf { word, .. } => scalar(usize::from(word)),
                SeriesSlot::Settable(index) => scalar(layout.row_len() + usize::from(index)),
                SeriesSlot::Histogram(index) => {
                    let histogram = &layout.histograms[usize::from(index.0)];
                    any(&words[usize::from(histogram.first)..usize::from(histogram.sum)])
                }
                SeriesSlot::Diagnostic(_) | SeriesSlot::Liveness(_) => true,
            },
            Own::Dynamic { row, words, .. } => {
                any(row.layout.histograms.first().map_or(words, |histogram| &words[..usize::from(histogram.sum)]))
            }
            Own::Info { .. } => true,
        }
    }

    /// When the series began at zero, in milliseconds since the Unix epoch. `None` for an info.
    pub(crate) fn created(&self) -> Option<u64> {
        match self.own {
            Own::Closed(..) => Some(self.engine.attached_at()),
            Own::Dynamic { row, .. } => {
                Some(mutant!(row.created, "created: a dynamic series has its engine's" => self.engine.attached_at()))
            }
            Own::Info { .. } => None,
        }
    }

    /// All labels as printed, except those whose values are declared in the schema.
    #[inline]
    pub(crate) fn label_text(&self) -> &'s [u8] {
        match self.own {
            Own::Closed(..) => self.engine.label_text(),
            Own::Dynamic { row, .. } => &row.text,
            Own::Info { reading, .. } => reading.sample.text(),
        }
    }

    /// The index of the closed label values among those of the family.
    #[inline]
    pub(crate) fn series(&self) -> usize {
        if let Own::Closed(series, _) = self.own { series } else { 0 }
    }

    fn number(&self, word: u64) -> SampleValue<'s> {
        match self.family.word_type {
            WordType::U64 => SampleValue::U64(word),
            WordType::I64 => SampleValue::I64(word as i64),
            WordType::F64 => SampleValue::F64(f64::from_bits(word)),
        }
    }

    fn histogram(&self, layout: &'s HistogramLayout, words: &'s [u64]) -> SampleValue<'s> {
        fn view<'s, T: ObservationValue>(layout: &'s HistogramLayout, words: &'s [u64]) -> HistogramView<'s, T> {
            HistogramView::new(layout.bounds.upper(), words)
        }
        match self.family.word_type {
            WordType::F64 => SampleValue::F64Histogram(view(layout, words)),
            _ => SampleValue::U64Histogram(view(layout, words)),
        }
    }

    /// The number of engine labels. The registry has none, and an info chooses some.
    fn engine_labels(&self) -> usize {
        match self.own {
            Own::Info { engine_labels, .. } => engine_labels.len(),
            _ => self.engine.label_values().len(),
        }
    }

    fn engine_label(&self, label: usize) -> (&'s str, &'s str) {
        let label = match self.own {
            Own::Info { engine_labels, .. } => {
                mutant!(engine_labels[label], "walk: an info has the first engine labels" => label)
            }
            _ => label,
        };
        (&self.schema.engine_labels()[label], &self.engine.label_values()[label])
    }

    fn own_labels(&self) -> usize {
        match self.own {
            Own::Closed(..) => self.family.labels.len(),
            Own::Dynamic { labels, .. } | Own::Info { labels, .. } => labels.len(),
        }
    }

    fn own_label(&self, label: usize) -> (&'s str, &'s str) {
        match self.own {
            Own::Closed(series, _) => self.family.label_pair(series, label),
            Own::Dynamic { labels, row, .. } => (&labels[label], &row.values[label]),
            Own::Info { labels, reading, .. } => (&labels[label], &reading.sample.values()[label]),
        }
    }
}

impl fmt::Debug for SampleView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SampleView")
            .field("labels", &self.labels().collect::<Vec<_>>())
            .field("value", &self.value())
            .finish()
    }
}
