//! How long things take in virtual time. Every engine uses one model, roughly a mid-sized language
//! model on one large accelerator.
//!
//! A step costs a constant (weights are read once), plus a cost per computed prompt token
//! (arithmetic), per generating request and per drafted token (sampling, output), and per token of
//! context that such a request attends to (KV reads). A KV transfer costs a latency, plus its size
//! divided by the bandwidth. Nothing else is modelled.

/// Virtual time since the first arrival, in nanoseconds.
pub(crate) type Nanos = u64;

/// Reading the weights and launching the kernels: 12 ms.
const STEP: Nanos = 12_000_000;
/// 30 µs: about 32,000 prompt tokens per second.
const PROMPT_TOKEN: Nanos = 30_000;
/// 40 µs.
const GENERATED_TOKEN: Nanos = 40_000;
/// 8 ns: 80 requests with 10,000 tokens of context each take 6.4 ms.
const CONTEXT_TOKEN: Nanos = 8;

/// 5 ms.
const TRANSFER_LATENCY: Nanos = 5_000_000;
/// 2.5 µs: 400,000 tokens per second, for example 128 KiB per token over 50 GB/s.
const TRANSFER_TOKEN: Nanos = 2_500;

/// 1 µs per piece of memory to be transferred.
const POST_DESCRIPTOR: Nanos = 1_000;

/// What one step executes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Work {
    /// Prompt tokens in chunks.
    pub(crate) prompt_tokens: u64,
    /// Requests whose prompt is done, each with one token.
    pub(crate) generating: u64,
    /// Drafted tokens of those requests.
    pub(crate) drafted: u64,
    /// Tokens that these requests attend to.
    pub(crate) context_tokens: u64,
}

impl Work {
    /// Tokens that the model executes.
    pub(crate) const fn tokens(self) -> u64 {
        self.prompt_tokens.saturating_add(self.generating).saturating_add(self.drafted)
    }
}

pub(crate) const fn step_time(work: Work) -> Nanos {
    STEP.saturating_add(work.prompt_tokens.saturating_mul(PROMPT_TOKEN))
        .saturating_add(work.generating.saturating_add(work.drafted).saturating_mul(GENERATED_TOKEN))
        .saturating_add(work.context_tokens.saturating_mul(CONTEXT_TOKEN))
}

pub(crate) const fn transfer_time(tokens: u64) -> Nanos {
    TRANSFER_LATENCY.saturating_add(tokens.saturating_mul(TRANSFER_TOKEN))
}

/// The time to tell the network what to transfer. Part of the latency.
pub(crate) const fn post_time(descriptors: u64) -> Nanos {
    descriptors.saturating_mul(POST_DESCRIPTOR)
}

/// The time from `earlier` to `later`, in seconds.
pub(crate) fn seconds_between(earlier: Nanos, later: Nanos) -> f64 {
    later.saturating_sub(earlier) as f64 * 1e-9
}
