//! An engine with a connector that a descriptor describes.

use serde_json::{Value, json};
use tachometer::{Engine, Joined, Recorder, Registry, Schema};
use tachometer_vllm::descriptors::{Descriptor, DescriptorError, DescriptorFamilies, DescriptorMetrics, Limits};

use crate::wire::Wire;

pub(crate) fn read(document: &Value) -> Result<Descriptor, DescriptorError> {
    Descriptor::from_json(document.to_string().as_bytes())
}

pub(crate) fn metric(name: &str, kind: &str) -> Value {
    let metric_type = match kind {
        "set_f64" | "set_u64" => "gauge",
        kind if kind.starts_with("inc") => "counter",
        _ => "histogram",
    };
    json!({ "name": name, "type": metric_type, "samples_path": name, "sample_kind": kind, "buckets": [1.0, 2.0] })
}

pub(crate) fn with(mut metric: Value, field: &str, value: impl Into<Value>) -> Value {
    metric[field] = value.into();
    metric
}

pub(crate) fn document(metrics: &[Value]) -> Value {
    json!({ "descriptor_version": 1, "connector_id": "Disk", "metrics": metrics })
}

pub(crate) fn declare(metrics: &[Value], limits: Limits) -> Result<(Schema, DescriptorFamilies), DescriptorError> {
    let mut schema = Schema::builder(&["engine"]);
    let families = read(&document(metrics)).unwrap().declare(&mut schema, limits);
    if families.is_err() {
        assert!(schema.counter::<u64>("x", "").declare().is_ok(), "the schema is unchanged");
    }
    Ok((schema.build().unwrap(), families?))
}

/// A registry with one engine, and a schema that joined it.
pub(crate) struct Rig {
    pub(crate) registry: Registry,
    pub(crate) metrics: DescriptorMetrics,
    pub(crate) recorder: Recorder,
    wire: Wire,
    _engine: Engine,
    _joined: Joined,
    _part: Engine,
}

impl Rig {
    pub(crate) fn new(metrics: &[Value], wire: Wire) -> Self {
        let registry = Registry::new(Schema::builder(&["engine"]).build().unwrap());
        let engine = registry.attach(&["0"]).unwrap();
        let (schema, families) = declare(metrics, Limits::default()).unwrap();
        let joined = registry.join(schema).unwrap();
        let part = joined.attach_to(&engine).unwrap();
        let (metrics, recorder) = (families.metrics(&part), part.recorder().unwrap());
        Self { registry, metrics, recorder, wire, _engine: engine, _joined: joined, _part: part }
    }

    pub(crate) fn record(&mut self, payload: &Value) {
        let bytes = self.wire.bytes(payload);
        let mut step = self.recorder.step();
        self.metrics.record(&mut step, &self.wire.read(&bytes));
        step.commit();
    }

    pub(crate) fn shows(&self, samples: &[&str]) {
        let page = self.registry.page();
        for sample in samples {
            assert!(page.contains(&format!("\n{sample}\n")), "{sample}: {page}");
        }
    }
}
