//! How each crate is driven: in its fastest documented way, with all handles resolved beforehand.

mod fast_telemetry;
mod fastmetrics;
mod handles;
mod measured;
mod metrics;
mod metriken;
mod opentelemetry;
mod plain;
mod prometheus;
mod prometheus_client;
mod tachometer;

pub(crate) use self::{
    fast_telemetry::{FastTelemetry, FastTelemetryLookup},
    fastmetrics::{Fastmetrics, FastmetricsLookup},
    measured::{Measured, MeasuredLookup},
    metrics::{Metrics, MetricsLookup},
    metriken::Metriken,
    opentelemetry::{OpenTelemetry, OpenTelemetryLookup},
    plain::Plain,
    prometheus::{Local, LocalLookup, Prometheus, PrometheusLookup},
    prometheus_client::{PrometheusClient, PrometheusClientLookup},
    tachometer::{Tachometer, TachometerLookup},
};
use crate::{
    page::Samples,
    shape::STEP_COUNTERS,
    values::{Step, Window},
};

/// The families of `shape.rs` in one crate, for a number of engines.
pub(crate) trait Peer: Sync + Sized {
    /// The crate's published name.
    const NAME: &'static str;
    type Writer: Writer;
    /// A page's buffer, used again for each.
    type Page: Default + AsRef<[u8]>;

    fn new(engines: usize) -> Self;
    /// What one engine's thread records with.
    fn writer(&self, engine: usize) -> Self::Writer;
    /// Replaces the page.
    fn render(&self, page: &mut Self::Page);

    /// The numbers of a page of `vllm_` families.
    fn samples(page: &[u8]) -> Samples {
        crate::page::parse(page)
    }
}

/// What an engine's thread does. A call is one step, where the crate knows steps.
pub(crate) trait Writer {
    /// Adds to the twelve counters of a step in turn.
    fn adds(&mut self, rounds: &[[u64; STEP_COUNTERS]]);
    /// Observes one by one, with 13 bounds.
    fn observe_tokens(&mut self, values: Window<'_>);
    /// Observes one by one, with 19 bounds.
    fn observe_latencies(&mut self, values: Window<'_>);
    /// Adds to one counter, and shows it.
    fn add_alone(&mut self, n: u64);
    /// Observes once with 19 bounds, and shows it.
    fn observe_alone(&mut self, value: (f64, u64));
    /// A whole step, and shows it.
    fn step(&mut self, step: &Step<'_>);
    /// One token observed, then 1 added to two counters; `between` runs before the counters.
    fn pair(&mut self, between: impl FnOnce());
    /// Shows what a thread-local crate still holds back.
    fn finish(&mut self) {}
}

/// The counters that [`Writer::pair`] increments: of two families.
pub(crate) const PAIR: [usize; 2] = [0, 5];

/// A crate of which any thread can record to the same series.
pub(crate) trait SharedPeer: Peer {
    type Shared: Shared;

    fn shared(&self) -> Self::Shared;
}

pub(crate) trait Shared: Sync {
    fn add(&self, n: u64);
    /// With 19 bounds.
    fn observe(&self, value: (f64, u64));
    /// What the crate must do from time to time.
    fn upkeep(&self) {}
}

/// A counter family whose series are looked up by label values at each addition.
pub(crate) trait Lookup: Sync {
    const NAME: &'static str;

    fn new() -> Self;
    /// What a thread calls to look a series up and add 1.
    fn adder(&self) -> impl FnMut([&'static str; 3]);
    fn page(&self) -> Vec<u8>;
}
