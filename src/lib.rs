//! A lock-free, high-throughput metrics core for the hot path of multi-engine LLM schedulers.
//!
//! # The tour, in the order of the flow
//!
//! 1. **Declare**: a [`SchemaBuilder`] takes families and returns handles ([`Counter`], [`Gauge`], [`Histogram`]; [`Info`] for
//!    label values that change); what is wrong with a name, a bound or a label is refused here, with an error that says so.
//! 2. **Record**: an engine [attaches](Registry::attach) to the [`Registry`]; its [`Recorder`] moves into the engine's
//!    thread and opens a [`Step`] an iteration. Wait-free: no lock, no read-modify-write, no allocation (but for an info's new label values).
//!    Request handlers and other threads without a loop of their own share a [`SharedRecorder`], which also looks up series by
//!    [label values that aren't known beforehand](Declaration::open_labels).
//! 3. **Publish**: [`Step::commit`]. Readers see whole steps only; a dropped step leaves no trace (but for infos, which show at once).
//! 4. **Snapshot**: [`Registry::snapshot`] copies the newest step of each engine into plain numbers, for a router or a log
//!    line, without ever waiting for a recorder. A router that reads a few numbers for each request asks for [`Snapshot::only`] these.
//! 5. **Render**: [`Registry::render`] turns that into Prometheus text, for any HTTP layer. What pages tell of themselves and of
//!    recorders is in [`exposition`].
//!
//! The crate [`tachometer-vllm`](https://docs.rs/tachometer-vllm) is a ready-made metric set, compatible with vLLM's.
//!
//! ```
//! use tachometer::{Registry, Schema};
//! use tachometer_vllm::{Config, Families};
//!
//! let mut schema = Schema::builder().engine_labels(["engine", "model_name"]);
//! let families = Families::declare(&mut schema, &Config::new().max_model_len(8192))?;
//! let swapped = schema.counter::<u64>("myserver:swapped_blocks", "Blocks swapped out.").declare()?;
//! let registry = Registry::new(schema.build()?);            // cheap to clone
//!
//! let engine = registry.attach(["0", "llama"])?;            // dropping it removes the series
//! let mut recorder = engine.recorder()?;                    // moves into the engine's thread
//! let mut recording = families.recording(&mut recorder);    // what is remembered from step to step
//! std::thread::spawn(move || for _ in 0..3 {
//!     let mut step = recorder.step();                       // may stay open for the whole iteration; scrapes go on
//!     let (stats, blocks) = run_iteration();                // an early return or a panic here discards the step
//!     recording.record(&mut step, &stats);
//!     step.add(swapped, blocks);                            // your own families, in the same step
//!     step.commit();                                        // all of it shows, or nothing
//! });
//!
//! let mut page = Vec::new();
//! registry.render(&mut page);                               // in any HTTP handler: text/plain; version=0.0.4
//! # fn run_iteration() -> (tachometer_vllm::StepStats<'static>, u64) { Default::default() }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Handles, snapshots and renderers of another schema
//!
//! A handle belongs to the schema that declared it, and there to engines or to the registry. Elsewhere it never reads or writes a
//! word that isn't its own:
//!
//! | call | with something of another schema, or of the registry instead of an engine |
//! |---|---|
//! | recording: all methods of [`Recorder`], [`Step`] and [`SharedRecorder`] that take a handle | panics under debug assertions; otherwise does nothing, and counts in `tachometer_foreign_handles_total` (the registry's recorders in `tachometer_registry_…`). A serving process must not go down because of a metric |
//! | [`SharedRecorder::series`], [`SharedRecorder::retire`] | panics: there is no series that it could return, and nothing has been recorded yet |
//! | the getters of [`EngineView`] | panics: a number would pass for the value that was asked for |
//! | [`Registry::snapshot`] into a [`Snapshot`] of another registry | fine: the snapshot forgets what it held. Only one of [`Snapshot::only`] panics, since the series that it was made for aren't there |
//! | [`TextRenderer::render`] of a snapshot of another schema | panics: it would print numbers under the names of other families |
//!
//! All of these are mistakes in a program, which its first test run shows; so none is an error to handle.
//!
//! # Threads
//!
//! | | `Send` | `Sync` | `Clone` | `Copy` | `UnwindSafe` |
//! |---|---|---|---|---|---|
//! | [`Recorder`], [`Step`] | yes | no | no | no | no |
//! | [`Declaration`], [`OpenDeclaration`], [`InfoDeclaration`] | yes | yes | no | no | no |
//! | [`SharedRecorder`], [`OpenSeries`] | yes | yes | yes | no | yes |
//! | [`Engine`], [`Snapshot`], [`TextRenderer`], [`SchemaBuilder`]; [`One`], [`By`] | yes | yes | no | no | yes |
//! | [`Registry`], [`Schema`]; [`SchemaError`], [`AttachError`], [`TooManyRecorders`] | yes | yes | yes | no | yes |
//! | [`Counter`], [`Gauge`], [`Histogram`], [`Info`], [`OpenFamily`], [`Series`]; [`EngineView`], [`HistogramView`], [`InfoView`]; [`Aggregate`] | yes | yes | yes | yes | yes |
//!
//! `UnwindSafe` stands for `RefUnwindSafe` too. All are `Unpin`.
#![forbid(unsafe_code)]

// First: its macro is known to what follows.
#[macro_use]
mod mutants;

mod escape;
pub mod exposition;
mod info;
mod rcu;
mod record;
mod registry;
mod schema;
mod shards;
mod slab;
mod snapshot;
mod sync;
#[cfg(test)]
mod tests;
#[cfg(test)]
extern crate self as tachometer; // for what unit tests share with those outside
mod words;

pub use crate::{
    exposition::text::TextRenderer,
    record::{OpenSeries, Recorder, SharedRecorder, Step},
    registry::{AttachError, Engine, Registry, TooManyRecorders},
    schema::{
        Schema, SchemaBuilder, SchemaError,
        aggregate::Aggregate,
        declaration::{Declaration, Handle},
        handle::{Counter, Gauge, Histogram, Info, Series},
        info::InfoDeclaration,
        open::{OpenDeclaration, OpenFamily},
        shape::{By, One, Shape},
        value::{CounterValue, GaugeValue, ObservationValue, Value},
    },
    snapshot::{EngineView, HistogramView, InfoView, Snapshot},
};
