//! What a connector's log line says, as data.

use super::sums::Percentile;

/// What a connector's log line says.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
#[non_exhaustive]
pub enum Summary {
    /// Nothing: there is no line.
    #[default]
    None,
    /// These figures.
    Figures {
        /// What is printed for a mean, a percentile or a rate of no numbers. 0 if the connector
        /// has nothing to say, but another of several has.
        of_none: &'static str,
        /// In the order of the line.
        figures: &'static [Figure],
    },
    /// These figures for each of the payload's lists of maps, sorted by their names, which precede
    /// the labels.
    Records(&'static [Figure]),
    /// These numbers of each of the payload's maps. The map's name precedes theirs. Of a single
    /// payload, those that it has, in its order.
    Counts(&'static [&'static str]),
    /// The numbers of the payload's map `data`. Of a list, the count and the sum.
    Flat {
        /// The families that aren't printed.
        without: &'static [&'static str],
    },
}

/// A figure in a log line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// What it is called.
    pub label: &'static str,
    /// What it is.
    pub stat: Stat,
}

/// How a figure is made of the numbers of an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Stat {
    /// The number of items of a list.
    Items(&'static str),
    /// The sum of these numbers, and of the items of these lists.
    Sum(&'static [&'static str]),
    /// The mean of a list, times a factor, rounded.
    Mean {
        /// The key of the list.
        of: &'static str,
        /// The factor.
        times: f64,
        /// Decimals.
        digits: usize,
        /// Whether the sum is rounded only once.
        exact: bool,
    },
    /// The 90th percentile of a list, times a factor, rounded.
    P90 {
        /// The key of the list.
        of: &'static str,
        /// The factor.
        times: f64,
        /// Decimals.
        digits: usize,
        /// Which one.
        percentile: Percentile,
    },
    /// The sum of a list in a unit, divided by the sum of another list, with three decimals.
    Rate {
        /// The key of the list.
        amount: &'static str,
        /// The unit.
        unit: f64,
        /// The key of the other list.
        per: &'static str,
        /// What is printed if the other sum is 0. Without it, what Python prints of the quotient.
        of_no_time: Option<&'static str>,
    },
    /// The last item of a list, times a factor, rounded, or as it is if it is an integer. Not
    /// printed if there is none.
    Last {
        /// The key of the list.
        of: &'static str,
        /// The factor.
        times: f64,
        /// Decimals.
        digits: usize,
    },
    /// The number of maps that have this text under this key.
    Equal {
        /// The key.
        of: &'static str,
        /// The text.
        text: &'static str,
    },
}
