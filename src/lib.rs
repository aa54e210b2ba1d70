//! A lock-free metrics core for the hot path of multi-engine LLM schedulers.
//!
//! # From a declaration to a page
//!
//! 1. **Declare.** A [`SchemaBuilder`] takes families and returns handles: [`Counter`], [`Gauge`],
//!    [`Histogram`], and [`Info`] for label values that change. A wrong name, bound or label is
//!    refused here, with an error that says what is wrong.
//! 2. **Record.** An engine [attaches](Registry::attach) to the [`Registry`]. Its [`Recorder`]
//!    moves into the engine's thread and opens one [`Step`] per iteration. This is wait-free: no
//!    lock, no read-modify-write, no allocation (except for an info's new label values). Request
//!    handlers and other threads share a [`SharedRecorder`], which also looks up series by [label
//!    values that aren't known beforehand](Declaration::dynamic_labels). Code that serves both is
//!    written for [`Record`]. Families that become known later [join](Registry::join) as a further
//!    schema.
//! 3. **Publish.** [`Step::commit`] publishes the step. Readers see whole steps only. A step that
//!    is dropped instead leaves no trace. (Infos aren't part of a step: they show at once.)
//! 4. **Snapshot.** [`Registry::snapshot`] copies the newest step of each engine into plain
//!    numbers, without ever waiting for a recorder. A router that reads a few numbers for each
//!    request uses a [`View`] of just these.
//! 5. **Render.** [`Registry::render`] writes a page in the Prometheus text format,
//!    [`Registry::render_as`] one in OpenMetrics too, or one of chosen families. [`http::respond`]
//!    is a whole metrics server except for the sockets. A [walk](Snapshot::families) over the
//!    snapshot's families and samples carries any other format. What pages say about themselves and
//!    about recorders is in [`docs::self_metrics`].
//!
//! The crate [`tachometer-vllm`](https://docs.rs/tachometer-vllm) is a ready-made metric set,
//! compatible with vLLM's. [`docs`] has recipes, the protocol and the reasons for the design.
//! [`docs::tuning`] says which call suits what, and what each costs. For users of `prometheus`,
//! `prometheus-client` or `metrics`, [`docs::from_prometheus`] says what takes the place of what.
//!
//! ```
//! use tachometer::{Registry, Schema};
//! use tachometer_vllm::{Config, Families};
//!
//! let mut schema = Schema::builder(&["engine", "model_name"]);
//! let families = Families::declare(&mut schema, &Config::new().max_model_len(8192))?;
//! let swapped = schema.counter::<u64>("myserver:swapped_blocks", "Swapped blocks.").declare()?;
//! let registry = Registry::new(schema.build()?);            // cheap to clone
//!
//! let engine = registry.attach(&["0", "llama"])?;           // dropping it removes the series
//! let mut recorder = engine.recorder()?;                    // moves into the engine's thread
//! let mut metrics = families.engine_metrics(&mut recorder); // state kept from step to step
//! std::thread::spawn(move || for _ in 0..3 {
//!     let mut step = recorder.step();                       // open all iteration; scrapes go on
//!     let (stats, blocks) = run_iteration();                // early return or panic: discarded
//!     metrics.record(&mut step, &stats);
//!     step.add(swapped, blocks);                            // your own families, in the same step
//!     step.commit();                                        // all of it shows, or nothing
//! });
//!
//! let mut page = Vec::new();
//! registry.render(&mut page); // or tachometer::http::respond in any HTTP handler
//! # fn run_iteration() -> (tachometer_vllm::StepStats<'static>, u64) { Default::default() }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a drop means
//!
//! | dropped | effect |
//! |---|---|
//! | a [`Step`] that wasn't committed, whether by an early return, a panic or a cancelled future | it is discarded, and counted in `tachometer_discarded_steps_total` |
//! | a [`Recorder`] | its counts stay, and so do the engine's states and infos; its gauges go to zero |
//! | the last handle of an [`Engine`] | its series leave pages and snapshots, at once or after it [lingered](Engine::linger), and those of its [parts](Joined::attach_to) with them. A recorder that outlives it still records, but nothing shows |
//! | a [`Joined`] | its families leave pages and snapshots, with all engines that attached to it. Engines and recorders that outlive it still work, but nothing shows |
//! | a [`Collector`] | its families leave pages |
//! | a [`SharedRecorder`], a [`DynamicSeries`] | nothing: what they recorded stays |
//! | an [`InFlight`] guard, a [`Timer`] | one less is in flight; the time is observed |
//!
//! # What else to know
//!
//! A handle works with the schema that declared it: with its engines, or with the registry if the
//! family is registry-wide. [`docs::other_schemas`] says what happens anywhere else, and
//! [`docs::threads`] which types may cross threads, be copied, or outlive a panic.
#![forbid(unsafe_code)]

// First: its macro is known to what follows.
#[macro_use]
mod mutants;

pub mod docs;
mod escape;
mod exposition;
pub mod http;
mod probe;
mod rcu;
mod record;
mod registry;
mod schema;
mod snapshot;
mod sorted;
mod store;
mod sync;
#[cfg(test)]
mod tests;
#[cfg(test)]
extern crate self as tachometer; // for what unit tests share with those outside

pub use crate::{
    exposition::{Format, PageOptions, Renderer},
    record::{DynamicSeries, InFlight, Record, Recorder, SharedRecorder, Step, Timer},
    registry::{AttachError, Chunks, Collector, CollectorError, Engine, Joined, RecorderError, Registry},
    schema::{
        Schema, SchemaBuilder, SchemaError,
        declare::{
            dynamic::{DynamicDeclaration, DynamicFamily},
            family::Declaration,
            info::InfoDeclaration,
        },
        handle::{Counter, DynamicHandle, Gauge, Handle, Histogram, Info, SettableGauge, State, StateSet},
        shape::{AtRunTime, By, Exactly, Length, List, One, Shape},
        types::MetricType,
        value::{CounterValue, GaugeValue, ObservationValue, Value},
    },
    snapshot::{
        Choice, EngineValues, EngineView, FamilyView, HistogramView, InfoView, SampleValue, SampleView, Snapshot, View,
    },
};
