//! The engines, and which of them gets a request.

use std::{collections::HashMap, num::NonZeroU64, sync::Arc, time::Instant};

use serde::Deserialize;
use tachometer::{AttachError, InFlight, Registry, SettableGauge, SharedRecorder, State, View};
use tachometer_vllm::{AdmissionRejection, FinishReason, SharedMetrics};
use tokio::sync::{Mutex, mpsc};

use crate::{
    connector::Connector, engine, engine::Job, meters::MODEL, meters::Meters, request::Request, request::Seen,
};

/// An engine with this many requests gets no more.
const MAX_IN_FLIGHT: i64 = 32;

pub(crate) struct Front {
    pub(crate) registry: Registry,
    pub(crate) meters: Meters,
    /// Records what belongs to no engine.
    pub(crate) recorder: SharedRecorder,
    pub(crate) connectors: Mutex<HashMap<String, Connector>>,
    rejections: SharedMetrics,
    routing: Mutex<Routing>,
}

struct Routing {
    engines: HashMap<String, Arc<Attached>>,
    /// Only the series by which an engine is chosen: requests in flight, and KV cache usage.
    view: View<(SettableGauge<i64>, State<f64>)>,
}

/// What requests need of an engine, whose task ends and whose series leave with the last of them.
pub(crate) struct Attached {
    pub(crate) metrics: SharedMetrics,
    inbox: mpsc::UnboundedSender<Job>,
    _engine: tachometer::Engine,
}

/// As in OpenAI's API. Any model except the base model is a LoRA adapter. The user is the tenant.
#[derive(Deserialize)]
pub(crate) struct Completion {
    pub(crate) prompt: String,
    pub(crate) max_tokens: NonZeroU64,
    pub(crate) stream: bool,
    model: Option<String>,
    user: Option<String>,
}

impl Front {
    pub(crate) fn new(registry: Registry, meters: Meters) -> Self {
        let recorder = registry.shared_recorder();
        let rejections = meters.vllm.shared_metrics(&recorder);
        let view = View::new((meters.in_flight, meters.vllm.kv_cache_usage));
        let routing = Mutex::new(Routing { engines: HashMap::new(), view });
        Self { registry, meters, recorder, connectors: Mutex::default(), rejections, routing }
    }

    /// Starts an engine.
    pub(crate) async fn attach(&self, name: &str) -> Result<(), AttachError> {
        let engine = self.registry.attach(&[name, MODEL])?;
        let mut recorder = engine.recorder().expect("it is the first one");
        let (sender, inbox) = mpsc::unbounded_channel();
        let metrics = self.meters.vllm.engine_metrics(&mut recorder);
        tokio::spawn(engine::run(recorder, metrics, inbox));
        let metrics = self.meters.vllm.shared_metrics(&engine.shared_recorder());
        let attached = Attached { metrics, inbox: sender, _engine: engine };
        self.routing.lock().await.engines.insert(name.to_owned(), attached.into());
        Ok(())
    }

    /// An engine gets no more requests, and leaves after those that it has. False: there is none.
    pub(crate) async fn drain(&self, name: &str) -> bool {
        self.routing.lock().await.engines.remove(name).is_some()
    }

    /// `None` if no engine takes the request.
    pub(crate) async fn submit(&self, asked: &Completion) -> Option<Request> {
        let arrived = Instant::now();
        let Some((engine, in_flight)) = self.route().await else {
            self.rejections.admission_rejected(AdmissionRejection::QueuedRequests);
            return None;
        };
        let mut answer: Vec<_> = asked.prompt.split_whitespace().map(str::to_owned).collect();
        let (prompt_tokens, max_tokens) = (answer.len() as u64, asked.max_tokens.get());
        let reason = if prompt_tokens > max_tokens { FinishReason::Length } else { FinishReason::Stop };
        answer.truncate(max_tokens.try_into().unwrap_or(usize::MAX));
        let adapter = asked.model.clone().filter(|model| model != MODEL);
        let (sender, events) = mpsc::unbounded_channel();
        let job = Job { prompt_tokens, answer: answer.into_iter(), reason, adapter, events: sender };
        _ = engine.inbox.send(job); // if the engine has panicked, the request ends at once
        let user = asked.user.as_deref().unwrap_or_default();
        let tenant = self.recorder.with_label_values(self.meters.tenant_first_token, [user]);
        let seen = Seen::default();
        Some(Request { arrived, prompt_tokens, max_tokens, events, tenant, seen, _in_flight: in_flight, engine })
    }

    /// The engine with the fewest requests, and among equals the one with the most room in its KV
    /// cache. Counts one more request for it before the next one looks.
    async fn route(&self) -> Option<(Arc<Attached>, InFlight)> {
        let Routing { engines, view } = &mut *self.routing.lock().await;
        self.registry.view(view);
        let loads = view.engines().filter_map(|engine| {
            let (in_flight, usage) = engine.get();
            let attached = engines.get(engine.label("engine")?)?;
            (in_flight < MAX_IN_FLIGHT && !attached.inbox.is_closed()).then_some((in_flight, usage, attached))
        });
        let (.., attached) = loads.min_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)))?;
        Some((Arc::clone(attached), attached.metrics.recorder().in_flight(self.meters.in_flight)))
    }
}
