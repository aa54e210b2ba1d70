//! KV connectors. They move the same KV, and differ in which side reports it.

use clap::ValueEnum;

use crate::layout::Role;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Connector {
    /// Decode engines fetch, and report what has arrived
    Nixl,
    /// Prefill engines push, and report what they send
    Mooncake,
}

impl Connector {
    /// The engines that report transfers.
    pub(crate) const fn told_by(self) -> Role {
        match self {
            Self::Nixl => Role::Decode,
            Self::Mooncake => Role::Prefill,
        }
    }
}
