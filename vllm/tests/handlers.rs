//! Request handlers record the same values from any thread as an iteration of the engine does.

#[path = "../../tests/common/mod.rs"]
mod common;

#[path = "../../tests/common/one_engine.rs"]
mod one_engine;
#[path = "../../tests/common/one_step.rs"]
mod one_step;

use one_engine::OneEngine;
use one_step::OneStep as _;
use std::thread;

use tachometer::Recorder;
use tachometer_vllm::{self as vllm, AdmissionRejection, Families, FinishReason, FinishedRequest, PromptTokens};

const REASONS: [FinishReason; 3] = [FinishReason::Stop, FinishReason::Length, FinishReason::Abort];

/// A request whose values can be counted, except for one now and then.
fn request(k: u64) -> FinishedRequest {
    FinishedRequest {
        reason: REASONS[(k % 3) as usize],
        prompt_tokens: 100 * k,
        cached_tokens: Some(if k % 7 == 6 { i64::MAX } else { 50 * k as i64 }),
        generation_tokens: k,
        max_tokens: Some(k % 2),
        preemptions: k % 4,
        e2e_latency: k as f64 / 4.0,
        queue_time: Some(if k % 5 == 4 { f64::NAN } else { 0.5 }),
        prefill_time: Some(k as f64 / 8.0),
        inference_time: Some(k as f64 / 2.0),
        decode_time: Some(0.25),
        time_per_output_token: Some(0.125),
        ..Default::default()
    }
}

/// Latencies whose sums are exact in any order.
const LATENCIES: [f64; 4] = [0.015625, 0.03125, 0.0625, 8.0];

fn one_engine() -> OneEngine<Families> {
    OneEngine::new(|schema| {
        schema.shards(4);
        Families::declare(schema, &vllm::Config::new().model_name("m")).unwrap()
    })
}

fn samples(rig: &OneEngine<Families>) -> common::Samples {
    common::parse(&rig.page())
}

const REQUESTS: u64 = 40;

fn record_in_an_iteration(rig: &OneEngine<Families>) -> Recorder {
    let mut recorder = rig.recorder();
    let mut metrics = rig.handles.engine_metrics(&mut recorder);
    recorder.record(|step| {
        metrics.iteration(step, |iteration| {
            for k in 0..REQUESTS {
                let latencies = iteration.first_token(k as f64 / 4.0).inter_token(&LATENCIES);
                latencies.parent_finished(k, 1).finished(&request(k));
            }
        });
    });
    rig.registry.recorder().unwrap().record(|step| {
        (0..REQUESTS).for_each(|_| rig.handles.admission_rejected(step, AdmissionRejection::QueuedTokens));
    });
    recorder
}

fn record_in_handlers(rig: &OneEngine<Families>) -> Recorder {
    let mut recorder = rig.recorder();
    let mut metrics = rig.handles.engine_metrics(&mut recorder);
    // The engine's part: an iteration without tokens.
    recorder.record(|step| metrics.iteration(step, |_| ()));
    let [handlers, front] = [rig.engine.shared_recorder(), rig.registry.shared_recorder()]
        .map(|recorder| rig.handles.shared_metrics(&recorder));
    thread::scope(|scope| {
        for thread in 0..4 {
            let (handlers, front) = (handlers.clone(), &front);
            scope.spawn(move || {
                for k in (thread..REQUESTS).step_by(4) {
                    handlers.first_token(k as f64 / 4.0);
                    handlers.inter_token(&LATENCIES);
                    handlers.parent_finished(k, 1);
                    handlers.finished(&request(k));
                    front.admission_rejected(AdmissionRejection::QueuedTokens);
                }
            });
        }
    });
    recorder
}

#[test]
fn handlers_record_what_an_iteration_would() {
    let [iteration, handlers] = [one_engine(), one_engine()];
    // Kept, since dropping them would give up gauges.
    let _recorders = [record_in_an_iteration(&iteration), record_in_handlers(&handlers)];
    assert_eq!(samples(&iteration), samples(&handlers));
}

/// Except for the iteration's own observation: handlers see no iteration.
#[test]
fn handlers_record_the_tokens_of_an_iteration() {
    let prompts = [(7, 0, 0), (1, 100, 0), (0, 0, 1_000)];
    let prompts = prompts.map(|(computed, local_cache_hit, external_kv_transfer)| PromptTokens {
        computed,
        local_cache_hit,
        external_kv_transfer,
        ..Default::default()
    });
    let [iteration, handlers] = [one_engine(), one_engine()];
    let mut recorder = iteration.recorder();
    let mut metrics = iteration.handles.engine_metrics(&mut recorder);
    recorder.record(|step| {
        metrics.iteration(step, |iteration| {
            prompts.into_iter().for_each(|prompt| _ = iteration.prefill(prompt).generated(2).preempted(1));
        });
    });
    let shared = handlers.handles.shared_metrics(&handlers.engine.shared_recorder());
    for prompt in prompts {
        shared.prefill(prompt);
        shared.generated(2);
        shared.preempted(1);
    }
    let same = |rig| -> common::Samples {
        let own = ["vllm:iteration_tokens_total", "tachometer_"];
        let samples = samples(rig).into_iter();
        samples.filter(|((name, _), _)| !own.iter().any(|begin| name.starts_with(begin))).collect()
    };
    assert_eq!(same(&iteration), same(&handlers));
    assert_eq!(handlers.engine.read(handlers.handles.prompt_tokens, |tokens| tokens), 1_108);
    assert_eq!(handlers.engine.read(handlers.handles.iteration_tokens, |tokens| tokens.count()), 0);
}

/// What one exclusive recorder recorded satisfies the identities, whatever handlers add. All values
/// do once the handlers are done.
#[test]
fn identities_hold_when_the_handlers_are_done() {
    let rig = one_engine();
    let mut recorder = rig.recorder();
    let mut metrics = rig.handles.engine_metrics(&mut recorder);
    recorder.record(|step| metrics.iteration(step, |iteration| _ = iteration.finished(&request(1))));
    let handlers = rig.handles.shared_metrics(&rig.engine.shared_recorder());
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..100).for_each(|k| handlers.finished(&request(k))));
        }
    });
    let samples = samples(&rig);
    let sum = |name: &str| {
        let of = samples.iter().filter(|((sample, _), _)| sample == name);
        of.map(|(_, value)| value).sum::<f64>()
    };
    assert_eq!(sum("vllm:request_success_total"), 301.0);
    assert_eq!(sum("vllm:e2e_request_latency_seconds_count"), 301.0);
}
