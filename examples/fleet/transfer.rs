//! KV transfer from prefill engines to decode engines, and the order in which a decode engine sees
//! it.
//!
//! Each engine's thread has its own virtual clock, and the clocks run independently. A decode
//! engine's steps must not depend on how the threads are scheduled (a conservative simulation,
//! after Chandy and Misra). So each prefill engine sends, besides its transfers, promises: nothing
//! will be sent before this moment. A decode engine goes on to time t only when every promise is
//! beyond t. Prefill engines never wait for decode engines, so no engine waits forever.
//!
//! A decode engine reports the transfers that have arrived, as NIXL does, which fetches. A prefill
//! engine reports those that it begins, as Mooncake does, which pushes (here the duration is known
//! in advance). A transfer has one descriptor per KV block. The configuration decides which of the
//! two has families.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crossbeam_channel::{Receiver, Sender, unbounded};
use tachometer_vllm::connectors::{MooncakeTransfer, NixlTransfer};

use crate::batch::Arrived;
use crate::kv_pool::{TOKEN_BYTES, blocks};
use crate::layout::pick;
use crate::timing::{Nanos, post_time, seconds_between, transfer_time};

/// The promise of an engine that is done.
const NEVER: Nanos = Nanos::MAX;

#[derive(Debug)]
struct Message {
    source: usize,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// Nothing more will be sent before this moment.
    Promise(Nanos),
    Transfer {
        request: usize,
        tokens: u64,
        sent_at: Nanos,
        ready_at: Nanos,
    },
}

/// What an engine's connector reports for a step. The vectors are reused from step to step.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    pub(crate) received: Vec<NixlTransfer>,
    pub(crate) sent: Vec<MooncakeTransfer>,
}

impl Reports {
    pub(crate) fn clear(&mut self) {
        self.received.clear();
        self.sent.clear();
    }
}

/// Connects every prefill engine with every decode engine.
///
/// The channels are unbounded, since a decode engine mustn't hold up a prefill engine. If a decode
/// engine falls behind, promises queue up (a few words per step of a prefill engine).
pub(crate) fn connect(prefill: usize, decode: usize) -> (Vec<Outlet>, Vec<Inbox>) {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..decode).map(|_| unbounded()).unzip();
    let outlets = (0..prefill).map(|source| Outlet { source, senders: senders.clone(), promised: 0 }).collect();
    let inboxes = receivers.into_iter().map(|receiver| Inbox::new(receiver, prefill)).collect();
    (outlets, inboxes)
}

/// A prefill engine's end.
#[derive(Debug)]
pub(crate) struct Outlet {
    source: usize,
    senders: Vec<Sender<Message>>,
    promised: Nanos,
}

impl Outlet {
    /// Starts the transfer of a prompt's KV to the decode engine of the request, and reports it.
    pub(crate) fn send(&self, request: usize, prompt_tokens: u64, now: Nanos) -> MooncakeTransfer {
        let ready_at = now.saturating_add(transfer_time(prompt_tokens)).min(NEVER - 1);
        let content = Content::Transfer { request, tokens: prompt_tokens, sent_at: now, ready_at };
        self.post(pick(request, self.senders.len()), content);
        MooncakeTransfer {
            seconds: seconds_between(now, ready_at),
            bytes: prompt_tokens.saturating_mul(TOKEN_BYTES),
            descriptors: blocks(prompt_tokens),
            ..MooncakeTransfer::default()
        }
    }

    /// Promises to send nothing before `moment`.
    pub(crate) fn promise(&mut self, moment: Nanos) {
        if moment > self.promised {
            self.promised = moment;
            for decode in 0..self.senders.len() {
                self.post(decode, Content::Promise(moment));
            }
        }
    }

    fn post(&self, decode: usize, content: Content) {
        // A decode engine ends only when all prefill engines are done, or in a panic, which its
        // join shows.
        let _ = self.senders[decode].send(Message { source: self.source, content });
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.promise(NEVER);
    }
}

/// A decode engine's end.
#[derive(Debug)]
pub(crate) struct Inbox {
    receiver: Receiver<Message>,
    /// The last promise of each prefill engine.
    promises: Vec<Nanos>,
    /// Transfers by the moment at which they are ready. Ties go by prefill engine and request.
    pending: BinaryHeap<Reverse<Pending>>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pending {
    ready_at: Nanos,
    source: usize,
    request: usize,
    tokens: u64,
    sent_at: Nanos,
}

impl Pending {
    fn report(&self) -> NixlTransfer {
        let descriptors = blocks(self.tokens);
        NixlTransfer {
            seconds: seconds_between(self.sent_at, self.ready_at),
            post_seconds: seconds_between(0, post_time(descriptors)),
            bytes: self.tokens.saturating_mul(TOKEN_BYTES),
            descriptors,
            ..NixlTransfer::default()
        }
    }
}

impl Inbox {
    fn new(receiver: Receiver<Message>, prefill: usize) -> Self {
        Self { receiver, promises: vec![0; prefill], pending: BinaryHeap::new() }
    }

    /// Moves all requests whose KV has arrived at `now` to `waiting`, and reports their transfers.
    /// Returns how many are still being transferred.
    pub(crate) fn collect(
        &mut self,
        now: Nanos,
        waiting: &mut VecDeque<Arrived>,
        transfers: &mut Vec<NixlTransfer>,
    ) -> u64 {
        while self.promised() <= now && self.receive() {}
        while let Some(Reverse(pending)) = self.pending.peek() {
            if pending.ready_at > now {
                break;
            }
            waiting.push_back(Arrived { request: pending.request, at: pending.sent_at });
            transfers.push(pending.report());
            self.pending.pop();
        }
        // Whatever was sent after `now` may have arrived already, or not: it doesn't count.
        self.pending.iter().filter(|Reverse(pending)| pending.sent_at <= now).count() as u64
    }

    /// When the next request's KV arrives. `None` if none will come.
    pub(crate) fn next_ready(&mut self) -> Option<Nanos> {
        loop {
            let ready_at = self.pending.peek().map(|Reverse(pending)| pending.ready_at);
            let settled = ready_at.is_some_and(|moment| self.promised() > moment);
            if settled || !self.receive() {
                return ready_at;
            }
        }
    }

    /// No transfer will be sent before this moment.
    fn promised(&self) -> Nanos {
        self.promises.iter().copied().min().unwrap_or(NEVER)
    }

    /// Waits for a message. False if none will come.
    fn receive(&mut self) -> bool {
        let Ok(message) = self.receiver.recv() else { return false };
        let source = message.source;
        match message.content {
            Content::Promise(moment) => self.promises[source] = moment,
            Content::Transfer { request, tokens, sent_at, ready_at } => {
                self.pending.push(Reverse(Pending { ready_at, source, request, tokens, sent_at }));
            }
        }
        true
    }
}
