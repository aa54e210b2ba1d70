//! `/metrics` for axum. Requests that wait at the same time share one page, so a thousand of them
//! don't render it a thousand times.

use std::{collections::HashMap, iter};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::{StatusCode, header::ACCEPT, response},
    response::{IntoResponse, Response},
};
use tachometer::{PageOptions, Registry, http};
use tokio::{
    sync::{mpsc, oneshot},
    task,
};

/// What the answer depends on.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct Asked {
    method: String,
    path: String,
    query: String,
    accept: String,
}

type Waiting = (Asked, oneshot::Sender<Shared>);
type Pages = mpsc::UnboundedSender<Waiting>;

#[derive(Clone)]
struct Shared {
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    body: Bytes,
}

/// Serves the registry, and answers what no other route does. Without `negotiates`, all get text.
/// Needs a runtime.
pub(crate) fn router(registry: Registry, negotiates: bool) -> Router {
    let (pages, waiting) = mpsc::unbounded_channel();
    tokio::spawn(render(registry, waiting));
    Router::new().fallback(move |request| answer(pages, request, negotiates))
}

async fn answer(pages: Pages, request: Request, negotiates: bool) -> Response {
    let lines = request.headers().get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let method = match request.method().as_str() {
        "HEAD" => "GET", // axum sends the page's length, and leaves out the page
        method => method,
    };
    let asked = Asked {
        method: method.to_owned(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        accept: if negotiates { lines.collect::<Vec<_>>().join(",") } else { String::new() },
    };
    let (reply, page) = oneshot::channel();
    // If that fails, so does what comes next.
    let _ = pages.send((asked, reply));
    match page.await {
        Ok(Shared { status, headers, body }) => {
            let response = headers
                .into_iter()
                .fold(response::Builder::new().status(status), |response, (name, value)| response.header(name, value));
            response.body(Body::from(body)).expect("it is valid")
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Renders each page that is asked for once, for all who have asked by then.
async fn render(registry: Registry, mut requests: mpsc::UnboundedReceiver<Waiting>) {
    let options = PageOptions::new();
    while let Some(first) = requests.recv().await {
        task::yield_now().await; // lets others ask
        let mut waiting = HashMap::<Asked, Vec<_>>::new();
        for (asked, reply) in iter::once(first).chain(iter::from_fn(|| requests.try_recv().ok())) {
            waiting.entry(asked).or_default().push(reply);
        }
        for (Asked { method, path, query, accept }, replies) in waiting {
            let http::Response { status, headers, body } =
                http::respond(&registry, &options, &method, &path, &query, &accept);
            let shared = Shared { status, headers, body: body.into() };
            for reply in replies {
                let _ = reply.send(shared.clone()); // the client may have left
            }
            task::yield_now().await;
        }
    }
}
