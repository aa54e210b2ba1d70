//! Families of KV connectors: the transfers between engines.

use tachometer::{Counter, Histogram, SchemaError, Step};

use crate::{config::buckets, families::helpers::Declarer};

/// NIXL's families. The engine that makes a transfer counts it: the receiving one.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct NixlFamilies {
    /// `vllm:nixl_xfer_time_seconds`
    pub transfer_time: Histogram<f64>,
    /// `vllm:nixl_post_time_seconds`
    pub post_time: Histogram<f64>,
    /// `vllm:nixl_bytes_transferred`
    pub bytes: Histogram<u64>,
    /// `vllm:nixl_num_descriptors`
    pub descriptors: Histogram<u64>,
    /// `vllm:nixl_num_failed_transfers_total`: failed transfers, handshakes and notifications
    pub failed_transfers: Counter<u64>,
    /// `vllm:nixl_num_failed_notifications_total`
    pub failed_notifications: Counter<u64>,
    /// `vllm:nixl_num_kv_expired_reqs_total`
    pub kv_expired_requests: Counter<u64>,
    /// `vllm:nixl_num_notifications_after_expiry_total`
    pub notifications_after_expiry: Counter<u64>,
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

/// What NIXL did in a step.
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

impl NixlFamilies {
    pub(crate) fn declare(declarer: &mut Declarer<'_>) -> Result<Self, SchemaError> {
        Ok(Self {
            transfer_time: declarer.histogram_seconds_with(
                "nixl_xfer_time_seconds",
                "Duration of a KV transfer.",
                &buckets::TRANSFER_TIME,
            )?,
            post_time: declarer.histogram_seconds_with(
                "nixl_post_time_seconds",
                "Time to post a KV transfer.",
                &buckets::POST_TIME,
            )?,
            bytes: declarer.histogram_u64_with(
                "nixl_bytes_transferred",
                "Bytes of a KV transfer.",
                &buckets::TRANSFER_BYTES,
            )?,
            descriptors: declarer.histogram_u64_with(
                "nixl_num_descriptors",
                "Descriptors of a KV transfer.",
                &buckets::TRANSFER_DESCRIPTORS,
            )?,
            failed_transfers: declarer.counter(
                "nixl_num_failed_transfers",
                "KV transfers that failed, at their handshake and notification too.",
            )?,
            failed_notifications: declarer.counter("nixl_num_failed_notifications", "Notifications that failed.")?,
            kv_expired_requests: declarer
                .counter("nixl_num_kv_expired_reqs", "Requests whose KV was not fetched in time.")?,
            notifications_after_expiry: declarer.counter(
                "nixl_num_notifications_after_expiry",
                "Notifications of KV transfers whose request had expired.",
            )?,
        })
    }

    pub(crate) fn record(&self, step: &mut Step<'_>, stats: &NixlStats<'_>) {
        for transfer in stats.transfers {
            step.observe(self.transfer_time, transfer.seconds);
            step.observe(self.post_time, transfer.post_seconds);
            step.observe(self.bytes, transfer.bytes);
            step.observe(self.descriptors, transfer.descriptors);
        }
        step.add(self.failed_transfers, stats.failed_transfers);
        step.add(self.failed_transfers, stats.failed_handshakes);
        step.add(self.failed_transfers, stats.failed_notifications);
        step.add(self.failed_notifications, stats.failed_notifications);
        step.add(self.kv_expired_requests, stats.kv_expired_requests);
        step.add(self.notifications_after_expiry, stats.notifications_after_expiry);
    }
}

/// Mooncake's families. The engine that makes a transfer counts it: the sending one.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MooncakeFamilies {
    /// `vllm:mooncake_xfer_time_seconds`
    pub transfer_time: Histogram<f64>,
    /// `vllm:mooncake_bytes_transferred`
    pub bytes: Histogram<u64>,
    /// `vllm:mooncake_num_descriptors`
    pub descriptors: Histogram<u64>,
    /// `vllm:mooncake_num_failed_transfers_total`
    pub failed_transfers: Counter<u64>,
    /// `vllm:mooncake_num_failed_recvs_total`
    pub failed_receives: Counter<u64>,
    /// `vllm:mooncake_num_kv_expired_reqs_total`
    pub kv_expired_requests: Counter<u64>,
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

/// What Mooncake did in a step.
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

impl MooncakeFamilies {
    pub(crate) fn declare(declarer: &mut Declarer<'_>) -> Result<Self, SchemaError> {
        Ok(Self {
            transfer_time: declarer.histogram_seconds_with(
                "mooncake_xfer_time_seconds",
                "Duration of a KV transfer.",
                &buckets::TRANSFER_TIME,
            )?,
            bytes: declarer.histogram_u64_with(
                "mooncake_bytes_transferred",
                "Bytes of a KV transfer.",
                &buckets::TRANSFER_BYTES,
            )?,
            descriptors: declarer.histogram_u64_with(
                "mooncake_num_descriptors",
                "Descriptors of a KV transfer.",
                &buckets::TRANSFER_DESCRIPTORS,
            )?,
            failed_transfers: declarer.counter("mooncake_num_failed_transfers", "KV transfers that failed.")?,
            failed_receives: declarer.counter("mooncake_num_failed_recvs", "Receives of KV that failed.")?,
            kv_expired_requests: declarer
                .counter("mooncake_num_kv_expired_reqs", "Requests whose KV was not fetched in time.")?,
        })
    }

    pub(crate) fn record(&self, step: &mut Step<'_>, stats: &MooncakeStats<'_>) {
        for transfer in stats.transfers {
            step.observe(self.transfer_time, transfer.seconds);
            step.observe(self.bytes, transfer.bytes);
            step.observe(self.descriptors, transfer.descriptors);
        }
        step.add(self.failed_transfers, stats.failed_transfers);
        step.add(self.failed_receives, stats.failed_receives);
        step.add(self.kv_expired_requests, stats.kv_expired_requests);
    }
}
