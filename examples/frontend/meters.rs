//! What is measured: vLLM's set, and the front end's own families.

use tachometer::{Counter, DynamicFamily, Exactly, Histogram, Registry, Schema, SettableGauge};
use tachometer_vllm::{Config, DeclareError, Families};

pub(crate) const MODEL: &str = "simulated";
/// Label values. The last method and the last handler are for all others.
pub(crate) const METHODS: [&str; 5] = ["GET", "POST", "PUT", "DELETE", "other"];
pub(crate) const HANDLERS: [&str; 5] = ["/v1/completions", "/engine/{name}", "/connector/{name}", "/metrics", "other"];
const STATUSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Tenants with a series each. All others share one.
const MAX_TENANTS: usize = 8;
const SECONDS: [f64; 6] = [0.001, 0.01, 0.1, 1.0, 10.0, 100.0];

pub(crate) struct Meters {
    pub(crate) vllm: Families,
    /// By which requests are routed. It shows at once, not with the engine's next step.
    pub(crate) in_flight: SettableGauge<i64>,
    pub(crate) tenant_first_token: DynamicFamily<Histogram<f64>, Exactly<1>>,
    /// By method, handler and status class.
    pub(crate) http_requests: [[[Counter<u64>; STATUSES.len()]; HANDLERS.len()]; METHODS.len()],
    pub(crate) http_duration: [[Histogram<f64>; HANDLERS.len()]; METHODS.len()],
}

impl Meters {
    pub(crate) fn declare() -> Result<(Self, Registry), DeclareError> {
        let mut schema = Schema::builder(&["engine", "model_name"]);
        let config = Config::new().max_model_len(8192).model_name(MODEL).lora(2).clear_unused_lora(true);
        let vllm = Families::declare(&mut schema, &config)?;
        let in_flight = schema.gauge("frontend:requests_in_flight", "Requests that an engine got.");
        let in_flight = in_flight.settable().declare()?;
        let first_token = schema.histogram("frontend:tenant_ttft_seconds", "Time to first token.", &SECONDS);
        let tenant_first_token = first_token.registry_wide().dynamic_labels(["tenant"], MAX_TENANTS).declare()?;
        // Sparse, since most combinations never occur.
        let requests = schema.counter("http_requests", "Responses, by status class.").registry_wide().sparse();
        let requests = requests.label("method", METHODS).label("handler", HANDLERS).label("status", STATUSES);
        let http_requests = requests.declare()?;
        let duration = schema.histogram("http_request_duration_seconds", "To the end of the response.", &SECONDS);
        let duration = duration.registry_wide().sparse().label("method", METHODS).label("handler", HANDLERS);
        let http_duration = duration.declare()?;
        Ok((Self { vllm, in_flight, tenant_first_token, http_requests, http_duration }, Registry::new(schema.build()?)))
    }
}
