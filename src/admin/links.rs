//! Links that an operator undoes: repeats and incidents.

use super::{Admin, answer, failed, not_found};
use crate::{
    number::Number,
    repeats::{Known, root_of},
    revise::Draft,
    server::Peer,
    store::{StoreError, TicketRow},
};
use axum::{
    extract::{Extension, Path, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use jiesu_connector::Problem;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

/// `POST tickets/{number}/unlink`: a repeat becomes a ticket of its own, a ticket leaves its incident.
pub(super) async fn unlink(
    State(admin): State<Arc<Admin>>,
    Extension(Peer(peer)): Extension<Peer>,
    Path(number): Path<String>,
) -> Response {
    let Ok(number) = number.parse::<Number>() else { return not_found("there is no such number") };
    let undone = match undo(&admin, number).await {
        Ok(Some(undone)) => undone,
        Ok(None) => return not_found("there is no such ticket, and no such repeat"),
        Err(error) => return failed(error),
    };
    if undone.is_empty() {
        return answer(Problem::new(StatusCode::CONFLICT, "it is linked to nothing"));
    }
    if let Err(error) = admin.store.audit(Timestamp::now(), &peer.to_string(), "ticket.unlinked", vec![number]).await {
        tracing::warn!(number = %number, %peer, %error, "an undone link could not be written to the audit trail");
    }
    axum::Json(json!({ "number": number.to_string(), "undone": undone })).into_response()
}

/// What was undone; `None` if there is nothing of this number.
async fn undo(admin: &Admin, number: Number) -> Result<Option<Vec<&'static str>>, StoreError> {
    if let Some(counted_to) = admin.store.repeat_of(number).await? {
        let Some(counted_to) = counted_to else { return Ok(Some(Vec::new())) };
        if !admin.store.undo_repeat(number).await? {
            return Ok(Some(Vec::new()));
        }
        let change = |row: &TicketRow| {
            let mut draft = Draft::new(row);
            let mut repeat = draft.ticket["repeat"].clone();
            match repeat["count"].as_u64() {
                Some(count) if count > 2 => repeat["count"] = (count - 1).into(),
                _ => repeat = Value::Null,
            }
            draft.set("repeat", repeat);
            admin.reviser.updated(row, &draft)
        };
        admin.reviser.revise(counted_to, change).await?;
        admin.arrived.notify_one();
        return Ok(Some(vec!["repeat"]));
    }
    let Some(row) = admin.store.ticket(number).await? else { return Ok(None) };
    let ticket = Draft::new(&row).ticket;
    let of_another = ticket["repeat"]["of"].as_str().is_some_and(|of| of != number.to_string());
    let fields = [
        ("incident", root_of(number, &ticket) != number),
        ("repeat", of_another),
        ("similar", !ticket["similar"].is_null()),
    ];
    let undone: Vec<&'static str> = fields.into_iter().filter_map(|(field, linked)| linked.then_some(field)).collect();
    if undone.is_empty() {
        return Ok(Some(undone));
    }
    let change = |row: &TicketRow| {
        let mut draft = Draft::new(row);
        undone.iter().for_each(|field| draft.set(field, Value::Null));
        admin.reviser.updated(row, &draft)
    };
    admin.reviser.revise(number, change).await?;
    admin.store.set_member(number, None).await?;
    // The index learns it: the ticket stands for itself from now on.
    let known = Known::of(&ticket);
    if admin.repeats.put(&known.appeal(number), number.to_key(), number.to_key()).await.is_err() {
        admin.repeats.rebuild();
    }
    Ok(Some(undone))
}

/// `POST repeats/reindex`: the index is built anew from the store, as soon as the line has time.
pub(super) async fn reindex(State(admin): State<Arc<Admin>>) -> Response {
    admin.repeats.rebuild();
    admin.arrived.notify_one();
    (StatusCode::ACCEPTED, axum::Json(json!({ "reindex": "under way" }))).into_response()
}
