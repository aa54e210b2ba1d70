//! The connector that keeps cold KV in host memory and reads it sparsely.

use super::*;

const ALWAYS: &[FamilyRow<'static>] = rows! {
    "vllm:hisparse_cache_hits_total" Counter, Start, [] "Lookups in the hot buffer that found their block."
        { [Key("cache_hits")] SumOfList Nothing }
    "vllm:hisparse_cache_misses_total" Counter, Start, [] "Lookups in the hot buffer that didn't find their block."
        { [Key("cache_misses")] SumOfList Nothing }
    "vllm:hisparse_host_to_device_bytes_total" Counter, Start, [] "Bytes copied from the host to the device."
        { [Key("host_to_device_bytes")] SumOfList Nothing }
    "vllm:hisparse_host_cache_usage_perc" Gauge, Start, [] "Used share of the host's KV cache: 1 means full."
        { [Key("host_cache_usage_perc")] SetLast Nothing }
    "vllm:hisparse_pending_page_transfers" Gauge, Start, [] "Pages that wait to be transferred."
        { [Key("pending_page_transfers")] SetLast Nothing }
};

/// The histograms of evicted blocks: name, help text, and key in the payload.
const EVICTIONS: [(&str, &str, At<'static>); 3] = [
    (
        "vllm:hisparse_host_block_lifetime_seconds",
        "From allocation to eviction of a KV block of the host.",
        Key("host_block_lifetime_seconds"),
    ),
    (
        "vllm:hisparse_host_block_idle_before_evict_seconds",
        "From last use to eviction of a KV block of the host.",
        Key("host_block_idle_before_evict_seconds"),
    ),
    (
        "vllm:hisparse_host_block_reuse_gap_seconds",
        "From one use of a KV block of the host to the next.",
        Key("host_block_reuse_gap_seconds"),
    ),
];

/// The payload has the evictions whether or not there are families of them.
const KNOWN: &[Known<'static>] = &[
    Known { path: &[EVICTIONS[0].2], absent: Absent::Nothing },
    Known { path: &[EVICTIONS[1].2], absent: Absent::Nothing },
    Known { path: &[EVICTIONS[2].2], absent: Absent::Nothing },
];

const SUMMARY: Summary = Summary::Figures {
    of_none: "0",
    figures: &[
        Figure { label: "HiSparse hot-buffer hits", stat: Stat::Sum(&["cache_hits"]) },
        Figure { label: "HiSparse hot-buffer misses", stat: Stat::Sum(&["cache_misses"]) },
        Figure { label: "HiSparse host-to-device bytes", stat: Stat::Sum(&["host_to_device_bytes"]) },
        Figure {
            label: "HiSparse host KV cache usage %",
            stat: Stat::Last { of: "host_cache_usage_perc", times: 100.0, digits: 1 },
        },
    ],
};

/// Calls `f` with the table. `evictions` are the bounds of the histograms of evicted blocks, if
/// there are any.
pub(crate) fn with_table<R>(evictions: Option<&[f64]>, f: impl FnOnce(&Table<'_>) -> R) -> R {
    let samples = EVICTIONS.each_ref().map(|(.., key)| {
        [Sample { path: std::slice::from_ref(key), take: Take::ObserveEach, absent: Absent::Nothing, value: 0 }]
    });
    let rows = EVICTIONS.iter().zip(&samples).filter_map(|(&(name, help, _), samples)| {
        let metric = Histogram(evictions?);
        Some(FamilyRow { name, help, metric, labels: &[], exists: Start, samples })
    });
    let families: Vec<FamilyRow<'_>> = ALWAYS.iter().copied().chain(rows).collect();
    let known = if evictions.is_some() { &[] } else { KNOWN };
    f(&Table { name: "HiSparseConnector", families: &families, known, tagged: false, summary: SUMMARY })
}
