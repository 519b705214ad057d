//! Channels: how they are, and whether everything adds up.

use super::{Admin, failed, not_found, query::Parameters};
use crate::{
    store::{StoreError, Tally},
    ticket,
};
use axum::{
    extract::{Path, RawQuery, State},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::{Arc, atomic::Ordering};

/// `GET channels`.
pub(super) async fn list(State(admin): State<Arc<Admin>>) -> Response {
    let shown: Vec<Value> = admin
        .channels
        .values()
        .map(|channel| {
            let last = channel.last_received.load(Ordering::Relaxed);
            let last = (last > 0).then(|| Timestamp::from_millisecond(last).ok()).flatten();
            json!({
                "id": &*channel.id,
                "type": channel.kind,
                "hotline": &*channel.hotline,
                "direction": channel.direction(),
                "replies": channel.parts.replier.is_some(),
                "paused": channel.is_paused(),
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

/// `GET reconciliation?day=YYYY-MM-DD`; today unless given.
pub(super) async fn reconciliation(State(admin): State<Arc<Admin>>, RawQuery(query): RawQuery) -> Response {
    let parameters = Parameters::read(query.as_deref(), &["day"]);
    let day = match parameters.and_then(|parameters| parameters.day("day")) {
        Ok(day) => day.unwrap_or_else(|| admin.intake.day(Timestamp::now())),
        Err(response) => return *response,
    };
    match sums(&admin, day).await {
        Ok(sums) => axum::Json(sums).into_response(),
        Err(error) => failed(error),
    }
}

/// The reconciliation of a local day.
pub(super) async fn sums(admin: &Admin, day: u32) -> Result<Value, StoreError> {
    // What was rejected since the last flush belongs to the sum.
    let _ = admin.intake.flush().await;
    let rows = admin.store.tallies(day).await?;
    let mut total = Tally::default();
    for row in &rows {
        total.received += row.received;
        total.ticketed += row.ticketed;
        total.supplement += row.supplement;
        total.repeat += row.repeat;
        total.redelivery += row.redelivery;
        total.rejected += row.rejected;
        total.pending += row.pending;
    }
    let mut shown = serde_json::to_value(&total).unwrap_or_default();
    if let Some(total) = shown.as_object_mut() {
        total.shift_remove("channel");
        total.shift_remove("hotline");
    }
    let day = format!("{:04}-{:02}-{:02}", day / 10_000, day / 100 % 100, day % 100);
    let balanced = rows.iter().all(Tally::balanced);
    Ok(json!({ "day": day, "rows": rows, "total": shown, "balanced": balanced }))
}
