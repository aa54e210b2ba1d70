//! What NIXL and Mooncake report, as Rust types.

use std::slice;

use super::value::{Payload, Value};

/// A count as the list that vLLM has of it: nothing was reported if it is 0.
fn count(n: &u64) -> &[u64] {
    if *n == 0 { &[] } else { slice::from_ref(n) }
}

/// A transfer by NIXL that succeeded.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NixlTransfer {
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Time to post it, in seconds.
    pub post_seconds: f64,
    /// Its bytes.
    pub bytes: u64,
    /// Its descriptors: pieces of memory.
    pub descriptors: u64,
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

/// What NIXL did in a step: a payload for both NIXL connectors
/// ([`KvConnector`](super::KvConnector)). The engine that makes a transfer reports it: the
/// receiving one, if it pulls.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NixlStats<'a> {
    /// Transfers that succeeded.
    pub transfers: &'a [NixlTransfer],
    /// Transfers that failed.
    pub failed_transfers: u64,
    /// Handshakes that failed. They also count as failed transfers.
    pub failed_handshakes: u64,
    /// Notifications that failed. They also count as failed transfers.
    pub failed_notifications: u64,
    /// Requests whose KV waited so long to be fetched that it was given up (on the prefill side).
    pub kv_expired_requests: u64,
    /// Notifications of transfers whose request had already been given up.
    pub notifications_after_expiry: u64,
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

impl Payload for NixlStats<'_> {
    fn with_value<R>(&self, f: impl FnOnce(&Value<'_>) -> R) -> R {
        let seconds = (self.transfers, |transfer: &NixlTransfer| transfer.seconds);
        let post_seconds = (self.transfers, |transfer: &NixlTransfer| transfer.post_seconds);
        let bytes = (self.transfers, |transfer: &NixlTransfer| transfer.bytes as f64);
        let descriptors = (self.transfers, |transfer: &NixlTransfer| transfer.descriptors as f64);
        f(&Value::map(&[
            ("transfer_duration".into(), Value::Column(&seconds)),
            ("post_duration".into(), Value::Column(&post_seconds)),
            ("bytes_transferred".into(), Value::Column(&bytes)),
            ("num_descriptors".into(), Value::Column(&descriptors)),
            ("num_failed_transfers".into(), Value::Integers(count(&self.failed_transfers))),
            ("num_failed_handshakes".into(), Value::Integers(count(&self.failed_handshakes))),
            ("num_failed_notifications".into(), Value::Integers(count(&self.failed_notifications))),
            ("num_kv_expired_reqs".into(), Value::Integers(count(&self.kv_expired_requests))),
            ("num_notifications_after_expiry".into(), Value::Integers(count(&self.notifications_after_expiry))),
        ]))
    }
}

/// A transfer by Mooncake that succeeded.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MooncakeTransfer {
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Its bytes.
    pub bytes: u64,
    /// Its descriptors: pieces of memory.
    pub descriptors: u64,
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

/// What Mooncake did in a step: a payload for Mooncake ([`KvConnector`](super::KvConnector)). The
/// engine that makes a transfer reports it: the sending one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MooncakeStats<'a> {
    /// Transfers that succeeded.
    pub transfers: &'a [MooncakeTransfer],
    /// Transfers that failed.
    pub failed_transfers: u64,
    /// Receives that failed.
    pub failed_receives: u64,
    /// Requests whose KV waited so long to be fetched that it was given up (on the prefill side).
    pub kv_expired_requests: u64,
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

impl Payload for MooncakeStats<'_> {
    fn with_value<R>(&self, f: impl FnOnce(&Value<'_>) -> R) -> R {
        let seconds = (self.transfers, |transfer: &MooncakeTransfer| transfer.seconds);
        let bytes = (self.transfers, |transfer: &MooncakeTransfer| transfer.bytes as f64);
        let descriptors = (self.transfers, |transfer: &MooncakeTransfer| transfer.descriptors as f64);
        f(&Value::map(&[
            ("transfer_duration".into(), Value::Column(&seconds)),
            ("bytes_transferred".into(), Value::Column(&bytes)),
            ("num_descriptors".into(), Value::Column(&descriptors)),
            ("num_failed_transfers".into(), Value::Integers(count(&self.failed_transfers))),
            ("num_failed_recvs".into(), Value::Integers(count(&self.failed_receives))),
            ("num_kv_expired_reqs".into(), Value::Integers(count(&self.kv_expired_requests))),
        ]))
    }
}
