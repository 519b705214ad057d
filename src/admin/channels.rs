//! Channels: how they are.

use super::{Admin, failed, not_found};
use crate::{nodes::Seen, ticket};
use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::{Arc, atomic::Ordering};

/// `GET channels`.
pub(super) async fn list(State(admin): State<Arc<Admin>>) -> Response {
    let all = match admin.standings.all().await {
        Ok(all) => all,
        Err(error) => return failed(error),
    };
    let shown: Vec<Value> = admin
        .channels
        .values()
        .map(|channel| {
            // What any node knows of it.
            let seen: Vec<&Seen> = all.iter().filter_map(|node| node.channels.get(&*channel.id)).collect();
            let last = seen.iter().map(|seen| seen.last_received).max().unwrap_or_default();
            let holder = channel
                .resource()
                .and_then(|resource| all.iter().find(|node| node.holds.contains(&resource)))
                .map(|node| &node.name);
            let last = (last > 0).then(|| Timestamp::from_millisecond(last).ok()).flatten();
            json!({
                "id": &*channel.id,
                "type": channel.kind,
                "hotline": &*channel.hotline,
                "direction": channel.direction(),
                "replies": channel.parts.replier.is_some(),
                "paused": channel.is_paused(),
                "trouble": seen.iter().find_map(|seen| seen.trouble.as_ref()),
                "held_by": holder,
                "last_received_at": last.map(|at| ticket::rfc3339(at, &admin.zone)),
            })
        })
        .collect();
    axum::Json(json!({ "channels": shown })).into_response()
}

/// `POST channels/{id}/pause`.
pub(super) async fn pause(state: State<Arc<Admin>>, id: Path<String>) -> Response {
    set_paused(state, id, true).await
}

/// `POST channels/{id}/resume`.
pub(super) async fn resume(state: State<Arc<Admin>>, id: Path<String>) -> Response {
    set_paused(state, id, false).await
}

async fn set_paused(State(admin): State<Arc<Admin>>, Path(id): Path<String>, paused: bool) -> Response {
    let Some(channel) = admin.channels.get(id.as_str()) else { return not_found("there is no such channel") };
    if let Err(error) = admin.store.pause_channel(&id, paused).await {
        return failed(error);
    }
    channel.paused.store(paused, Ordering::Relaxed);
    tracing::info!(channel = id, paused, "an operator paused or resumed a channel");
    axum::Json(json!({ "id": id, "paused": paused })).into_response()
}
