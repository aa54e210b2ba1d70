//! A request from arrival to end. The handler or the streamed response owns it. So it ends once,
//! when that is dropped: after the answer, or when the client has left.

use std::{sync::Arc, time::Instant};

use tachometer::{DynamicSeries, Histogram, InFlight};
use tachometer_vllm::{FinishReason, FinishedRequest};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::{engine::Event, front::Attached};

pub(crate) struct Request {
    pub(crate) arrived: Instant,
    pub(crate) prompt_tokens: u64,
    pub(crate) max_tokens: u64,
    pub(crate) events: UnboundedReceiver<Event>,
    pub(crate) tenant: DynamicSeries<Histogram<f64>>,
    pub(crate) seen: Seen,
    /// One less once this request is counted.
    pub(crate) _in_flight: InFlight,
    pub(crate) engine: Arc<Attached>,
}

/// What the engine has sent.
#[derive(Default)]
pub(crate) struct Seen {
    scheduled: Option<Instant>,
    first: Option<Instant>,
    newest: Option<Instant>,
    tokens: u64,
    /// `None` if the client leaves before the end.
    reason: Option<FinishReason>,
}

impl Request {
    /// The next token, or `None` at the end.
    pub(crate) async fn token(&mut self) -> Option<String> {
        while let Some(event) = self.events.recv().await {
            match event {
                Event::Scheduled(at) => self.seen.scheduled = Some(at),
                Event::Token(at, token, reason) => {
                    self.seen.reason = reason;
                    self.measure(at);
                    return Some(token);
                }
            }
        }
        self.seen.reason.get_or_insert(FinishReason::Error); // the engine panicked
        None
    }

    fn measure(&mut self, at: Instant) {
        self.seen.tokens += 1;
        let seconds = (at - self.seen.newest.replace(at).unwrap_or(self.arrived)).as_secs_f64();
        if self.seen.first.is_some() {
            self.engine.metrics.inter_token(&[seconds]);
        } else {
            self.seen.first = Some(at);
            self.engine.metrics.first_token(seconds);
            self.tenant.observe(seconds);
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let Seen { scheduled, first, newest, tokens, reason } = self.seen;
        let between = |from: Option<Instant>, to: Option<Instant>| Some((to? - from?).as_secs_f64());
        self.engine.metrics.finished(&FinishedRequest {
            reason: reason.unwrap_or(FinishReason::Abort),
            prompt_tokens: self.prompt_tokens,
            cached_tokens: scheduled.map(|_| 0),
            generation_tokens: tokens,
            max_tokens: Some(self.max_tokens),
            e2e_latency: self.arrived.elapsed().as_secs_f64(),
            queue_time: between(Some(self.arrived), scheduled),
            prefill_time: between(scheduled, first),
            inference_time: between(scheduled, newest),
            decode_time: between(first, newest),
            time_per_output_token: between(first, newest).filter(|_| tokens > 1).map(|time| time / (tokens - 1) as f64),
            ..Default::default()
        });
    }
}
