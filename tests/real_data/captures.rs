//! The vLLM set against a page that a real vLLM served.

use std::{collections::BTreeSet, fs};

use tachometer_vllm::Config;

use crate::data;
use crate::vllm_page::{families, page};

#[path = "../common/samples.rs"]
mod samples;

/// The page of a real vLLM.
fn capture() -> String {
    let path = data("captures/inferstack_vllm-0.29.0_real.prom");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A field of the cache configuration that vLLM has dropped since.
const DROPPED: [(&str, &str); 1] = [("vllm:cache_config_info", "user_specified_mamba_block_size")];

#[test]
fn every_family_of_a_real_page_is_one_of_ours_with_the_same_labels() {
    let capture = capture();
    let ours = page(&Config::new());
    let mut compared = 0;
    for (family, kind) in families(&capture).iter().filter(|(family, _)| !family.ends_with("_created")) {
        assert!(families(&ours).contains(&(*family, *kind)), "{family}");
        let label_names = |page: &str| -> BTreeSet<(String, BTreeSet<String>)> {
            let samples = samples::samples(page, &format!("vllm:{family}")).into_keys();
            let samples = samples.filter(|(name, _)| !name.ends_with("_created"));
            samples.map(|(name, labels)| (name, labels.into_iter().map(|(label, _)| label).collect())).collect()
        };
        for (name, mut labels) in label_names(&capture) {
            labels.retain(|label| !DROPPED.contains(&(&name, label)));
            let own = label_names(&ours).into_iter().find(|(own, _)| *own == name).expect("we have the sample").1;
            assert!(labels.is_subset(&own), "{name}: {labels:?} but {own:?}");
            assert!(name == DROPPED[0].0 || labels == own, "{name}: {labels:?} but {own:?}");
            compared += 1;
        }
    }
    assert!(compared > 50, "{compared}");
}

#[test]
fn the_identities_of_a_real_page() {
    let capture = capture();
    let sum = |prefix: &str| samples::samples(&capture, prefix).values().sum::<f64>();
    let prompt_tokens = sum("vllm:prompt_tokens_total{");
    assert_eq!(prompt_tokens, sum("vllm:prompt_tokens_by_source_total{"));
    assert_eq!(prompt_tokens, sum("vllm:prefix_cache_queries_total{"));
    let computed = prompt_tokens - sum("vllm:prefix_cache_hits_total{");
    assert_eq!(computed, sum("vllm:request_prefill_kv_computed_tokens_sum{"));
    let (generated, requests) = (sum("vllm:generation_tokens_total{"), sum("vllm:request_success_total{"));
    assert_eq!(sum("vllm:inter_token_latency_seconds_count{"), generated - requests);
    assert_eq!(sum("vllm:iteration_tokens_total_sum{"), computed + generated);
}
