//! What `--optional` switches on, read from the registry, and what must hold of it at the end.

use tachometer::EngineView;
use tachometer_vllm::Families;

use crate::checks::Check;
use crate::engine::Executed;
use crate::expected::Totals;
use crate::kv_pool::TOKEN_BYTES;
use crate::numbers::EngineNumbers;
use crate::optional::TOKEN_FLOPS;

#[derive(Clone, Debug)]
pub(crate) struct OptionalNumbers {
    draft_tokens: u64,
    accepted_tokens: u64,
    /// `None` for a diffusion model, which has no such family.
    accepted_by_position: Option<u64>,
    lifetimes: u64,
    idle_times: u64,
    reuse_gaps: u64,
    images: [u64; 2],
    /// Watermarked, skipped, not watermarked.
    watermarks: Vec<u64>,
    corrupted: u64,
    flops: f64,
    written_bytes: f64,
}

/// `None` unless it is switched on.
pub(crate) fn read(vllm: &Families, view: &EngineView<'_>) -> Option<OptionalNumbers> {
    let blocks = vllm.kv_blocks?;
    let drafts = vllm.spec_decode.map(|drafts| [drafts.draft_tokens, drafts.accepted_tokens]);
    let denoising = vllm.diffusion.map(|steps| [steps.canvas_positions, steps.committed_tokens]);
    let [draft_tokens, accepted_tokens] = drafts.or(denoising)?.map(|counter| view.counter(counter));
    let by_position = vllm.spec_decode.map(|drafts| drafts.accepted_tokens_per_position);
    Some(OptionalNumbers {
        draft_tokens,
        accepted_tokens,
        accepted_by_position: by_position
            .map(|positions| positions.as_slice().iter().map(|position| view.counter(*position)).sum()),
        lifetimes: view.histogram(blocks.lifetime).count(),
        idle_times: view.histogram(blocks.idle_before_evict).count(),
        reuse_gaps: view.histogram(blocks.reuse_gap).count(),
        images: [vllm.mm_cache_queries, vllm.mm_cache_hits].map(|counter| view.counter(counter)),
        watermarks: vllm.watermark_requests()?.iter().map(|status| view.counter(*status)).collect(),
        corrupted: view.counter(vllm.corrupted_requests?),
        flops: view.counter(vllm.estimated_flops),
        written_bytes: view.counter(vllm.estimated_write_bytes),
    })
}

pub(crate) fn checks(numbers: &EngineNumbers, totals: Totals, executed: Executed) -> Vec<Check> {
    let Some(optional) = &numbers.optional else { return Vec::new() };
    let OptionalNumbers { draft_tokens, accepted_tokens, .. } = *optional;
    let continued = numbers.generation_tokens - numbers.first_tokens;
    let tokens = executed.scheduled_tokens;
    let of_positions = optional.accepted_by_position.unwrap_or(accepted_tokens);
    let repeated_images = i128::from(totals.images) - i128::from(totals.distinct_images);
    vec![
        Check::new("draft tokens = tokens that were drafted", draft_tokens, executed.drafted_tokens),
        Check::new("accepted tokens = sum over positions", of_positions, accepted_tokens),
        Check::new(
            "accepted tokens = generated tokens - outputs",
            accepted_tokens,
            i128::from(continued) - i128::from(numbers.inter_token_gaps),
        ),
        Check::new("lifetimes of KV blocks = blocks stored - blocks held", optional.lifetimes, executed.lost.blocks),
        Check::new("idle times of KV blocks = their lifetimes", optional.idle_times, optional.lifetimes),
        Check::new("reuse gaps = those of the blocks evicted", optional.reuse_gaps, executed.lost.reuse_gaps),
        Check::new("images looked up = those of the requests routed here", optional.images[0], totals.images),
        Check::new("images found = those that were here before", optional.images[1], repeated_images),
        Check::new("watermarked requests = those with an adapter", optional.watermarks[0], totals.watermarked),
        Check::new("requests by watermark = requests", optional.watermarks.iter().sum::<u64>(), numbers.requests),
        Check::new("no request is corrupted", optional.corrupted, 0),
        Check::new(
            "estimated operations = those of the scheduled tokens",
            optional.flops as i128,
            i128::from(tokens) * TOKEN_FLOPS as i128,
        ),
        Check::new(
            "estimated bytes written = the KV of the scheduled tokens",
            optional.written_bytes as i128,
            i128::from(tokens) * i128::from(TOKEN_BYTES),
        ),
    ]
}
