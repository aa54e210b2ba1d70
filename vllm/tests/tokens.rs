//! What the vLLM set records: the meaning of `iteration_tokens_total`, and the identities.

#[path = "common/vllm_engine.rs"]
mod vllm_engine;

use proptest::prelude::*;
use tachometer_vllm::{
    Config, FinishReason, IterationStats, IterationTokensDefinition, PromptTokens, SchedulerStats, SleepState,
    StepStats,
};
use vllm_engine::{VllmEngine, finished, one_engine::shown::snapshot, one_step::OneStep as _};

fn engine(definition: IterationTokensDefinition) -> VllmEngine {
    VllmEngine::new(&Config::new().iteration_tokens(definition))
}

impl VllmEngine {
    /// Count and sum of `iteration_tokens_total`, and `prompt_tokens_total`.
    fn tokens(&self) -> (u64, u64, u64) {
        self.one.read(|engine| {
            let iteration = engine.histogram(self.families.iteration_tokens);
            (iteration.count(), iteration.sum(), engine.counter(self.families.prompt_tokens))
        })
    }
}

/// A decode engine's iteration: a prompt of 1,000 tokens arrived by KV transfer, and one token was
/// generated.
fn received() -> IterationStats<'static> {
    IterationStats {
        prompt_tokens: PromptTokens { external_kv_transfer: 1_000, ..Default::default() },
        generation_tokens: 1,
        time_to_first_token: &[0.05],
        ..Default::default()
    }
}

#[test]
fn pd_decode_engine_does_not_count_prompt_tokens_that_came_by_kv_transfer() {
    let mut rig = engine(IterationTokensDefinition::Computed);
    rig.iteration(&received());
    assert_eq!(rig.tokens(), (1, 1, 1_000), "one observation of 1, not of 1,001; prompt tokens grow all the same");
    rig.iteration(&received());
    assert_eq!(rig.tokens(), (2, 2, 2_000));
}

#[test]
fn pd_decode_engine_counts_them_under_the_earlier_definition() {
    let mut rig = engine(IterationTokensDefinition::AllSources);
    rig.iteration(&received());
    assert_eq!(rig.tokens(), (1, 1_001, 1_000));
}

/// Records one request: a prompt of 10 tokens in chunks of 4, then 2 generated tokens, the first
/// with the last chunk. Returns the observations, one at most per step, and what the identity says
/// that they add up to: computed prompt tokens + generated tokens.
fn observations_of_a_request(definition: IterationTokensDefinition) -> (Vec<u64>, u64) {
    let mut rig = engine(definition);
    let first = IterationStats {
        prompt_tokens: PromptTokens { computed: 10, ..Default::default() },
        generation_tokens: 1,
        time_to_first_token: &[0.05],
        ..Default::default()
    };
    let second = IterationStats { generation_tokens: 1, inter_token_latency: &[0.01], ..Default::default() };
    let (mut observations, mut before) = (Vec::new(), (0, 0));
    // The first generated token comes out of the last chunk. Only the second is scheduled itself.
    for (scheduled_tokens, iteration) in [(4, None), (4, None), (2, Some(&first)), (1, Some(&second))] {
        let scheduler = SchedulerStats { scheduled_tokens, ..Default::default() };
        rig.record(&StepStats { scheduler: Some(&scheduler), iteration, ..Default::default() });
        let (count, sum, _) = rig.tokens();
        observations.extend((count > before.0).then_some(sum - before.1));
        assert!(count <= before.0 + 1, "at most one observation per step");
        before = (count, sum);
    }
    let added_up = [rig.families.prompt_tokens_by_source()[0], rig.families.generation_tokens];
    (observations, rig.one.read(|engine| added_up.map(|counter| engine.counter(counter)).iter().sum()))
}

#[test]
fn chunks_count_where_they_were_computed_under_the_scheduled_definition() {
    let (observations, identity) = observations_of_a_request(IterationTokensDefinition::Scheduled);
    assert_eq!(observations, [4, 4, 2, 1]);
    assert_eq!((observations.iter().sum::<u64>(), identity), (11, 12), "the identity isn't promised");
}

#[test]
fn a_prompt_counts_with_its_first_output_under_the_other_definitions() {
    let (observations, identity) = observations_of_a_request(IterationTokensDefinition::Computed);
    assert_eq!(observations, [11, 1]);
    assert_eq!(observations.iter().sum::<u64>(), identity);
    // Here nothing was cached or received.
    assert_eq!(observations_of_a_request(IterationTokensDefinition::AllSources).0, [11, 1]);
}

/// Under each definition, chunks or not, the other identities hold.
#[test]
fn the_definition_changes_no_other_series() {
    let page = |definition| {
        let mut rig = engine(definition);
        let scheduler = SchedulerStats { scheduled_tokens: 5, ..Default::default() };
        let finished = [finished(FinishReason::Stop, 1_000, 1_000)];
        let iteration = IterationStats { finished: &finished, ..received() };
        rig.record(&StepStats { scheduler: Some(&scheduler), iteration: Some(&iteration), ..Default::default() });
        let page = rig.one.page();
        let others = page.lines().filter(|line| !line.contains("vllm:iteration_tokens_total"));
        others.map(str::to_owned).collect::<Vec<_>>()
    };
    let computed = page(IterationTokensDefinition::Computed);
    assert_eq!(computed, page(IterationTokensDefinition::AllSources));
    assert_eq!(computed, page(IterationTokensDefinition::Scheduled));
}

#[test]
fn piece_by_piece_gives_the_same_page_as_all_at_once() {
    let finished = finished(FinishReason::Stop, 1_000, 1_000);
    let iteration = IterationStats {
        inter_token_latency: &[0.02, 0.03],
        preemptions: 2,
        finished: &[finished],
        max_generation_tokens: &[7],
        n: &[1],
        ..received()
    };
    let (mut whole, mut pieces) =
        (engine(IterationTokensDefinition::Computed), engine(IterationTokensDefinition::Computed));
    whole.iteration(&iteration);
    pieces.recorder.record(|step| {
        pieces.metrics.iteration(step, |iteration| {
            iteration.prefill(PromptTokens { external_kv_transfer: 400, ..Default::default() }).first_token(0.05);
            iteration.prefill(PromptTokens { external_kv_transfer: 600, ..Default::default() });
            iteration.generated(1).preempted(2).inter_token(&[0.02, 0.03]);
            iteration.finished(&finished).parent_finished(7, 1);
        });
    });
    assert_eq!(whole.one.page(), pieces.one.page());
}

#[test]
fn cached_tokens_that_make_no_sense_are_rejected_or_count_as_none() {
    let mut rig = engine(IterationTokensDefinition::Computed);
    let requests = [(10, -1), (10, 4), (10, 11)].map(|(prompt, cached)| finished(FinishReason::Error, prompt, cached));
    rig.iteration(&IterationStats { finished: &requests, ..received() });
    let computed = rig.one.read(|engine| {
        let computed = engine.histogram(rig.families.request_prefill_kv_computed_tokens);
        (computed.count(), computed.sum())
    });
    assert_eq!(computed, (2, 10 + 6));
}

#[test]
fn an_engine_is_awake_until_it_is_put_to_sleep() {
    let mut rig = engine(IterationTokensDefinition::Computed);
    let shown = |rig: &VllmEngine| rig.one.read(|engine| engine.selected_state(rig.families.sleep_state()));
    assert_eq!(shown(&rig), Some(0), "before its first step");
    let asleep = |level| SleepState::Asleep { level };
    for (state, expected) in
        [(asleep(1), Some(1)), (asleep(2), Some(2)), (asleep(0), None), (asleep(3), None), (SleepState::Awake, Some(0))]
    {
        rig.recorder.record(|step| rig.metrics.sleep_state(step, state));
        assert_eq!(shown(&rig), expected, "{state:?}");
    }
}

/// Whatever its recorders do: two at a time, one that is dropped, one that comes later.
#[test]
fn the_state_of_an_engine_is_not_a_sum_over_its_recorders() {
    let rig = vllm_engine::one_engine(&Config::new());
    let families = rig.handles;
    let shown = |family: &str| -> Vec<String> {
        let values = rig.samples(family).into_iter();
        values.map(|sample| sample.rsplit(' ').next().unwrap().to_owned()).collect()
    };
    let sleep = || shown("vllm:engine_sleep_state");
    let usage = |kv_cache_usage| SchedulerStats { kv_cache_usage, running: 1, ..Default::default() };
    let mut recorders = [rig.recorder(), rig.recorder()];
    let mut metrics = recorders.each_mut().map(|recorder| families.engine_metrics(recorder));
    assert_eq!(sleep(), ["1", "0", "0"]);
    for (recorder, metrics) in recorders.iter_mut().zip(&mut metrics) {
        recorder.record(|step| metrics.scheduler(step, &usage(0.75)));
    }
    assert_eq!(shown("vllm:kv_cache_usage_perc"), ["0.75"]);
    assert_eq!(shown("vllm:num_requests_running"), ["2"]);
    recorders[0].record(|step| metrics[0].sleep_state(step, SleepState::Asleep { level: 1 }));
    assert_eq!(sleep(), ["0", "1", "0"]);
    drop(recorders);
    assert_eq!(sleep(), ["0", "1", "0"]);
    assert_eq!(shown("vllm:kv_cache_usage_perc"), ["0.75"]);
    let mut next = rig.recorder();
    let metrics = families.engine_metrics(&mut next);
    assert_eq!(sleep(), ["0", "1", "0"], "a recorder doesn't wake it");
    next.record(|step| metrics.sleep_state(step, SleepState::Awake));
    assert_eq!(sleep(), ["1", "0", "0"]);
}

proptest! {
    /// The three identities that hold for what one recorder recorded under `Computed`.
    #[test]
    fn the_identities_hold_after_any_steps(steps in prop::collection::vec(
        ([0..10_000_u64, 0..10_000, 0..10_000], 0..500_u64, 0..5_usize), 0..20,
    )) {
        let mut rig = engine(IterationTokensDefinition::Computed);
        let requests: Vec<_> = FinishReason::ALL.iter().map(|reason| finished(*reason, 5, 0)).collect();
        for ([computed, local_cache_hit, external_kv_transfer], generation_tokens, ended) in steps {
            let prompt_tokens = PromptTokens { computed, local_cache_hit, external_kv_transfer, ..Default::default() };
            rig.iteration(&IterationStats { prompt_tokens, generation_tokens, finished: &requests[..ended], ..received() });
            let (snapshot, set) = (snapshot(&rig.one.registry), rig.families);
            let engine = snapshot.engines().next().unwrap();
            let by_source: Vec<_> = set.prompt_tokens_by_source().iter().map(|source| engine.counter(*source)).collect();
            prop_assert_eq!(engine.counter(set.prompt_tokens), by_source.iter().sum::<u64>());
            let iteration = engine.histogram(set.iteration_tokens);
            prop_assert_eq!(iteration.sum(), by_source[0] + engine.counter(set.generation_tokens));
            let ended: u64 = FinishReason::ALL.iter().map(|reason| engine.counter(set.request_success(*reason))).sum();
            prop_assert_eq!(ended, engine.histogram(set.e2e_request_latency).count());
        }
    }
}
