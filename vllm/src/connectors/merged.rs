//! The payloads of an interval, as one.

use super::{
    declare::Compiled,
    python, sums,
    table::Take,
    value::{Key, Number, Value},
    walk::Node,
};

/// The payloads of an interval, as one: counters add up, lists are joined, gauges keep the last
/// number. Names are in the order of their first appearance.
#[derive(Debug, Default)]
pub(super) enum Merged {
    #[default]
    Nothing,
    Number(Number),
    Text(String),
    Numbers(Vec<Number>),
    List(Vec<Merged>),
    Map(Vec<(String, Merged)>),
}

impl Merged {
    /// Adds a payload that fits. `node` is its place.
    pub(super) fn add(&mut self, value: &Value<'_>, node: Option<&Node>, samples: &[Compiled]) {
        match (&mut *self, value) {
            (Self::Map(merged), Value::Map(entries)) => add_entries(merged, entries, node, samples),
            (_, Value::Map(entries)) => {
                let mut merged = Vec::new();
                add_entries(&mut merged, entries, node, samples);
                *self = Self::Map(merged);
            }
            (Self::Number(merged), Value::Integer(_) | Value::Float(_)) => {
                let number = value.number().unwrap_or(Number::Integer(0));
                let is_set = |node: &Node| node.samples.iter().any(|sample| samples[*sample].take == Take::Set);
                let is_set = mutant!(node.is_some_and(is_set), "transfer log: gauges add up" => false);
                *merged = if is_set { number } else { sums::add(*merged, number) };
            }
            (Self::List(merged), Value::List(items)) => merged.extend(items.iter().map(|item| of(item, samples))),
            (Self::Numbers(merged), Value::List(items)) if merged.is_empty() && has_maps(items) => {
                *self = of(value, samples);
            }
            (Self::Numbers(merged), value) => {
                push_all(merged, value);
            }
            (_, Value::None) => {}
            _ => *self = of(value, samples),
        }
    }

    pub(super) fn entries(&self) -> &[(String, Self)] {
        if let Self::Map(entries) = self { entries } else { &[] }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        self.entries().iter().find_map(|(key, value)| (key == name).then_some(value))
    }

    pub(super) fn number(&self) -> Option<Number> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    pub(super) fn numbers(&self) -> Option<&[Number]> {
        if let Self::Numbers(numbers) = self { Some(numbers) } else { None }
    }

    /// Whether it has no numbers besides 0, and its lists are empty.
    pub(super) fn is_zero(&self) -> bool {
        match self {
            Self::Nothing | Self::Text(_) => true,
            Self::Number(number) => number.as_f64() == 0.0,
            Self::Numbers(numbers) => numbers.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Map(entries) => entries.iter().all(|(_, part)| part.is_zero()),
        }
    }

    pub(super) fn is_empty_list(&self) -> bool {
        matches!(self, Self::Numbers(numbers) if numbers.is_empty())
            || matches!(self, Self::List(items) if items.is_empty())
    }

    /// The numbers under a name: of a map, or of each map of a list.
    pub(super) fn column(&self, name: &str) -> Vec<f64> {
        let numbers = |numbers: &[Number]| numbers.iter().map(|number| number.as_f64()).collect();
        match self {
            Self::List(maps) => maps.iter().filter_map(|map| Some(map.get(name)?.number()?.as_f64())).collect(),
            _ => self.get(name).and_then(Self::numbers).map(numbers).unwrap_or_default(),
        }
    }

    /// The sum of the numbers under a name.
    pub(super) fn sum(&self, name: &str) -> Number {
        match self {
            Self::List(maps) => maps.iter().map(|map| map.sum(name)).fold(Number::Integer(0), sums::add),
            _ => match self.get(name) {
                Some(Self::Number(number)) => *number,
                Some(Self::Numbers(numbers)) => sums::sum(numbers),
                _ => Number::Integer(0),
            },
        }
    }

    /// The number of maps that have this text under this name.
    pub(super) fn count(&self, name: &str, text: &str) -> usize {
        let Self::List(maps) = self else { return 0 };
        maps.iter().filter(|map| matches!(map.get(name), Some(Self::Text(found)) if found == text)).count()
    }
}

fn add_entries(
    merged: &mut Vec<(String, Merged)>,
    entries: &[(Key<'_>, Value<'_>)],
    node: Option<&Node>,
    samples: &[Compiled],
) {
    for (key, value) in entries {
        let name = text(key);
        let node = node.and_then(|node| child(node, &name));
        let index = merged.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            merged.push((name, Merged::Nothing));
            merged.len() - 1
        });
        merged[index].1.add(value, node, samples);
    }
}

fn child<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    if let Some(each) = &node.each {
        return Some(&each.1);
    }
    node.keys.iter().find_map(|entry| (*entry.name == *name).then_some(&entry.node))
}

fn of(value: &Value<'_>, samples: &[Compiled]) -> Merged {
    match value {
        Value::List(items) if has_maps(items) => Merged::List(items.iter().map(|item| of(item, samples)).collect()),
        Value::Integers(_) | Value::Floats(_) | Value::Column(_) | Value::List(_) => {
            let mut numbers = Vec::new();
            push_all(&mut numbers, value);
            Merged::Numbers(numbers)
        }
        Value::Map(_) => {
            let mut merged = Merged::Nothing;
            merged.add(value, None, samples);
            merged
        }
        Value::Text(text) => Merged::Text(text.to_string()),
        Value::None | Value::Bool(_) => Merged::Nothing,
        Value::Integer(_) | Value::Float(_) => value.number().map_or(Merged::Nothing, Merged::Number),
    }
}

/// The payload was checked: all items are numbers.
fn push_all(numbers: &mut Vec<Number>, value: &Value<'_>) {
    let _ = value.each_number(|number| {
        numbers.push(number);
        Ok(())
    });
}

fn has_maps(items: &[Value<'_>]) -> bool {
    items.iter().any(|item| matches!(item, Value::Map(_)))
}

/// A tuple of label values is as Python prints it; the empty one is empty.
fn text(key: &Key<'_>) -> String {
    match key {
        Key::Name(name) => name.to_string(),
        Key::Labels(values) if values.is_empty() => String::new(),
        Key::Labels(values) => python::repr_of_tuple(values.iter()),
    }
}
