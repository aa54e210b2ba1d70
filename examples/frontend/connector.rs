//! A KV connector, which announces its families when it connects, and reports what it counted.

use std::collections::HashMap;

use serde::Deserialize;
use tachometer::{AtRunTime, Counter, DynamicFamily, Joined, Registry, Schema, SchemaError, SharedRecorder};

#[derive(Deserialize)]
pub(crate) struct Announced {
    name: String,
    help: String,
    labels: Vec<String>,
}

#[derive(Deserialize)]
pub(crate) struct Counted {
    name: String,
    label_values: Vec<String>,
    add: u64,
}

pub(crate) struct Connector {
    families: HashMap<String, DynamicFamily<Counter<u64>, AtRunTime>>,
    recorder: SharedRecorder,
    /// Dropping it removes the families from pages.
    _joined: Joined,
}

impl Connector {
    pub(crate) fn join(registry: &Registry, announced: &[Announced]) -> Result<Self, SchemaError> {
        let (mut schema, mut families) = (Schema::builder(&[]), HashMap::new());
        for Announced { name, help, labels } in announced {
            let family = schema.counter(name, help).registry_wide().dynamic_labels(&strs(labels)[..], 100);
            families.insert(name.clone(), family.declare()?);
        }
        let joined = registry.join(schema.build()?)?;
        Ok(Self { families, recorder: joined.shared_recorder(), _joined: joined })
    }

    /// Returns whether there is such a family, with so many labels.
    pub(crate) fn count(&self, Counted { name, label_values, add }: &Counted) -> bool {
        let family = self.families.get(name).filter(|family| family.label_count() == label_values.len());
        let series = family.map(|family| self.recorder.with_label_values(*family, &strs(label_values)));
        series.map(|series| series.add(*add)).is_some()
    }
}

fn strs(strings: &[String]) -> Vec<&str> {
    strings.iter().map(String::as_str).collect()
}
