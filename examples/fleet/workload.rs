//! What is replayed: requests in order of arrival, and the built-in workload.

use std::f64::consts::TAU;
use std::sync::Arc;

use fastrand::Rng;

use crate::timing::Nanos;
use crate::units::DEFAULT_BLOCK_SIZE;

/// The requests in order of arrival. A request's index is its identity, and routing looks at
/// nothing else.
pub(crate) type Workload = Arc<[Request]>;

#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Time since the first request's arrival.
    pub(crate) arrival: Nanos,
    pub(crate) prompt_tokens: u64,
    pub(crate) output_tokens: u64,
    /// Hashes of the prompt's blocks of 512 tokens. Equal hashes mean equal prompts up to there.
    /// May be empty.
    pub(crate) hashes: Box<[u64]>,
}

/// The limits of generated tokens that requests ask for are multiples of this.
const LIMIT_STEP: u64 = 16;

impl Request {
    /// The most tokens that the request asks for. No trace says it: the smallest limit that allows
    /// its output.
    pub(crate) const fn limit(&self) -> u64 {
        self.output_tokens.next_multiple_of(LIMIT_STEP)
    }

    /// Whether its output ends before its limit.
    pub(crate) const fn stops(&self) -> bool {
        self.output_tokens < self.limit()
    }
}

const SEED: u64 = 0x7ac4_0e7e;
const REQUESTS: usize = 1_500;
/// Nearly 300 virtual seconds in all.
const MEAN_GAP_SECONDS: f64 = 0.19;
/// One arrival in this many starts a burst.
const BURST_EVERY: usize = 150;
const BURST: usize = 16;
/// Conversations that are active at the same time, each with one of the system prompts.
const CONVERSATIONS: usize = 120;
const SYSTEM_PROMPTS: usize = 6;
/// A conversation that has grown to this many tokens ends, and another replaces it.
const LONGEST_CONVERSATION: u64 = 24_000;

/// A chat workload of conversations whose prompts repeat everything said before. The same at every
/// call.
pub(crate) fn built_in() -> Vec<Request> {
    let mut rng = Rng::with_seed(SEED);
    let mut next_hash = 0;
    let system_prompts: [Vec<u64>; SYSTEM_PROMPTS] = std::array::from_fn(|index| fresh(index + 1, &mut next_hash));
    let mut conversations = vec![Conversation::default(); CONVERSATIONS];
    let mut seconds = 0.0;
    (0..REQUESTS)
        .map(|index| {
            if index % BURST_EVERY >= BURST {
                seconds += -MEAN_GAP_SECONDS * (1.0 - rng.f64()).ln();
            }
            let conversation = &mut conversations[rng.usize(..CONVERSATIONS)];
            if conversation.tokens == 0 || conversation.tokens > LONGEST_CONVERSATION {
                *conversation = Conversation::start(&system_prompts[rng.usize(..SYSTEM_PROMPTS)]);
            }
            conversation.say(log_normal(&mut rng, 900.0, 1.0), &mut next_hash);
            let output_tokens = log_normal(&mut rng, 300.0, 0.8);
            let request = conversation.request(seconds, output_tokens);
            conversation.say(output_tokens, &mut next_hash);
            request
        })
        .collect()
}

/// Everything that was said so far.
#[derive(Clone, Debug, Default)]
struct Conversation {
    tokens: u64,
    hashes: Vec<u64>,
}

impl Conversation {
    fn start(system_prompt: &[u64]) -> Self {
        Self { tokens: system_prompt.len() as u64 * DEFAULT_BLOCK_SIZE, hashes: system_prompt.to_vec() }
    }

    fn say(&mut self, tokens: u64, next_hash: &mut u64) {
        self.tokens += tokens;
        let filled = (self.tokens / DEFAULT_BLOCK_SIZE) as usize;
        self.hashes.extend(fresh(filled - self.hashes.len(), next_hash));
    }

    fn request(&self, seconds: f64, output_tokens: u64) -> Request {
        Request {
            arrival: (seconds * 1e9) as Nanos,
            prompt_tokens: self.tokens,
            output_tokens,
            hashes: self.hashes.as_slice().into(),
        }
    }
}

/// Hashes of new blocks.
fn fresh(blocks: usize, next_hash: &mut u64) -> Vec<u64> {
    let first = *next_hash;
    *next_hash += blocks as u64;
    (first..*next_hash).collect()
}

/// A length whose logarithm is normally distributed. At least 1.
fn log_normal(rng: &mut Rng, median: f64, sigma: f64) -> u64 {
    let normal = (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (TAU * rng.f64()).cos();
    (median * (sigma * normal).exp()).clamp(1.0, 16.0 * median) as u64
}
