//! Serves HTTP to clients that may be silent, slow, or too many. Hyper does the protocol; this is
//! about which connections stay.
//!
//! One rule covers a head that doesn't come, an idle connection, and an answer that isn't read: a
//! connection that makes no progress for too long is closed. What is too long depends on whether
//! others wait for its place.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::Router;
use hyper::{Request, body::Incoming, server::conn::http1, service::Service, service::service_fn};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream, lookup_host},
    select,
    sync::{Semaphore, watch},
    task, time,
};
use tokio_util::io::InspectWriter;

/// Connections at a time: most of the 256 files that the smallest usual limit grants.
const PLACES: usize = 200;
/// How long a connection may make no progress.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same while another client waits for a place. A scrape may have to wait this long for one.
const CROWDED: Duration = Duration::from_millis(400);
/// The longest head of a request, in bytes.
const HEAD: usize = 16 * 1024;
/// How much of an answer the system keeps for a client that doesn't read, in bytes. By default it
/// is megabytes for each, and copying them holds up the others.
const UNREAD: u32 = 128 * 1024;

/// Listens at an address or a name.
pub(crate) async fn listen(address: &str) -> io::Result<TcpListener> {
    let mut result = Err(io::ErrorKind::AddrNotAvailable.into());
    for address in lookup_host(address).await? {
        result = listen_at(address);
        if result.is_ok() {
            break;
        }
    }
    result
}

fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(UNREAD)?; // connections inherit it
    socket.bind(address)?;
    socket.listen(1024)
}

/// Serves until it is dropped, which closes the connections.
pub(crate) async fn serve(listener: TcpListener, router: Router) -> Infallible {
    let places = Arc::new(Semaphore::new(PLACES));
    let crowded = watch::Sender::new(false);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Usually there are too many open files, so connections must go.
            crowded.send_replace(true);
            time::sleep(CROWDED).await;
            continue;
        };
        crowded.send_replace(places.available_permits() == 0);
        let place = Arc::clone(&places).acquire_owned().await;
        crowded.send_replace(false);
        let (router, crowded) = (router.clone(), crowded.subscribe());
        tokio::spawn(async move {
            let _place = place;
            answer(stream, router, crowded).await;
        });
    }
}

/// Answers the requests of one connection until it ends, or makes no progress for too long.
async fn answer(stream: TcpStream, router: Router, crowded: watch::Receiver<bool>) {
    let progress = Arc::new(Progress(watch::Sender::new(Some(Instant::now()))));
    // A head counts as progress once it is complete: its bytes may come one by one.
    let written = Arc::clone(&progress);
    let stream = InspectWriter::new(stream, move |_| written.made());
    let (handling, router) = (Arc::clone(&progress), TowerToHyperService::new(router));
    let service = service_fn(move |request: Request<Incoming>| {
        handling.is_up_to_us();
        let (handling, response) = (Arc::clone(&handling), router.call(request));
        async move {
            let response = response.await;
            handling.made();
            response
        }
    });
    let connection = http1::Builder::new().max_buf_size(HEAD).serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    select! {
        biased; // what has arrived comes first
        // An error is the client's: it left, or sent something that isn't HTTP.
        _ = &mut connection => {}
        () = progress.is_missing(crowded) => {}
    }
}

/// Since when a connection makes no progress. `None` while its request is being handled.
struct Progress(watch::Sender<Option<Instant>>);

impl Progress {
    fn made(&self) {
        self.0.send_replace(Some(Instant::now()));
    }

    fn is_up_to_us(&self) {
        self.0.send_replace(None);
    }

    /// How long the client may still do nothing.
    fn rest(&self, patience: Duration) -> Duration {
        self.0.borrow().map_or(patience, |since| patience.saturating_sub(since.elapsed()))
    }

    /// Returns once there was no progress for too long, or the server has ended.
    async fn is_missing(&self, mut crowded: watch::Receiver<bool>) {
        loop {
            let patience = if *crowded.borrow_and_update() { CROWDED } else { PATIENCE };
            if self.rest(patience).is_zero() {
                // The thread may have been busy with others: first it looks at what came.
                task::yield_now().await;
                if self.rest(patience).is_zero() {
                    return;
                }
            }
            let changed = time::timeout(self.rest(patience), crowded.changed()).await;
            if let Ok(Err(_)) = changed {
                return; // the server is gone
            }
        }
    }
}
