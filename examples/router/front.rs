//! The front end: routes a request to an engine and measures the replies, from any thread of the
//! runtime.

use std::{
    collections::HashMap,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Instant,
};

use anyhow::{Context, Result};
use crossbeam_channel::Sender;
use tachometer::{EngineView, Registry, SettableGauge, SharedRecorder, Snapshot, State, View};
use tachometer_vllm::{AdmissionRejection, SharedMetrics};
use tokio::{
    sync::{Mutex, mpsc},
    task,
};

use crate::{
    engine::{Engine, Request},
    followed::Followed,
    meters::{MODEL, Meters},
};

pub(crate) struct Front {
    registry: Registry,
    meters: Meters,
    routing: Mutex<Routing>,
    /// An engine whose newest step is at least this many seconds old gets no requests.
    stale: f64,
    /// Records what belongs to no engine.
    own: SharedRecorder,
    rejections: SharedMetrics,
}

/// Requests in flight, KV cache usage, and the time of the engine's last commit.
type Load = (SettableGauge<i64>, State<f64>, State<f64>);

struct Routing {
    engines: HashMap<String, Attached>,
    /// Only the series by which an engine is chosen.
    view: View<Load>,
}

/// What handlers need to use an engine.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) inbox: Sender<Request>,
    pub(crate) recorder: SharedRecorder,
    pub(crate) metrics: SharedMetrics,
}

struct Attached {
    route: Route,
    /// Dropping it removes its series from the page.
    engine: tachometer::Engine,
    thread: JoinHandle<()>,
}

/// What a client gets.
pub(crate) struct Reply {
    pub(crate) engine: String,
    pub(crate) tokens: u64,
}

impl Front {
    pub(crate) fn new(registry: Registry, meters: Meters, stale: f64) -> Self {
        let view = View::new((meters.in_flight, meters.vllm.kv_cache_usage, meters.stepped_at));
        let own = registry.shared_recorder();
        let rejections = meters.vllm.shared_metrics(&own);
        let routing = Mutex::new(Routing { engines: HashMap::new(), view });
        Self { registry, meters, routing, stale, own, rejections }
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Starts an engine, which gets requests as soon as its first step is committed.
    pub(crate) async fn attach(&self, name: &str, slots: usize) -> Result<()> {
        let engine = self.registry.attach(&[name, MODEL])?;
        let (inbox, requests) = crossbeam_channel::unbounded();
        let recorder = engine.shared_recorder();
        let route = Route { inbox, metrics: self.meters.vllm.shared_metrics(&recorder), recorder };
        let running = Engine::new(self.meters, engine.recorder()?, requests, slots);
        let thread = thread::Builder::new().name(format!("engine {name}")).spawn(move || running.run())?;
        self.routing.lock().await.engines.insert(name.to_owned(), Attached { route, engine, thread });
        Ok(())
    }

    /// Stops sending requests to an engine, waits until it has finished those that it has, passes
    /// its final numbers to `read`, and detaches it.
    pub(crate) fn detach<R>(&self, name: &str, read: impl FnOnce(EngineView<'_>) -> R) -> Result<R> {
        let gone = self.routing.blocking_lock().engines.remove(name);
        let Attached { route, engine, thread } = gone.with_context(|| format!("no engine {name}"))?;
        drop(route);
        thread.join().ok().context("the engine panicked")?;
        let mut last = Snapshot::new();
        self.registry.snapshot(&mut last);
        let numbers = read(last.engine(&[name, MODEL]).context("it is attached")?);
        drop(engine);
        Ok(numbers)
    }

    /// Handles one HTTP request. `None` if no engine takes requests. If the future is dropped, the
    /// engine stops the request, which ends as aborted.
    pub(crate) async fn generate(&self, tenant: &str, prompt_tokens: u64, tokens: u64) -> Option<Reply> {
        let arrived = Instant::now();
        let Some((engine, route)) = self.route().await else {
            self.rejections.admission_rejected(AdmissionRejection::QueuedRequests);
            return None;
        };
        let client = Arc::new(());
        let (output, received) = mpsc::unbounded_channel();
        // Without a receiver the engine has panicked. Then the request ends at once, with an error.
        let _ = route.inbox.send(Request { prompt_tokens, tokens, output, client: Arc::downgrade(&client) });
        let tenant_tokens = self.own.with_label_values(self.meters.tenant_tokens, [tenant]);
        let in_flight = self.meters.in_flight;
        let followed = Followed { arrived, prompt_tokens, tokens, route, tenant_tokens, in_flight };
        // If the client leaves, this handler is dropped wherever it waits. So a task follows the
        // request, whose end is measured either way.
        let generated = task::spawn(followed.follow(received, Arc::downgrade(&client))).await.ok()?;
        Some(Reply { engine, tokens: generated })
    }

    /// Picks the engine with the fewest requests, and among equals the one with the most room in
    /// its KV cache. Counts one more request for it.
    async fn route(&self) -> Option<(String, Route)> {
        let Routing { engines, view } = &mut *self.routing.lock().await;
        self.registry.view(view);
        let now = self.meters.now();
        let routes = view.engines().filter_map(|engine| {
            let (in_flight, usage, stepped_at) = engine.get();
            let route = engines.get_key_value(engine.label("engine")?)?;
            (now - stepped_at < self.stale).then_some((in_flight, usage, route))
        });
        let (.., (name, Attached { route, .. })) =
            routes.min_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)))?;
        route.recorder.inc_gauge(self.meters.in_flight); // before the next one looks
        Some((name.clone(), route.clone()))
    }
}
