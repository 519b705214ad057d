//! The middle band: where the gateway asks whether two tickets are of the same matter, an operator says so, or says no.

use super::{Admin, answer, failed, not_found};
use crate::{
    event::kind,
    issue::count_late,
    nodes::LINE,
    number::Number,
    repeats::{Known, citizen, counts_to, root_of},
    revise::Draft,
    server::Peer,
    store::{self, StoreError, TicketRow},
};
use axum::{
    body::Bytes,
    extract::{Extension, Path, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use jiesu_connector::Problem;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Why not.
enum No {
    There(&'static str),
    Conflict(String),
    Store(StoreError),
}

impl From<StoreError> for No {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl IntoResponse for No {
    fn into_response(self) -> Response {
        match self {
            Self::There(detail) => not_found(detail),
            Self::Conflict(detail) => answer(Problem::new(StatusCode::CONFLICT, detail)),
            Self::Store(error) => failed(error),
        }
    }
}

fn conflict<T>(detail: impl Into<String>) -> Result<T, No> {
    Err(No::Conflict(detail.into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct To {
    to: String,
}

/// `POST tickets/{number}/link` `{ "to": NUMBER }`: it is the same matter.
pub(super) async fn link(
    State(admin): State<Arc<Admin>>,
    Extension(Peer(peer)): Extension<Peer>,
    Path(number): Path<String>,
    body: Bytes,
) -> Response {
    let Ok(To { to }) = serde_json::from_slice(&body) else {
        let detail = "the body must be { \"to\": NUMBER }, the ticket of the same matter as 20261122-000123-4";
        return answer(Problem::new(StatusCode::BAD_REQUEST, detail));
    };
    let done = async {
        let from = ticket(&admin, &number).await?;
        let Ok(to) = to.parse::<Number>() else { return Err(No::There("there is no ticket `to`")) };
        let store::Known::Ticket(to) = admin.store.known(to).await? else {
            return Err(No::There("there is no ticket `to`"));
        };
        let done = same(&admin, &from, &to).await?;
        note(&admin, &peer, "ticket.linked", vec![from.number, to.number]).await;
        Ok(axum::Json(done).into_response())
    };
    done.await.unwrap_or_else(No::into_response)
}

/// `POST tickets/{number}/dismiss`: it is not the same matter.
pub(super) async fn dismiss(
    State(admin): State<Arc<Admin>>,
    Extension(Peer(peer)): Extension<Peer>,
    Path(number): Path<String>,
) -> Response {
    let done = async {
        let row = ticket(&admin, &number).await?;
        let of = Draft::new(&row).ticket["similar"]["of"].clone();
        if of.is_null() {
            return conflict("nothing is asked about this ticket: it has no `similar`");
        }
        let change = |row: &TicketRow| {
            let mut draft = Draft::new(row);
            draft.set("similar", Value::Null);
            admin.reviser.updated(row, &draft)
        };
        admin.reviser.revise(row.number, change).await?;
        note(&admin, &peer, "ticket.dismissed", vec![row.number]).await;
        Ok(axum::Json(json!({ "number": row.number.to_string(), "dismissed": of })).into_response())
    };
    done.await.unwrap_or_else(No::into_response)
}

async fn ticket(admin: &Admin, number: &str) -> Result<TicketRow, No> {
    let Ok(number) = number.parse::<Number>() else { return Err(No::There("there is no such number")) };
    if let Some(row) = admin.store.ticket(number).await? {
        return Ok(row);
    }
    match admin.store.repeat_of(number).await? {
        Some(Some(of)) => conflict(format!("it counts to {of} already, and has no ticket of its own")),
        _ => Err(No::There("there is no such ticket")),
    }
}

async fn note(admin: &Admin, peer: &std::net::IpAddr, action: &str, numbers: Vec<Number>) {
    if let Err(error) = admin.store.audit(Timestamp::now(), &peer.to_string(), action, numbers).await {
        tracing::warn!(%peer, %error, "a decision could not be written to the audit trail");
    }
}

/// Links two tickets: as a repeat if both are of one citizen, else as an incident.
async fn same(admin: &Admin, from: &TicketRow, to: &TicketRow) -> Result<Value, No> {
    let (ticket, other) = (Draft::new(from).ticket, Draft::new(to).ticket);
    let similar = &ticket["similar"];
    let reason = match similar["reason"].as_str().filter(|_| similar["of"] == to.number.to_string()) {
        Some(reason) => format!("{reason}；经办人确认"),
        None => "经办人确认".to_owned(),
    };
    if from.number == to.number {
        return conflict("a ticket is not linked to itself");
    }
    if counts_to(from.number, &ticket) != from.number {
        return conflict(format!("it repeats {} already: unlink it first", counts_to(from.number, &ticket)));
    }
    let key = |ticket: &Value| ticket["appellant"]["key"].as_str().unwrap_or_default().to_owned();
    let done = if key(&ticket) == key(&other) {
        let first = counts_to(to.number, &other);
        if first >= from.number {
            return conflict(format!("{} came first: link {} to it", from.number, to.number));
        }
        repeat(admin, from, first, &reason).await?
    } else {
        if !ticket["incident"].is_null() {
            return conflict(format!("it is of the incident {} already: unlink it first", ticket["incident"]["id"]));
        }
        let root = root_of(to.number, &other);
        if root == from.number {
            return conflict("the other one is of its incident already");
        }
        join(admin, from, root, &reason).await?
    };
    // The index learns it: what comes next is of the same matter as both.
    let (known, own) = (Known::of(&ticket), from.number.to_key());
    let place = |done: &Value| {
        let of =
            |field: &str| done[field].as_str().and_then(|number| number.parse().ok()).map(|it: Number| it.to_key());
        (of("repeat_of").unwrap_or(own), of("incident_of").or(of("repeat_of")).unwrap_or(own))
    };
    let (counts, root) = place(&done);
    let told = admin.repeats.put(&known.appeal(from.number), counts, root).await;
    admin.retold(told).await?;
    Ok(done)
}

async fn repeat(admin: &Admin, from: &TicketRow, first: Number, reason: &str) -> Result<Value, No> {
    let score = Draft::new(from).ticket["similar"]["score"].as_f64().unwrap_or(1.0);
    let counted = count_late(&admin.reviser, from.number, first, reason, score, answered).await?;
    let Some(count) = counted else { return Err(No::There("there is no ticket `to`")) };
    Ok(json!({ "number": from.number.to_string(), "linked": "repeat", "repeat_of": first.to_string(), "count": count }))
}

async fn join(admin: &Admin, from: &TicketRow, root: Number, reason: &str) -> Result<Value, No> {
    let Some(first) = admin.store.ticket(root).await? else { return Err(No::There("there is no ticket `to`")) };
    let who = Draft::new(from).ticket["appellant"]["key"].as_str().map(citizen).unwrap_or_default();
    if !admin.node().holds(LINE) {
        // What this node remembers of it may be of long ago.
        admin.incidents.forget();
    }
    let incident = admin.incidents.join_now(&admin.reviser, who, &first, reason).await?;
    admin.store.set_member(from.number, Some(root)).await?;
    let change = |row: &TicketRow| {
        let mut draft = Draft::new(row);
        draft.set("incident", json!(incident));
        answered(&mut draft);
        let change = json!({ "incident": incident.id, "size": incident.size, "reason": incident.reason });
        admin.reviser.told(row, &draft, kind::JOINED, change)
    };
    admin.reviser.revise(from.number, change).await?;
    Ok(json!({ "number": from.number.to_string(), "linked": "incident", "incident": incident.id,
        "incident_of": root.to_string(), "size": incident.size }))
}

/// Nobody is asked any more.
fn answered(draft: &mut Draft) {
    if !draft.ticket["similar"].is_null() {
        draft.set("similar", Value::Null);
    }
}
