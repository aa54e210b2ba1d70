//! A user-defined KV connector. Its families are in the same schema as vLLM's and are recorded in
//! the same step, so a scrape shows a transfer together with the prompt tokens that it brought, or
//! shows neither.
//!
//! `cargo run --example own_connector` prints the page after three steps of a decode engine.

use std::io::Write;

use tachometer::{Counter, Histogram, Registry, Schema, SchemaBuilder, SchemaError, Step};
use tachometer_vllm::{Config, Families, IterationStats, PromptTokens, StepStats};

/// The families of a connector that fetches KV from disks.
#[derive(Clone, Copy, Debug)]
struct DiskConnector {
    fetch_time: Histogram<f64>,
    bytes: Histogram<u64>,
    /// By cause: the disk was full, or took too long.
    failures: [Counter<u64>; 2],
}

/// What the connector reports for a step.
struct Fetched<'a> {
    /// Seconds and bytes of each fetch.
    fetches: &'a [(f64, u64)],
    timeouts: u64,
}

impl DiskConnector {
    /// Declares the families in a schema that others use too.
    fn declare(schema: &mut SchemaBuilder) -> Result<Self, SchemaError> {
        let mebibytes = [1.0, 16.0, 256.0, 4096.0].map(|mebibytes| mebibytes * f64::from(1 << 20));
        Ok(Self {
            fetch_time: schema
                .histogram("disk_kv:fetch_seconds", "Duration of a fetch.", &[0.01, 0.1, 1.0])
                .unit("seconds")
                .declare()?,
            bytes: schema.histogram("disk_kv:fetch_bytes", "Bytes of a fetch.", &mebibytes).unit("bytes").declare()?,
            failures: schema
                .counter("disk_kv:failures", "Fetches that failed, by cause.")
                .label("cause", ["full", "timeout"])
                .declare()?,
        })
    }

    fn record(&self, step: &mut Step<'_>, fetched: &Fetched<'_>) {
        for (seconds, bytes) in fetched.fetches {
            step.observe(self.fetch_time, *seconds);
            step.observe(self.bytes, *bytes);
        }
        let [_full, timeout] = self.failures;
        step.add(timeout, fetched.timeouts);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut schema = Schema::builder(&["engine", "model_name"]);
    let families = Families::declare(&mut schema, &Config::new())?;
    let connector = DiskConnector::declare(&mut schema)?;
    let registry = Registry::new(schema.build()?);
    let engine = registry.attach(&["0", "llama"])?;
    let mut recorder = engine.recorder()?;
    let mut metrics = families.engine_metrics(&mut recorder);

    for timeouts in 0..3 {
        // A prompt of 1,000 tokens came from a disk, and one token was generated.
        let fetched = Fetched { fetches: &[(0.02, 125 << 20)], timeouts };
        let iteration = IterationStats {
            prompt_tokens: PromptTokens { external_kv_transfer: 1_000, ..PromptTokens::default() },
            generation_tokens: 1,
            ..IterationStats::default()
        };
        let mut step = recorder.step();
        metrics.record(&mut step, &StepStats { iteration: Some(&iteration), ..StepStats::default() });
        connector.record(&mut step, &fetched);
        step.commit();
    }

    let mut page = Vec::new();
    registry.render(&mut page);
    std::io::stdout().write_all(&page)?;
    Ok(())
}
