//! The expected results, computed from the workload and its routing alone, without looking at any
//! engine.

use std::collections::HashSet;

use crate::kv_pool::blocks;
use crate::layout::{Layout, Role};
use crate::optional;
use crate::workload::{Request, Workload};

/// The totals of an engine, or of the whole workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) requests: u64,
    pub(crate) prompt_tokens: u64,
    pub(crate) generation_tokens: u64,
    /// KV blocks of the prompts.
    pub(crate) prompt_blocks: u64,
    /// Outputs that end before their limit.
    pub(crate) stopped: u64,
    /// Requests with an image, where prompts are computed.
    pub(crate) images: u64,
    /// Each image once.
    pub(crate) distinct_images: u64,
    pub(crate) watermarked: u64,
}

impl Totals {
    fn count(&mut self, request: &Request, role: Role) {
        // A prefill engine generates one token per request, whatever its output.
        let prefills = role == Role::Prefill;
        let generation_tokens = if prefills { 1 } else { request.output_tokens };
        self.requests += 1;
        self.prompt_tokens += request.prompt_tokens;
        self.generation_tokens += generation_tokens;
        self.prompt_blocks += blocks(request.prompt_tokens);
        self.stopped += u64::from(!prefills && request.stops());
        self.images += u64::from(role.computes_prompts() && optional::image(request).is_some());
        self.watermarked += optional::watermark(request, generation_tokens).watermarked;
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
            all.count(request, Role::Mixed);
            for (engine, totals) in engines.iter_mut().enumerate().filter(|(engine, _)| layout.routes(index, *engine)) {
                totals.count(request, layout.role(engine));
            }
        }
        for (engine, totals) in
            engines.iter_mut().enumerate().filter(|(engine, _)| layout.role(*engine).computes_prompts())
        {
            let routed = workload.iter().enumerate().filter(|(index, _)| layout.routes(*index, engine));
            let images: HashSet<_> = routed.filter_map(|(_, request)| optional::image(request)).collect();
            totals.distinct_images = images.len() as u64;
        }
        Self { workload: all, engines }
    }
}
