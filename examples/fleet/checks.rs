//! What must hold at the end: the identities of the metric set, and the workload's totals.
//!
//! One side of each check is read from the registry. The other side is read there too (identities)
//! or known independently.

use crate::args::Definition;
use crate::connector::Connector;
use crate::engine::Executed;
use crate::expected::{Expected, Totals};
use crate::kv_pool::TOKEN_BYTES;
use crate::layout::Role;
use crate::numbers::EngineNumbers;
use crate::optional_checks;

/// Two numbers that must be equal.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) name: String,
    found: i128,
    expected: i128,
}

impl Check {
    pub(crate) fn new(name: impl Into<String>, found: impl Into<i128>, expected: impl Into<i128>) -> Self {
        Self { name: name.into(), found: found.into(), expected: expected.into() }
    }

    pub(crate) const fn ok(&self) -> bool {
        self.found == self.expected
    }

    /// The message if they aren't equal.
    pub(crate) fn failure(&self) -> String {
        format!("check failed: {}: {} is not {}", self.name, self.found, self.expected)
    }
}

/// All checks. `executed` is what the engines counted themselves, in the order of the engines.
pub(crate) fn evaluate(
    engines: &[EngineNumbers],
    expected: &Expected,
    executed: &[Executed],
    definition: Definition,
    connector: Connector,
) -> Vec<Check> {
    let mut checks = vec![Check::new("engines", engines.len() as u64, expected.engines.len() as u64)];
    for ((numbers, totals), executed) in engines.iter().zip(&expected.engines).zip(executed) {
        let of_engine = [
            identities(numbers),
            iteration_tokens(numbers, *executed, definition),
            sources(numbers),
            totals_of_engine(numbers, *totals),
            lookups(numbers),
            transfers(numbers, *totals, connector),
            optional_checks::checks(numbers, *totals, *executed),
        ];
        checks.extend(of_engine.into_iter().flatten().map(|check| Check {
            name: format!("engine {} ({}): {}", numbers.engine, numbers.role.name(), check.name),
            ..check
        }));
    }
    checks.extend(totals_of_fleet(engines, expected.workload));
    checks
}

fn identities(numbers: &EngineNumbers) -> Vec<Check> {
    let by_source = numbers.local_compute + numbers.local_cache_hit + numbers.external_kv_transfer;
    let cached = numbers.local_cache_hit + numbers.external_kv_transfer;
    let mut checks = vec![
        Check::new("prompt_tokens = sum of prompt_tokens_by_source", numbers.prompt_tokens, by_source),
        Check::new("prompt_tokens_cached = cache hits + KV transfers", numbers.prompt_tokens_cached, cached),
        Check::new("request_success = e2e_request_latency count", numbers.requests, numbers.e2e_latencies),
    ];
    // With drafts an output may be several tokens; its own check counts them.
    if numbers.optional.is_none() {
        checks.push(Check::new(
            "inter_token_latency count = generation_tokens - time_to_first_token count",
            numbers.inter_token_gaps,
            i128::from(numbers.generation_tokens) - i128::from(numbers.first_tokens),
        ));
    }
    checks
}

/// Computed + generated tokens are promised under `Computed` only. A schedule has one token fewer
/// for each prompt that is computed, since the last chunk gives the first generated token.
fn iteration_tokens(numbers: &EngineNumbers, executed: Executed, definition: Definition) -> Vec<Check> {
    let (sum, count) = (numbers.iteration_tokens_sum, numbers.iteration_tokens_count);
    let (name, expected, observations) = match definition {
        Definition::Computed => (
            "iteration_tokens sum = computed prompt tokens + generation_tokens",
            numbers.local_compute + numbers.generation_tokens,
            executed.steps_with_output,
        ),
        Definition::AllSources => (
            "iteration_tokens sum = prompt_tokens + generation_tokens",
            numbers.prompt_tokens + numbers.generation_tokens,
            executed.steps_with_output,
        ),
        Definition::Scheduled => {
            ("iteration_tokens sum = tokens that were scheduled", executed.scheduled_tokens, executed.steps)
        }
    };
    vec![
        Check::new(name, sum, expected),
        Check::new("iteration_tokens count = steps that are observed", count, observations),
        Check::new("steps committed = steps executed", numbers.steps, executed.steps),
    ]
}

/// What an engine's role rules out, and what mustn't be left at the end.
fn sources(numbers: &EngineNumbers) -> Vec<Check> {
    let foreign = match numbers.role {
        Role::Decode => {
            Check::new("no prompt token is computed or found here", numbers.local_compute + numbers.local_cache_hit, 0)
        }
        Role::Prefill | Role::Mixed => Check::new("no prompt token is received", numbers.external_kv_transfer, 0),
    };
    vec![
        foreign,
        Check::new("no request is left running", numbers.running, 0),
        Check::new("no request is left waiting", numbers.waiting, 0),
    ]
}

fn totals_of_engine(numbers: &EngineNumbers, totals: Totals) -> Vec<Check> {
    vec![
        Check::new("requests = requests routed here", numbers.requests, totals.requests),
        Check::new("request_success{stop} = outputs that end before their limit", numbers.stopped, totals.stopped),
        Check::new("prompt_tokens = tokens routed here", numbers.prompt_tokens, totals.prompt_tokens),
        Check::new("generation_tokens = tokens asked for", numbers.generation_tokens, totals.generation_tokens),
    ]
}

/// What holds for the lookups of an idle engine. A decode engine needs none, thanks to KV
/// transfers.
fn lookups(numbers: &EngineNumbers) -> Vec<Check> {
    if numbers.role == Role::Decode {
        return Vec::new();
    }
    vec![
        Check::new("prefix_cache_queries = prompt_tokens", numbers.prefix_cache_queries, numbers.prompt_tokens),
        Check::new(
            "prefix_cache_queries - prefix_cache_hits = sum of request_prefill_kv_computed_tokens",
            i128::from(numbers.prefix_cache_queries) - i128::from(numbers.prefix_cache_hits),
            numbers.prefill_kv_computed_tokens,
        ),
    ]
}

/// The transfers that an engine reported: one per request, with the KV of its prompt, on the side
/// that reports them.
fn transfers(numbers: &EngineNumbers, totals: Totals, connector: Connector) -> Vec<Check> {
    let transfers = numbers.transfers;
    if numbers.role != connector.reporter() {
        return vec![Check::new("no KV transfer is reported", transfers.count, 0)];
    }
    let (bytes, blocks) = (totals.prompt_tokens * TOKEN_BYTES, totals.prompt_blocks);
    vec![
        Check::new("KV transfers = requests routed here", transfers.count, totals.requests),
        Check::new("bytes of KV transfers = those of the prompts routed here", transfers.bytes, bytes),
        Check::new("descriptors = KV blocks of these prompts", transfers.descriptors, blocks),
    ]
}

fn totals_of_fleet(engines: &[EngineNumbers], workload: Totals) -> Vec<Check> {
    let of = |wanted: fn(Role) -> bool, number: fn(&EngineNumbers) -> u64| -> u64 {
        engines.iter().filter(|engine| wanted(engine.role)).map(number).sum()
    };
    let received = of(|_| true, |engine| engine.external_kv_transfer);
    vec![
        Check::new("requests = the trace's", of(Role::ends_requests, |engine| engine.requests), workload.requests),
        Check::new(
            "prompt tokens where they are computed = the trace's",
            of(Role::computes_prompts, |engine| engine.prompt_tokens),
            workload.prompt_tokens,
        ),
        Check::new(
            "prompt tokens where requests end = the trace's",
            of(Role::ends_requests, |engine| engine.prompt_tokens),
            workload.prompt_tokens,
        ),
        Check::new(
            "generation tokens = the trace's",
            of(Role::ends_requests, |engine| engine.generation_tokens),
            workload.generation_tokens,
        ),
        Check::new("KV tokens sent = KV tokens received", of(|_| true, |engine| engine.transferred_tokens), received),
    ]
}
