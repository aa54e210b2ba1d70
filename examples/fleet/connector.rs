//! KV connectors. They move the same KV, and differ in which side reports it.

use clap::ValueEnum;
use tachometer_vllm::connectors::KvConnector;

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
    pub(crate) const fn reporter(self) -> Role {
        match self {
            Self::Nixl => Role::Decode,
            Self::Mooncake => Role::Prefill,
        }
    }

    /// The same connector in vLLM's set.
    pub(crate) const fn of_vllm(self) -> KvConnector<'static> {
        match self {
            Self::Nixl => KvConnector::NixlPull,
            Self::Mooncake => KvConnector::Mooncake,
        }
    }

    /// What the names of its families begin with, behind `vllm:`.
    pub(crate) const fn prefix(self) -> &'static str {
        match self {
            Self::Nixl => "nixl",
            Self::Mooncake => "mooncake",
        }
    }
}
