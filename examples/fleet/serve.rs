//! `/metrics` over HTTP, and a page that shows it in a browser: axum on a current-thread runtime,
//! in its own thread next to the engines.

use std::future;
use std::io;
use std::thread;

use anyhow::{Context, Result};
use axum::Router;
use axum::response::Html;
use axum::routing::get;
use tachometer::Registry;
use tokio::runtime::{Builder, Runtime};

use crate::args::Formats;
use crate::console::say;
use crate::{connections, pages};

/// A server that runs until the process ends.
#[derive(Debug)]
pub(crate) struct Server {
    address: String,
}

impl Server {
    /// Listens before it returns, so that an unavailable address is an error here.
    pub(crate) fn start(address: &str, registry: Registry, formats: Formats) -> Result<Self> {
        let runtime = runtime()?;
        let listener = runtime.block_on(connections::listen(address));
        let listener = listener.with_context(|| format!("can't listen on {address}"))?;
        let address = listener.local_addr()?.to_string();
        let served = async move { match connections::serve(listener, router(registry, formats)).await {} };
        thread::Builder::new().name("metrics".to_owned()).spawn(move || runtime.block_on(served))?;
        say(format_args!("watch the engines at http://{address}/ until the replay ends (with --hold, until Ctrl-C)"));
        say(format_args!("listening on http://{address}/metrics"));
        Ok(Self { address })
    }

    /// Goes on serving until Ctrl-C (or SIGTERM).
    pub(crate) fn hold_until_interrupted(&self) -> Result<()> {
        runtime()?.block_on(async {
            // Before the message: whoever reads it may interrupt at once.
            let interruption = interruption().context("can't wait for Ctrl-C")?;
            say(format_args!("the replay is done; serving http://{}/metrics until Ctrl-C", self.address));
            interruption.await;
            Ok(())
        })
    }
}

/// Catches Ctrl-C and SIGTERM from this call on (not only once the future is polled); the future
/// ends with the first.
#[cfg(unix)]
fn interruption() -> io::Result<impl Future<Output = ()>> {
    use std::task::Poll;
    use tokio::signal::unix::{SignalKind, signal};

    let mut signals = [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?];
    Ok(future::poll_fn(move |context| {
        let came = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if came { Poll::Ready(()) } else { Poll::Pending }
    }))
}

/// Catches Ctrl-C from this call on (not only once the future is polled).
#[cfg(windows)]
fn interruption() -> io::Result<impl Future<Output = ()>> {
    let mut ctrl_c = tokio::signal::windows::ctrl_c()?;
    Ok(future::poll_fn(move |context| ctrl_c.poll_recv(context).map(drop)))
}

fn router(registry: Registry, formats: Formats) -> Router {
    pages::router(registry, formats == Formats::Negotiated).route("/", get(live))
}

/// A page that shows `/metrics` in a browser.
async fn live() -> Html<&'static str> {
    Html(include_str!("live.html"))
}

fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}
