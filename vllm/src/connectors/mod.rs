//! KV connectors: what they report, recorded by tables.
//!
//! A connector is a [`Table`]: its families, and where in a payload their numbers are. The same
//! code records all of them. vLLM's connectors are in [`KvConnector`]; a table of your own is
//! recorded the same way.
//!
//! ```
//! use tachometer::{Registry, Schema};
//! use tachometer_vllm::{Config, connectors::*};
//!
//! let mut schema = Schema::builder(&["engine", "model_name"]);
//! let connector = ConnectorFamilies::declare(&mut schema, &KvConnector::Hf3fs, &Config::new())?;
//! let registry = Registry::new(schema.build()?);
//! let engine = registry.attach(&["0", "llama"])?;
//! let mut recorder = engine.recorder()?;
//! let mut transfers = connector.metrics(&engine);
//!
//! let (saves, loads) = ([0.25, 0.5], [0.125]); // seconds
//! let payload = [
//!     ("save_duration".into(), Value::Floats(&saves)),
//!     ("load_duration".into(), Value::Floats(&loads)),
//!     ("num_failed_save".into(), 1.into()),
//!     ("num_failed_load".into(), 0.into()),
//!     ("num_transfer_task".into(), 4.into()),
//! ];
//! let mut step = recorder.step();
//! transfers.record(&mut step, &Value::map(&payload))?;
//! step.commit();
//! let sample = "vllm:hf3fs_num_failed_save_total{engine=\"0\",model_name=\"llama\"} 1\n";
//! assert!(registry.page().contains(sample));
//!
//! let mut step = recorder.step();
//! let error = transfers.record(&mut step, &Value::map(&payload[1..])).unwrap_err();
//! assert_eq!(error.to_string(), "the payload lacks the key \"save_duration\"");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::sync::Arc;

use tachometer::{Counter, Engine, Histogram, SchemaBuilder, SharedRecorder, Step};

use self::{
    declare::{Declared, Series},
    record::{Check, Record},
    walk::{Labels, Node},
};
use crate::{Config, DeclareError};

pub use self::{
    config::KvConnector,
    error::PayloadError,
    summary::{Figure, Stat, Summary},
    sums::Percentile,
    table::{Absent, At, Exists, FamilyRow, Known, Metric, Sample, Table, Take},
    tables::offloading::{Offloading, OffloadingSpec},
    transfer_log::TransferLog,
    value::{Column, Key, NO_LABELS, Payload, Value},
    views::{MooncakeStats, MooncakeTransfer, NixlStats, NixlTransfer},
};

// First: its macro is known to what follows.
#[macro_use]
mod table;

mod config;
pub(crate) mod declare;
#[cfg(feature = "payloads")]
mod deserialize;
mod error;
#[cfg(feature = "payloads")]
mod json;
mod merged;
#[cfg(feature = "payloads")]
mod msgpack;
mod python;
mod record;
mod summary;
mod sums;
mod tables;
mod transfer_log;
pub(crate) mod value;
mod views;
mod walk;
mod words;

/// The families of a KV connector, declared in a schema. Clones are cheap.
#[derive(Clone, Debug)]
pub struct ConnectorFamilies {
    declared: Arc<Declared>,
}

impl ConnectorFamilies {
    /// Declares the families of a connector, in the order of vLLM's page. Of `config`, only the
    /// bounds of [`KvCacheResidency`](crate::BucketFamily::KvCacheResidency) matter, to HiSparse.
    ///
    /// # Errors
    /// If `schema` already has one of the names, or is full; if a table of your own contradicts
    /// itself. `schema` is then unchanged.
    pub fn declare(
        schema: &mut SchemaBuilder,
        connector: &KvConnector<'_>,
        config: &Config,
    ) -> Result<Self, DeclareError> {
        schema.all_or_nothing(|schema| {
            let (mut declared, mut root) = (Declared::default(), Node::default());
            declared.said = connector.declare(schema, config, &mut declared, &mut root)?;
            declared.root = root;
            Ok(Self { declared: Arc::new(declared) })
        })
    }

    /// Starts recording for one engine, which must be of the schema in which the families were
    /// declared.
    #[must_use]
    pub fn metrics(&self, engine: &Engine) -> ConnectorMetrics {
        ConnectorMetrics { declared: Arc::clone(&self.declared), shared: engine.shared_recorder(), refused: 0 }
    }

    /// The handle of a histogram without labels of its own, by its name as printed.
    #[must_use]
    pub fn histogram(&self, name: &str) -> Option<Histogram<f64>> {
        self.series(name)
            .find_map(|series| if let Series::Histogram(histogram) = series { Some(histogram) } else { None })
    }

    /// The handle of a counter of integers without labels of its own, by its name as printed.
    #[must_use]
    pub fn counter(&self, name: &str) -> Option<Counter<u64>> {
        self.series(name).find_map(|series| if let Series::Counter(counter) = series { Some(counter) } else { None })
    }

    fn series(&self, name: &str) -> impl Iterator<Item = Series> {
        let samples = self.declared.samples.iter();
        samples.filter(move |sample| *sample.family == *name).map(|sample| sample.series)
    }
}

impl Declared {
    fn check(&self, value: &Value<'_>) -> Result<(), PayloadError> {
        walk::walk(&self.root, value, Labels::default(), &mut Check(&self.samples))
    }
}

/// Records what a connector reports for one engine.
#[derive(Debug)]
pub struct ConnectorMetrics {
    declared: Arc<Declared>,
    /// Series whose label values come with the payload aren't part of steps.
    shared: SharedRecorder,
    refused: u64,
}

impl ConnectorMetrics {
    /// Records a payload.
    ///
    /// Series whose label values come with the payload (such as `tier`) aren't part of the step:
    /// they show at once, and what they counted stays if the step is discarded.
    ///
    /// # Errors
    /// If the payload doesn't fit the connector: a name that it didn't declare, another number of
    /// label values, a negative number for a counter, a key that is missing. Then nothing of it is
    /// recorded. It counts as one rejected observation of the engine, and in
    /// [`refused`](Self::refused).
    ///
    /// # Progress
    /// As the step: wait-free, and nothing is allocated. Series whose label values come with the
    /// payload are looked up lock-free; new ones are allocated.
    pub fn record(&mut self, step: &mut Step<'_>, payload: &impl Payload) -> Result<(), PayloadError> {
        let Self { declared, shared, refused } = self;
        payload.with_value(|value| {
            let checked = mutant!(declared.check(value), "payload: what doesn't fit is recorded in part" => Ok(()));
            if let Err(error) = checked {
                mutant!(step.reject(1), "payload: a refused one isn't counted" => ());
                *refused += 1;
                return Err(error);
            }
            let mut record = Record { samples: &declared.samples, step, shared };
            walk::walk(&declared.root, value, Labels::default(), &mut record)
        })
    }

    /// How many payloads were refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }
}
