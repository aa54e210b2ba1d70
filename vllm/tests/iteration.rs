//! An iteration is recorded whole or not at all: what a panic in it leaves, and what happens to
//! foreign handles.

#[path = "common/vllm_engine.rs"]
mod vllm_engine;

use std::panic::{AssertUnwindSafe, catch_unwind};

use tachometer_vllm::{Config, FinishReason, Iteration, PromptTokens};
use vllm_engine::{VllmEngine, finished, one_step::OneStep as _};

/// With a schema of its own.
fn engine() -> VllmEngine {
    VllmEngine::new(&Config::new())
}

impl VllmEngine {
    /// The samples of vLLM's families, and the recorder's diagnostics that aren't 0.
    fn samples(&self) -> (Vec<String>, Vec<String>) {
        let page = self.one.page();
        let lines = |begin| page.lines().filter(move |line| line.starts_with(begin));
        let liveness =
            |line: &&str| ["tachometer_steps_total", "tachometer_recorders"].iter().any(|of| line.starts_with(of));
        let own = lines("tachometer_").filter(about_engine).filter(|line| !liveness(line));
        (lines("vllm:").map(str::to_owned).collect(), own.map(str::to_owned).collect())
    }
}

fn about_engine(line: &&str) -> bool {
    line.contains("{engine=\"0\"}") && !line.ends_with(" 0")
}

/// One piece of each kind.
fn all_pieces(iteration: &mut Iteration<'_, '_>) {
    iteration.prefill(PromptTokens { computed: 4, local_cache_hit: 4, ..Default::default() }).generated(2);
    iteration.first_token(0.5).inter_token(&[0.25]).preempted(1).parent_finished(2, 1).finished(&finished(
        FinishReason::Stop,
        8,
        4,
    ));
}

#[test]
fn a_panic_in_an_iteration_records_nothing_of_it() {
    let mut rig = engine();
    let (before, _) = rig.samples();
    let VllmEngine { recorder, metrics, .. } = &mut rig;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        recorder.record(|step| {
            metrics.iteration(step, |iteration| {
                all_pieces(iteration);
                panic!("in the middle");
            });
        });
    }));
    assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"in the middle"));
    assert_eq!(rig.samples(), (before, vec!["tachometer_discarded_steps_total{engine=\"0\"} 1".to_owned()]));
}

#[test]
fn after_a_panic_the_engine_is_recorded_as_if_there_had_been_none() {
    let (mut rig, mut other) = (engine(), engine());
    let VllmEngine { recorder, metrics, .. } = &mut rig;
    catch_unwind(AssertUnwindSafe(|| {
        recorder.record(|step| metrics.iteration(step, |_| panic!("in the middle")));
    }))
    .unwrap_err();
    for VllmEngine { recorder, metrics, .. } in [&mut rig, &mut other] {
        recorder.record(|step| metrics.iteration(step, all_pieces));
    }
    assert_eq!(rig.samples().0, other.samples().0);
}

/// With a step of another schema all handles of an iteration are foreign. Under debug assertions
/// the first of them panics, and that is all: unwinding records nothing that could panic again,
/// which would abort the process.
#[test]
fn foreign_handles_panic_once_under_debug_assertions_and_are_counted_otherwise() {
    let (mut rig, mut other) = (engine(), engine());
    let (before, _) = other.samples();
    let recorded = catch_unwind(AssertUnwindSafe(|| {
        other.recorder.record(|step| rig.metrics.iteration(step, all_pieces));
    }));
    let (after, own) = other.samples();
    assert_eq!(before, after);
    match recorded {
        Err(panic) if cfg!(debug_assertions) => {
            let message = panic.downcast_ref::<String>().expect("a message with numbers");
            assert!(message.starts_with("a handle of schema "), "{message}");
            assert_eq!(own, ["tachometer_discarded_steps_total{engine=\"0\"} 1"]);
        }
        // 16 calls by the pieces, and 7 at the end.
        Ok(()) if !cfg!(debug_assertions) => {
            assert_eq!(own, ["tachometer_foreign_handles_total{engine=\"0\"} 23"]);
        }
        recorded => panic!("debug assertions: {}, recorded: {recorded:?}", cfg!(debug_assertions)),
    }
    other.recorder.record(|step| other.metrics.iteration(step, all_pieces));
    assert_ne!(other.samples().0, after, "its own go on");
}
