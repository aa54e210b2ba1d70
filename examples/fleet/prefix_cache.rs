//! An engine's prefix cache: which blocks of 512 prompt tokens it has computed before. The least
//! recently used blocks are evicted first.
//!
//! A simplification: the cached blocks are outside of the KV pool (in host memory, say), and using
//! them is free.

use std::num::NonZeroUsize;

use lru::LruCache;

/// Tokens per block hash of a trace.
pub(crate) const HASHED_TOKENS: u64 = 512;

/// Room for 2,097,152 tokens.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();

#[derive(Debug)]
pub(crate) struct PrefixCache {
    blocks: LruCache<u64, ()>,
}

impl PrefixCache {
    pub(crate) fn new() -> Self {
        Self { blocks: LruCache::new(CAPACITY) }
    }

    /// How many of a prompt's tokens are found: whole blocks from its start, up to the first
    /// missing one.
    ///
    /// At least one token is left to compute, as the engine needs its output.
    pub(crate) fn hit_tokens(&mut self, hashes: &[u64], prompt_tokens: u64) -> u64 {
        let blocks = whole_blocks(hashes, prompt_tokens);
        let found = blocks.iter().take_while(|hash| self.blocks.contains(hash)).count();
        // Marks the blocks as used, in the same order as in `store`, for the same reason.
        for hash in blocks[..found].iter().rev() {
            self.blocks.promote(hash);
        }
        (found as u64 * HASHED_TOKENS).min(prompt_tokens.saturating_sub(1))
    }

    /// Keeps a prompt's whole blocks.
    pub(crate) fn store(&mut self, hashes: &[u64], prompt_tokens: u64) {
        // The last block first: a prefix is useful without its end but not the other way round, so
        // it should leave later.
        for hash in whole_blocks(hashes, prompt_tokens).iter().rev() {
            self.blocks.put(*hash, ());
        }
    }
}

/// The hashes of those blocks that the prompt fills. A trace may give more hashes (its last,
/// partial block) or fewer.
fn whole_blocks(hashes: &[u64], prompt_tokens: u64) -> &[u64] {
    let filled = usize::try_from(prompt_tokens / HASHED_TOKENS).unwrap_or(usize::MAX);
    &hashes[..hashes.len().min(filled)]
}
