//! KV connectors: they move the same KV, and differ in who tells of it.

use clap::ValueEnum;

use crate::layout::Role;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Connector {
    /// Decode engines fetch, and tell of what has arrived
    Nixl,
    /// Prefill engines push, and tell of what they send
    Mooncake,
}

impl Connector {
    /// Which engines tell of transfers.
    pub(crate) const fn told_by(self) -> Role {
        match self {
            Self::Nixl => Role::Decode,
            Self::Mooncake => Role::Prefill,
        }
    }
}
