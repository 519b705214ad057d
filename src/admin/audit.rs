//! The audit trail.

use super::{Admin, failed, query::Parameters};
use crate::{store::AuditEntry, ticket};
use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::sync::Arc;

/// `GET audit`: newest first.
pub(super) async fn list(State(admin): State<Arc<Admin>>, RawQuery(query): RawQuery) -> Response {
    let limit = match Parameters::read(query.as_deref(), &["limit"]).and_then(|query| query.limit(100, 1000)) {
        Ok(limit) => limit,
        Err(response) => return *response,
    };
    let show = |entry: &AuditEntry| {
        json!({
            "at": ticket::rfc3339(entry.at, &admin.zone),
            "who": entry.who,
            "action": entry.action,
            "number": entry.number.to_string(),
        })
    };
    match admin.store.audit_trail(limit).await {
        Ok(entries) => axum::Json(json!({ "audit": entries.iter().map(show).collect::<Vec<Value>>() })).into_response(),
        Err(error) => failed(error),
    }
}
