//! Links that an operator undoes: repeats and incidents. [`super::decide`] has those that one makes.

use super::{Admin, answer, failed, not_found};
use crate::{
    issue::uncount,
    number::Number,
    repeats::{Known, counts_to, root_of},
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
        uncount(&admin.reviser, counted_to).await?;
        admin.arrived.notify_one();
        return Ok(Some(vec!["repeat"]));
    }
    let Some(row) = admin.store.ticket(number).await? else { return Ok(None) };
    let ticket = Draft::new(&row).ticket;
    let of_another = counts_to(number, &ticket) != number;
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
    if of_another {
        uncount(&admin.reviser, counts_to(number, &ticket)).await?;
    }
    admin.store.set_member(number, None).await?;
    admin.incidents.forget();
    // The index learns it: the ticket stands for itself from now on.
    let known = Known::of(&ticket);
    let told = admin.repeats.put(&known.appeal(number), number.to_key(), number.to_key()).await;
    admin.retold(told).await?;
    Ok(Some(undone))
}

/// `POST repeats/reindex`: the index is built anew from the store, as soon as the line has time.
pub(super) async fn reindex(State(admin): State<Arc<Admin>>) -> Response {
    if let Err(error) = admin.reindex().await {
        return failed(error);
    }
    (StatusCode::ACCEPTED, axum::Json(json!({ "reindex": "under way" }))).into_response()
}
