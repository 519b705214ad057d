//! The nodes of the gateway: who holds what.

use super::{Admin, failed};
use crate::ticket;
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::sync::Arc;

/// `GET nodes`: this one first.
pub(super) async fn list(State(admin): State<Arc<Admin>>) -> Response {
    let all = match admin.standings.all().await {
        Ok(all) => all,
        Err(error) => return failed(error),
    };
    let shown = all.iter().map(|node| {
        json!({
            "name": node.name,
            "since": ticket::rfc3339(node.since, &admin.zone),
            "holds": node.holds,
            "clock_ahead_seconds": node.clock_ahead,
        })
    });
    axum::Json(json!({ "nodes": shown.collect::<Vec<Value>>() })).into_response()
}
