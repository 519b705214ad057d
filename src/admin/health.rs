//! Alive, ready, and the metrics.

use super::Admin;
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use jiff::Timestamp;
use serde_json::json;
use std::sync::{Arc, atomic::Ordering};

/// A line whose issuer did not complete a round for so long stands still, in milliseconds.
const STILL: i64 = 60_000;

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
    let still = Timestamp::now().as_millisecond() - admin.issuer_alive_at.load(Ordering::Relaxed);
    if still > STILL {
        faults.push(format!("no ticket was issued for {} s", still / 1000));
    }
    let dead = admin.destinations.iter().filter(|(_, worker)| worker.is_finished());
    faults.extend(dead.map(|(name, _)| format!("nobody delivers to {name}")));
    let destinations: serde_json::Map<_, _> = admin
        .destinations
        .iter()
        .map(|(name, worker)| {
            let status = worker.status();
            let state = match (status.paused, status.up) {
                (true, _) => "paused",
                (false, true) => "up",
                (false, false) => "down",
            };
            (name.clone(), json!(state))
        })
        .collect();
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let notices: Vec<String> = admin.alarm.notice().into_iter().collect();
    let body =
        json!({ "ready": faults.is_empty(), "faults": faults, "notices": notices, "destinations": destinations });
    (status, axum::Json(body)).into_response()
}

/// Prometheus text.
pub(super) async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    if let Ok(backlog) = admin.store.backlog().await {
        let age = backlog.oldest.map_or(0, |oldest| Timestamp::now().as_millisecond() - oldest.as_millisecond());
        metrics::gauge!("jiesu_backlog_messages").set(backlog.messages as f64);
        metrics::gauge!("jiesu_backlog_oldest_seconds").set(age.max(0) as f64 / 1000.0);
    }
    let health = admin.store.health();
    metrics::gauge!("jiesu_store_writable").set(f64::from(u8::from(health.trouble.is_none())));
    metrics::gauge!("jiesu_store_bytes").set(health.bytes as f64);
    admin.metrics.run_upkeep();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], admin.metrics.render()).into_response()
}
