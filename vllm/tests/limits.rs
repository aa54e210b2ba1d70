//! What the vLLM set can't count, and how far its numbers go: cases in which vLLM's Python goes on
//! in floats, or raises.

#[path = "common/vllm_engine.rs"]
mod vllm_engine;

use tachometer::{Counter, Snapshot};
use tachometer_vllm::{CacheStats, Config, IterationStats, LogStyle, PerfStats, PromptTokens, SchedulerStats};
use vllm_engine::{VllmEngine, one_engine::shown::snapshot};

fn engine() -> VllmEngine {
    VllmEngine::new(&Config::new().log_lines(true))
}

impl VllmEngine {
    fn count(&self, counter: Counter<u64>) -> u64 {
        self.one.read(|engine| engine.counter(counter))
    }

    fn rejected(&self) -> u64 {
        self.one.self_metric("rejected_observations")
    }
}

#[test]
fn increments_that_are_negative_or_not_finite_are_rejected() {
    let mut rig = engine();
    let flops = rig.families.estimated_flops;
    for (flops, read_bytes) in [(2.0, -1.0), (-0.5, f64::NAN), (f64::INFINITY, f64::NEG_INFINITY), (1.0, 4.0)] {
        let perf = Some(PerfStats { flops, read_bytes, ..Default::default() });
        rig.scheduler(&SchedulerStats { perf, ..Default::default() });
    }
    assert_eq!(rig.one.read(|engine| engine.counter(flops)), 3.0);
    let read_bytes = rig.families.estimated_read_bytes;
    assert_eq!(rig.one.read(|engine| engine.counter(read_bytes)), 4.0);
    assert_eq!(rig.rejected(), 5);
}

#[test]
fn an_increment_that_would_overflow_its_counter_is_rejected() {
    let mut rig = engine();
    let set = rig.families;
    const HALF: u64 = i64::MAX as u64; // the greatest number that is added at once
    for (generation_tokens, prompt) in [(HALF, 0), (HALF, 0), (2, HALF), (1, HALF), (0, HALF)] {
        let prompt_tokens = PromptTokens { computed: prompt, ..Default::default() };
        rig.iteration(&IterationStats { generation_tokens, prompt_tokens, ..Default::default() });
    }
    // The third generation doesn't fit, nor the last prompt.
    assert_eq!([rig.count(set.generation_tokens), rig.count(set.prompt_tokens)], [u64::MAX, u64::MAX - 1]);
    for flops in [1.7e308, 1.7e308] {
        rig.scheduler(&SchedulerStats { perf: Some(PerfStats { flops, ..Default::default() }), ..Default::default() });
    }
    assert_eq!(rig.one.read(|engine| engine.counter(set.estimated_flops)), 1.7e308);
    // Prompt tokens by source, too; and what each of the last three iterations computed: its sum is
    // full.
    let iterations = rig.one.read(|engine| engine.histogram(set.iteration_tokens).count());
    assert_eq!((rig.rejected(), iterations), (1 + 2 + 3 + 1, 2));
}

#[test]
fn gauges_and_totals_of_hit_rates_end_at_the_greatest_signed_integer() {
    let mut rig = engine();
    let prefix_cache = CacheStats { requests: 1, queries: i64::MAX as u64, hits: 1 << 62, ..Default::default() };
    rig.scheduler(&SchedulerStats {
        running: u64::MAX,
        waiting: 1 << 63,
        deferred: 5,
        prefix_cache,
        ..Default::default()
    });
    let page = rig.one.page();
    for line in [
        r#"vllm:num_requests_running{engine="0"} 9223372036854775807"#,
        r#"vllm:num_requests_waiting{engine="0"} 9223372036854775807"#,
        r#"vllm:num_requests_waiting_by_reason{engine="0",reason="deferred"} 5"#,
        r#"vllm:prefix_cache_queries_total{engine="0"} 9223372036854775807"#,
    ] {
        assert!(page.lines().any(|printed| printed == line), "{line} isn't in\n{page}");
    }
    let mut lines = rig.families.log_lines(LogStyle::PerEngine, &Snapshot::new(), 0.0).unwrap();
    let line = lines.next(&snapshot(&rig.one.registry), 10.0)[0].text.clone();
    assert!(line.contains("Running: 9223372036854775807 reqs, Waiting: 9223372036854775807 reqs"), "{line}");
    assert!(line.ends_with("Prefix cache hit rate: 50.0%"), "2^62 of 2^63 - 1, {line}");
}

/// An engine that was restarted counts from zero again, and its adapter forgets that.
#[test]
fn a_wrapped_difference_is_rejected_and_leaves_hit_rates_as_they_are() {
    let mut rig = engine();
    let wrapped = 3_u64.wrapping_sub(5);
    let mut lookups = |requests, queries, hits| {
        let prefix_cache = CacheStats { requests, queries, hits, ..Default::default() };
        rig.scheduler(&SchedulerStats { prefix_cache, ..Default::default() });
    };
    lookups(2, 100, 75);
    lookups(wrapped, 20, 0);
    lookups(1, wrapped, 0);
    lookups(1, 0, wrapped);
    let set = rig.families;
    let prompt_tokens = PromptTokens { computed: wrapped, local_cache_hit: 5, ..Default::default() };
    rig.iteration(&IterationStats { generation_tokens: wrapped, prompt_tokens, ..Default::default() });
    assert_eq!([set.generation_tokens, set.prompt_tokens].map(|count| rig.count(count)), [0; 2]);
    // Queries, hits (twice, also by source); prompt tokens, those computed, generation tokens, and
    // the iteration's.
    assert_eq!(rig.rejected(), 1 + 2 + 4);
    let mut lines = rig.families.log_lines(LogStyle::PerEngine, &Snapshot::new(), 0.0).unwrap();
    let line = lines.next(&snapshot(&rig.one.registry), 10.0)[0].text.clone();
    assert!(line.ends_with("Prefix cache hit rate: 75.0%"), "{line}");
}

#[test]
fn counts_beyond_2_to_the_53_are_exact() {
    let mut rig = engine();
    let set = rig.families;
    let large = (1 << 53) + 1;
    for generation_tokens in [large, 1, 1] {
        rig.iteration(&IterationStats { generation_tokens, n: &[large], ..Default::default() });
    }
    // Floats would stop at 2^53: adding 1 changes nothing there.
    assert_eq!(rig.count(set.generation_tokens), large + 2);
    let sums = rig.one.read(|engine| [set.iteration_tokens, set.request_params_n].map(|of| engine.histogram(of).sum()));
    assert_eq!(sums, [large + 2, 3 * large]);
    assert!(rig.one.page().contains("vllm:generation_tokens_total{engine=\"0\"} 9007199254740995\n"));
}
