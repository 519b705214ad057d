//! Alive, ready, and the metrics.

use super::Admin;
use crate::{nodes::LINE, store::StoreError};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::time::timeout;

/// A line whose issuer did not complete a round for so long stands still, in milliseconds.
const STILL: i64 = 60_000;

/// For what the store adds to an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The process answers.
pub(super) async fn healthz() -> Response {
    axum::Json(json!({ "status": "ok" })).into_response()
}

/// Accepting would end in delivery: the store writes, the line moves, every destination is worked on. A core that is
/// down makes it no less ready: what is accepted waits for it on the disk.
pub(super) async fn readyz(State(admin): State<Arc<Admin>>) -> Response {
    let mut faults = Vec::new();
    if admin.stop.is_cancelled() {
        faults.push("the gateway is stopping".to_owned());
    }
    faults.extend(admin.store.health().trouble.map(|trouble| format!("the store cannot write: {trouble}")));
    let files = admin.files.trouble();
    faults.extend(files.map(|trouble| format!("attachments cannot be written: {trouble}; their tickets wait")));
    let still = Timestamp::now().as_millisecond() - admin.issuer_alive_at.load(Ordering::Relaxed);
    if admin.node().holds(LINE) && still > STILL {
        faults.push(format!("no ticket was issued for {} s", still / 1000));
    }
    let vacant = admin.node().vacant();
    faults.extend(vacant.iter().map(|resource| format!("no node is known to hold {resource}")));
    let dead = admin.standings.destinations.iter().filter(|(_, worker)| worker.is_finished());
    faults.extend(dead.map(|(name, _)| format!("nobody delivers to {name}")));
    // Whoever asks is told in time, though the store may not answer, or Redis.
    let (destinations, redis) = tokio::join!(timeout(PATIENCE, states(&admin)), redis_away(&admin));
    let destinations = destinations.ok().and_then(Result::ok).unwrap_or_default();
    let degraded: Vec<String> = redis.flatten().into_iter().collect();
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let notices: Vec<String> = admin.alarm.notice().into_iter().collect();
    let body = json!({ "ready": faults.is_empty(), "faults": faults, "degraded": degraded, "notices": notices,
        "destinations": destinations });
    (status, axum::Json(body)).into_response()
}

/// How each destination is, wherever it is delivered to.
async fn states(admin: &Admin) -> Result<Map<String, Value>, StoreError> {
    let (all, newest) = (admin.standings.all().await?, *admin.issued.borrow());
    let mut states = Map::new();
    for name in admin.standings.destinations.keys() {
        let Some((status, _)) = admin.standings.destination(name, &all, newest).await? else { continue };
        let state = match (status.paused, status.up) {
            (true, _) => "paused",
            (false, true) => "up",
            (false, false) => "down",
        };
        states.insert(name.clone(), json!(state));
    }
    Ok(states)
}

/// Where there is a Redis: what is not as it should be while it is away, if it is.
async fn redis_away(admin: &Admin) -> Option<Option<String>> {
    let away = admin.redis.as_ref()?.ping().await.err();
    let told = |why| {
        format!(
            "Redis does not answer ({why}): appeals are accepted and pass on unchecked, and are looked at for repeats \
             once it is back; until then each node counts limits for itself"
        )
    };
    Some(away.map(told))
}

/// Prometheus text.
pub(super) async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    if let Ok(Ok(backlog)) = timeout(PATIENCE, admin.store.backlog()).await {
        let age = backlog.oldest.map_or(0, |oldest| Timestamp::now().as_millisecond() - oldest.as_millisecond());
        metrics::gauge!("jiesu_backlog_messages").set(backlog.messages as f64);
        metrics::gauge!("jiesu_backlog_oldest_seconds").set(age.max(0) as f64 / 1000.0);
    }
    let health = admin.store.health();
    metrics::gauge!("jiesu_store_writable").set(f64::from(u8::from(health.trouble.is_none())));
    metrics::gauge!("jiesu_store_bytes").set(health.bytes as f64);
    if let Some(away) = redis_away(&admin).await {
        metrics::gauge!("jiesu_redis_up").set(f64::from(u8::from(away.is_none())));
    }
    admin.metrics.run_upkeep();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], admin.metrics.render()).into_response()
}
