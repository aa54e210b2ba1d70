//! `/metrics` over HTTP: axum on a current-thread runtime, in a thread of its own beside the engines.

use std::net::TcpListener;
use std::thread;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use tachometer::{Registry, exposition};
use tokio::runtime::{Builder, Runtime};

/// A server that runs until the process ends.
#[derive(Debug)]
pub(crate) struct Server {
    address: String,
}

impl Server {
    /// Listens before it returns, so that an address that can't be had is an error here.
    pub(crate) fn start(address: &str, registry: Registry) -> Result<Self> {
        let listener = TcpListener::bind(address).with_context(|| format!("can't listen on {address}"))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?.to_string();
        let runtime = runtime()?;
        thread::Builder::new().name("metrics".to_owned()).spawn(move || runtime.block_on(serve(listener, registry)))?;
        eprintln!("listening on http://{address}/metrics");
        Ok(Self { address })
    }

    /// Goes on serving until Ctrl-C.
    pub(crate) fn hold_until_interrupted(&self) -> Result<()> {
        eprintln!("the replay is done; serving http://{}/metrics until Ctrl-C", self.address);
        runtime()?.block_on(tokio::signal::ctrl_c()).context("can't wait for Ctrl-C")
    }
}

async fn serve(listener: TcpListener, registry: Registry) -> std::io::Result<()> {
    let router = Router::new().route("/metrics", get(metrics)).with_state(registry);
    axum::serve(tokio::net::TcpListener::from_std(listener)?, router).await
}

async fn metrics(State(registry): State<Registry>) -> impl IntoResponse {
    let mut page = Vec::new();
    registry.render(&mut page);
    ([(CONTENT_TYPE, exposition::text::CONTENT_TYPE)], page)
}

fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}
