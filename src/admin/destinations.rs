//! Destinations: how far each has come, and how far a ticket has come at each.

use super::{Admin, answer, deliveries::unknown, failed, not_found};
use crate::{
    nodes,
    number::Number,
    server::read_body,
    store::{DeadQuery, DeadState, Sequence, StoreError},
    ticket,
};
use axum::{
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use jiesu_connector::{FieldFault, Problem};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

/// `GET destinations`.
pub(super) async fn list(State(admin): State<Arc<Admin>>) -> Response {
    let newest = *admin.issued.borrow();
    let shown = async { show(&admin, &admin.store.glance(Timestamp::now(), 0).await?.dead).await };
    match shown.await {
        Ok(shown) => axum::Json(json!({ "destinations": shown, "newest": newest.to_string() })).into_response(),
        Err(error) => failed(error),
    }
}

/// Each destination with the number of its dead letters, and the node that delivers to it.
pub(super) async fn show(admin: &Admin, dead: &BTreeMap<String, u64>) -> Result<Vec<Value>, StoreError> {
    let (all, newest) = (admin.standings.all().await?, *admin.issued.borrow());
    let mut shown = Vec::new();
    for name in admin.standings.destinations.keys() {
        let Some((status, by)) = admin.standings.destination(name, &all, newest).await? else { continue };
        shown.push(json!({
            "name": name,
            "up": status.up,
            "paused": status.paused,
            "since": ticket::rfc3339(status.since, &admin.zone),
            "cursor": status.cursor.to_string(),
            "behind": status.behind,
            "in_flight": status.in_flight,
            "dead": dead.get(name).unwrap_or(&0),
            "last_error": status.last_error,
            "held_by": by,
        }));
    }
    Ok(shown)
}

/// `GET tickets/{number}/deliveries`: `done` is delivered, or not chosen by the destination's `events` and `where`.
pub(super) async fn of_ticket(State(admin): State<Arc<Admin>>, Path(number): Path<String>) -> Response {
    let Ok(number) = number.parse::<Number>() else { return not_found("there is no such ticket") };
    match fates(&admin, number).await {
        Ok(fates) => axum::Json(json!({ "deliveries": fates })).into_response(),
        Err(error) => failed(error),
    }
}

async fn fates(admin: &Admin, number: Number) -> Result<Vec<Value>, StoreError> {
    let letters = DeadQuery { number: Some(number), limit: 1000, ..DeadQuery::default() };
    let letters = admin.store.dead_letters(letters).await?;
    let (all, newest) = (admin.standings.all().await?, *admin.issued.borrow());
    let mut cursors = BTreeMap::new();
    for name in admin.standings.destinations.keys() {
        let status = admin.standings.destination(name, &all, newest).await?;
        cursors.insert(name, status.map(|(status, _)| status.cursor).unwrap_or_default());
    }
    let open = admin.store.events_of(number, cursors.values().min().copied().unwrap_or_default()).await?;
    let mut fates = Vec::new();
    for (name, known) in cursors {
        let progress = admin.store.progress(name).await?;
        // What was saved last may be a little older than what the worker knows.
        let cursor = progress.cursor.max(known);
        let done = |at: &Sequence| {
            *at <= cursor || progress.ahead.iter().any(|(first, last)| (*first..=*last).contains(&at.0))
        };
        let of = |state| letters.iter().filter(|letter| letter.destination == *name && letter.state == state).count();
        let (dead, waiting) = (of(DeadState::Dead), open.iter().filter(|at| !done(at)).count() + of(DeadState::Queued));
        let state = match (dead, waiting) {
            (1.., _) => "dead",
            (0, 1..) => "waiting",
            (0, 0) => "done",
        };
        fates.push(json!({ "destination": name, "state": state, "waiting": waiting, "dead": dead }));
    }
    Ok(fates)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rewind {
    after: Value,
}

/// `POST destinations/{name}/rewind` with `{"after": CURSOR}`: everything after it goes to this destination again.
pub(super) async fn rewind(State(admin): State<Arc<Admin>>, Path(name): Path<String>, request: Request) -> Response {
    let Some(worker) = admin.standings.destinations.get(&name) else { return unknown(&admin, &name) };
    let body = match read_body(request.into_body(), 4096).await {
        Ok(body) => body,
        Err(problem) => return answer(problem),
    };
    let after = serde_json::from_slice::<Rewind>(&body).ok().and_then(|rewind| match rewind.after {
        Value::String(text) => text.parse::<i64>().ok(),
        value => value.as_i64(),
    });
    let Some(after) = after.filter(|after| *after >= 0) else {
        let detail = "must be a cursor: 0, or the next of a page of the feed".into();
        return answer(Problem::fields(vec![FieldFault { field: "after".into(), detail }]));
    };
    let done = match worker.is_here() {
        true => worker.rewind(Sequence(after)).await.map_err(|stopped| StoreError::Unavailable(stopped.to_string())),
        false => elsewhere(&admin, &name, Sequence(after)).await,
    };
    match done {
        Ok(cursor) => (StatusCode::ACCEPTED, axum::Json(json!({ "destination": name, "after": cursor.to_string() })))
            .into_response(),
        Err(error) => failed(error),
    }
}

/// Whoever delivers to it goes back, or whoever does so next. Gives the cursor that it will have.
async fn elsewhere(admin: &Admin, name: &str, after: Sequence) -> Result<Sequence, StoreError> {
    let cursor = admin.store.progress(name).await?.cursor.min(after);
    admin.store.order(&nodes::to(name), &format!("{}{}", nodes::REWIND, after.0)).await?;
    Ok(cursor)
}

/// `POST destinations/{name}/pause`: nothing goes to it until it is resumed, also after a restart.
pub(super) async fn pause(state: State<Arc<Admin>>, name: Path<String>) -> Response {
    set_paused(state, name, true).await
}

/// `POST destinations/{name}/resume`: it goes on where it was.
pub(super) async fn resume(state: State<Arc<Admin>>, name: Path<String>) -> Response {
    set_paused(state, name, false).await
}

async fn set_paused(State(admin): State<Arc<Admin>>, Path(name): Path<String>, paused: bool) -> Response {
    let Some(worker) = admin.standings.destinations.get(&name) else { return unknown(&admin, &name) };
    if let Err(error) = admin.store.pause_destination(&name, paused, Timestamp::now()).await {
        return failed(error);
    }
    if let Err(stopped) = worker.pause(paused).await {
        return failed(StoreError::Unavailable(stopped.to_string()));
    }
    tracing::info!(destination = name, paused, "an operator paused or resumed a destination");
    axum::Json(json!({ "name": name, "paused": paused })).into_response()
}
