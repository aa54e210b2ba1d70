//! The routes, and the middleware that measures them.

use std::{convert::Infallible, sync::Arc};

use axum::extract::{Json, MatchedPath, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header::ACCEPT};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response, sse::Event, sse::Sse};
use axum::{Router, body::Body, routing};
use futures_util::{StreamExt as _, stream};
use tachometer::{PageOptions, http::respond};

use crate::connector::{Announced, Connector, Counted};
use crate::front::{Completion, Front};
use crate::meters::{HANDLERS, METHODS};

type Shared = State<Arc<Front>>;
type Reply<T> = Result<T, (StatusCode, String)>;

pub(crate) fn app(front: Arc<Front>) -> Router {
    let [completions, engine, connector, metrics, _] = HANDLERS;
    Router::new()
        .route(completions, routing::post(complete))
        .route(engine, routing::put(attach).delete(drain))
        .route(connector, routing::put(join).post(report).delete(leave))
        .route(metrics, routing::get(page))
        .layer(from_fn_with_state(Arc::clone(&front), measure))
        .with_state(front)
}

/// Counts each response when it begins, and times it to the end of its body. The time also ends if
/// the client leaves: then the server drops this future, or the body.
async fn measure(State(front): Shared, path: Option<MatchedPath>, request: Request, next: Next) -> Response {
    let method = index(METHODS, request.method().as_str());
    let handler = index(HANDLERS, path.as_ref().map_or("", MatchedPath::as_str));
    let timer = front.recorder.timer(front.meters.http_duration[method][handler]);
    let response = next.run(request).await;
    let class = usize::from(response.status().as_u16() / 100 - 1).min(4);
    front.recorder.inc(front.meters.http_requests[method][handler][class]);
    response.map(|body| Body::from_stream(body.into_data_stream().inspect(move |_| _ = &timer)))
}

fn index<const N: usize>(labels: [&str; N], value: &str) -> usize {
    labels.iter().position(|label| *label == value).unwrap_or(N - 1)
}

async fn complete(State(front): Shared, Json(asked): Json<Completion>) -> Reply<Response> {
    let request = front.submit(&asked).await;
    let request = request.ok_or_else(|| (StatusCode::SERVICE_UNAVAILABLE, "no engine has room\n".to_owned()))?;
    // The stream owns the request, which ends with it.
    let tokens = stream::unfold(request, |mut request| async { Some((request.token().await?, request)) });
    if asked.stream {
        let events = tokens.map(|token| Ok::<_, Infallible>(Event::default().data(token)));
        return Ok(Sse::new(events).into_response());
    }
    Ok(tokens.collect::<Vec<_>>().await.join(" ").into_response())
}

async fn attach(State(front): Shared, Path(name): Path<String>) -> Reply<StatusCode> {
    let attached = front.attach(&name).await;
    attached.map(|()| StatusCode::CREATED).map_err(|error| (StatusCode::CONFLICT, error.to_string()))
}

async fn drain(State(front): Shared, Path(name): Path<String>) -> StatusCode {
    if front.drain(&name).await { StatusCode::ACCEPTED } else { StatusCode::NOT_FOUND }
}

async fn join(State(front): Shared, Path(name): Path<String>, Json(all): Json<Vec<Announced>>) -> Reply<StatusCode> {
    let connector =
        Connector::join(&front.registry, &all).map_err(|error| (StatusCode::CONFLICT, error.to_string()))?;
    front.connectors.lock().await.insert(name, connector);
    Ok(StatusCode::CREATED)
}

async fn report(State(front): Shared, Path(name): Path<String>, Json(counted): Json<Counted>) -> StatusCode {
    let known = front.connectors.lock().await.get(&name).is_some_and(|connector| connector.count(&counted));
    if known { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

async fn leave(State(front): Shared, Path(name): Path<String>) -> StatusCode {
    let left = front.connectors.lock().await.remove(&name);
    if left.is_some() { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

async fn page(State(front): Shared, uri: Uri, headers: HeaderMap) -> impl IntoResponse {
    // There may be several lines of it.
    let accept = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let accept = accept.collect::<Vec<_>>().join(",");
    let query = uri.query().unwrap_or_default();
    let page = respond(&front.registry, &PageOptions::new(), "GET", "/metrics", query, &accept);
    ([page.headers[0]], page.body) // to this path and method the answer is 200, with one header
}
