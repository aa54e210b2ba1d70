//! The offloading connector. What it has besides loads and stores depends on its spec.

use super::*;

/// The configuration of the offloading connector.
#[derive(Clone, Debug, PartialEq)]
pub struct Offloading<'a> {
    /// What it offloads to.
    pub spec: OffloadingSpec<'a>,
    /// vLLM's `store_threshold`. From 2 on, there is a family of skipped stores.
    pub store_threshold: u64,
}

/// What the offloading connector offloads to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum OffloadingSpec<'a> {
    /// CPU memory.
    Cpu,
    /// CPU memory, and further tiers behind it.
    Tiering {
        /// Whether a secondary tier is of the type `kvcr`, with telemetry.
        kvcr: bool,
        /// Further labels of `vllm:kv_offload_config_info`, which secondary tiers add.
        info_labels: &'a [&'a str],
    },
    /// Something that isn't part of vLLM.
    Other {
        /// Its own families.
        families: &'a [FamilyRow<'a>],
        /// The labels of `vllm:kv_offload_config_info`.
        info_labels: &'a [&'a str],
    },
}

const SIZES: &[f64] = &[1e6, 5e6, 10e6, 20e6, 40e6, 60e6, 80e6, 100e6, 150e6, 200e6];
const BLOCKS: &[f64] = &[1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0];
const SYNC_DELAY: &[f64] = &[1e-05, 5e-05, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0];
const ASYNC_DELAY: &[f64] = &[0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];
const LATENCY: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
const KVCR_DURATION: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// The directions of moves, as the deprecated families have them.
const MOVES: Exists<'static> = Exists::StartBy { label: "transfer_type", values: &["CPU_to_GPU", "GPU_to_CPU"] };

/// They repeat the loads and stores of specs that offload to the CPU.
const DEPRECATED: &[FamilyRow<'static>] = rows! {
    "vllm:kv_offload_total_bytes_total" Counter, MOVES, []
        "Bytes moved between CPU and GPU, by direction. Deprecated: see the families of loads and stores."
        {
            [DATA, Key("vllm:kv_offload_load_bytes"), At::Labels] Count Nothing,
            [DATA, Key("vllm:kv_offload_store_bytes"), At::Labels] Count Nothing 1,
        }
    "vllm:kv_offload_total_time_total" FloatCounter, MOVES, []
        "Seconds of moves between CPU and GPU, by direction. Deprecated: see the families of loads and stores."
        {
            [DATA, Key("vllm:kv_offload_load_time"), At::Labels] Float Nothing,
            [DATA, Key("vllm:kv_offload_store_time"), At::Labels] Float Nothing 1,
        }
    "vllm:kv_offload_size" Histogram(SIZES), MOVES, []
        "Bytes of a move between CPU and GPU, by direction. Deprecated: see the families of loads and stores."
        {
            [DATA, Key("vllm:kv_offload_load_size"), At::Labels] ObserveEach Nothing,
            [DATA, Key("vllm:kv_offload_store_size"), At::Labels] ObserveEach Nothing 1,
        }
};

const CPU: &[FamilyRow<'static>] = rows! {
    "vllm:kv_offload_cpu_cache_usage_perc" Gauge, FirstEvent, []
        "Used share of the CPU cache: 1 means full."
        { [DATA, Key("vllm:kv_offload_cpu_cache_usage_perc"), At::Labels] Set Nothing }
    "vllm:kv_offload_cpu_cache_write_usage_perc" Gauge, FirstEvent, []
        "Share of the CPU cache that is being written."
        { [DATA, Key("vllm:kv_offload_cpu_cache_write_usage_perc"), At::Labels] Set Nothing }
    "vllm:kv_offload_cpu_cache_read_usage_perc" Gauge, FirstEvent, []
        "Share of the CPU cache that is being read."
        { [DATA, Key("vllm:kv_offload_cpu_cache_read_usage_perc"), At::Labels] Set Nothing }
    "vllm:kv_offload_cpu_allocation_size" Histogram(BLOCKS), FirstEvent, []
        "Blocks of an allocation in the CPU cache."
        { [DATA, Key("vllm:kv_offload_cpu_allocation_size"), At::Labels] ObserveEach Nothing }
};

const STORES_SKIPPED: &[FamilyRow<'static>] = rows! {
    "vllm:kv_offload_stores_skipped_total" Counter, FirstEvent, []
        "Stores that were skipped, since their blocks were not asked for often enough."
        { [DATA, Key("vllm:kv_offload_stores_skipped"), At::Labels] Count Nothing }
};

const TIERING: &[FamilyRow<'static>] = rows! {
    "vllm:kv_offload_tiering_lookup_sync_delay_seconds" Histogram(SYNC_DELAY), FirstEvent, ["tier"]
        "Delay of a lookup in a tier that answered at once."
        { [DATA, Key("vllm:kv_offload_tiering_lookup_sync_delay_seconds"), At::Labels] ObserveEach Nothing }
    "vllm:kv_offload_tiering_lookup_async_delay_seconds" Histogram(ASYNC_DELAY), FirstEvent, ["tier"]
        "Delay of a lookup in a tier that answered later."
        { [DATA, Key("vllm:kv_offload_tiering_lookup_async_delay_seconds"), At::Labels] ObserveEach Nothing }
    "vllm:kv_offload_tiering_read_bytes_total" Counter, FirstEvent, ["tier"]
        "Bytes read from a tier."
        { [DATA, Key("vllm:kv_offload_tiering_read_bytes"), At::Labels] Count Nothing }
    "vllm:kv_offload_tiering_read_time_total" FloatCounter, FirstEvent, ["tier"]
        "Seconds of reads from a tier."
        { [DATA, Key("vllm:kv_offload_tiering_read_time"), At::Labels] Float Nothing }
    "vllm:kv_offload_tiering_write_bytes_total" Counter, FirstEvent, ["tier"]
        "Bytes written to a tier."
        { [DATA, Key("vllm:kv_offload_tiering_write_bytes"), At::Labels] Count Nothing }
    "vllm:kv_offload_tiering_write_time_total" FloatCounter, FirstEvent, ["tier"]
        "Seconds of writes to a tier."
        { [DATA, Key("vllm:kv_offload_tiering_write_time"), At::Labels] Float Nothing }
    "vllm:kv_offload_tiering_promotion_job_failures_total" Counter, FirstEvent, ["tier"]
        "Promotions from a tier that failed."
        { [DATA, Key("vllm:kv_offload_tiering_promotion_job_failures"), At::Labels] Count Nothing }
    "vllm:kv_offload_tiering_cascade_job_failures_total" Counter, FirstEvent, ["tier"]
        "Cascades to a tier that failed."
        { [DATA, Key("vllm:kv_offload_tiering_cascade_job_failures"), At::Labels] Count Nothing }
    "vllm:kv_offload_tiering_chunk_queries_total" Counter, FirstEvent, ["tier"]
        "Chunks looked up in a tier."
        { [DATA, Key("vllm:kv_offload_tiering_chunk_queries"), At::Labels] Count Nothing }
    "vllm:kv_offload_tiering_chunk_hits_total" Counter, FirstEvent, ["tier"]
        "Chunks found in a tier."
        { [DATA, Key("vllm:kv_offload_tiering_chunk_hits"), At::Labels] Count Nothing }
    "vllm:kv_offload_tiering_promotion_allocation_failures_total" Counter, FirstEvent, []
        "Promotions that found no room in the primary tier."
        { [DATA, Key("vllm:kv_offload_tiering_promotion_allocation_failures"), At::Labels] Count Nothing }
    "vllm:kv_offload_tiering_primary_write_usage_perc" Gauge, FirstEvent, ["tier"]
        "Share of the primary tier that is being written for a tier."
        { [DATA, Key("vllm:kv_offload_tiering_primary_write_usage_perc"), At::Labels] Set Nothing }
    "vllm:kv_offload_tiering_primary_read_usage_perc" Gauge, FirstEvent, ["tier"]
        "Share of the primary tier that is being read for a tier."
        { [DATA, Key("vllm:kv_offload_tiering_primary_read_usage_perc"), At::Labels] Set Nothing }
    "vllm:kv_offload_tiering_active_promotion_jobs" Gauge, FirstEvent, ["tier"]
        "Promotions from a tier in progress."
        { [DATA, Key("vllm:kv_offload_tiering_active_promotion_jobs"), At::Labels] Set Nothing }
    "vllm:kv_offload_tiering_active_cascade_jobs" Gauge, FirstEvent, ["tier"]
        "Cascades to a tier in progress."
        { [DATA, Key("vllm:kv_offload_tiering_active_cascade_jobs"), At::Labels] Set Nothing }
    "vllm:kv_offload_tiering_promotion_latency_seconds" Histogram(LATENCY), FirstEvent, ["tier", "result"]
        "Duration of a promotion from a tier, by its result."
        { [DATA, Key("vllm:kv_offload_tiering_promotion_latency_seconds"), At::Labels] ObserveEach Nothing }
};

const KVCR: &[FamilyRow<'static>] = rows! {
    "vllm:kvcr_duration_seconds" Histogram(KVCR_DURATION), FirstEvent, ["scope", "result"]
        "Duration of an operation of KVCR, by its result."
        { [DATA, Key("vllm:kvcr_duration_seconds"), At::Labels] ObserveEach Nothing }
    "vllm:kvcr_transfer_bytes_total" Counter, FirstEvent, ["operation"]
        "Bytes that KVCR transferred."
        { [DATA, Key("vllm:kvcr_transfer_bytes"), At::Labels] Count Nothing }
    "vllm:kvcr_transfer_blocks_total" Counter, FirstEvent, ["operation"]
        "Blocks that KVCR transferred."
        { [DATA, Key("vllm:kvcr_transfer_blocks"), At::Labels] Count Nothing }
    "vllm:kvcr_state" Gauge, FirstEvent, ["resource"]
        "What KVCR holds now, by resource."
        { [DATA, Key("vllm:kvcr_state"), At::Labels] Set Nothing }
};

const BACKPRESSURE: &[FamilyRow<'static>] = rows! {
    "vllm:kv_offload_tiering_backpressure_store_latency_ema" Gauge, FirstEvent, ["tier"]
        "Moving average of the latency of stores in a tier."
        { [DATA, Key("vllm:kv_offload_tiering_backpressure_store_latency_ema"), At::Labels] Set Nothing }
    "vllm:kv_offload_tiering_backpressure_stores_dropped_total" Counter, FirstEvent, ["tier"]
        "Stores in a tier that were dropped, since it was too slow."
        { [DATA, Key("vllm:kv_offload_tiering_backpressure_stores_dropped"), At::Labels] Count Nothing }
    "vllm:kv_offload_tiering_backpressure_blocks_dropped_total" Counter, FirstEvent, ["tier"]
        "Blocks of stores in a tier that were dropped, since it was too slow."
        { [DATA, Key("vllm:kv_offload_tiering_backpressure_blocks_dropped"), At::Labels] Count Nothing }
};

const LOADS_AND_STORES: &[FamilyRow<'static>] = rows! {
    "vllm:kv_offload_load_bytes_total" Counter, FirstEvent, []
        "Bytes loaded from the offloaded cache."
        { [DATA, Key("vllm:kv_offload_load_bytes"), At::Labels] Count Nothing }
    "vllm:kv_offload_load_time_total" FloatCounter, FirstEvent, []
        "Seconds of loads from the offloaded cache."
        { [DATA, Key("vllm:kv_offload_load_time"), At::Labels] Float Nothing }
    "vllm:kv_offload_load_size" Histogram(SIZES), FirstEvent, []
        "Bytes of a load from the offloaded cache."
        { [DATA, Key("vllm:kv_offload_load_size"), At::Labels] ObserveEach Nothing }
    "vllm:kv_offload_store_bytes_total" Counter, FirstEvent, []
        "Bytes stored in the offloaded cache."
        { [DATA, Key("vllm:kv_offload_store_bytes"), At::Labels] Count Nothing }
    "vllm:kv_offload_store_time_total" FloatCounter, FirstEvent, []
        "Seconds of stores in the offloaded cache."
        { [DATA, Key("vllm:kv_offload_store_time"), At::Labels] Float Nothing }
    "vllm:kv_offload_store_size" Histogram(SIZES), FirstEvent, []
        "Bytes of a store in the offloaded cache."
        { [DATA, Key("vllm:kv_offload_store_size"), At::Labels] ObserveEach Nothing }
    "vllm:kv_offload_lookup_sync_delay_seconds" Histogram(SYNC_DELAY), FirstEvent, []
        "Delay of a lookup in the offloaded cache that was answered at once."
        { [DATA, Key("vllm:kv_offload_lookup_sync_delay_seconds"), At::Labels] ObserveEach Nothing }
    "vllm:kv_offload_lookup_async_delay_seconds" Histogram(ASYNC_DELAY), FirstEvent, []
        "Delay of a lookup in the offloaded cache that was answered later."
        { [DATA, Key("vllm:kv_offload_lookup_async_delay_seconds"), At::Labels] ObserveEach Nothing }
    "vllm:kv_offload_allocation_failure_total" Counter, FirstEvent, []
        "Allocations in the offloaded cache that failed."
        { [DATA, Key("vllm:kv_offload_allocation_failure"), At::Labels] Count Nothing }
};

const INFO: &[FamilyRow<'static>] = rows! {
    "vllm:kv_offload_config_info" Gauge, FirstEvent, [] "How the offloaded cache is configured."
        { [Key("info")] Info Nothing }
};

/// Labels of the info, if the spec offloads to the CPU.
const CPU_INFO: &[&str] =
    &["cpu_num_chunks", "cpu_blocks_per_chunk", "cpu_kv_cache_size_bytes", "cpu_kv_cache_size_tokens"];

/// Calls `f` with the table.
pub(crate) fn with_table<R>(offloading: &Offloading<'_>, f: impl FnOnce(&Table<'_>) -> R) -> R {
    let mut families = Vec::new();
    let info_labels = match offloading.spec {
        OffloadingSpec::Cpu => {
            families.extend([DEPRECATED, CPU, skipped(offloading)].concat());
            CPU_INFO.to_vec()
        }
        OffloadingSpec::Tiering { kvcr, info_labels } => {
            let kvcr = if kvcr { KVCR } else { &[] };
            families.extend([DEPRECATED, CPU, skipped(offloading), TIERING, kvcr, BACKPRESSURE].concat());
            [CPU_INFO, &["tier"], info_labels].concat()
        }
        OffloadingSpec::Other { families: own, info_labels } => {
            families.extend(DEPRECATED.iter().map(|row| FamilyRow { samples: &[], ..*row }));
            families.extend(own);
            info_labels.to_vec()
        }
    };
    families.extend(LOADS_AND_STORES);
    families.extend(INFO.iter().map(|row| FamilyRow { labels: &info_labels, ..*row }));
    f(&Table {
        name: "OffloadingConnector",
        families: &families,
        known: &[TYPES],
        tagged: true,
        summary: Summary::Flat { without: &[] },
    })
}

fn skipped(offloading: &Offloading<'_>) -> &'static [FamilyRow<'static>] {
    if offloading.store_threshold >= 2 { STORES_SKIPPED } else { &[] }
}
