//! What an operator opens vLLM's dashboards on: reasons of ends, the cache configuration, and what
//! `--optional` switches on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::page::Serving;
use crate::support::*;

const LAYOUTS: [&[&str]; 3] =
    [&["--prefill", "2", "--decode", "2"], &["--mixed", "3"], &["--prefill", "3", "--decode", "1"]];

/// The page when the replay is over.
fn last_page(arguments: &[&str]) -> String {
    let mut serving = Serving::start(&[&["--speed", "max", "--hold"], arguments].concat());
    serving.read_until("until Ctrl-C");
    serving.scrape()
}

/// The sum of the samples of this name with these labels.
fn sum(page: &str, name: &str, labels: &[&str]) -> f64 {
    let is_it = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{'));
    let lines = page.lines().filter(is_it).filter(|line| labels.iter().all(|label| line.contains(label)));
    lines.map(|line| line.rsplit(' ').next().expect("a value").parse::<f64>().expect("a number")).sum()
}

#[test]
fn requests_end_by_stop_unless_their_output_reaches_its_limit() {
    let outputs = [16, 17, 0, 5, 1, 32];
    let trace = trace("stops", outputs.map(|output| line(10, output)).concat());
    for (layout, prefilled) in [(&["--mixed", "1"][..], 0.0), (&["--prefill", "1", "--decode", "1"], 6.0)] {
        let page = last_page(&[&["--trace", &trace], layout].concat());
        let ended = |reason: &str| sum(&page, "vllm:request_success_total", &[&format!("\"{reason}\"")]);
        assert_eq!([ended("stop"), ended("length"), ended("abort")], [3.0, 3.0 + prefilled, 0.0], "{layout:?}");
        // Limits of 16, 32, none, 16, 16 and 32 tokens; a prefill engine has one of 1.
        assert_eq!(sum(&page, "vllm:request_params_max_tokens_sum", &[]), 112.0 + prefilled);
    }
}

#[test]
fn each_engine_shows_its_cache_configuration() {
    let name = "vllm:cache_config_info";
    let page = last_page(&["--trace", &fixture("mooncake.jsonl"), "--prefill", "1", "--decode", "2"]);
    for (engine, caches) in [("0", "True"), ("1", "False"), ("2", "False")] {
        let labels = [&format!("{{engine=\"{engine}\","), "block_size=\"16\",", "num_gpu_blocks=\"65536\","];
        assert_eq!(sum(&page, name, &labels), 1.0, "{page}");
        assert_eq!(sum(&page, name, &[labels[0], &format!("enable_prefix_caching=\"{caches}\",")]), 1.0, "{page}");
    }
    // The pool grows for a request that is larger: 3,000,002 tokens.
    let page = last_page(&["--trace", &trace("grown-pool", line(3_000_000, 2)), "--mixed", "1"]);
    assert_eq!(sum(&page, name, &["num_gpu_blocks=\"187501\",", "kv_cache_size_tokens=\"3000016\","]), 1.0, "{page}");
    assert_eq!(sum(&page, name, &[]), 1.0, "what was set before is gone");
}

#[test]
fn what_is_optional_changes_no_total_and_has_checks_of_its_own() {
    for layout in LAYOUTS {
        let plain = replay(layout);
        for optional in ["--optional", "--optional=diffusion"] {
            for definition in ["computed", "all-sources", "scheduled"] {
                let arguments = [layout, &[optional, "--definition", definition]].concat();
                let report = replay(&arguments);
                assert_eq!(totals(&report), totals(&plain), "{arguments:?}");
                let checks = |report: &serde_json::Value| report["checks"].as_array().expect("a list").len();
                let engines = report["engines"].as_array().expect("a list").len();
                // One of the plain checks gives way to one about drafts.
                assert_eq!(checks(&report), checks(&plain) + 12 * engines, "{arguments:?}");
            }
        }
        let again = |_| without_seconds(replay(&[layout, &["--optional"]].concat()));
        let [first, second] = [(), ()].map(again);
        assert_eq!(first, second, "{layout:?}");
    }
}

#[test]
fn what_is_optional_holds_for_odd_traces_too() {
    let odd = trace("optional-odd", [line(0, 0), line(0, 3), line(1, 1), line(700, 0), line(20_000, 40)].concat());
    for trace in [&fixture("mooncake.jsonl"), &fixture("azure.csv"), &*odd] {
        for layout in LAYOUTS {
            let plain = totals(&replay(&[&["--trace", trace], layout].concat()));
            assert_eq!(totals(&replay(&[&["--trace", trace, "--optional"], layout].concat())), plain, "{trace}");
        }
    }
}

/// By family, whether a page has a sample, and whether one isn't 0.
fn shown(pages: &[String]) -> BTreeMap<String, bool> {
    let mut shown = BTreeMap::new();
    for page in pages {
        let mut family = String::new();
        for line in page.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                rest.split(' ').next().expect("a name").clone_into(&mut family);
            } else if !line.starts_with('#') {
                let value = line.rsplit(' ').next().expect("a value");
                *shown.entry(family.clone()).or_default() |= value.parse::<f64>().expect("a number") != 0.0;
            }
        }
    }
    shown
}

/// What never happens to the fleet.
const NEVER: [&str; 10] = [
    "vllm:admission_rejections_total",
    "vllm:corrupted_requests_total",
    "vllm:num_preemptions_total",
    "vllm:nixl_num_failed_transfers_total",
    "vllm:nixl_num_failed_notifications_total",
    "vllm:nixl_num_kv_expired_reqs_total",
    "vllm:nixl_num_notifications_after_expiry_total",
    "vllm:mooncake_num_failed_transfers_total",
    "vllm:mooncake_num_failed_recvs_total",
    "vllm:mooncake_num_kv_expired_reqs_total",
];
/// What is 0 once all is done.
const AT_REST: [&str; 5] = [
    "vllm:num_requests_kv_fetch_by_stage",
    "vllm:num_requests_running",
    "vllm:num_requests_waiting",
    "vllm:num_requests_waiting_by_reason",
    "vllm:kv_cache_usage_perc",
];

#[test]
fn every_family_of_the_set_shows_data() {
    let pages = [include_str!("../../docs/vllm-families.md"), include_str!("../../docs/vllm-connectors.md")];
    let families = pages.iter().flat_map(|page| page.lines());
    let families = families.filter_map(|line| line.strip_prefix("| `vllm:")?.split('`').next());
    // The fleet has two of the connectors.
    let families: BTreeSet<String> = families
        .filter(|name| {
            !["mooncake_store_", "kv_offload_", "kvcr_", "simple_", "hf3fs_", "hisparse_", "umbp_"]
                .iter()
                .any(|other| name.starts_with(other))
        })
        .map(|name| format!("vllm:{name}"))
        .collect();
    assert!(families.len() > 60, "{families:?}");
    let nixl = last_page(&["--optional"]);
    let mooncake = last_page(&["--optional=diffusion", "--connector", "mooncake"]);
    let shown = shown(&[nixl, mooncake]);
    for family in families {
        let some = shown.get(&*family).unwrap_or_else(|| panic!("{family} has no sample"));
        assert_eq!(*some, !NEVER.contains(&&*family) && !AT_REST.contains(&&*family), "{family}");
    }
}

#[test]
fn the_adapters_of_running_requests_show() {
    let serving = Serving::start(&["--optional", "--speed", "20"]);
    let patience = Instant::now() + Duration::from_secs(300);
    let shows = |page: &str| {
        page.lines().any(|line| {
            line.starts_with("vllm:lora_requests_info{max_lora=\"4\"") && line.contains("running_lora_adapters=\"s")
        })
    };
    while !shows(&serving.scrape()) {
        assert!(Instant::now() < patience, "no adapter shows");
    }
}

#[test]
fn an_unknown_kind_is_refused() {
    assert_refused(&["--optional=other"], &["--optional"]);
    assert_refused(&["--optional", "diffusion"], &["diffusion"]);
}
