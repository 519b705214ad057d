//! Citizens: by which names one is known, why, and undoing it.

use super::{Admin, answer, failed, not_found};
use crate::{
    citizens::apart,
    number::Number,
    server::Peer,
    store::{Contested, Identity, StoreError, TicketQuery},
    ticket,
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

/// Of a citizen's tickets, so many are shown.
const SHOWN: usize = 50;

/// `GET citizens/{key}`: names, each with why and since when it is theirs.
pub(super) async fn one(
    State(admin): State<Arc<Admin>>,
    Extension(Peer(peer)): Extension<Peer>,
    Path(key): Path<String>,
) -> Response {
    match show(&admin, &key).await {
        Ok(Some((citizen, number))) => {
            let (now, action) = (Timestamp::now(), format!("citizen.read {key}"));
            if let Err(error) = admin.store.audit(now, &peer.to_string(), &action, vec![number]).await {
                tracing::warn!(%peer, %error, "a read of a citizen could not be written to the audit trail");
            }
            axum::Json(citizen).into_response()
        }
        Ok(None) => not_found("there is no such citizen: a key looks like ap_0123456789abcdef0123"),
        Err(error) => failed(error),
    }
}

/// The citizen, and the ticket under which a read of it is put down.
async fn show(admin: &Admin, key: &str) -> Result<Option<(Value, Number)>, StoreError> {
    let (identities, contested) = admin.store.citizen(key).await?;
    let query = TicketQuery { appellant: Some(key.to_owned()), limit: SHOWN, ..TicketQuery::default() };
    let tickets: Vec<_> = admin.store.tickets(query).await?.into_iter().map(|row| row.number).collect();
    let Some(first) = tickets.first().copied().or_else(|| identities.first().map(|it| it.number)) else {
        return Ok(None);
    };
    let at = |at: Timestamp| ticket::rfc3339(at, &admin.zone);
    let identity = |it: &Identity| {
        let why = match it.proven {
            true => "渠道已核验",
            false => "与已核验的身份在同一诉求中提供",
        };
        json!({ "id": it.name, "kind": it.kind, "shown": it.shown, "proven": it.proven, "why": why,
            "channel": it.channel, "number": it.number.to_string(), "since": at(it.at) })
    };
    let conflict = |it: &Contested| {
        json!({ "id": it.name, "claimed_by": it.citizen, "number": it.number.to_string(), "at": at(it.at),
            "why": "另一诉求人提供了此身份，未合并" })
    };
    let citizen = json!({
        "key": key,
        "identities": identities.iter().map(identity).collect::<Vec<_>>(),
        "conflicts": contested.iter().map(conflict).collect::<Vec<_>>(),
        "tickets": tickets.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    Ok(Some((citizen, first)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Split {
    identity: String,
}

/// `POST citizens/{key}/split`: one of the names becomes a citizen of its own. Tickets keep the key that they have.
pub(super) async fn split(
    State(admin): State<Arc<Admin>>,
    Extension(Peer(peer)): Extension<Peer>,
    Path(key): Path<String>,
    body: Bytes,
) -> Response {
    let Ok(Split { identity }) = serde_json::from_slice(&body) else {
        let detail = "the body must be { \"identity\": ID }, with an `id` of GET citizens/{key}";
        return answer(Problem::new(StatusCode::BAD_REQUEST, detail));
    };
    let now = Timestamp::now();
    let new = apart(&admin.key, &identity, &key, now);
    match admin.store.split_citizen(&key, &identity, &new, now, &peer.to_string()).await {
        Ok(Some(true)) => {
            admin.citizens.forget();
            axum::Json(json!({ "identity": identity, "from": key, "key": new })).into_response()
        }
        Ok(Some(false)) => answer(Problem::new(StatusCode::CONFLICT, "the citizen is known by nothing else")),
        Ok(None) => not_found("the citizen is not known by that: see `identities` in GET citizens/{key}"),
        Err(error) => failed(error),
    }
}
