//! What is measured: vLLM's metric set, and some families that the front end adds.

use std::time::Instant;

use anyhow::Result;
use tachometer::{Counter, DynamicFamily, Exactly, Registry, Schema, SettableGauge, State};
use tachometer_vllm as vllm;

pub(crate) const MODEL: &str = "simulated";

/// Tenants with a series each; all others share one.
const MAX_TENANTS: usize = 8;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Meters {
    pub(crate) vllm: vllm::Families,
    /// Requests that handlers sent to an engine and that haven't ended. Shows at once, not with the
    /// engine's next step.
    pub(crate) in_flight: SettableGauge<i64>,
    /// The time of the engine's last commit, in seconds since `started`. Set in the same step as
    /// everything else, so it shows how old the step's values are.
    pub(crate) stepped_at: State<f64>,
    /// A family of the whole front end.
    pub(crate) tenant_tokens: DynamicFamily<Counter<u64>, Exactly<1>>,
    started: Instant,
}

impl Meters {
    pub(crate) fn declare() -> Result<(Self, Registry)> {
        let mut schema = Schema::builder(&["engine", "model_name"]);
        let vllm = vllm::Families::declare(&mut schema, &vllm::Config::new().max_model_len(4096).model_name(MODEL))?;
        let in_flight = schema.gauge("router:requests_in_flight", "Requests at an engine, as the router counts them.");
        let in_flight = in_flight.settable().declare()?;
        let stepped_at = schema.gauge("router:stepped_at_seconds", "Time of the newest step.");
        let stepped_at = stepped_at.hidden().state().declare()?;
        let tenant_tokens = schema.counter("router:tenant_tokens", "Tokens generated, by tenant.").registry_wide();
        let tenant_tokens = tenant_tokens.dynamic_labels(["tenant"], MAX_TENANTS).declare()?;
        let started = Instant::now();
        Ok((Self { vllm, in_flight, stepped_at, tenant_tokens, started }, Registry::new(schema.build()?)))
    }

    /// Seconds since the start.
    pub(crate) fn now(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }
}
