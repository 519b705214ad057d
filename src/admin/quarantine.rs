//! Messages that no parser understands.

use super::{Admin, failed, not_found, query::Parameters};
use crate::{store::MessageId, ticket};
use axum::{
    extract::{Path, RawQuery, State},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::sync::Arc;

/// `GET quarantine`.
pub(super) async fn list(State(admin): State<Arc<Admin>>, RawQuery(query): RawQuery) -> Response {
    let limit = match Parameters::read(query.as_deref(), &["limit"]).and_then(|query| query.limit(100, 1000)) {
        Ok(limit) => limit,
        Err(response) => return *response,
    };
    match admin.store.quarantined(limit).await {
        Ok(messages) => {
            let show = |message: &crate::store::Quarantined| {
                json!({
                    "message": message.message,
                    "number": message.number.to_string(),
                    "channel": message.channel,
                    "reason": message.reason,
                    "at": ticket::rfc3339(message.at, &admin.zone),
                })
            };
            axum::Json(json!({ "quarantine": messages.iter().map(show).collect::<Vec<Value>>() })).into_response()
        }
        Err(error) => failed(error),
    }
}

/// `POST quarantine/{message}/release`: back into the line.
pub(super) async fn release(State(admin): State<Arc<Admin>>, Path(message): Path<i64>) -> Response {
    match put_back(&admin, Some(MessageId(message))).await {
        Ok(0) => not_found("there is no such message in quarantine"),
        Ok(count) => axum::Json(json!({ "released": count })).into_response(),
        Err(response) => *response,
    }
}

/// `POST quarantine/release`: all of them.
pub(super) async fn release_all(State(admin): State<Arc<Admin>>) -> Response {
    match put_back(&admin, None).await {
        Ok(count) => axum::Json(json!({ "released": count })).into_response(),
        Err(response) => *response,
    }
}

async fn put_back(admin: &Admin, message: Option<MessageId>) -> Result<usize, Box<Response>> {
    let count = admin.store.release(message).await.map_err(|error| Box::new(failed(error)))?;
    admin.arrived.notify_one();
    Ok(count)
}
