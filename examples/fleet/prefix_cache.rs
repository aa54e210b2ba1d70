//! An engine's prefix cache: which blocks of prompt tokens it has computed before. The least recently
//! used blocks are evicted first.
//!
//! A simplification: the cached blocks are outside of the KV pool (in host memory, say), and using
//! them is free.

use lru::LruCache;

/// Tokens that fit.
const CAPACITY: u64 = 2_097_152;

#[derive(Debug)]
pub(crate) struct PrefixCache {
    blocks: LruCache<u64, ()>,
    /// Tokens per block hash of the workload.
    block_size: u64,
}

impl PrefixCache {
    pub(crate) fn new(block_size: u64) -> Self {
        // Not bounded by itself: that would allocate room for all blocks at once.
        Self { blocks: LruCache::unbounded(), block_size }
    }

    /// How many of a prompt's tokens are found: whole blocks from its start, up to the first
    /// missing one.
    ///
    /// At least one token is left to compute, as the engine needs its output.
    pub(crate) fn hit_tokens(&mut self, hashes: &[u64], prompt_tokens: u64) -> u64 {
        let blocks = self.whole_blocks(hashes, prompt_tokens);
        let found = blocks.iter().take_while(|hash| self.blocks.contains(hash)).count();
        // Marks the blocks as used, in the same order as in `store`, for the same reason.
        for hash in blocks[..found].iter().rev() {
            self.blocks.promote(hash);
        }
        (found as u64 * self.block_size).min(prompt_tokens.saturating_sub(1))
    }

    /// Keeps a prompt's whole blocks.
    pub(crate) fn store(&mut self, hashes: &[u64], prompt_tokens: u64) {
        // The last block first: a prefix is useful without its end but not the other way round, so
        // it should leave later.
        for hash in self.whole_blocks(hashes, prompt_tokens).iter().rev() {
            self.blocks.put(*hash, ());
            if self.blocks.len() as u64 > (CAPACITY / self.block_size).max(1) {
                self.blocks.pop_lru();
            }
        }
    }

    /// The hashes of those blocks that the prompt fills. A trace may give one more (its last, partial
    /// block) or fewer.
    fn whole_blocks<'a>(&self, hashes: &'a [u64], prompt_tokens: u64) -> &'a [u64] {
        let filled = usize::try_from(prompt_tokens / self.block_size).unwrap_or(usize::MAX);
        &hashes[..hashes.len().min(filled)]
    }
}
