//! An engine's prefix cache: which blocks of prompt tokens it has computed before. The least
//! recently used blocks are evicted first.
//!
//! A simplification: the cached blocks are outside of the KV pool (in host memory, say), and using
//! them is free.

use lru::LruCache;
use tachometer_vllm::Eviction;

use crate::timing::{Nanos, seconds_between};

/// Tokens that fit.
const CAPACITY: u64 = 2_097_152;
/// So that blocks are evicted in a short replay, too.
const SMALL_CAPACITY: u64 = 131_072;

#[derive(Debug)]
pub(crate) struct PrefixCache {
    blocks: LruCache<u64, Life>,
    /// Tokens per block hash of the workload.
    block_size: u64,
    capacity: u64,
    evicted: Vec<Evicted>,
    counted: Counted,
}

/// What a block has been through.
#[derive(Clone, Debug)]
struct Life {
    stored: Nanos,
    /// The last use, if it was used since.
    used: Option<Nanos>,
    /// From each use to the next, in seconds.
    reuse_gaps: Vec<f64>,
}

/// The life of a block that isn't here any more, in seconds.
#[derive(Clone, Debug)]
pub(crate) struct Evicted {
    lifetime: f64,
    idle: f64,
    reuse_gaps: Vec<f64>,
}

impl Evicted {
    pub(crate) fn report(&self) -> Eviction<'_> {
        Eviction { lifetime: self.lifetime, idle: self.idle, reuse_gaps: &self.reuse_gaps, ..Eviction::default() }
    }
}

/// Counts for the checks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) blocks: u64,
    pub(crate) reuse_gaps: u64,
}

impl PrefixCache {
    pub(crate) fn new(block_size: u64, small: bool) -> Self {
        let tokens = if small { SMALL_CAPACITY } else { CAPACITY };
        Self {
            // Not bounded by itself: that would allocate room for all blocks at once.
            blocks: LruCache::unbounded(),
            block_size,
            capacity: (tokens / block_size).max(1),
            evicted: Vec::new(),
            counted: Counted::default(),
        }
    }

    /// How many of a prompt's tokens are found: whole blocks from its start, up to the first
    /// missing one.
    ///
    /// At least one token is left to compute, as the engine needs its output.
    pub(crate) fn hit_tokens(&mut self, hashes: &[u64], prompt_tokens: u64, now: Nanos) -> u64 {
        let blocks = self.whole_blocks(hashes, prompt_tokens);
        let found = blocks.iter().take_while(|hash| self.blocks.contains(hash)).count();
        // Marks the blocks as used, in the same order as in `store`, for the same reason.
        for hash in blocks[..found].iter().rev() {
            let Some(life) = self.blocks.get_mut(hash) else { continue };
            if let Some(before) = life.used.replace(now) {
                life.reuse_gaps.push(seconds_between(before, now));
                self.counted.reuse_gaps += 1;
            }
        }
        (found as u64 * self.block_size).min(prompt_tokens.saturating_sub(1))
    }

    /// Keeps a prompt's whole blocks.
    pub(crate) fn store(&mut self, hashes: &[u64], prompt_tokens: u64, now: Nanos) {
        // The last block first: a prefix is useful without its end but not the other way round, so
        // it should leave later.
        for hash in self.whole_blocks(hashes, prompt_tokens).iter().rev() {
            // To look it up is to mark it as newest.
            if self.blocks.get(hash).is_some() {
                continue;
            }
            self.blocks.put(*hash, Life { stored: now, used: None, reuse_gaps: Vec::new() });
            self.counted.blocks += 1;
            if self.blocks.len() as u64 > self.capacity {
                let (_, life) = self.blocks.pop_lru().expect("there is more than one");
                self.evicted.push(life.end(now));
            }
        }
    }

    /// The blocks that were evicted since the last call.
    pub(crate) fn drain_evicted(&mut self) -> std::vec::Drain<'_, Evicted> {
        self.evicted.drain(..)
    }

    /// What all evicted blocks had, known without counting evictions: all that was stored, less
    /// what is still here.
    pub(crate) fn lost(&self) -> Counted {
        let held = self.blocks.iter().map(|(_, life)| life.reuse_gaps.len() as u64);
        Counted {
            blocks: self.counted.blocks - self.blocks.len() as u64,
            reuse_gaps: self.counted.reuse_gaps - held.sum::<u64>(),
        }
    }

    /// The hashes of those blocks that the prompt fills. A trace may give one more (its last,
    /// partial block) or fewer.
    fn whole_blocks<'a>(&self, hashes: &'a [u64], prompt_tokens: u64) -> &'a [u64] {
        let filled = usize::try_from(prompt_tokens / self.block_size).unwrap_or(usize::MAX);
        &hashes[..hashes.len().min(filled)]
    }
}

impl Life {
    fn end(self, now: Nanos) -> Evicted {
        Evicted {
            lifetime: seconds_between(self.stored, now),
            idle: seconds_between(self.used.unwrap_or(self.stored), now),
            reuse_gaps: self.reuse_gaps,
        }
    }
}
