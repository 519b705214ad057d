//! The page, and what its script asks for.

use super::{
    answer::{Draft, Undelivered},
    receive::{Desk, receive},
};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Query, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// An event holds a ticket with all its words; its attachments are links.
const MAX_EVENT: usize = 16 << 20;
const MAX_FORM: usize = 64 << 10;

const HTML: &str = include_str!("page.html");
const CSS: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Every path of the stand-in.
pub(super) fn router(desk: Arc<Desk>) -> Router {
    let clerk =
        Router::new().route("/answer", post(answer)).route("/down", post(down)).layer(DefaultBodyLimit::max(MAX_FORM));
    Router::new()
        .route("/events", post(receive))
        .layer(DefaultBodyLimit::max(MAX_EVENT))
        .merge(clerk)
        .route("/", get(|| file("text/html; charset=utf-8", HTML)))
        .route("/page.css", get(|| file("text/css; charset=utf-8", CSS)))
        .route("/page.js", get(|| file("text/javascript; charset=utf-8", SCRIPT)))
        .route("/tickets", get(tickets))
        .layer(from_fn(headers))
        .with_state(desk)
}

async fn file(media_type: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, media_type)], text)
}

async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[derive(Deserialize)]
struct Look {
    /// The version of the last look.
    #[serde(default)]
    after: u64,
    /// The run that version is of; another run counts from the beginning.
    #[serde(default)]
    run: String,
}

async fn tickets(State(desk): State<Arc<Desk>>, Query(look): Query<Look>) -> Response {
    let after = if look.run == desk.run { look.after } else { 0 };
    let board = desk.board();
    let state =
        json!({ "run": desk.run, "down": desk.down(), "signed": desk.signed(), "answers": desk.answers.is_some() });
    Json(json!({ "state": state, "board": board.changes(after) })).into_response()
}

#[derive(Deserialize)]
struct Down {
    down: bool,
}

// Both take JSON only: a form on somebody else's page cannot send that without the browser asking first.
async fn down(State(desk): State<Arc<Desk>>, Json(switch): Json<Down>) -> StatusCode {
    desk.set_down(switch.down);
    StatusCode::NO_CONTENT
}

async fn answer(State(desk): State<Arc<Desk>>, Json(draft): Json<Draft>) -> Response {
    let Some(answers) = &desk.answers else {
        return said(StatusCode::NOT_FOUND, "未配置回调：启动时给出 --callback 与 --token");
    };
    if !desk.board().knows(&draft.number) {
        return said(StatusCode::NOT_FOUND, "没有这张工单");
    }
    let sent = match draft.check() {
        Ok(()) => answers.send(&draft).await,
        Err(fault) => Err(fault),
    };
    match sent {
        Ok(()) => said(StatusCode::OK, "答复已交网关"),
        Err(Undelivered::Draft(why)) => said(StatusCode::BAD_REQUEST, why),
        Err(Undelivered::Gateway(why)) => said(StatusCode::BAD_GATEWAY, &why),
    }
}

fn said(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}
