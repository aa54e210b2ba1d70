//! Axum, and tower-http for gzip.

use std::{io, net::TcpListener};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, header::ACCEPT},
    response::Response,
    routing::any,
};
use tachometer::{PageOptions, Registry, http};
use tower_http::compression::CompressionLayer;

/// To be merged with a program's other routes.
pub fn router(registry: Registry) -> Router {
    Router::new()
        .route("/metrics", any(metrics))
        .route("/metrics/", any(metrics))
        .layer(CompressionLayer::new())
        .with_state(registry)
}

async fn metrics(State(registry): State<Registry>, request: Request) -> Response {
    let uri = request.uri();
    let method = match request.method().as_str() {
        "HEAD" => "GET", // axum sends the page's length, and leaves out the page
        method => method,
    };
    let (query, accept) = (uri.query().unwrap_or_default(), accept(request.headers()));
    let answer = http::respond(&registry, &PageOptions::new(), method, uri.path(), query, &accept);
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(answer.body)).expect("the status and the headers are valid")
}

/// There may be several lines of it.
fn accept(headers: &HeaderMap) -> String {
    let lines = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    lines.collect::<Vec<_>>().join(",")
}

/// Serves nothing else.
pub fn serve(listener: TcpListener, registry: Registry) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        axum::serve(listener, router(registry)).await
    })
}
