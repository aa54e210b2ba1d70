//! The metrics of an inference server's front end, on tokio and axum, to copy from. `meters.rs`
//! declares them, and `http.rs` measures responses. `request.rs` follows a request until it ends or
//! its client leaves. `engine.rs` records whole steps, and `front.rs` sends each request to the
//! shortest queue. `connector.rs` has families that are announced while the server runs.
//!
//! Nothing limits connections here: a client that is silent or never reads keeps its own open. The
//! example `fleet` has such limits, in `connections.rs`.
//!
//! ```text
//! cargo run --release --example frontend [ADDRESS:PORT]
//! curl --json '{"prompt": "to be", "max_tokens": 9, "stream": true}' localhost:9465/v1/completions
//! curl localhost:9465/metrics
//! ```

mod connector;
mod engine;
mod front;
mod http;
mod meters;
#[cfg(target_os = "linux")]
#[allow(dead_code)] // its `main`
#[path = "../process.rs"]
mod process;
mod request;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9465".to_owned());
    let (meters, registry) = meters::Meters::declare()?;
    #[cfg(target_os = "linux")]
    let _process = process::process_metrics(&registry)?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let front = front::Front::new(registry, meters);
        front.attach("0").await?;
        let listener = tokio::net::TcpListener::bind(&address).await;
        let listener = listener.map_err(|error| format!("can't listen on {address}: {error}"))?;
        eprintln!("serving http://{}/metrics", listener.local_addr()?);
        Ok(axum::serve(listener, http::app(front.into())).await?)
    })
}
