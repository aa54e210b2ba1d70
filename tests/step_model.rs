//! Random operations on the crate and on a naive twin (`tests/model`), which must agree in every
//! snapshot and on every page.

mod common;
mod model;

use model::{bytes::Bytes, op::Op, plan::Plan};
use proptest::{prelude::*, test_runner::FileFailurePersistence};

/// Each operation decodes from bytes of its own, so that leaving one out while shrinking leaves the
/// others as they are.
fn plans_and_ops() -> impl Strategy<Value = (Plan, Vec<Op>)> {
    let plan = prop::collection::vec(any::<u8>(), 0..64);
    let ops = prop::collection::vec(prop::collection::vec(any::<u8>(), 1..24), 0..120);
    (plan, ops).prop_map(|(plan, ops)| {
        let plan = Plan::decode(&mut Bytes(&plan));
        let ops = ops.iter().map(|op| Op::decode(&mut Bytes(op), &plan)).collect();
        (plan, ops)
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("proptest-regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_operations_look_the_same_to_a_naive_twin((plan, ops) in plans_and_ops()) {
        model::run(&plan, &ops);
    }
}
