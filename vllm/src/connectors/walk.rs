//! The way through a payload: what may be where, and which samples it gives.

use super::{
    error::{PayloadError, Problem},
    table::Absent,
    value::{Key, Value, entry},
};

/// The most labels that come with a payload.
pub(super) const MAX_LABELS: usize = 8;

/// A place in payloads.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// The samples that are taken here.
    pub(super) samples: Vec<usize>,
    /// The names that a map may have here.
    pub(super) keys: Vec<Entry>,
    pub(super) each: Option<Box<(Each, Node)>>,
    /// Whether anything may be here, and is left alone.
    pub(super) any: bool,
    /// Whether the map's `types` tags the names of its `data`.
    pub(super) tagged: bool,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Box<str>,
    pub(super) absent: Absent,
    /// The type that the payload must tag it with.
    pub(super) tag: &'static str,
    pub(super) node: Node,
}

impl Entry {
    pub(super) fn optional(name: &str, node: Node) -> Self {
        Self { name: name.into(), absent: Absent::Nothing, tag: "", node }
    }
}

/// What is the same for each item of a map or a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Each {
    Key,
    /// Tuples of so many label values.
    Labels(usize),
    /// The keys of the label values.
    Record(Vec<Box<str>>),
}

/// Label values found on the way.
#[derive(Clone, Copy, Default)]
pub(super) struct Labels<'v> {
    values: [&'v str; MAX_LABELS],
    length: usize,
}

impl<'v> Labels<'v> {
    pub(super) fn as_slice(&self) -> &[&'v str] {
        &self.values[..self.length]
    }

    fn push(&mut self, value: &'v str) {
        self.values[self.length] = value;
        self.length += 1;
    }
}

/// Where samples go.
pub(super) trait Sink {
    /// `None` is an absent number, which counts as 0.
    fn take(&mut self, sample: usize, value: Option<&Value<'_>>, labels: &[&str]) -> Result<(), Problem>;
}

pub(super) fn walk<'v, S: Sink>(
    node: &Node,
    value: &'v Value<'_>,
    labels: Labels<'v>,
    sink: &mut S,
) -> Result<(), PayloadError> {
    if node.any {
        return Ok(());
    }
    for sample in &node.samples {
        sink.take(*sample, Some(value), labels.as_slice())?;
    }
    match &node.each {
        Some(each) => walk_each(&each.0, &each.1, value, labels, sink),
        None if node.keys.is_empty() && !node.samples.is_empty() => Ok(()),
        None => walk_keys(node, value, labels, sink),
    }
}

fn walk_keys<'v, S: Sink>(
    node: &Node,
    value: &'v Value<'_>,
    labels: Labels<'v>,
    sink: &mut S,
) -> Result<(), PayloadError> {
    let Value::Map(entries) = value else { return Err(Problem::NotAMap.into()) };
    let mut hint = 0;
    for (key, value) in entries.iter() {
        let entry = find(&node.keys, key, &mut hint);
        let walked = entry.and_then(|entry| walk(&entry.node, value, labels, sink));
        walked.map_err(|error| error.inside(|| place(key)))?;
    }
    for (index, entry) in node.keys.iter().enumerate() {
        if entry.absent != Absent::Nothing && !has(entries, &entry.name, index) {
            missing(entry, labels, sink)?;
        }
    }
    if node.tagged { check_tags(node, entries) } else { Ok(()) }
}

/// Payloads usually have the order of the table, so the search begins after the previous name.
fn find<'n>(keys: &'n [Entry], key: &Key<'_>, hint: &mut usize) -> Result<&'n Entry, PayloadError> {
    let Key::Name(name) = key else { return Err(Problem::NotAName.into()) };
    let (before, from) = keys.split_at(*hint);
    let is_it = |entry: &Entry| *entry.name == **name;
    let index = from.iter().position(is_it).map(|index| index + *hint).or_else(|| before.iter().position(is_it));
    let index = index.ok_or(Problem::UnknownName)?;
    *hint = index + 1;
    Ok(&keys[index])
}

fn has(entries: &[(Key<'_>, Value<'_>)], name: &str, hint: usize) -> bool {
    let is_it = |(key, _): &(Key<'_>, Value<'_>)| matches!(key, Key::Name(key) if *key == *name);
    entries.get(hint).is_some_and(is_it) || entries.iter().any(is_it)
}

#[cold]
fn missing<S: Sink>(entry: &Entry, labels: Labels<'_>, sink: &mut S) -> Result<(), PayloadError> {
    if mutant!(entry.absent == Absent::Refused, "payload: a missing key is 0" => false) {
        return Err(Problem::Missing(entry.name.clone()).into());
    }
    for sample in &entry.node.samples {
        sink.take(*sample, None, labels.as_slice())?;
    }
    Ok(())
}

fn walk_each<'v, S: Sink>(
    each: &Each,
    node: &Node,
    value: &'v Value<'_>,
    labels: Labels<'v>,
    sink: &mut S,
) -> Result<(), PayloadError> {
    match (each, value) {
        (Each::Record(fields), Value::List(records)) => {
            for (index, record) in records.iter().enumerate() {
                let mut labels = labels;
                let walked = fields.iter().try_for_each(|field| push_field(&mut labels, record, field));
                let walked = walked.and_then(|()| walk(node, record, labels, sink));
                walked.map_err(|error| error.inside(|| format!("[{index}]")))?;
            }
            Ok(())
        }
        (Each::Record(_), _) => Err(Problem::NotAList.into()),
        (_, Value::Map(entries)) => {
            for (key, value) in entries.iter() {
                let mut labels = labels;
                let walked = push_key(&mut labels, each, key).and_then(|()| walk(node, value, labels, sink));
                walked.map_err(|error| error.inside(|| place(key)))?;
            }
            Ok(())
        }
        _ => Err(Problem::NotAMap.into()),
    }
}

fn push_key<'v>(labels: &mut Labels<'v>, each: &Each, key: &'v Key<'_>) -> Result<(), PayloadError> {
    match (each, key) {
        (Each::Key, Key::Name(name)) => labels.push(name),
        (Each::Labels(expected), Key::Labels(values)) => {
            let expected = *expected;
            if mutant!(values.len() != expected, "payload: any number of label values" => false) {
                return Err(Problem::NumberOfLabels { expected, found: values.len() }.into());
            }
            values.iter().for_each(|value| labels.push(value));
        }
        (Each::Key, _) => return Err(Problem::NotAName.into()),
        _ => return Err(Problem::NotLabels.into()),
    }
    Ok(())
}

fn push_field<'v>(labels: &mut Labels<'v>, record: &'v Value<'_>, field: &str) -> Result<(), PayloadError> {
    let Value::Map(entries) = record else { return Err(Problem::NotAMap.into()) };
    match entry(entries, field) {
        Some(Value::Text(text)) => labels.push(text),
        Some(_) => return Err(PayloadError::from(Problem::NotText).inside(|| format!("{field:?}"))),
        None => return Err(Problem::Missing(field.into()).into()),
    }
    Ok(())
}

/// Each name in `data` must have the type of its family in `types`.
fn check_tags(node: &Node, entries: &[(Key<'_>, Value<'_>)]) -> Result<(), PayloadError> {
    let Some(Value::Map(data)) = entry(entries, "data") else { return Ok(()) };
    let Some(families) = node.keys.iter().find(|entry| *entry.name == *"data") else { return Ok(()) };
    let types: &[_] = match entry(entries, "types") {
        Some(Value::Map(types)) => types,
        Some(_) => return Err(PayloadError::from(Problem::NotAMap).inside(|| "\"types\"".to_owned())),
        None if data.is_empty() => &[],
        None => return Err(Problem::Missing("types".into()).into()),
    };
    let (mut hint, mut tag_hint) = (0, 0);
    for (key, _) in data.iter() {
        let expected = find(&families.node.keys, key, &mut hint)?.tag;
        let is_tagged = is_tagged(types, key, expected, &mut tag_hint);
        if !mutant!(is_tagged, "payload: tags aren't compared" => true) {
            let error = PayloadError::from(Problem::Tag { expected });
            return Err(error.inside(|| place(key)).inside(|| "\"data\"".to_owned()));
        }
    }
    Ok(())
}

fn is_tagged(types: &[(Key<'_>, Value<'_>)], key: &Key<'_>, expected: &str, hint: &mut usize) -> bool {
    let Key::Name(name) = key else { return false };
    let is_it = |(tagged, _): &(Key<'_>, Value<'_>)| matches!(tagged, Key::Name(tagged) if *tagged == *name);
    let at_hint = types.get(*hint).is_some_and(is_it);
    let index = if at_hint { Some(*hint) } else { types.iter().position(is_it) };
    let Some(index) = index else { return false };
    *hint = index + 1;
    matches!(&types[index].1, Value::Text(tag) if *tag == *expected)
}

/// A key in messages.
fn place(key: &Key<'_>) -> String {
    match key {
        Key::Name(name) => format!("{name:?}"),
        Key::Labels(values) => format!("{values:?}"),
    }
}
