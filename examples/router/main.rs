//! A front end on tokio that routes requests to simulated engines.
//!
//! * Engine threads record steps (`engine.rs`). The router reads three gauges per engine, without
//!   rendering, and picks the shortest queue (`front.rs`). Axum serves `/generate` and `/metrics`
//!   (`serve.rs`).
//! * A task per request records latencies, finished requests and tenants from any thread of the
//!   runtime, through shared recorders. If the client leaves, the task stays until the request
//!   ends, as aborted (`followed.rs`).
//! * While clients send requests, one engine is attached, and another is drained and detached.
//! * At the end, the measured numbers must equal what clients received.
//!
//! `cargo run --release --example router` needs no arguments and ends by itself. Exit codes: 0 all
//! is well, 1 a number is wrong, 2 it couldn't run.

mod engine;
mod followed;
mod front;
#[path = "../common/listen.rs"]
mod listen;
mod meters;
mod report;
mod serve;

use std::{process::ExitCode, sync::Arc};

use anyhow::{Context, Result};
use clap::Parser;
use tokio::{net::TcpListener, runtime::Runtime, signal, sync::Semaphore, task, task::JoinSet};

use crate::{
    front::Front,
    meters::Meters,
    report::{Row, Totals},
};

/// Requests that clients have open at the same time.
const CLIENTS: usize = 24;
/// More than there are tenants with a series each.
const TENANTS: u64 = 12;

/// Routes requests to simulated engines and serves their /metrics meanwhile.
#[derive(Debug, Parser)]
#[command(name = "router", version)]
struct Args {
    /// Requests that clients send
    #[arg(long, value_name = "N", default_value_t = 6_000, value_parser = clap::value_parser!(u64).range(3..=1_000_000))]
    requests: u64,

    /// Where to serve /generate and /metrics: ADDRESS:PORT, or a port of 127.0.0.1; port 0 picks a
    /// free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9465", value_parser = listen::address)]
    listen: String,

    /// An engine whose newest step is older gets no requests
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    stale: f64,

    /// Go on serving afterwards, until Ctrl-C
    #[arg(long)]
    hold: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match Runtime::new().context("no runtime").and_then(|runtime| runtime.block_on(run(&args))) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run(args: &Args) -> Result<ExitCode> {
    let (meters, registry) = Meters::declare()?;
    let front = Arc::new(Front::new(registry, meters, args.stale));
    let listener = TcpListener::bind(&args.listen).await.with_context(|| format!("can't listen on {}", args.listen))?;
    let address = listener.local_addr()?;
    eprintln!("listening on http://{address}/metrics");
    let server = tokio::spawn(axum::serve(listener, serve::router(Arc::clone(&front))).into_future());

    let (third, mut got) = (args.requests / 3, Totals::default());
    front.attach("small", 4).await?;
    front.attach("large", 12).await?;
    got.add(send(&front, 0..third).await?);
    front.attach("late", 12).await?;
    got.add(send(&front, third..2 * third).await?);
    let drained = tokio::spawn(drain(Arc::clone(&front), "small", meters));
    got.add(send(&front, 2 * third..args.requests).await?);

    let mut rows = vec![drained.await??];
    rows.extend(report::rows(&front, &meters));
    let tenants = report::tenants(&front, &meters);
    report::print(&rows, &tenants);
    let failures = report::failures(&rows, &tenants, got);
    failures.iter().for_each(|failure| eprintln!("wrong: {failure}"));
    if args.hold {
        eprintln!("serving http://{address}/metrics until Ctrl-C");
        signal::ctrl_c().await?;
    }
    server.abort();
    Ok(ExitCode::from(u8::from(!failures.is_empty())))
}

/// Sends these requests, several at a time, and waits for all of them.
async fn send(front: &Arc<Front>, numbers: std::ops::Range<u64>) -> Result<Totals> {
    let (clients, mut requests) = (Arc::new(Semaphore::new(CLIENTS)), JoinSet::new());
    for number in numbers {
        let (front, client) = (Arc::clone(front), Arc::clone(&clients).acquire_owned().await?);
        requests.spawn(async move {
            let _client = client;
            let (tenant, prompt_tokens, tokens) = (number % TENANTS, 100 + number % 400, 1 + number % 16);
            let reply = front.generate(&format!("tenant {tenant}"), prompt_tokens, tokens).await;
            reply.map(|reply| Totals { requests: 1, prompt_tokens, tokens: reply.tokens })
        });
    }
    let mut got = Totals::default();
    while let Some(totals) = requests.join_next().await {
        got.add(totals?.context("no engine took a request")?);
    }
    Ok(got)
}

/// Blocks until the engine has finished its requests, so it mustn't run on the runtime's own
/// threads.
async fn drain(front: Arc<Front>, name: &'static str, meters: Meters) -> Result<Row> {
    task::spawn_blocking(move || front.detach(name, |engine| Row::read(engine, &meters))).await?
}

impl Totals {
    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.prompt_tokens += other.prompt_tokens;
        self.tokens += other.tokens;
    }
}
