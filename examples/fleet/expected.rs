//! The expected results, computed from the workload and its routing alone, without looking at any
//! engine.

use crate::kv_pool::blocks;
use crate::layout::{Layout, Role};
use crate::workload::{Request, Workload};

/// The totals of an engine, or of the whole workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) requests: u64,
    pub(crate) prompt_tokens: u64,
    pub(crate) generation_tokens: u64,
    /// KV blocks of the prompts.
    pub(crate) prompt_blocks: u64,
}

impl Totals {
    fn count(&mut self, request: &Request, generation_tokens: u64) {
        self.requests += 1;
        self.prompt_tokens += request.prompt_tokens;
        self.generation_tokens += generation_tokens;
        self.prompt_blocks += blocks(request.prompt_tokens);
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Expected {
    /// Each request once.
    pub(crate) workload: Totals,
    /// By engine: in P/D each request passes through two.
    pub(crate) engines: Vec<Totals>,
}

impl Expected {
    pub(crate) fn of(workload: &Workload, layout: Layout) -> Self {
        let mut all = Totals::default();
        let mut engines = vec![Totals::default(); layout.engines()];
        for (index, request) in workload.iter().enumerate() {
            all.count(request, request.output_tokens);
            for (engine, totals) in engines.iter_mut().enumerate().filter(|(engine, _)| layout.routes(index, *engine)) {
                // A prefill engine generates one token per request, whatever its output.
                let generates = if layout.role(engine) == Role::Prefill { 1 } else { request.output_tokens };
                totals.count(request, generates);
            }
        }
        Self { workload: all, engines }
    }
}
