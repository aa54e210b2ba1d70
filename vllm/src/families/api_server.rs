//! The families of the API server: they belong to no engine.
//!
//! Names, labels and bounds are those of vLLM's files `entrypoints/serve/dev/sleep/metrics.py`,
//! `entrypoints/rl/online/metrics.py`, `entrypoints/speech_to_text/realtime/metrics.py` and
//! `parser/metrics.py`, and of the default set in `metrics.py` of
//! `prometheus-fastapi-instrumentator`, which `entrypoints/serve/instrumentator/metrics.py` turns
//! on and the Rust front end repeats.

use tachometer::{Counter, DynamicFamily, Exactly, Histogram, SchemaError, SettableGauge};

use super::helpers::{Declarer, full};

/// Seconds of an operation on the weights or on a sleeping engine.
const OPERATION: [f64; 9] = [0.01, 0.1, 1.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0];
const WEBSOCKET: [f64; 11] = [0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0];
const HTTP: [f64; 3] = [0.1, 0.5, 1.0];
const HTTP_FINE: [f64; 21] = [
    0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 7.5, 10.0, 30.0, 60.0,
];

/// Series of HTTP families: methods, handlers and classes of status. Clients choose methods.
const HTTP_SERIES: usize = 256;

/// What is there depends on the configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ApiServerFamilies {
    pub(crate) sleep_mode: Option<OperationFamilies<3>>,
    pub(crate) weight_updates: Option<OperationFamilies<6>>,
    pub(crate) websockets: Option<WebsocketFamilies>,
    /// By streaming or not, outcome, and type of request.
    pub(crate) tool_calls: Option<[[[Counter<u64>; 3]; 2]; 2]>,
    pub(crate) http: Option<HttpFamilies>,
}

/// Families of operations, each with one series per operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OperationFamilies<const N: usize> {
    pub(crate) seconds: [Histogram<f64>; N],
    pub(crate) in_flight: [SettableGauge<i64>; N],
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct WebsocketFamilies {
    pub(crate) active: SettableGauge<i64>,
    pub(crate) total: Counter<u64>,
    pub(crate) seconds: Histogram<f64>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct HttpFamilies {
    pub(crate) requests: DynamicFamily<Counter<u64>, Exactly<3>>,
    pub(crate) seconds: DynamicFamily<Histogram<f64>, Exactly<2>>,
    pub(crate) seconds_fine: Histogram<f64>,
}

impl Declarer<'_> {
    pub(crate) fn api_server(&mut self) -> Result<ApiServerFamilies, SchemaError> {
        let config = self.config;
        let model = config.model_name.as_deref().filter(|_| config.tool_calls);
        Ok(ApiServerFamilies {
            sleep_mode: config.sleep_mode.then(|| self.sleep_mode()).transpose()?,
            weight_updates: config.weight_updates.then(|| self.weight_updates()).transpose()?,
            websockets: config.websockets.then(|| self.websockets()).transpose()?,
            tool_calls: model.map(|model| self.tool_calls(model)).transpose()?,
            http: config.http.then(|| self.http()).transpose()?,
        })
    }

    fn sleep_mode(&mut self) -> Result<OperationFamilies<3>, SchemaError> {
        self.operations("sleep_mode_operation", ["sleep", "release_kv_cache_memory", "wake"])
    }

    fn weight_updates(&mut self) -> Result<OperationFamilies<6>, SchemaError> {
        let operations = ["init", "shutdown", "start", "start_draft", "update", "finish"];
        self.operations("rl_weight_update_operation", operations)
    }

    /// vLLM creates the series of an operation with the first one.
    fn operations<const N: usize>(
        &mut self,
        name: &str,
        operations: [&str; N],
    ) -> Result<OperationFamilies<N>, SchemaError> {
        let seconds = full(&format!("{name}_duration_seconds"));
        let seconds = self.schema.histogram(&seconds, "How long an operation took.", &OPERATION).unit("seconds");
        let seconds = seconds.sparse().label("operation", operations).registry_wide().declare()?;
        let in_flight = self.schema.gauge(&full(&format!("{name}s_in_flight")), "Operations that are in progress.");
        let in_flight = in_flight.settable().sparse().label("operation", operations).registry_wide().declare()?;
        Ok(OperationFamilies { seconds, in_flight })
    }

    fn websockets(&mut self) -> Result<WebsocketFamilies, SchemaError> {
        let active = self.schema.gauge(&full("websocket_connections_active"), "WebSocket connections that are open.");
        let active = active.settable().registry_wide().declare()?;
        let total = self.schema.counter(&full("websocket_connections"), "WebSocket connections that were accepted.");
        let total = total.registry_wide().declare()?;
        let name = full("websocket_connection_duration_seconds");
        let seconds = self.schema.histogram(&name, "How long a WebSocket connection was open.", &WEBSOCKET);
        Ok(WebsocketFamilies { active, total, seconds: seconds.unit("seconds").registry_wide().declare()? })
    }

    fn tool_calls(&mut self, model: &str) -> Result<[[[Counter<u64>; 3]; 2]; 2], SchemaError> {
        let help = "Calls of the parser of tool calls: one per choice, or one per delta of a stream.";
        let family = self.schema.counter(&full("tool_call_parser_invocations"), help).label("model_name", [model]);
        let family =
            family.label("mode", ["streaming", "non_streaming"]).label("outcome", ["tool_call", "no_tool_call"]);
        let family = family.label("request_type", ["chat_completions", "responses", "other"]);
        let [invocations] = family.registry_wide().declare()?;
        Ok(invocations)
    }

    fn http(&mut self) -> Result<HttpFamilies, SchemaError> {
        let requests = self.schema.counter("http_requests", "HTTP requests that were answered.").registry_wide();
        let requests = requests.sparse().dynamic_labels(["method", "status", "handler"], HTTP_SERIES).declare()?;
        let fine =
            self.schema.histogram("http_request_duration_highr_seconds", "Time to answer a request.", &HTTP_FINE);
        let seconds_fine = fine.unit("seconds").registry_wide().declare()?;
        let help = "Time to answer a request, by what answered it.";
        let seconds = self.schema.histogram("http_request_duration_seconds", help, &HTTP).unit("seconds");
        let seconds = seconds.registry_wide().sparse().dynamic_labels(["method", "handler"], HTTP_SERIES).declare()?;
        Ok(HttpFamilies { requests, seconds, seconds_fine })
    }
}
