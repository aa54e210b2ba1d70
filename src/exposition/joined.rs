//! The text of schemas that joined a registry, and the labels of the crate's own families where
//! schemas have different engine labels.

use std::sync::Arc;

use super::lines::SchemaText;
use crate::{
    escape,
    schema::{Schema, layout::Scope},
    snapshot::{SampleView, Snapshot},
};

/// The text of the schemas that joined, in the order of a snapshot.
#[derive(Default)]
pub(super) struct JoinedTexts {
    pub(super) texts: Vec<Arc<SchemaText>>,
    /// If the schemas have different labels.
    pub(super) own_labels: Option<OwnLabels>,
}

/// The names of all labels that engines have, whatever their schema. All lines of a family have the
/// same label names, as strict parsers ask. A label that an engine doesn't have is empty, which is
/// the same to Prometheus as none.
pub(super) struct OwnLabels(Vec<String>);

impl JoinedTexts {
    /// Whether these are the schemas that joined in the snapshot.
    pub(super) fn is_of(&self, snapshot: &Snapshot) -> bool {
        let numbers = snapshot.all_joined().iter().filter_map(Snapshot::schema).map(number);
        self.texts.iter().map(|text| text.schema).eq(numbers)
    }

    /// The text of the schemas that joined in the snapshot. What is known already is kept.
    pub(super) fn of(&self, snapshot: &Snapshot) -> Self {
        let joined = || snapshot.all_joined().iter().filter_map(Snapshot::schema);
        let text = |schema: &Schema| {
            let known = self.texts.iter().find(|text| text.schema == number(schema));
            known.cloned().unwrap_or_else(|| Arc::new(SchemaText::of_declared(schema)))
        };
        let all: Vec<Vec<String>> = snapshot.schema().into_iter().chain(joined()).map(labels).collect();
        let mut names = Vec::new();
        for name in all.iter().flatten() {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        let different = all.iter().any(|labels| *labels != names);
        Self { texts: joined().map(text).collect(), own_labels: different.then_some(OwnLabels(names)) }
    }
}

impl OwnLabels {
    /// `{engine="0",worker=""} `.
    pub(super) fn write(&self, sample: &SampleView<'_>, page: &mut Vec<u8>) {
        let mut before = b'{';
        for name in &self.0 {
            page.push(before);
            let value = sample.labels().find(|(label, _)| label == name).map_or("", |(_, value)| value);
            escape::label_pair(name, value, page);
            before = b',';
        }
        page.extend_from_slice(b"} ");
    }
}

/// The names of the labels that each sample of the crate's own has.
fn labels(schema: &Schema) -> Vec<String> {
    let constant = schema.const_labels().map(|(name, _)| name.to_owned());
    constant.chain(schema.engine_labels().iter().cloned()).collect()
}

fn number(schema: &Schema) -> u32 {
    schema.layout(Scope::Engine).schema
}
