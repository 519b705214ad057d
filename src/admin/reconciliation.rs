//! Whether everything adds up, and the certificate of each day.

use super::{Admin, failed, query::Parameters};
use crate::{days, files::hex, store::StoreError};
use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::sync::Arc;

/// `GET reconciliation?day=YYYY-MM-DD`; today unless given.
pub(super) async fn show(State(admin): State<Arc<Admin>>, RawQuery(query): RawQuery) -> Response {
    let parameters = Parameters::read(query.as_deref(), &["day"]);
    let day = match parameters.and_then(|parameters| parameters.day("day")) {
        Ok(day) => day.unwrap_or_else(|| admin.intake.today()),
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
    let mut sums = days::sums(day, &rows);
    sums["certificate"] = certificate(admin, day, &sums).await?;
    Ok(sums)
}

async fn certificate(admin: &Admin, day: u32, now: &Value) -> Result<Value, StoreError> {
    let closed = admin.store.closed_days(day, 1).await?.pop().filter(|closed| closed.day == day);
    let Some(closed) = closed else {
        let before = admin.store.last_closed().await?.filter(|last| last.day < day);
        let previous = before.map_or([0; 32], |before| before.hash);
        return Ok(json!({ "state": "open", "hash": null, "previous": hex(&previous) }));
    };
    let before = admin.store.closed_before(day).await?;
    let record: Value = serde_json::from_str(&closed.record).unwrap_or_default();
    let state = match days::fault(&closed, before.as_ref()) {
        Some(_) => "broken",
        None if record["total"]["pending"] == 0 => "closed",
        None => "incomplete",
    };
    let amended = ["rows", "total"].iter().any(|part| record[*part] != now[*part]);
    Ok(json!({
        "state": state,
        "hash": hex(&closed.hash),
        "previous": hex(&closed.previous),
        "closed_at": record["closed_at"],
        "pending": record["total"]["pending"],
        // What waited then has become something since, or an operator has undone something.
        "amended": amended,
    }))
}

/// `GET reconciliation/chain`: every closed day's record against its hash, and each day against the one before.
pub(super) async fn chain(State(admin): State<Arc<Admin>>) -> Response {
    match days::verify(&*admin.store).await {
        Ok(chain) => axum::Json(chain).into_response(),
        Err(error) => failed(error),
    }
}
