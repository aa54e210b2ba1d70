//! Connectors that keep KV outside of the GPU, besides the offloading one.

use super::*;

const OPERATION_TIME: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0];
const FILE_TIME: &[f64] = &[0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 5.0];

const OPERATIONS: At<'static> = At::EachKey;
const RECORDS: At<'static> = At::EachRecord(&["status"]);

const fn mean_ms(of: &'static str) -> Stat {
    Stat::Mean { of, times: 1e3, digits: 3, exact: false }
}

const fn p90_ms(of: &'static str) -> Stat {
    Stat::P90 { of, times: 1e3, digits: 3, percentile: Percentile::Linear }
}

pub(crate) const MOONCAKE_STORE: Table<'static> = Table {
    name: "MooncakeStoreConnector",
    families: rows! {
        "vllm:mooncake_store_operation_time_seconds" Histogram(OPERATION_TIME), FirstEvent, ["operation", "status"]
            "Duration of an operation of the KV store."
            { [OPERATIONS, RECORDS, Key("duration_seconds")] ObserveEach Refused }
        "vllm:mooncake_store_operation_total" Counter, FirstEvent, ["operation", "status"]
            "Operations of the KV store."
            { [OPERATIONS, RECORDS] One Refused }
        "vllm:mooncake_store_operation_keys_total" Counter, FirstEvent, ["operation", "status"]
            "Keys of operations of the KV store."
            { [OPERATIONS, RECORDS, Key("num_keys")] Count Refused }
        "vllm:mooncake_store_operation_bytes_total" Counter, FirstEvent, ["operation", "status"]
            "Bytes of operations of the KV store."
            { [OPERATIONS, RECORDS, Key("num_bytes")] Count Refused }
        "vllm:mooncake_store_operation_failed_keys_total" Counter, FirstEvent, ["operation", "status"]
            "Keys that operations of the KV store failed for."
            { [OPERATIONS, RECORDS, Key("num_failed_keys")] Count Refused }
    },
    known: &[],
    tagged: false,
    summary: Summary::Records(&[
        Figure { label: "count", stat: Stat::Items("duration_seconds") },
        Figure { label: "avg_ms", stat: Stat::Mean { of: "duration_seconds", times: 1e3, digits: 3, exact: true } },
        Figure {
            label: "p90_ms",
            stat: Stat::P90 { of: "duration_seconds", times: 1e3, digits: 3, percentile: Percentile::NearestRank },
        },
        Figure { label: "total_keys", stat: Stat::Sum(&["num_keys"]) },
        Figure { label: "total_bytes", stat: Stat::Sum(&["num_bytes"]) },
        Figure { label: "failed_keys", stat: Stat::Sum(&["num_failed_keys"]) },
        Figure { label: "error_count", stat: Stat::Equal { of: "status", text: "error" } },
    ]),
};

pub(crate) const SIMPLE_CPU_OFFLOAD: Table<'static> = Table {
    name: "SimpleCPUOffloadConnector",
    families: rows! {
        "vllm:simple_kv_offload_save_outcomes_total" Counter, FirstEvent, ["outcome"]
            "Blocks that were to be saved in CPU memory, by what became of them."
            { [DATA, Key("vllm:simple_kv_offload_save_outcomes_total"), At::Labels] Count Nothing }
        "vllm:simple_kv_offload_load_blocks_total" Counter, FirstEvent, [] "Blocks loaded from CPU memory."
            { [DATA, Key("vllm:simple_kv_offload_load_blocks_total"), At::Labels] Count Nothing }
        "vllm:simple_kv_offload_used_blocks" Gauge, FirstEvent, [] "Blocks of CPU memory in use."
            { [DATA, Key("vllm:simple_kv_offload_used_blocks"), At::Labels] Set Nothing }
        "vllm:simple_kv_offload_pending_store_blocks" Gauge, FirstEvent, [] "Blocks that wait to be saved."
            { [DATA, Key("vllm:simple_kv_offload_pending_store_blocks"), At::Labels] Set Nothing }
        "vllm:simple_kv_offload_info" Gauge, FirstEvent, ["backend", "page_cache", "lazy_offload", "capacity_blocks"]
            "How blocks are kept outside of the GPU."
            { [DATA, Key("vllm:simple_kv_offload_info"), At::Labels] Set Nothing }
    },
    known: &[TYPES],
    tagged: true,
    summary: Summary::Flat { without: &["vllm:simple_kv_offload_info"] },
};

pub(crate) const HF3FS: Table<'static> = Table {
    name: "HF3FSKVConnector",
    families: rows! {
        "vllm:hf3fs_save_duration_seconds" Histogram(FILE_TIME), Start, [] "Time to save KV in 3FS."
            { [Key("save_duration")] ObserveEach Refused }
        "vllm:hf3fs_load_duration_seconds" Histogram(FILE_TIME), Start, [] "Time to load KV from 3FS."
            { [Key("load_duration")] ObserveEach Refused }
        "vllm:hf3fs_num_failed_save_total" Counter, Start, [] "Saves of KV in 3FS that failed."
            { [Key("num_failed_save")] Count Refused }
        "vllm:hf3fs_num_failed_load_total" Counter, Start, [] "Loads of KV from 3FS that failed."
            { [Key("num_failed_load")] Count Refused }
    },
    known: &[Known { path: &[Key("num_transfer_task")], absent: Absent::Refused }],
    tagged: false,
    summary: Summary::Figures {
        of_none: "0.0",
        figures: &[
            Figure { label: "Num transfers task", stat: Stat::Sum(&["num_transfer_task"]) },
            Figure { label: "Num save task success", stat: Stat::Items("save_duration") },
            Figure { label: "Num save task failed", stat: Stat::Sum(&["num_failed_save"]) },
            Figure { label: "Num load task success", stat: Stat::Items("load_duration") },
            Figure { label: "Num load task failed", stat: Stat::Sum(&["num_failed_load"]) },
            Figure { label: "Avg save duration (ms)", stat: mean_ms("save_duration") },
            Figure { label: "P90 save duration (ms)", stat: p90_ms("save_duration") },
            Figure { label: "Avg load duration (ms)", stat: mean_ms("load_duration") },
            Figure { label: "P90 load duration (ms)", stat: p90_ms("load_duration") },
        ],
    },
};

pub(crate) const UMBP: Table<'static> = Table {
    name: "UMBPStoreConnector",
    families: rows! {
        "vllm:umbp_transfer_submitted_total" Counter, FirstEvent, ["operation"] "Transfers submitted to UMBP."
            { [OPERATIONS, Key("submitted")] Count Zero }
        "vllm:umbp_transfer_completed_total" Counter, FirstEvent, ["operation"] "Transfers that UMBP completed."
            { [OPERATIONS, Key("completed")] Count Zero }
        "vllm:umbp_transfer_failed_total" Counter, FirstEvent, ["operation"] "Transfers that failed in UMBP."
            { [OPERATIONS, Key("failed")] Count Zero }
        "vllm:umbp_transfer_bytes_total" Counter, FirstEvent, ["operation"] "Bytes that UMBP transferred."
            { [OPERATIONS, Key("num_bytes")] Count Zero }
    },
    known: &[],
    tagged: false,
    summary: Summary::Counts(&["submitted", "completed", "failed", "num_bytes"]),
};
