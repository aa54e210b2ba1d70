//! Finished requests that never reached some of their phases.

#[path = "common/vllm_engine.rs"]
mod vllm_engine;

use tachometer_vllm::{Config, Families, FinishReason, FinishedRequest, IterationStats, StepStats};
use vllm_engine::{one_engine::OneEngine, one_step::OneStep as _};

/// How requests are recorded: all at once in a step, piece by piece in a step, or from any thread.
#[derive(Clone, Copy, Debug)]
enum Way {
    Whole,
    Pieces,
    Shared,
}

fn one_engine() -> OneEngine<Families> {
    vllm_engine::one_engine(&Config::new())
}

impl OneEngine<Families> {
    fn finish(&self, way: Way, request: &FinishedRequest) {
        let mut recorder = self.recorder();
        let mut metrics = self.handles.engine_metrics(&mut recorder);
        match way {
            Way::Whole => recorder.record(|step| {
                let iteration = IterationStats { finished: &[*request], ..Default::default() };
                metrics.record(step, &StepStats { iteration: Some(&iteration), ..Default::default() });
            }),
            Way::Pieces => recorder.record(|step| metrics.iteration(step, |iteration| _ = iteration.finished(request))),
            Way::Shared => self.handles.shared_metrics(&self.engine.shared_recorder()).finished(request),
        }
    }

    /// Requests by reason; the counts of the end-to-end latency and of what each request has anyway
    /// (prompt tokens, generated tokens, preemptions); rejected values.
    fn ended(&self, reason: FinishReason) -> ([u64; 2], [u64; 3], u64) {
        let set = self.handles;
        self.read(|engine| {
            let requests =
                [engine.counter(set.request_success(reason)), engine.histogram(set.e2e_request_latency).count()];
            let always = [set.request_prompt_tokens, set.request_generation_tokens, set.request_preemptions];
            let always = always.map(|family| engine.histogram(family).count());
            (requests, always, self.self_metric("rejected_observations"))
        })
    }

    /// Count and sum of the times in the queue, of prefill, of inference, of decode and per output
    /// token; then those of the prompt tokens that were computed.
    fn phases(&self) -> ([(u64, f64); 5], (u64, u64)) {
        let set = self.handles;
        let phases = [
            set.request_queue_time,
            set.request_prefill_time,
            set.request_inference_time,
            set.request_decode_time,
            set.request_time_per_output_token,
        ];
        self.read(|engine| {
            let computed = engine.histogram(set.request_prefill_kv_computed_tokens);
            (
                phases.map(|family| (engine.histogram(family).count(), engine.histogram(family).sum())),
                (computed.count(), computed.sum()),
            )
        })
    }
}

fn aborted() -> FinishedRequest {
    FinishedRequest {
        reason: FinishReason::Abort,
        prompt_tokens: 100,
        max_tokens: Some(16),
        e2e_latency: 3.0,
        ..Default::default()
    }
}

const WAYS: [Way; 3] = [Way::Whole, Way::Pieces, Way::Shared];
const NONE: (u64, f64) = (0, 0.0);

#[test]
fn a_request_that_was_aborted_in_the_queue_counts_without_its_phases() {
    for way in WAYS {
        let rig = one_engine();
        rig.finish(way, &aborted());
        assert_eq!(rig.ended(FinishReason::Abort), ([1, 1], [1; 3], 0), "{way:?}");
        assert_eq!(rig.phases(), ([NONE; 5], (0, 0)), "{way:?}");
    }
}

#[test]
fn a_request_shows_the_phases_that_it_reached_whatever_ended_it() {
    let queued = FinishedRequest { queue_time: Some(2.0), ..aborted() };
    let prefilling = FinishedRequest { cached_tokens: Some(64), ..queued };
    let decoding =
        FinishedRequest { prefill_time: Some(0.5), inference_time: Some(0.5), decode_time: Some(0.0), ..prefilling };
    let one = |seconds| (1, seconds);
    for way in WAYS {
        for (request, phases, computed) in [
            (queued, [one(2.0), NONE, NONE, NONE, NONE], (0, 0)),
            (prefilling, [one(2.0), NONE, NONE, NONE, NONE], (1, 36)),
            (decoding, [one(2.0), one(0.5), one(0.5), one(0.0), NONE], (1, 36)),
        ] {
            for reason in [FinishReason::Abort, FinishReason::Error] {
                let rig = one_engine();
                rig.finish(way, &FinishedRequest { reason, ..request });
                assert_eq!(rig.ended(reason), ([1, 1], [1; 3], 0), "{way:?}: {request:?}");
                assert_eq!(rig.phases(), (phases, computed), "{way:?}: {request:?}");
            }
        }
    }
}

#[test]
fn zeros_are_observed_as_vllm_does_if_they_are_given() {
    let zeros = FinishedRequest {
        cached_tokens: Some(-1),
        queue_time: Some(0.0),
        prefill_time: Some(0.0),
        inference_time: Some(0.0),
        decode_time: Some(0.0),
        time_per_output_token: Some(0.0),
        ..aborted()
    };
    for way in WAYS {
        let rig = one_engine();
        rig.finish(way, &zeros);
        assert_eq!(rig.ended(FinishReason::Abort), ([1, 1], [1; 3], 0), "{way:?}");
        assert_eq!(rig.phases(), ([(1, 0.0); 5], (1, 100)), "{way:?}");
    }
}

#[test]
fn what_is_given_and_makes_no_sense_is_rejected_and_the_request_counts() {
    let odd = FinishedRequest {
        cached_tokens: Some(101),
        queue_time: Some(-1.0),
        prefill_time: Some(f64::NAN),
        inference_time: Some(f64::INFINITY),
        ..aborted()
    };
    for way in WAYS {
        let rig = one_engine();
        rig.finish(way, &odd);
        assert_eq!(rig.ended(FinishReason::Abort), ([1, 1], [1; 3], 4), "{way:?}");
        assert_eq!(rig.phases(), ([NONE; 5], (0, 0)), "{way:?}");
    }
}
