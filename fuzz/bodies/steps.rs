//! Any operations of engines, recorders and steps, against a naive twin.

use crate::model::{self, bytes::Bytes, op::Op, plan::Plan};

/// Enough to reach every state, few enough to stay fast.
const MAX_OPS: usize = 120;

pub(crate) fn run(data: &[u8]) {
    let mut bytes = Bytes(data);
    let plan = Plan::decode(&mut bytes);
    let mut ops = Vec::new();
    while !bytes.0.is_empty() && ops.len() < MAX_OPS {
        ops.push(Op::decode(&mut bytes, &plan));
    }
    model::run(&plan, &ops);
}
