//! Requests and the page over HTTP.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::{get, post},
};
use tachometer::Format;

use crate::front::Front;

/// The longest prompt and output accepted over HTTP.
const MAX_TOKENS: u64 = 4096;

pub(crate) fn router(front: Arc<Front>) -> Router {
    let generate_path = "/generate/{tenant}/{prompt_tokens}/{tokens}";
    Router::new().route(generate_path, post(generate)).route("/metrics", get(metrics)).with_state(front)
}

async fn generate(
    State(front): State<Arc<Front>>,
    Path((tenant, prompt_tokens, tokens)): Path<(String, u64, u64)>,
) -> impl IntoResponse {
    let valid = 1..=MAX_TOKENS;
    if !valid.contains(&prompt_tokens) || !valid.contains(&tokens) {
        return (StatusCode::BAD_REQUEST, format!("1 to {MAX_TOKENS} tokens\n"));
    }
    match front.generate(&tenant, prompt_tokens, tokens).await {
        Some(reply) => (StatusCode::OK, format!("engine {}: {} tokens\n", reply.engine, reply.tokens)),
        None => (StatusCode::SERVICE_UNAVAILABLE, "no engine takes requests\n".to_owned()),
    }
}

async fn metrics(State(front): State<Arc<Front>>) -> impl IntoResponse {
    let mut page = Vec::new();
    front.registry().render(&mut page);
    ([(CONTENT_TYPE, Format::Text.content_type())], page)
}
