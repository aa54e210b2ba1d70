//! The example `fleet` on real request traces.

use crate::data;
use crate::fleet::{replay, totals};

#[test]
fn real_traces_give_their_published_totals() {
    for (file, expected) in [
        ("traces/conversation_trace.jsonl.gz", [12_031, 144_793_823, 4_122_048]),
        ("traces/AzureLLMInferenceTrace_conv.csv.gz", [19_366, 22_361_870, 4_088_665]),
    ] {
        let trace = data(file);
        for layout in [&["--prefill", "2", "--decode", "2"][..], &["--mixed", "4"]] {
            assert_eq!(totals(&replay(&[&["--trace", &trace], layout].concat())), expected, "{file}, {layout:?}");
        }
    }
}
