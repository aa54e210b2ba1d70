//! A request that an engine got: its latencies, and its end, which comes once, whether its client
//! stays or leaves.

use std::{sync::Weak, time::Instant};

use tachometer::{Counter, DynamicSeries, SettableGauge};
use tachometer_vllm::{FinishReason, FinishedRequest};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::front::Route;

pub(crate) struct Followed {
    pub(crate) arrived: Instant,
    pub(crate) prompt_tokens: u64,
    /// Tokens to generate.
    pub(crate) tokens: u64,
    /// To the engine, which isn't detached while this lives.
    pub(crate) route: Route,
    pub(crate) tenant_tokens: DynamicSeries<Counter<u64>>,
    /// Counts this request until it ends.
    pub(crate) in_flight: SettableGauge<i64>,
}

impl Followed {
    /// Returns the number of tokens that the engine generated.
    pub(crate) async fn follow(self, mut received: UnboundedReceiver<()>, client: Weak<()>) -> u64 {
        let (mut generated, mut first, mut newest) = (0, self.arrived, self.arrived);
        while received.recv().await.is_some() {
            let now = Instant::now();
            let seconds = (now - newest).as_secs_f64();
            if generated == 0 {
                first = now;
                self.route.metrics.first_token(seconds);
            } else {
                self.route.metrics.inter_token(&[seconds]);
            }
            (generated, newest) = (generated + 1, now);
        }
        let reason = match generated {
            all if all == self.tokens => FinishReason::Length,
            _ if client.strong_count() == 0 => FinishReason::Abort,
            _ => FinishReason::Error,
        };
        let scheduled = generated > 0;
        self.route.metrics.finished(&FinishedRequest {
            reason,
            prompt_tokens: self.prompt_tokens,
            cached_tokens: scheduled.then_some(0),
            generation_tokens: generated,
            max_tokens: Some(self.tokens),
            e2e_latency: self.arrived.elapsed().as_secs_f64(),
            decode_time: scheduled.then(|| (newest - first).as_secs_f64()),
            ..Default::default()
        });
        self.tenant_tokens.add(generated);
        self.route.recorder.dec_gauge(self.in_flight);
        generated
    }
}
