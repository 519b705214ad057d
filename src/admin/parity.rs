//! Comparisons with old systems: what the gateway has of a line, and what the last ones found.

use super::{Admin, answer, failed, query::Parameters};
use crate::{
    number::Number,
    parity,
    server::read_body,
    store::{MessageId, ParityRun},
};
use axum::{
    extract::{Extension, RawQuery, Request, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use jiesu_connector::{FieldFault, Problem, read_json};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

/// `GET parity`: the last comparison of each line.
pub(super) async fn last(State(admin): State<Arc<Admin>>) -> Response {
    match admin.store.parity().await {
        Ok(runs) => axum::Json(json!({ "parity": runs.iter().map(show).collect::<Vec<_>>() })).into_response(),
        Err(error) => failed(error),
    }
}

fn show(run: &ParityRun) -> Value {
    let mut shown = serde_json::to_value(run).unwrap_or_default();
    shown["parity"] = json!(run.parity());
    shown
}

/// `POST parity`: remembers what a comparison found.
pub(super) async fn record(State(admin): State<Arc<Admin>>, request: Request) -> Response {
    let body = match read_body(request.into_body(), 16 << 10).await {
        Ok(body) => body,
        Err(problem) => return answer(problem),
    };
    let run: ParityRun = match read_json(&body) {
        Ok(run) => run,
        Err(fault) => return answer(Problem::fields(vec![fault])),
    };
    let (code, parity) = (run.line.clone(), run.parity());
    let Some(line) = admin.hotlines.get(&code) else { return unknown(&code) };
    if let Err(error) = admin.store.record_parity(run).await {
        return failed(error);
    }
    // From here on tickets go where the line's mode sends them now.
    admin.hotlines.hold(&code, parity);
    let now = Timestamp::now().to_zoned(admin.reviser.zone.clone());
    if let Some(why) = line.refusal(now.date(), parity) {
        tracing::error!(alarm = true, line = code, "a line is not absorbed yet: {why}");
    }
    StatusCode::NO_CONTENT.into_response()
}

fn unknown(line: &str) -> Response {
    let detail = format!("{line:?} is not in the register of hotlines");
    answer(Problem::fields(vec![FieldFault { field: "line".into(), detail }]))
}

/// `GET parity/received?line=&from=&to=&after=`: what was received for a line, with contact data; the read goes to the
/// audit trail.
pub(super) async fn received(
    State(admin): State<Arc<Admin>>,
    Extension(peer): Extension<crate::server::Peer>,
    RawQuery(query): RawQuery,
) -> Response {
    match read(&admin, peer, query.as_deref()).await {
        Ok(response) => response,
        Err(response) => *response,
    }
}

async fn read(admin: &Admin, peer: crate::server::Peer, query: Option<&str>) -> Result<Response, Box<Response>> {
    let parameters = Parameters::read(query, &["line", "from", "to", "after"])?;
    let code = parameters.text("line").unwrap_or_default();
    let line = admin.hotlines.get(&code).ok_or_else(|| Box::new(unknown(&code)))?;
    let today = admin.intake.today();
    let days = (parameters.day("from")?.unwrap_or(today), parameters.day("to")?.unwrap_or(today));
    let after = MessageId(parameters.get("after", "the next of an earlier page")?.unwrap_or(0));
    let store = admin.store.as_ref();
    let page = parity::received(store, &admin.channels, line, days, after).await;
    let page = page.map_err(|error| Box::new(failed(error)))?;
    let numbers: Vec<Number> = page.rows.iter().filter_map(|row| row.place.parse().ok()).collect();
    let audited = store.audit(Timestamp::now(), &peer.0.to_string(), "parity.read", numbers).await;
    audited.map_err(|error| Box::new(failed(error)))?;
    Ok(axum::Json(page).into_response())
}
