//! Reads each engine's numbers from snapshots, and compares them with what clients received.

use comfy_table::{CellAlignment, Table, presets};
use tachometer::{EngineView, Snapshot};
use tachometer_vllm::FinishReason;

use crate::{front::Front, meters::Meters};

/// What clients sent and received.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Totals {
    pub(crate) requests: u64,
    pub(crate) prompt_tokens: u64,
    pub(crate) tokens: u64,
}

/// An engine's numbers.
pub(crate) struct Row {
    engine: String,
    totals: Totals,
    steps: u64,
    /// TTFT, and mean ITL, milliseconds.
    ttft: [f64; 2],
    itl: f64,
    in_flight: i64,
}

impl Row {
    pub(crate) fn read(engine: EngineView<'_>, meters: &Meters) -> Self {
        let (vllm, milliseconds) = (&meters.vllm, 1e3);
        let [ttft, itl] = [vllm.time_to_first_token, vllm.inter_token_latency].map(|of| engine.histogram(of));
        Self {
            engine: engine.label("engine").unwrap_or_default().to_owned(),
            totals: Totals {
                requests: FinishReason::ALL.iter().map(|reason| engine.counter(vllm.request_success(*reason))).sum(),
                prompt_tokens: engine.counter(vllm.prompt_tokens),
                tokens: engine.counter(vllm.generation_tokens),
            },
            steps: engine.step(),
            ttft: [0.5, 0.99].map(|q| ttft.quantile(q) * milliseconds),
            itl: itl.sum() / itl.count() as f64 * milliseconds,
            in_flight: engine.settable(meters.in_flight),
        }
    }
}

/// The rows of all attached engines.
pub(crate) fn rows(front: &Front, meters: &Meters) -> Vec<Row> {
    let mut snapshot = Snapshot::new();
    front.registry().snapshot(&mut snapshot);
    snapshot.engines().map(|engine| Row::read(engine, meters)).collect()
}

/// The tokens of each tenant with a series, and of all others.
pub(crate) fn tenants(front: &Front, meters: &Meters) -> Vec<(String, u64)> {
    let mut snapshot = Snapshot::new();
    front.registry().snapshot(&mut snapshot);
    let tenants = snapshot.registry().into_iter().flat_map(|own| own.counters(meters.tenant_tokens));
    tenants.map(|([tenant], tokens)| (tenant.to_owned(), tokens)).collect()
}

pub(crate) fn print(rows: &[Row], tenants: &[(String, u64)]) {
    let mut table = Table::new();
    let header = ["engine", "requests", "prompt tokens", "tokens", "steps", "TTFT p50", "TTFT p99", "ITL mean"];
    table.load_preset(presets::ASCII_MARKDOWN).set_header(header);
    for Row { engine, totals: Totals { requests, prompt_tokens, tokens }, steps, ttft: [p50, p99], itl, .. } in rows {
        let counts = [requests, prompt_tokens, tokens, steps].map(u64::to_string);
        let times = [p50, p99, itl].map(|time| format!("{time:.1} ms"));
        table.add_row([engine.clone()].into_iter().chain(counts).chain(times));
    }
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    let tenants: Vec<_> = tenants.iter().map(|(tenant, tokens)| format!("{tenant} {tokens}")).collect();
    println!("{table}\ntokens by tenant: {}", tenants.join(", "));
}

/// What doesn't agree.
pub(crate) fn failures(rows: &[Row], tenants: &[(String, u64)], got: Totals) -> Vec<String> {
    let total = |of: fn(&Totals) -> u64| rows.iter().map(|row| of(&row.totals)).sum::<u64>();
    let (requests, prompt_tokens) = (total(|of| of.requests), total(|of| of.prompt_tokens));
    let measured = Totals { requests, prompt_tokens, tokens: total(|of| of.tokens) };
    let mut failures = Vec::new();
    if measured != got {
        failures.push(format!("the engines measured {measured:?}, clients got {got:?}"));
    }
    let by_tenant: u64 = tenants.iter().map(|(_, tokens)| tokens).sum();
    if by_tenant != got.tokens {
        failures.push(format!("tenants got {by_tenant} tokens, clients got {}", got.tokens));
    }
    let in_flight = rows.iter().filter(|row| row.in_flight != 0);
    failures.extend(in_flight.map(|row| format!("engine {} has {} requests in flight", row.engine, row.in_flight)));
    failures
}
