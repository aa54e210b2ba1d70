//! A simulated engine: a thread that batches requests and commits one step per iteration.

use std::{mem, sync::Weak, thread, time::Duration};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use tachometer::Recorder;
use tachometer_vllm::{EngineMetrics, IterationStats, PromptTokens, SchedulerStats, StepStats};
use tokio::sync::mpsc::UnboundedSender;

use crate::meters::Meters;

/// How long an iteration takes on the simulated accelerator.
const ITERATION: Duration = Duration::from_millis(1);
/// An engine without requests still commits a step now and then, so that it doesn't look stopped.
const IDLE: Duration = Duration::from_millis(20);

pub(crate) struct Request {
    pub(crate) prompt_tokens: u64,
    /// Tokens to generate.
    pub(crate) tokens: u64,
    /// Receives each token; closed after the last.
    pub(crate) output: UnboundedSender<()>,
    /// Gone when the client is.
    pub(crate) client: Weak<()>,
}

pub(crate) struct Engine {
    meters: Meters,
    recorder: Recorder,
    metrics: EngineMetrics,
    inbox: Receiver<Request>,
    /// The largest number of requests that run at the same time.
    slots: usize,
    waiting: Vec<Request>,
    running: Vec<Request>,
}

impl Engine {
    pub(crate) fn new(meters: Meters, mut recorder: Recorder, inbox: Receiver<Request>, slots: usize) -> Self {
        let metrics = meters.vllm.engine_metrics(&mut recorder);
        Self { meters, recorder, metrics, inbox, slots, waiting: Vec::new(), running: Vec::new() }
    }

    /// Runs until no sender of requests is left and all requests are done.
    pub(crate) fn run(mut self) {
        loop {
            self.waiting.extend(self.inbox.try_iter());
            if self.waiting.is_empty() && self.running.is_empty() {
                match self.inbox.recv_timeout(IDLE) {
                    Ok(request) => self.waiting.push(request),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
            self.iterate();
        }
    }

    fn iterate(&mut self) {
        let mut step = self.recorder.step(); // scrapes go on while it is open
        // Only here: a token that is computed is counted, and so received, even if the client
        // leaves meanwhile.
        self.waiting.retain(Request::is_wanted);
        self.running.retain(Request::is_wanted);
        let room = (self.slots - self.running.len()).min(self.waiting.len());
        let prefilled = self.running.len()..self.running.len() + room;
        self.running.extend(self.waiting.drain(..room));
        let busy = !self.running.is_empty();
        if busy {
            thread::sleep(ITERATION);
        }
        let computed = self.running[prefilled].iter().map(|request| request.prompt_tokens).sum();
        let iteration = IterationStats {
            prompt_tokens: PromptTokens { computed, ..Default::default() },
            generation_tokens: self.running.len() as u64,
            ..Default::default()
        };
        let scheduler = SchedulerStats {
            running: self.running.len() as u64,
            waiting: self.waiting.len() as u64,
            kv_cache_usage: self.running.len() as f64 / self.slots as f64,
            ..Default::default()
        };
        let iteration = busy.then_some(&iteration);
        self.metrics.record(&mut step, &StepStats { scheduler: Some(&scheduler), iteration, ..Default::default() });
        step.set_state(self.meters.stepped_at, self.meters.now());
        step.commit();
        // After the commit, so that a client that has a token finds it counted.
        self.running = mem::take(&mut self.running).into_iter().filter_map(Request::generate).collect();
    }
}

impl Request {
    fn is_wanted(&self) -> bool {
        self.client.strong_count() > 0
    }

    /// Sends a token. `None` if it was the last one.
    fn generate(mut self) -> Option<Self> {
        self.tokens -= 1;
        // Whoever follows the request receives until its end.
        let _ = self.output.send(());
        (self.tokens > 0).then_some(self)
    }
}
