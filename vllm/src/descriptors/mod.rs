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
//! use tachometer_vllm::descriptors::{Descriptor, Limits};
//!
//! # let registry = Registry::new(Schema::builder(&["engine"]).build()?);
//! # let engine = registry.attach(&["0"])?;
//! // In a running server, with an engine:
//! let descriptor = br#"{"descriptor_version": 1, "connector_id": "Disk", "metrics": [
//!     {"name": "disk_reads", "type": "counter",
//!      "samples_path": "io.reads", "sample_kind": "inc_by_u64"}]}"#;
//! let mut schema = Schema::builder(&["engine"]);
//! let families = Descriptor::from_json(descriptor)?.declare(&mut schema, Limits::default())?;
//! let joined = registry.join(schema.build()?)?;
//!
//! let part = joined.attach_to(&engine)?;
//! let metrics = families.metrics(&part.shared_recorder());
//! let mut recorder = part.recorder()?;
//! let mut step = recorder.step();
//! metrics.record_json(&mut step, br#"{"io": {"reads": 3}}"#)?;
//! step.commit();
//! # let mut page = Vec::new();
//! # registry.render(&mut page);
//! # assert!(String::from_utf8(page)?.contains("\ndisk_reads_total{engine=\"0\"} 3\n"));
//! drop(joined); // the families leave
//! # let mut page = Vec::new();
//! # registry.render(&mut page);
//! # assert!(!String::from_utf8(page)?.contains("disk_reads"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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
