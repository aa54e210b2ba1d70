//! An engine's KV memory, in blocks.
//!
//! A request reserves everything that it will ever need when it is admitted, so nothing is ever
//! preempted. A request that is larger than the whole pool makes the pool grow once nothing else
//! runs: no request is dropped.

/// Tokens per block.
pub(crate) const BLOCK_TOKENS: u64 = 16;
/// Bytes of KV per token: 128 KiB.
pub(crate) const TOKEN_BYTES: u64 = 1 << 17;
/// Room for 1,048,576 tokens.
const INITIAL_BLOCKS: u64 = 65_536;

/// The blocks that hold `tokens` tokens.
pub(crate) const fn blocks(tokens: u64) -> u64 {
    tokens.div_ceil(BLOCK_TOKENS)
}

#[derive(Debug)]
pub(crate) struct KvPool {
    capacity: u64,
    used: u64,
}

impl KvPool {
    pub(crate) const fn new() -> Self {
        Self { capacity: INITIAL_BLOCKS, used: 0 }
    }

    /// The blocks reserved for `tokens` tokens. `None` if they don't fit now.
    pub(crate) fn reserve(&mut self, tokens: u64) -> Option<u64> {
        let blocks = blocks(tokens);
        if self.used == 0 {
            self.capacity = self.capacity.max(blocks);
        }
        (blocks <= self.capacity - self.used).then(|| {
            self.used += blocks;
            blocks
        })
    }

    pub(crate) fn release(&mut self, blocks: u64) {
        self.used -= blocks;
    }

    /// Blocks, used or not.
    pub(crate) const fn capacity(&self) -> u64 {
        self.capacity
    }

    /// The used share, in 0..=1.
    pub(crate) fn usage(&self) -> f64 {
        self.used as f64 / self.capacity as f64
    }
}
