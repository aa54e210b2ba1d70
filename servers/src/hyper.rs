//! Hyper alone. It has no compression.

use std::{convert::Infallible, io, net::TcpListener};

use http_body_util::Full;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    header::ACCEPT,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tachometer::{PageOptions, Registry, http};

fn metrics(registry: &Registry, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let (method, uri) = (request.method().as_str(), request.uri());
    let query = uri.query().unwrap_or_default();
    // There may be several lines of it.
    let accept = request.headers().get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let accept = accept.collect::<Vec<_>>().join(",");
    let answer = http::respond(registry, &PageOptions::new(), method, uri.path(), query, &accept);
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(answer.body.into()).expect("the status and the headers are valid")
}

pub fn serve(listener: TcpListener, registry: Registry) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            let registry = registry.clone();
            let service = service_fn(move |request| {
                let response = metrics(&registry, &request);
                async { Ok::<_, Infallible>(response) }
            });
            // The timer closes a connection whose next request takes longer than 30 seconds.
            let connection =
                http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    })
}
