//! Tiny_http. It has no compression and no timeouts, and a thread for each connection.

use std::{io, net::TcpListener};

use tachometer::{PageOptions, Registry, http};
use tiny_http::{Header, Request, Response, Server};

fn metrics(registry: &Registry, request: &Request) -> Response<io::Cursor<Vec<u8>>> {
    let (path, query) = request.url().split_once('?').unwrap_or((request.url(), ""));
    // There may be several lines of it.
    let accept = request.headers().iter().filter(|header| header.field.equiv("Accept"));
    let accept = accept.map(|header| header.value.as_str()).collect::<Vec<_>>().join(",");
    let method = match request.method().as_str() {
        "HEAD" => "GET", // tiny_http sends the page's length, and leaves out the page
        method => method,
    };
    let answer = http::respond(registry, &PageOptions::new(), method, path, query, &accept);
    let mut response = Response::from_data(answer.body).with_status_code(answer.status);
    for (name, value) in answer.headers {
        response.add_header(Header::from_bytes(name, value).expect("it is valid"));
    }
    response
}

pub fn serve(listener: TcpListener, registry: Registry) -> io::Result<()> {
    let server = Server::from_listener(listener, None).map_err(io::Error::other)?;
    for request in server.incoming_requests() {
        let response = metrics(&registry, &request);
        // An error is the client's: it left.
        let _ = request.respond(response);
    }
    Ok(())
}
