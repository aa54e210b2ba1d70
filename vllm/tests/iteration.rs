//! An iteration is recorded whole or not at all: what a panic in it leaves, and what becomes of
//! foreign handles.

#[path = "../../tests/common/one_step.rs"]
mod one_step;

use one_step::OneStep as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tachometer::{Engine, Recorder, Registry, Schema};
use tachometer_vllm::{Config, Families, FinishReason, FinishedRequest, Iteration, PromptTokens, Recording};

/// An engine with the vLLM set, in a schema of its own.
struct Rig {
    registry: Registry,
    _engine: Engine,
    recorder: Recorder,
    recording: Recording,
}

impl Rig {
    fn new() -> Self {
        let mut schema = Schema::builder(&["engine"]);
        let families = Families::declare(&mut schema, &Config::new()).unwrap();
        let registry = Registry::new(schema.build().unwrap());
        let engine = registry.attach(&["0"]).unwrap();
        let mut recorder = engine.recorder().unwrap();
        let recording = families.recording(&mut recorder);
        Self { registry, _engine: engine, recorder, recording }
    }

    /// The samples of vLLM's families, and those about the recorder that aren't 0.
    fn samples(&self) -> (Vec<String>, Vec<String>) {
        let mut page = Vec::new();
        self.registry.render(&mut page);
        let page = String::from_utf8(page).unwrap();
        let lines = |begin| page.lines().filter(move |line| line.starts_with(begin));
        let own = lines("tachometer_").filter(about_engine);
        (lines("vllm:").map(str::to_owned).collect(), own.map(str::to_owned).collect())
    }
}

fn about_engine(line: &&str) -> bool {
    line.contains("{engine=\"0\"}") && !line.ends_with(" 0")
}

/// One piece of each kind.
fn all_pieces(iteration: &mut Iteration<'_, '_>) {
    let finished = FinishedRequest {
        reason: FinishReason::Stop,
        prompt_tokens: 8,
        cached_tokens: 4,
        generation_tokens: 2,
        max_tokens: None,
        preemptions: 0,
        e2e_latency: 1.5,
        queue_time: 0.25,
        prefill_time: 0.25,
        inference_time: 1.25,
        decode_time: 1.0,
        time_per_output_token: 0.125,
    };
    iteration.prefill(PromptTokens { computed: 4, local_cache_hit: 4, external_kv_transfer: 0 }).generated(2);
    iteration.first_token(0.5).inter_token(&[0.25]).preempted(1).parent_finished(2, 1).finished(&finished);
}

#[test]
fn a_panic_in_an_iteration_records_nothing_of_it() {
    let mut rig = Rig::new();
    let (before, _) = rig.samples();
    let Rig { recorder, recording, .. } = &mut rig;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        recorder.record(|step| {
            recording.iteration(step, |iteration| {
                all_pieces(iteration);
                panic!("in the middle");
            });
        });
    }));
    assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"in the middle"));
    assert_eq!(rig.samples(), (before, vec!["tachometer_discarded_steps_total{engine=\"0\"} 1".to_owned()]));
}

#[test]
fn after_a_panic_the_recording_goes_on_as_if_there_had_been_none() {
    let (mut rig, mut other) = (Rig::new(), Rig::new());
    let Rig { recorder, recording, .. } = &mut rig;
    catch_unwind(AssertUnwindSafe(|| {
        recorder.record(|step| recording.iteration(step, |_| panic!("in the middle")));
    }))
    .unwrap_err();
    for Rig { recorder, recording, .. } in [&mut rig, &mut other] {
        recorder.record(|step| recording.iteration(step, all_pieces));
    }
    assert_eq!(rig.samples().0, other.samples().0);
}

/// With a step of another schema all handles of an iteration are foreign. Under debug assertions
/// the first of them panics, and that is all: unwinding records nothing that could panic again,
/// which would abort the process.
#[test]
fn foreign_handles_panic_once_under_debug_assertions_and_are_counted_otherwise() {
    let (mut rig, mut other) = (Rig::new(), Rig::new());
    let (before, _) = other.samples();
    let recorded = catch_unwind(AssertUnwindSafe(|| {
        other.recorder.record(|step| rig.recording.iteration(step, all_pieces));
    }));
    let (after, own) = other.samples();
    assert_eq!(before, after);
    match recorded {
        Err(panic) if cfg!(debug_assertions) => {
            let message = panic.downcast_ref::<String>().expect("a message with numbers");
            assert!(message.starts_with("a handle of schema "), "{message}");
            assert_eq!(own, ["tachometer_discarded_steps_total{engine=\"0\"} 1"]);
        }
        // 16 calls of the pieces, and 7 of the end.
        Ok(()) if !cfg!(debug_assertions) => {
            assert_eq!(own, ["tachometer_foreign_handles_total{engine=\"0\"} 23"]);
        }
        recorded => panic!("debug assertions: {}, recorded: {recorded:?}", cfg!(debug_assertions)),
    }
    other.recorder.record(|step| other.recording.iteration(step, all_pieces));
    assert_ne!(other.samples().0, after, "its own go on");
}
