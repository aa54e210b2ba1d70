//! Records what an API server does besides its requests to engines, from any thread.

use tachometer::{InFlight, SharedRecorder, Timer};

use crate::families::{
    Families,
    api_server::{ApiServerFamilies, OperationFamilies},
};

/// Records what the API server does: operations on sleeping engines and on weights, WebSocket
/// connections, calls of the parser of tool calls, HTTP requests. Clone it or share it.
///
/// What isn't enabled in [`Config`](crate::Config) does nothing.
///
/// # Progress
/// As [`SharedRecorder`]: nothing waits, and nothing is allocated after a thread's first call,
/// except for a new method, status or handler of HTTP requests.
///
/// ```
/// # use tachometer::{Registry, Schema};
/// # use tachometer_vllm::{Config, Families, SleepOperation};
/// # let mut schema = Schema::builder(&["engine", "model_name"]);
/// let families = Families::declare(&mut schema, &Config::new().sleep_mode(true).http(true))?;
/// let registry = Registry::new(schema.build()?);
/// let server = families.api_server_metrics(&registry.shared_recorder());
///
/// let operation = server.sleep_mode(SleepOperation::Sleep);
/// // ... the engines fall asleep ...
/// drop(operation); // observed, also if the future that holds it is cancelled
/// server.http_request("POST", "/v1/completions", 200, 0.25);
/// # let page = registry.page();
/// # let labels = r#"method="POST",status="2xx",handler="/v1/completions""#;
/// # assert!(page.contains(&format!("\nhttp_requests_total{{{labels}}} 1\n")));
/// # assert!(page.contains("_operation_duration_seconds_count{operation=\"sleep\"} 1\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ApiServerMetrics {
    families: ApiServerFamilies,
    recorder: SharedRecorder,
}

/// An operation on sleep mode, by its label value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SleepOperation {
    /// `sleep`
    Sleep,
    /// `release_kv_cache_memory`
    ReleaseKvCacheMemory,
    /// `wake`
    Wake,
}

/// An operation on the weights in reinforcement learning, by its label value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WeightOperation {
    /// `init`: the engine of weight transfers.
    Init,
    /// `shutdown`: that engine.
    Shutdown,
    /// `start`: an update.
    Start,
    /// `start_draft`: an update of the draft model.
    StartDraft,
    /// `update`: weights arrive.
    Update,
    /// `finish`: the update.
    Finish,
}

/// What sort of request the parser of tool calls worked for, by its label value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToolRequest {
    /// `chat_completions`
    ChatCompletions,
    /// `responses`
    Responses,
    /// `other`
    Other,
}

/// Something that goes on: an operation, or a WebSocket connection. When it is dropped, it no
/// longer counts as in flight, and its time is observed. Also when a panic unwinds, or when the
/// future that holds it is cancelled.
#[derive(Debug)]
#[must_use = "it ends when it is dropped"]
pub struct Ongoing {
    // Dropped in this order, which is vLLM's.
    _in_flight: Option<InFlight>,
    _timer: Option<Timer>,
}

impl Families {
    /// Starts recording what the API server does. `recorder` must be the
    /// [registry's](tachometer::Registry::shared_recorder).
    #[must_use]
    pub fn api_server_metrics(&self, recorder: &SharedRecorder) -> ApiServerMetrics {
        ApiServerMetrics { families: self.api_server, recorder: recorder.clone() }
    }
}

impl ApiServerMetrics {
    /// An operation on sleep mode begins. With [`Config::sleep_mode`](crate::Config::sleep_mode).
    pub fn sleep_mode(&self, operation: SleepOperation) -> Ongoing {
        self.operation(self.families.sleep_mode, operation as usize)
    }

    /// An operation on the weights begins. With
    /// [`Config::weight_updates`](crate::Config::weight_updates).
    pub fn weight_update(&self, operation: WeightOperation) -> Ongoing {
        self.operation(self.families.weight_updates, operation as usize)
    }

    fn operation<const N: usize>(&self, families: Option<OperationFamilies<N>>, operation: usize) -> Ongoing {
        Ongoing {
            _in_flight: families.map(|families| self.recorder.in_flight(families.in_flight[operation])),
            _timer: families.map(|families| self.recorder.timer(families.seconds[operation])),
        }
    }

    /// A WebSocket connection was accepted. With [`Config::websockets`](crate::Config::websockets).
    pub fn websocket(&self) -> Ongoing {
        let families = self.families.websockets;
        if let Some(families) = families {
            self.recorder.inc(families.total);
        }
        Ongoing {
            _in_flight: families.map(|families| self.recorder.in_flight(families.active)),
            _timer: families.map(|families| self.recorder.timer(families.seconds)),
        }
    }

    /// The parser of tool calls was called: for a choice, or for a delta of a stream. `called` says
    /// whether it found a tool call; it didn't if it failed. With
    /// [`Config::tool_calls`](crate::Config::tool_calls).
    pub fn tool_call_parser(&self, request: ToolRequest, streaming: bool, called: bool) {
        if let Some(invocations) = self.families.tool_calls {
            self.recorder.inc(invocations[usize::from(!streaming)][usize::from(!called)][request as usize]);
        }
    }

    /// An HTTP request was answered, within these seconds. `handler` is the path of the route, with
    /// the names of its parameters; vLLM's front ends say `none` if no route matches. They leave
    /// out `/metrics`, `/health`, `/load`, `/ping`, `/version` and `/server_info`; the Python one
    /// also leaves out what has one of these in its path, such as `/v1/load_lora_adapter`. With
    /// [`Config::http`](crate::Config::http).
    ///
    /// The families have 256 series each. Further methods and handlers are counted together, as
    /// `other`.
    pub fn http_request(&self, method: &str, handler: &str, status: u16, seconds: f64) {
        let Some(families) = self.families.http else { return };
        let class = match status / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        };
        self.recorder.with_label_values(families.requests, [method, class, handler]).inc();
        self.recorder.observe(families.seconds_fine, seconds);
        self.recorder.with_label_values(families.seconds, [method, handler]).observe(seconds);
    }
}
