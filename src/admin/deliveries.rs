//! Dead letters.

use super::{Admin, answer, failed, not_found, query::Parameters};
use crate::{
    server::read_body,
    store::{DeadLetter, DeadQuery, DeadState, Requeue, Sequence},
    ticket,
};
use axum::{
    extract::{Path, RawQuery, Request, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use jiesu_connector::{FieldFault, Problem, read_json};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// `GET deliveries?state=dead&destination=NAME`.
pub(super) async fn list(State(admin): State<Arc<Admin>>, RawQuery(query): RawQuery) -> Response {
    let query = match read(query.as_deref()) {
        Ok(query) => query,
        Err(response) => return *response,
    };
    match admin.store.dead_letters(query).await {
        Ok(letters) => {
            let shown: Vec<Value> = letters.iter().map(|letter| show(&admin, letter)).collect();
            axum::Json(json!({ "deliveries": shown })).into_response()
        }
        Err(error) => failed(error),
    }
}

fn read(query: Option<&str>) -> Result<DeadQuery, Box<Response>> {
    let parameters = Parameters::read(query, &["state", "destination", "limit"])?;
    let state = match parameters.text("state").as_deref() {
        None => None,
        Some("dead") => Some(DeadState::Dead),
        Some("queued") => Some(DeadState::Queued),
        Some("delivered") => Some(DeadState::Delivered),
        Some(_) => {
            let detail = "must be dead, queued (a retry is under way) or delivered (a retry succeeded)".into();
            return Err(Box::new(answer(Problem::fields(vec![FieldFault { field: "state".into(), detail }]))));
        }
    };
    let (destination, limit) = (parameters.text("destination"), parameters.limit(100, 1000)?);
    Ok(DeadQuery { destination, state, number: None, limit })
}

fn show(admin: &Admin, letter: &DeadLetter) -> Value {
    json!({
        "id": format!("{}.{}", letter.destination, letter.sequence),
        "destination": letter.destination,
        "event": letter.event,
        "type": letter.kind,
        "subject": letter.number.to_string(),
        "sequence": format!("{:016}", letter.sequence.0),
        "reason": letter.reason,
        "attempts": letter.attempts,
        "at": ticket::rfc3339(letter.at, &admin.zone),
        "state": letter.state,
    })
}

/// `POST deliveries/{id}/retry`.
pub(super) async fn retry(State(admin): State<Arc<Admin>>, Path(id): Path<String>) -> Response {
    let parsed = id.rsplit_once('.').and_then(|(name, sequence)| Some((name, sequence.parse().ok()?)));
    let Some((name, sequence)) = parsed else {
        return not_found("there is no such delivery: an id looks like core.1234");
    };
    requeue(&admin, Requeue::One(name.to_owned(), Sequence(sequence)), true).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    #[serde(default)]
    destination: Option<String>,
}

/// `POST deliveries/retry`: all dead letters, or those of `{"destination": NAME}`.
pub(super) async fn retry_all(State(admin): State<Arc<Admin>>, request: Request) -> Response {
    let body = match read_body(request.into_body(), 4096).await {
        Ok(body) if body.is_empty() => return requeue(&admin, Requeue::All, false).await,
        Ok(body) => body,
        Err(problem) => return answer(problem),
    };
    match read_json::<Which>(&body) {
        Ok(Which { destination: Some(name) }) if !admin.standings.destinations.contains_key(&name) => {
            unknown(&admin, &name)
        }
        Ok(Which { destination: Some(name) }) => requeue(&admin, Requeue::Of(name), false).await,
        Ok(Which { destination: None }) => requeue(&admin, Requeue::All, false).await,
        Err(fault) => answer(Problem::fields(vec![fault])),
    }
}

async fn requeue(admin: &Admin, which: Requeue, one: bool) -> Response {
    match admin.store.requeue(which).await {
        Ok(0) if one => not_found("there is no such dead letter, or its retry was delivered already"),
        Ok(count) => {
            for worker in admin.standings.destinations.values() {
                // One that has stopped finds them at its next start; another node's is told by the store.
                let _ = worker.requeued().await;
            }
            (StatusCode::ACCEPTED, axum::Json(json!({ "requeued": count }))).into_response()
        }
        Err(error) => failed(error),
    }
}

pub(super) fn unknown(admin: &Admin, name: &str) -> Response {
    let known: Vec<&str> = admin.standings.destinations.keys().map(String::as_str).collect();
    not_found(format!("there is no destination {name:?}; known: {}", known.join(", ")))
}
