//! How a model states which outcomes are allowed.

use std::{fmt::Debug, sync::mpsc};

use loom::model::Builder;

/// Runs `outcome` in every interleaving with at most `preemptions` preemptions, and with every
/// value that the orderings let a load see. An outcome that isn't in `allowed` fails. An outcome in
/// `allowed` that is never reached fails too, so the list is exact and includes the odd ones.
#[track_caller]
pub(super) fn explore<T: Clone + Debug + PartialEq + Send + Sync + 'static>(
    preemptions: usize,
    allowed: impl IntoIterator<Item = T>,
    outcome: impl Fn() -> T + Send + Sync + 'static,
) {
    let allowed: Vec<T> = allowed.into_iter().collect();
    let (reached, outcomes) = mpsc::channel();
    let known = allowed.clone();
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 20_000;
    builder.check(move || {
        let outcome = outcome();
        let Some(index) = known.iter().position(|known| *known == outcome) else {
            panic!("forbidden outcome: {outcome:?}");
        };
        reached.send(index).expect("the list outlives the model");
    });
    let (mut seen, mut executions) = (vec![false; allowed.len()], 0_u64);
    for index in outcomes {
        seen[index] = true;
        executions += 1;
    }
    let missing: Vec<&T> = allowed.iter().zip(seen).filter_map(|(outcome, seen)| (!seen).then_some(outcome)).collect();
    assert!(missing.is_empty(), "allowed, but never reached: {missing:?}");
    println!("explored: {executions} executions, {} outcomes", allowed.len());
}
