//! Tickets: searched with contact data masked, read one at a time in full, which is written to the audit trail.

use super::{Admin, answer, failed, not_found, query::Parameters};
use crate::{files, number::Number, server::Peer, store::TicketQuery};
use axum::{
    extract::{Extension, Path, RawQuery, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use jiesu_connector::{Problem, mask_name, mask_phone};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

const KNOWN: &[&str] = &["q", "channel", "hotline", "status", "kind", "appellant", "day", "before", "limit"];

const STATUSES: &[&str] = &["accepted", "dispatched", "in_progress", "returned", "replied", "closed", "reopened"];
const KINDS: &[&str] = &["consultation", "help", "complaint", "report", "suggestion", "praise", "other"];

/// `GET tickets?…`: newest first; `next` is the `before` of the next page.
pub(super) async fn list(State(admin): State<Arc<Admin>>, RawQuery(query): RawQuery) -> Response {
    let query = match read(query.as_deref()) {
        Ok(query) => query,
        Err(response) => return *response,
    };
    let limit = query.limit;
    let rows = match admin.store.tickets(query).await {
        Ok(rows) => rows,
        Err(error) => return failed(error),
    };
    let next = rows.last().filter(|_| rows.len() == limit).map(|row| row.number.to_string());
    let tickets = rows.iter().map(|row| {
        let mut ticket: Value = serde_json::from_str(&row.document).unwrap_or_default();
        mask(&mut ticket["appellant"]);
        ticket
    });
    axum::Json(json!({ "tickets": tickets.collect::<Vec<_>>(), "next": next })).into_response()
}

fn read(query: Option<&str>) -> Result<TicketQuery, Box<Response>> {
    let parameters = Parameters::read(query, KNOWN)?;
    Ok(TicketQuery {
        before: parameters.get("before", "a ticket number as 20261122-000123-4")?,
        channel: parameters.text("channel"),
        hotline: parameters.text("hotline"),
        status: parameters.one_of("status", STATUSES)?,
        kind: parameters.one_of("kind", KINDS)?,
        appellant: parameters.text("appellant"),
        words: parameters.text("q"),
        day: parameters.day("day")?,
        limit: parameters.limit(50, 500)?,
    })
}

fn mask(appellant: &mut Value) {
    for (field, how) in [("name", mask_name as fn(&str) -> String), ("phone", mask_phone)] {
        if let Some(text) = appellant[field].as_str() {
            appellant[field] = how(text).into();
        }
    }
    for field in ["email", "wechat_openid"] {
        if appellant[field].is_string() {
            appellant[field] = "***".into();
        }
    }
}

/// `GET tickets/{number}`: all of it, with fresh links to its attachments.
pub(super) async fn one(
    State(admin): State<Arc<Admin>>,
    Extension(Peer(peer)): Extension<Peer>,
    Path(number): Path<String>,
) -> Response {
    let Ok(number) = number.parse::<Number>() else {
        return answer(Problem::new(
            StatusCode::NOT_FOUND,
            "there is no such ticket: one looks like 20261122-000123-4",
        ));
    };
    let row = match admin.store.ticket(number).await {
        Ok(Some(row)) => row,
        Ok(None) => return not_found("there is no such ticket"),
        Err(error) => return failed(error),
    };
    let now = Timestamp::now();
    if let Err(error) = admin.store.audit(now, &peer.to_string(), "ticket.read", vec![number]).await {
        // An operator must see tickets when the disk is full; the log then stands in for the trail.
        tracing::warn!(number = %number, %peer, %error, "a read of a ticket could not be written to the audit trail");
    }
    let mut ticket: Value = serde_json::from_str(&row.document).unwrap_or_default();
    let expires = now.as_second() + files::LINK_LIFE.as_secs() as i64;
    for file in ticket["attachments"].as_array_mut().into_iter().flatten() {
        if file["sha256"].is_string() {
            let id = file["id"].as_str().unwrap_or_default();
            file["url"] = files::link(&admin.key, &admin.public_url, &number.to_string(), id, expires).into();
        }
    }
    axum::Json(ticket).into_response()
}
