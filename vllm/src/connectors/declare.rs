//! Declares the rows of tables, and compiles them into what recording walks along.

use tachometer::{AtRunTime, Counter, DynamicFamily, Gauge, Histogram, SchemaBuilder, SchemaError, State};

use super::{
    summary::Summary,
    table::{Absent, At, Exists, FamilyRow, Metric, Table, Take},
    walk::{Each, Entry, MAX_LABELS, Node},
};
use crate::DeclareError;

/// The most series of a family that one engine can have, beyond which they are one.
const MAX_SERIES: usize = 128;

/// The handles of a family's series.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Series {
    Counter(Counter<u64>),
    FloatCounter(Counter<f64>),
    Gauge(State<f64>),
    Histogram(Histogram<f64>),
    DynamicCounter(DynamicFamily<Counter<u64>, AtRunTime>),
    DynamicFloatCounter(DynamicFamily<Counter<f64>, AtRunTime>),
    DynamicGauge(DynamicFamily<Gauge<f64>, AtRunTime>),
    DynamicHistogram(DynamicFamily<Histogram<f64>, AtRunTime>),
}

/// A sample, ready to be recorded.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) take: Take,
    /// The name of its family, as printed.
    pub(super) family: Box<str>,
    pub(super) series: Series,
    /// The labels of an info.
    pub(super) labels: Box<[Box<str>]>,
}

/// The tables of a connector, declared.
#[derive(Debug, Default)]
pub(super) struct Declared {
    pub(super) root: Node,
    pub(super) samples: Vec<Compiled>,
    pub(super) said: Said,
}

/// What the log line says.
#[derive(Debug, Default)]
pub(super) enum Said {
    #[default]
    Nothing,
    Of(Summary),
    /// Each connector's part, under the name of its class.
    OfEach(Vec<(Box<str>, Said)>),
}

impl Declared {
    /// Declares a table's families, and makes `node` the place where its payloads are.
    pub(super) fn add(
        &mut self,
        schema: &mut SchemaBuilder,
        table: &Table<'_>,
        node: &mut Node,
    ) -> Result<Said, DeclareError> {
        node.tagged = table.tagged;
        for row in table.families {
            let series = declare_row(schema, row)?;
            for sample in row.samples {
                let series = *series.get(sample.value).ok_or_else(|| refused(row, "has no series with this index"))?;
                if !mutant!(fits(sample.take, row.metric), "table: numbers of another type" => true) {
                    return Err(refused(row, "has a type that can't take its numbers this way"));
                }
                let labels = row.labels.iter().map(|label| (*label).into()).collect();
                let place = reach(node, sample.path, sample.absent, row)?;
                place.samples.push(self.samples.len());
                self.samples.push(Compiled { take: sample.take, family: row.name.into(), series, labels });
            }
        }
        for known in table.known {
            let row = FamilyRow { name: table.name, samples: &[], ..NO_FAMILY };
            reach(node, known.path, known.absent, &row)?.any = true;
        }
        Ok(Said::Of(table.summary))
    }
}

const NO_FAMILY: FamilyRow<'_> =
    FamilyRow { name: "", help: "", metric: Metric::Counter, labels: &[], exists: Exists::Start, samples: &[] };

fn refused(row: &FamilyRow<'_>, reason: &'static str) -> DeclareError {
    DeclareError::Table { family: row.name.to_owned(), reason }
}

fn fits(take: Take, metric: Metric<'_>) -> bool {
    match take {
        Take::Count | Take::SumOfList | Take::One => metric == Metric::Counter,
        Take::Float => metric == Metric::FloatCounter,
        Take::Set | Take::SetLast | Take::Info => metric == Metric::Gauge,
        Take::ObserveEach => matches!(metric, Metric::Histogram(_)),
    }
}

/// The place at the end of a path, which is made if it isn't there yet.
fn reach<'n>(
    mut node: &'n mut Node,
    path: &[At<'_>],
    absent: Absent,
    row: &FamilyRow<'_>,
) -> Result<&'n mut Node, DeclareError> {
    for (index, at) in path.iter().enumerate() {
        let each = match at {
            At::Key(name) => {
                let absent = if index + 1 == path.len() { absent } else { Absent::Nothing };
                node = key(node, name, absent, row.metric.type_name());
                continue;
            }
            At::Labels => Each::Labels(row.labels.len()),
            At::EachKey => Each::Key,
            At::EachRecord(fields) => Each::Record(fields.iter().map(|field| (*field).into()).collect()),
        };
        let (same, child) = &mut **node.each.get_or_insert_with(|| Box::new((each.clone(), Node::default())));
        if *same != each {
            return Err(refused(row, "goes another way through the payload than a family before it"));
        }
        if let (At::EachRecord(fields), 0) = (at, child.keys.len()) {
            fields.iter().for_each(|field| key(child, field, Absent::Refused, "").any = true);
        }
        node = child;
    }
    Ok(node)
}

fn key<'n>(node: &'n mut Node, name: &str, absent: Absent, tag: &'static str) -> &'n mut Node {
    let index = node.keys.iter().position(|entry| *entry.name == *name).unwrap_or_else(|| {
        node.keys.push(Entry { name: name.into(), absent, tag, node: Node::default() });
        node.keys.len() - 1
    });
    &mut node.keys[index].node
}

/// Declares one family. There is a handle for each value of [`Exists::StartBy`], or one.
pub(super) fn declare_row(schema: &mut SchemaBuilder, row: &FamilyRow<'_>) -> Result<Vec<Series>, DeclareError> {
    if row.labels.len() > MAX_LABELS {
        return Err(refused(row, "has more than 8 labels"));
    }
    if !row.labels.is_empty() {
        return Ok(vec![dynamic(schema, row)?]);
    }
    Ok(fixed(schema, row)?)
}

/// Families with labels whose values come with the payload.
fn dynamic(schema: &mut SchemaBuilder, row: &FamilyRow<'_>) -> Result<Series, SchemaError> {
    let &FamilyRow { name, help, labels, .. } = row;
    macro_rules! declare {
        ($kind:ident, $family:expr) => {
            Series::$kind($family.sparse().dynamic_labels(labels, MAX_SERIES).overflow_value("(other)").declare()?)
        };
    }
    Ok(match row.metric {
        Metric::Counter => declare!(DynamicCounter, schema.counter::<u64>(unsuffixed(name), help)),
        Metric::FloatCounter => declare!(DynamicFloatCounter, schema.counter::<f64>(unsuffixed(name), help)),
        Metric::Gauge => declare!(DynamicGauge, schema.gauge::<f64>(name, help)),
        Metric::Histogram(bounds) => declare!(DynamicHistogram, schema.histogram::<f64>(name, help, bounds)),
    })
}

/// Families whose series are known beforehand.
pub(crate) fn fixed(schema: &mut SchemaBuilder, row: &FamilyRow<'_>) -> Result<Vec<Series>, SchemaError> {
    let &FamilyRow { name, help, exists, .. } = row;
    macro_rules! declare {
        ($kind:ident, $family:expr) => {
            match exists {
                Exists::Start => vec![Series::$kind($family.declare()?)],
                Exists::FirstEvent => vec![Series::$kind($family.sparse().declare()?)],
                Exists::StartBy { label, values } => {
                    $family.label(label, values).declare()?.into_iter().map(Series::$kind).collect()
                }
            }
        };
    }
    Ok(match row.metric {
        Metric::Counter => declare!(Counter, schema.counter::<u64>(unsuffixed(name), help)),
        Metric::FloatCounter => declare!(FloatCounter, schema.counter::<f64>(unsuffixed(name), help)),
        Metric::Gauge => declare!(Gauge, schema.gauge::<f64>(name, help).state()),
        Metric::Histogram(bounds) => declare!(Histogram, schema.histogram::<f64>(name, help, bounds)),
    })
}

/// The name without the ending that the page gives it.
fn unsuffixed(name: &str) -> &str {
    name.strip_suffix("_total").unwrap_or(name)
}
