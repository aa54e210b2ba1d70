//! Families of KV connectors that are announced at run time.
//!
//! In a proposal for vLLM, connectors announce their families themselves: a document of the form
//! `MetricsDescriptorV1` travels with a connector's first payload. [`Descriptor`] reads it,
//! [`Descriptor::declare`] declares its families in a schema that
//! [joins](tachometer::Registry::join) the running registry, and [`DescriptorMetrics`] records the
//! payloads. Nothing of the proposal is in vLLM 0.33.
//!
//! ```
//! use tachometer::{Registry, Schema};
//! use tachometer_vllm::connectors::Value;
//! use tachometer_vllm::descriptors::{Descriptor, Limits};
//!
//! # let registry = Registry::new(Schema::builder(&["engine"]).build()?);
//! # let engine = registry.attach(&["0"])?;
//! // In a running server, with an engine. In MessagePack: `Value::from_msgpack`.
//! let first = br#"{"_metrics_descriptor": {"descriptor_version": 1, "connector_id": "Disk",
//!     "metrics": [{"name": "disk_reads", "type": "counter",
//!                  "samples_path": "io.reads", "sample_kind": "inc_by_u64"}]},
//!     "io": {"reads": 3}}"#;
//! let first = Value::from_json(first)?;
//! let descriptor = Descriptor::of_payload(&first).expect("it has one")?;
//! let mut schema = Schema::builder(&["engine"]);
//! let families = descriptor.declare(&mut schema, Limits::default())?;
//! let joined = registry.join(schema.build()?)?;
//!
//! let part = joined.attach_to(&engine)?;
//! let metrics = families.metrics(&part);
//! let mut recorder = part.recorder()?;
//! for payload in [first, Value::from_json(br#"{"io": {"reads": 2}}"#)?] {
//!     let mut step = recorder.step();
//!     metrics.record(&mut step, &payload);
//!     step.commit();
//! }
//! # let mut page = Vec::new();
//! # registry.render(&mut page);
//! # assert!(String::from_utf8(page)?.contains("\ndisk_reads_total{engine=\"0\"} 5\n"));
//! drop(joined); // the families leave
//! # let mut page = Vec::new();
//! # registry.render(&mut page);
//! # assert!(!String::from_utf8(page)?.contains("disk_reads"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A payload of several connectors (`MultiConnector`) is a map with a part for each. A part that
//! has a descriptor is a connector's. Keep its metrics under the part's key, and record the part
//! ([`Value::get`](crate::connectors::Value::get)) in each further payload.
//!
//! A descriptor comes from outside, so [`Limits`] bound what it may declare. What no page may hold
//! is refused by name: unsorted bounds, a name with a blank, a label that engines have, or one name
//! with two types. The proposal itself accepts these, and loses samples later.

mod declare;
mod error;
mod group;
mod limits;
mod read;
mod record;

pub use self::{
    declare::DescriptorFamilies, error::DescriptorError, limits::Limits, read::Descriptor, record::DescriptorMetrics,
};
