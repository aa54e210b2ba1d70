//! A family as declared: what exposition prints about it, and where its series live.

use super::{
    aggregate::Aggregate,
    layout::{Aside, HistogramIndex, InfoIndex, OpenIndex, Scope},
};

/// What a family is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// How the words of a family are read: a counter's or gauge's value, a histogram's sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    U64,
    I64,
    F64,
}

impl Number {
    /// The sum of two words: counts stay at `u64::MAX` rather than fall, gauges of integers wrap around, since only the sum of all
    /// parts need be in range.
    #[inline(always)]
    pub(crate) fn sum(self, one: u64, other: u64) -> u64 {
        match self {
            Self::U64 => mutant!(one.saturating_add(other), "sum: counts wrap around" => one.wrapping_add(other)),
            Self::I64 => mutant!(
                one.wrapping_add(other),
                "sum: gauges stop at the end of their range" => (one as i64).saturating_add(other as i64) as u64,
            ),
            Self::F64 => (f64::from_bits(one) + f64::from_bits(other)).to_bits(),
        }
    }
}

/// Where a series lives.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Scalar(u16),
    Histogram(HistogramIndex),
    Aside(Aside),
}

/// Where a family's samples come from.
#[derive(Clone, Debug)]
pub(crate) enum Samples {
    /// One a combination of label values; the last label varies fastest.
    Series(Vec<Place>),
    /// One a set of label values that was looked up.
    Open(OpenIndex),
    Info(InfoIndex),
    /// Of engines' gauges, by their words: one a combination of label values.
    Aggregate(Aggregate, Vec<u16>),
}

/// A label with its closed list of values.
#[derive(Clone, Debug)]
pub(crate) struct Dimension {
    pub(crate) name: String,
    pub(crate) values: Vec<String>,
}

/// A family.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) kind: Kind,
    pub(crate) number: Number,
    pub(crate) scope: Scope,
    /// Recorded and read, never printed.
    pub(crate) hidden: bool,
    /// Labels with a closed list of values; others are in the layout.
    pub(crate) dimensions: Vec<Dimension>,
    pub(crate) samples: Samples,
    /// Lines of a page that one engine (or the registry) has of it.
    pub(super) lines: usize,
}

impl Family {
    /// The name that samples of counters and gauges have, and to which histograms add suffixes.
    pub(crate) fn exposed_name(&self) -> String {
        let suffix = if self.kind == Kind::Counter { "_total" } else { "" };
        format!("{}{suffix}", self.name)
    }

    /// Whether its samples have all engine labels; those of an info say themselves which ones.
    pub(crate) fn has_all_engine_labels(&self) -> bool {
        self.scope == Scope::Engine && !matches!(self.samples, Samples::Info(_))
    }

    /// How long its text may get that a renderer keeps: at most so many bytes, since each byte may need an escape.
    pub(super) fn text_bound(&self) -> usize {
        const NUMBERS_AND_FRAME: usize = 64;
        let name = self.name.len() + NUMBERS_AND_FRAME;
        let series = self.dimensions.iter().map(|dimension| dimension.values.len()).fold(1, usize::saturating_mul);
        let labels = self.dimensions.iter().map(|Dimension { name, values }| {
            let pairs = values.iter().map(|value| name.len() + 2 * value.len() + NUMBERS_AND_FRAME).sum::<usize>();
            pairs.saturating_mul(self.lines / values.len())
        });
        debug_assert!(self.lines % series == 0, "each series has the same number of lines");
        let header = 2 * (name + self.help.len());
        labels.fold(header.saturating_add(name.saturating_mul(self.lines)), usize::saturating_add)
    }

    /// The labels of series `index` with their values, in the order of the dimensions.
    pub(crate) fn labels(&self, mut index: usize) -> Vec<(&str, &str)> {
        let mut labels = Vec::with_capacity(self.dimensions.len());
        for Dimension { name, values } in self.dimensions.iter().rev() {
            labels.push((name.as_str(), values[index % values.len()].as_str()));
            index /= values.len();
        }
        labels.reverse();
        labels
    }
}
