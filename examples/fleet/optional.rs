//! What `--optional` adds: the families that vLLM has only if its configuration asks for them, and
//! a simulation of what they measure.
//!
//! A trace says nothing of it, so it follows from a request's hashes and index, and repeats
//! exactly. A request's adapter follows from its first block: prompts with a common beginning share
//! it, since KV depends on the adapter.

use std::collections::HashSet;
use std::mem;

use clap::ValueEnum;
use tachometer_vllm::{CacheStats, Config, PerfStats, SpecDecodeStats, WatermarkStats};

use crate::kv_pool::TOKEN_BYTES;
use crate::timing::Work;
use crate::workload::Request;

/// Tokens per draft.
const DRAFT_TOKENS: u64 = 3;
const ADAPTERS: [&str; 3] = ["sql", "summary", "support"];
/// In a batch.
const MAX_ADAPTERS: u64 = 4;
/// The block of a prompt that its image is in, if it has one.
const IMAGE_BLOCK: usize = 7;

/// A model of 8 billion parameters: 2 operations per parameter and token.
pub(crate) const TOKEN_FLOPS: f64 = 16e9;
/// Of 16 bits each.
const WEIGHT_BYTES: f64 = 16e9;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Optional {
    /// Speculative decoding, and everything else that is optional
    SpecDecode,
    /// The same by the names of a diffusion model, which vLLM shows instead
    Diffusion,
}

impl Optional {
    pub(crate) fn switch_on(self, config: Config) -> Config {
        let config = match self {
            Self::SpecDecode => config.spec_decode(DRAFT_TOKENS as usize),
            Self::Diffusion => config.diffusion(true),
        };
        config.kv_cache_metrics(true).lora(MAX_ADAPTERS).watermark(true).nan_check(true)
    }
}

/// Tokens to draft for a request that has this many tokens to go: the last one needs no draft.
pub(crate) fn draft_length(to_go: u64) -> u64 {
    DRAFT_TOKENS.min(to_go.saturating_sub(1))
}

/// How many of the drafted tokens are accepted: each with 7 chances in 10, up to the first that
/// isn't.
pub(crate) fn accepted(request: usize, generated: u64, drafted: u64) -> u64 {
    let mut draws = fastrand::Rng::with_seed(request as u64 ^ (generated << 32));
    (0..drafted).take_while(|_| draws.u8(..10) < 7).count() as u64
}

pub(crate) fn adapter(request: &Request) -> Option<&'static str> {
    let block = request.hashes.first().copied().unwrap_or(request.prompt_tokens);
    ADAPTERS.get((block % 4) as usize).copied()
}

/// The adapters of these requests, each once.
pub(crate) fn adapters<'a>(requests: impl Iterator<Item = &'a Request> + Clone) -> Vec<&'static str> {
    let used = |name: &&str| requests.clone().any(|request| adapter(request) == Some(*name));
    ADAPTERS.into_iter().filter(used).collect()
}

/// The identity of a request's image; a third of all requests have one.
pub(crate) fn image(request: &Request) -> Option<u64> {
    let block = request.hashes.get(IMAGE_BLOCK).or(request.hashes.last());
    let image = block.copied().unwrap_or(request.prompt_tokens);
    (image % 3 == 0).then_some(image)
}

/// Output in an adapter's style has a watermark, if there is any output.
pub(crate) fn watermark(request: &Request, generated: u64) -> WatermarkStats {
    let mut stats = WatermarkStats::default();
    let counted = match (adapter(request), generated) {
        (None, _) => &mut stats.not_watermarked,
        (Some(_), 0) => &mut stats.skipped,
        (Some(_), _) => &mut stats.watermarked,
    };
    *counted = 1;
    stats
}

/// Estimated as vLLM does, roughly: weights and context are read, and each token's KV is written.
pub(crate) fn perf(work: Work) -> PerfStats {
    let tokens = work.tokens() as f64;
    PerfStats {
        flops: tokens * TOKEN_FLOPS,
        read_bytes: WEIGHT_BYTES + work.context_tokens as f64 * TOKEN_BYTES as f64,
        write_bytes: tokens * TOKEN_BYTES as f64,
        ..PerfStats::default()
    }
}

/// The drafts of a step.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Drafts {
    drafts: u64,
    tokens: u64,
    accepted: u64,
    per_position: [u64; DRAFT_TOKENS as usize],
}

impl Drafts {
    pub(crate) fn add(&mut self, drafted: u64, accepted: u64) {
        self.drafts += u64::from(drafted > 0);
        self.tokens += drafted;
        self.accepted += accepted;
        self.per_position.iter_mut().take(accepted as usize).for_each(|position| *position += 1);
    }

    pub(crate) fn stats(&self) -> SpecDecodeStats<'_> {
        SpecDecodeStats {
            drafts: self.drafts,
            draft_tokens: self.tokens,
            accepted_tokens: self.accepted,
            accepted_per_position: &self.per_position,
            ..SpecDecodeStats::default()
        }
    }
}

/// The images that an engine has processed. It has room for all of them.
#[derive(Debug, Default)]
pub(crate) struct ImageCache {
    seen: HashSet<u64>,
    lookups: CacheStats,
}

impl ImageCache {
    pub(crate) fn look_up(&mut self, request: &Request) {
        if let Some(image) = image(request) {
            self.lookups.requests += 1;
            self.lookups.queries += 1;
            self.lookups.hits += u64::from(!self.seen.insert(image));
        }
    }

    /// The lookups since the last call.
    pub(crate) fn take_lookups(&mut self) -> CacheStats {
        mem::take(&mut self.lookups)
    }
}
