//! A simulated engine, which commits one step per iteration. It answers with the prompt's words.

use std::{collections::BTreeSet, time::Duration, time::Instant, time::SystemTime};

use tachometer::Recorder;
use tachometer_vllm::{EngineMetrics, FinishReason, LoraStats, PromptTokens, SchedulerStats};
use tokio::{sync::mpsc::UnboundedReceiver, sync::mpsc::UnboundedSender, time::sleep};

/// How long an iteration takes on the simulated accelerator.
const ITERATION: Duration = Duration::from_millis(1);
/// Requests that run at the same time.
const SLOTS: usize = 4;

pub(crate) struct Job {
    pub(crate) prompt_tokens: u64,
    /// The tokens to generate.
    pub(crate) answer: std::vec::IntoIter<String>,
    pub(crate) reason: FinishReason,
    pub(crate) adapter: Option<String>,
    /// Closed as soon as the client has left.
    pub(crate) events: UnboundedSender<Event>,
}

pub(crate) enum Event {
    Scheduled(Instant),
    /// The last one says why it is the last.
    Token(Instant, String, Option<FinishReason>),
}

/// Runs until no sender of jobs is left and all jobs are done.
pub(crate) async fn run(mut recorder: Recorder, mut metrics: EngineMetrics, mut inbox: UnboundedReceiver<Job>) {
    let (mut waiting, mut running) = (Vec::new(), Vec::<Job>::new());
    loop {
        if waiting.is_empty() && running.is_empty() && inbox.recv_many(&mut waiting, 1).await == 0 {
            return;
        }
        waiting.extend(std::iter::from_fn(|| inbox.try_recv().ok()));
        let mut step = recorder.step(); // scrapes go on while it is open
        waiting.retain(|job| !job.events.is_closed());
        running.retain(|job| !job.events.is_closed());
        let mut prompt = PromptTokens::default();
        for job in waiting.drain(..waiting.len().min(SLOTS - running.len())) {
            prompt.computed += job.prompt_tokens;
            _ = job.events.send(Event::Scheduled(Instant::now())); // fails once the client has left
            running.push(job);
        }
        if !running.is_empty() {
            sleep(ITERATION).await;
            let tokens = running.len() as u64;
            metrics.iteration(&mut step, |iteration| _ = iteration.prefill(prompt).generated(tokens));
        }
        let unfinished = running.iter().filter(|job| job.answer.len() > 1);
        let loras = [adapters(unfinished.clone()), adapters(waiting.iter())];
        let wall_time = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs_f64();
        let lora = LoraStats { running: &loras[0], waiting: &loras[1], wall_time, ..Default::default() };
        let scheduler = SchedulerStats {
            running: unfinished.clone().count() as u64,
            waiting: waiting.len() as u64,
            kv_cache_usage: unfinished.count() as f64 / SLOTS as f64,
            lora: Some(lora),
            ..Default::default()
        };
        metrics.scheduler(&mut step, &scheduler);
        step.commit();
        // After the commit, so that a client that has a token finds it counted.
        running.retain_mut(Job::generate);
    }
}

impl Job {
    /// Sends a token. Returns whether there are more.
    fn generate(&mut self) -> bool {
        let token = self.answer.next().unwrap_or_default();
        let last = (self.answer.len() == 0).then_some(self.reason);
        _ = self.events.send(Event::Token(Instant::now(), token, last));
        last.is_none()
    }
}

fn adapters<'a>(jobs: impl Iterator<Item = &'a Job>) -> Vec<&'a str> {
    jobs.filter_map(|job| job.adapter.as_deref()).collect::<BTreeSet<_>>().into_iter().collect()
}
