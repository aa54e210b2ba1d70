//! Connectors that transfer KV from engine to engine.

use super::*;

const TRANSFER_TIME: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 5.0];
const POST_TIME: &[f64] = &[0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 5.0];
/// From 2 KiB to 8 GiB.
const BYTES: &[f64] = &[
    2_048.0,
    8_192.0,
    32_768.0,
    131_072.0,
    524_288.0,
    2_097_152.0,
    8_388_608.0,
    33_554_432.0,
    134_217_728.0,
    536_870_912.0,
    2_147_483_648.0,
    8_589_934_592.0,
];
const DESCRIPTORS: &[f64] = &[10.0, 20.0, 30.0, 50.0, 75.0, 100.0, 200.0, 400.0, 1e3, 2e3, 4e3, 1e4, 2e4, 5e4];

/// A mebibyte is one of so many bytes.
const MIB: f64 = 1_048_576.0;

const fn mean(of: &'static str, times: f64, digits: usize) -> Stat {
    Stat::Mean { of, times, digits, exact: false }
}

const fn p90(of: &'static str) -> Stat {
    Stat::P90 { of, times: 1e3, digits: 3, percentile: Percentile::Linear }
}

pub(crate) const NIXL_PULL: Table<'static> = Table {
    name: "NixlPullConnector",
    families: rows! {
        "vllm:nixl_xfer_time_seconds" Histogram(TRANSFER_TIME), Start, [] "Duration of a KV transfer."
            { [Key("transfer_duration")] ObserveEach Refused }
        "vllm:nixl_post_time_seconds" Histogram(POST_TIME), Start, [] "Time to post a KV transfer."
            { [Key("post_duration")] ObserveEach Refused }
        "vllm:nixl_bytes_transferred" Histogram(BYTES), Start, [] "Bytes of a KV transfer."
            { [Key("bytes_transferred")] ObserveEach Refused }
        "vllm:nixl_num_descriptors" Histogram(DESCRIPTORS), Start, [] "Descriptors of a KV transfer."
            { [Key("num_descriptors")] ObserveEach Refused }
        "vllm:nixl_num_failed_transfers_total" Counter, Start, []
            "KV transfers that failed, at their handshake and notification too."
            {
                [Key("num_failed_transfers")] SumOfList Refused,
                [Key("num_failed_handshakes")] SumOfList Refused,
                [Key("num_failed_notifications")] SumOfList Refused,
            }
        "vllm:nixl_num_failed_notifications_total" Counter, Start, [] "Notifications that failed."
            { [Key("num_failed_notifications")] SumOfList Refused }
        "vllm:nixl_num_kv_expired_reqs_total" Counter, Start, [] "Requests whose KV was not fetched in time."
            { [Key("num_kv_expired_reqs")] SumOfList Refused }
        "vllm:nixl_num_notifications_after_expiry_total" Counter, Start, []
            "Notifications of KV transfers whose request had expired."
            { [Key("num_notifications_after_expiry")] SumOfList Refused }
    },
    known: &[],
    tagged: false,
    summary: Summary::Figures {
        of_none: "0",
        figures: &[
            Figure { label: "Num successful transfers", stat: Stat::Items("num_descriptors") },
            Figure { label: "Avg xfer time (ms)", stat: mean("transfer_duration", 1e3, 3) },
            Figure { label: "P90 xfer time (ms)", stat: p90("transfer_duration") },
            Figure { label: "Avg post time (ms)", stat: mean("post_duration", 1e3, 3) },
            Figure { label: "P90 post time (ms)", stat: p90("post_duration") },
            Figure { label: "Avg MB per transfer", stat: mean("bytes_transferred", 1.0 / MIB, 3) },
            Figure {
                label: "Throughput (MB/s)",
                stat: Stat::Rate { amount: "bytes_transferred", unit: MIB, per: "transfer_duration", of_no_time: None },
            },
            Figure { label: "Avg number of descriptors", stat: mean("num_descriptors", 1.0, 1) },
            Figure {
                label: "Num failed transfers",
                stat: Stat::Sum(&["num_failed_transfers", "num_failed_handshakes", "num_failed_notifications"]),
            },
            Figure { label: "Num KV expired reqs", stat: Stat::Sum(&["num_kv_expired_reqs"]) },
            Figure { label: "Num notifs after expiry", stat: Stat::Sum(&["num_notifications_after_expiry"]) },
        ],
    },
};

pub(crate) const NIXL_PUSH: Table<'static> = Table { name: "NixlPushConnector", ..NIXL_PULL };

pub(crate) const MOONCAKE: Table<'static> = Table {
    name: "MooncakeConnector",
    families: rows! {
        "vllm:mooncake_xfer_time_seconds" Histogram(TRANSFER_TIME), Start, [] "Duration of a KV transfer."
            { [Key("transfer_duration")] ObserveEach Refused }
        "vllm:mooncake_bytes_transferred" Histogram(BYTES), Start, [] "Bytes of a KV transfer."
            { [Key("bytes_transferred")] ObserveEach Refused }
        "vllm:mooncake_num_descriptors" Histogram(DESCRIPTORS), Start, [] "Descriptors of a KV transfer."
            { [Key("num_descriptors")] ObserveEach Refused }
        "vllm:mooncake_num_failed_transfers_total" Counter, Start, [] "KV transfers that failed."
            { [Key("num_failed_transfers")] SumOfList Refused }
        "vllm:mooncake_num_failed_recvs_total" Counter, Start, [] "Receives of KV that failed."
            { [Key("num_failed_recvs")] SumOfList Refused }
        "vllm:mooncake_num_kv_expired_reqs_total" Counter, Start, [] "Requests whose KV was not fetched in time."
            { [Key("num_kv_expired_reqs")] SumOfList Refused }
    },
    known: &[],
    tagged: false,
    summary: Summary::Figures {
        of_none: "0",
        figures: &[
            Figure { label: "Num successful transfers", stat: Stat::Items("num_descriptors") },
            Figure { label: "Avg xfer time (ms)", stat: mean("transfer_duration", 1e3, 3) },
            Figure { label: "P90 xfer time (ms)", stat: p90("transfer_duration") },
            Figure { label: "Avg MB per transfer", stat: mean("bytes_transferred", 1.0 / MIB, 3) },
            Figure {
                label: "Throughput (MB/s)",
                stat: Stat::Rate {
                    amount: "bytes_transferred",
                    unit: MIB,
                    per: "transfer_duration",
                    of_no_time: Some("0.0"),
                },
            },
            Figure { label: "Avg number of descriptors", stat: mean("num_descriptors", 1.0, 1) },
            Figure { label: "Num failed transfers", stat: Stat::Sum(&["num_failed_transfers"]) },
            Figure { label: "Num failed recvs", stat: Stat::Sum(&["num_failed_recvs"]) },
            Figure { label: "Num KV expired reqs", stat: Stat::Sum(&["num_kv_expired_reqs"]) },
        ],
    },
};
