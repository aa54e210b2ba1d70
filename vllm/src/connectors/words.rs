//! Puts a summary in words.

use super::{
    merged::Merged,
    python,
    summary::{Figure, Stat, Summary},
    sums,
    value::Number,
};

/// Keys and values of a line, in its order. The values are as Python prints them.
pub(super) type Line = Vec<(String, String)>;

impl Summary {
    /// Whether the connector has nothing to say. Then there is no line, unless another of several
    /// connectors has.
    pub(super) fn is_about_nothing(self, merged: &Merged) -> bool {
        match self {
            Self::None => true,
            Self::Figures { .. } => merged.is_zero(),
            Self::Records(_) | Self::Counts(_) => merged.entries().is_empty(),
            Self::Flat { .. } => {
                let has = |name| merged.get(name).is_some_and(|part| !matches!(part, Merged::Nothing));
                merged.get("data").is_none_or(|data| data.entries().is_empty()) && !has("info")
            }
        }
    }

    /// `alone` is whether one payload was merged.
    pub(super) fn of(self, merged: &Merged, alone: bool) -> Line {
        match self {
            Self::None => Line::new(),
            Self::Figures { of_none, figures } => {
                let of_none = if merged.is_zero() { "0" } else { of_none };
                let named = |figure: &Figure| Some((figure.label.to_owned(), figure.stat.of(merged, of_none)?));
                figures.iter().filter_map(named).collect()
            }
            Self::Records(figures) => records(figures, merged),
            Self::Counts(_) if alone => written(merged),
            Self::Counts(names) => counts(names, merged),
            Self::Flat { without } => flat(without, merged),
        }
    }
}

fn records(figures: &[Figure], merged: &Merged) -> Line {
    let mut operations: Vec<_> = merged.entries().iter().filter(|(_, records)| !records.is_empty_list()).collect();
    operations.sort_by(|a, b| a.0.cmp(&b.0));
    let of_one = |(name, records): &'_ &(String, Merged)| {
        let named = |figure: &Figure| Some((format!("{name}_{}", figure.label), figure.stat.of(records, "0.0")?));
        figures.iter().filter_map(named).collect::<Vec<_>>()
    };
    operations.iter().flat_map(of_one).collect()
}

fn counts(names: &[&str], merged: &Merged) -> Line {
    let of_one = |(operation, counts): &(String, Merged)| {
        let named = |name: &&str| (format!("{operation}_{name}"), python::repr_of_number(counts.sum(name)));
        names.iter().map(named).collect::<Vec<_>>()
    };
    merged.entries().iter().flat_map(of_one).collect()
}

/// The numbers of a payload of its own, as they are.
fn written(merged: &Merged) -> Line {
    let of_one = |(operation, counts): &(String, Merged)| {
        let named = |(name, count): &(String, Merged)| {
            Some((format!("{operation}_{name}"), python::repr_of_number(count.number()?)))
        };
        counts.entries().iter().filter_map(named).collect::<Vec<_>>()
    };
    merged.entries().iter().flat_map(of_one).collect()
}

fn flat(without: &[&str], merged: &Merged) -> Line {
    let mut line = Line::new();
    let families = merged.get("data").map_or(&[][..], Merged::entries);
    for (family, series) in families.iter().filter(|(family, _)| !without.contains(&family.as_str())) {
        for (labels, value) in series.entries() {
            let name = if labels.is_empty() { family.clone() } else { format!("{family}:{labels}") };
            if let Some(numbers) = value.numbers() {
                line.push((format!("{name}_count"), numbers.len().to_string()));
                line.push((format!("{name}_sum"), python::repr_of_number(sums::sum(numbers))));
            } else if let Some(number) = value.number() {
                line.push((name, python::repr_of_number(number)));
            }
        }
    }
    line
}

impl Stat {
    /// `None` if it isn't printed.
    fn of(self, merged: &Merged, of_none: &str) -> Option<String> {
        Some(match self {
            Self::Items(of) => merged.column(of).len().to_string(),
            Self::Sum(of) => {
                let sum = of.iter().map(|name| merged.sum(name)).reduce(sums::add).unwrap_or(Number::Integer(0));
                python::repr_of_number(sum)
            }
            Self::Mean { of, times, digits, exact } => {
                let numbers = merged.column(of);
                let sum = if exact { sums::exact } else { sums::pairwise };
                match numbers.len() {
                    0 => of_none.to_owned(),
                    n => rounded(sum(&numbers) / n as f64 * times, digits),
                }
            }
            Self::P90 { of, times, digits, percentile } => match percentile.p90(merged.column(of)) {
                None => of_none.to_owned(),
                Some(p90) => rounded(p90 * times, digits),
            },
            Self::Rate { amount, unit, per, of_no_time } => {
                let amounts: Vec<f64> = merged.column(amount).iter().map(|amount| amount / unit).collect();
                let time = sums::pairwise(&merged.column(per));
                match of_no_time {
                    _ if amounts.is_empty() => of_none.to_owned(),
                    Some(text) if time == 0.0 => text.to_owned(),
                    _ => rounded(sums::pairwise(&amounts) / time, 3),
                }
            }
            Self::Last { of, times, digits } => match merged.get(of)?.numbers()?.last()? {
                Number::Integer(number) => format!("{:.0}", times * *number as f64),
                Number::Float(number) => rounded(times * number, digits),
            },
            Self::Equal { of, text } => merged.count(of, text).to_string(),
        })
    }
}

/// The exact binary value, rounded to so many decimals, with the fewest digits.
fn rounded(number: f64, digits: usize) -> String {
    let rounded = format!("{number:.digits$}").parse().unwrap_or(number);
    python::repr_of_float(rounded)
}
