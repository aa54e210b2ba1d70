//! What gets declared.

use tachometer::{Counter, CounterValue, Declaration, Gauge, Handle, Histogram, SchemaBuilder, SchemaError};

use super::bytes::Bytes;

/// A schema.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) engine_labels: Vec<String>,
    /// Of all samples.
    pub(crate) const_labels: LabelSet,
    /// It has the families of `states` and of `guards` too.
    pub(crate) has_states: bool,
    pub(crate) families: Vec<Family>,
}

#[derive(Clone, Debug)]
pub(crate) struct Family {
    pub(crate) name: String,
    /// Of a counter: without `_total`.
    pub(crate) exact_name: bool,
    pub(crate) help: String,
    pub(crate) unit: Option<String>,
    pub(crate) kind: Kind,
    pub(crate) labels: Vec<Label>,
    /// Upper bounds; only histograms have them.
    pub(crate) bounds: Vec<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    CounterU64,
    CounterF64,
    GaugeI64,
    GaugeF64,
    HistogramU64,
    HistogramF64,
}

#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(crate) name: String,
    pub(crate) values: Vec<String>,
}

/// A series' own labels, in declared order.
pub(crate) type LabelSet = Vec<(String, String)>;

impl Kind {
    pub(crate) const ALL: [Self; 6] =
        [Self::CounterU64, Self::CounterF64, Self::GaugeI64, Self::GaugeF64, Self::HistogramU64, Self::HistogramF64];

    pub(crate) fn decode(bytes: &mut Bytes<'_>) -> Self {
        *bytes.choose(&Self::ALL)
    }

    pub(crate) fn is_counter(self) -> bool {
        matches!(self, Self::CounterU64 | Self::CounterF64)
    }

    pub(crate) fn is_gauge(self) -> bool {
        matches!(self, Self::GaugeI64 | Self::GaugeF64)
    }

    pub(crate) fn is_histogram(self) -> bool {
        matches!(self, Self::HistogramU64 | Self::HistogramF64)
    }
}

/// Numbers of values of the labels.
const SHAPES: [&[usize]; 8] = [&[], &[], &[], &[1], &[2], &[3], &[2, 2], &[3, 1]];
const LABEL_VALUES: [&str; 5] = ["", "a", "quote\" backslash\\ feed\n", "é🦀", "# x{} 1"];

/// Bounds of histograms: of each sign, at the ends of the types, beyond what a float tells apart,
/// and more than a batch counts bound by bound.
fn bounds(choice: u8, family: usize) -> Vec<f64> {
    const TWO_TO_53: f64 = 9_007_199_254_740_992.0;
    match choice % 16 {
        0 | 1 => vec![1.0],
        2 | 3 => vec![0.1, 0.25, 1.0, 10.0],
        4 => vec![0.0],
        5 => vec![-0.0, 0.5],
        6 => vec![-1.5, 0.0, 1.0],
        7 => vec![-1e300, -0.5],
        8 => vec![TWO_TO_53, TWO_TO_53 + 2.0, 2.0 * TWO_TO_53],
        9 => vec![1.0, 1.8e19, 18_446_744_073_709_551_616.0],
        10 => vec![5e-324, f64::MIN_POSITIVE, 1.0, 1e300, f64::MAX],
        11 | 12 => (1..=8).map(f64::from).collect(),
        // More words than two for each entry of a step's log, so that only the log's own end can
        // overflow it. Once per schema, since its pages are long.
        15 if family == 0 => (0..600).map(|k| f64::from(k) / 2.0).collect(),
        _ => (0..40).map(f64::from).collect(),
    }
}

impl Plan {
    pub(crate) fn decode(bytes: &mut Bytes<'_>) -> Self {
        let first = bytes.u8();
        let engine_labels = ["e0", "e1"][..usize::from(first % 3)].iter().map(|label| (*label).to_owned()).collect();
        let constant = ("zone".to_owned(), LABEL_VALUES[2].to_owned());
        let const_labels = if first % 128 >= 64 { vec![constant] } else { LabelSet::new() };
        let families = (0..1 + bytes.below(5)).map(|index| Family::decode(index, bytes)).collect();
        Self { engine_labels, const_labels, has_states: first >= 128, families }
    }
}

impl Family {
    fn decode(index: usize, bytes: &mut Bytes<'_>) -> Self {
        let kind = Kind::decode(bytes);
        let bounds = if kind.is_histogram() { bounds(bytes.u8(), index) } else { Vec::new() };
        let shape = if bounds.len() > 50 { &[] } else { *bytes.choose(&SHAPES) };
        let labels = shape.iter().enumerate().map(|(k, len)| Label {
            name: format!("label{k}"),
            values: LABEL_VALUES[k..k + len].iter().map(|value| (*value).to_owned()).collect(),
        });
        let (name, labels) = (format!("f{index}"), labels.collect());
        Self { name, exact_name: false, help: String::new(), unit: None, kind, labels, bounds }
    }

    /// All series: the last label varies fastest.
    pub(crate) fn series(&self) -> Vec<LabelSet> {
        let mut sets = vec![LabelSet::new()];
        for label in &self.labels {
            let with = |set: &LabelSet, value: &String| [&set[..], &[(label.name.clone(), value.clone())]].concat();
            sets = sets.iter().flat_map(|set| label.values.iter().map(|value| with(set, value))).collect();
        }
        sets
    }
}

/// A family's handles, one for each of its series.
#[derive(Clone)]
pub(crate) enum Handles {
    CounterU64(Vec<Counter<u64>>),
    CounterF64(Vec<Counter<f64>>),
    GaugeI64(Vec<Gauge<i64>>),
    GaugeF64(Vec<Gauge<f64>>),
    HistogramU64(Vec<Histogram<u64>>),
    HistogramF64(Vec<Histogram<f64>>),
}

impl Handles {
    pub(crate) fn declare(builder: &mut SchemaBuilder, family: &Family) -> Result<Self, SchemaError> {
        let (name, help, bounds) = (&family.name, &family.help, &family.bounds);
        Ok(match family.kind {
            Kind::CounterU64 => Self::CounterU64(declare(counter(builder, family), family)?),
            Kind::CounterF64 => Self::CounterF64(declare(counter(builder, family), family)?),
            Kind::GaugeI64 => Self::GaugeI64(declare(builder.gauge(name, help), family)?),
            Kind::GaugeF64 => Self::GaugeF64(declare(builder.gauge(name, help), family)?),
            Kind::HistogramU64 => Self::HistogramU64(declare(builder.histogram(name, help, bounds), family)?),
            Kind::HistogramF64 => Self::HistogramF64(declare(builder.histogram(name, help, bounds), family)?),
        })
    }
}

fn counter<'b, T: CounterValue>(builder: &'b mut SchemaBuilder, family: &Family) -> Declaration<'b, Counter<T>> {
    let declaration = builder.counter(&family.name, &family.help);
    if family.exact_name { declaration.exact_name() } else { declaration }
}

/// Handles in nested arrays, or a single one.
trait Flat<H> {
    fn flat(self) -> Vec<H>;
}

impl<T> Flat<Self> for Counter<T> {
    fn flat(self) -> Vec<Self> {
        vec![self]
    }
}

impl<T> Flat<Self> for Gauge<T> {
    fn flat(self) -> Vec<Self> {
        vec![self]
    }
}

impl<T> Flat<Self> for Histogram<T> {
    fn flat(self) -> Vec<Self> {
        vec![self]
    }
}

impl<H, T: Flat<H>, const N: usize> Flat<H> for [T; N] {
    fn flat(self) -> Vec<H> {
        self.into_iter().flat_map(T::flat).collect()
    }
}

/// Adds a label whose number of values is known at run time only; `$then` sees the declaration as
/// `$declaration`.
macro_rules! label {
    ($declaration:ident, $label:expr, $then:expr) => {{
        let Label { name, values } = $label;
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        match values[..] {
            [] => {
                let $declaration = $declaration.label(name, []);
                $then
            }
            [a] => {
                let $declaration = $declaration.label(name, [a]);
                $then
            }
            [a, b] => {
                let $declaration = $declaration.label(name, [a, b]);
                $then
            }
            [a, b, c] => {
                let $declaration = $declaration.label(name, [a, b, c]);
                $then
            }
            _ => unreachable!("no plan has a label of more than three values"),
        }
    }};
}

fn declare<H: Handle + Flat<H>>(declaration: Declaration<'_, H>, family: &Family) -> Result<Vec<H>, SchemaError> {
    let declaration = match &family.unit {
        Some(unit) => declaration.unit(unit),
        None => declaration,
    };
    match &family.labels[..] {
        [] => declaration.declare().map(Flat::flat),
        [a] => label!(declaration, a, declaration.declare().map(Flat::flat)),
        [a, b] => label!(declaration, a, label!(declaration, b, declaration.declare().map(Flat::flat))),
        _ => unreachable!("no plan has a family of more than two labels"),
    }
}
