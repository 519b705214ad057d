//! Whether everything adds up, and the certificate of each day.

use super::{Admin, failed, query::Parameters};
use crate::{
    days,
    files::hex,
    store::{ClosedDay, StoreError},
};
use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

/// Closed days read at once.
const PAGE: usize = 1000;
/// Broken days that are named.
const MOST: usize = 100;

/// `GET reconciliation?day=YYYY-MM-DD`; today unless given.
pub(super) async fn show(State(admin): State<Arc<Admin>>, RawQuery(query): RawQuery) -> Response {
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
    match verify(&admin).await {
        Ok(chain) => axum::Json(chain).into_response(),
        Err(error) => failed(error),
    }
}

async fn verify(admin: &Admin) -> Result<Value, StoreError> {
    let (mut before, mut first, mut count, mut broken): (Option<ClosedDay>, _, u64, _) = (None, None, 0, Vec::new());
    loop {
        let from = before.as_ref().map_or(0, |last| last.day + 1);
        let page = admin.store.closed_days(from, PAGE).await?;
        let whole = page.len() < PAGE;
        for day in page {
            first.get_or_insert(day.day);
            count += 1;
            if let Some(what) = days::fault(&day, before.as_ref()).filter(|_| broken.len() < MOST) {
                broken.push(json!({ "day": days::shown(day.day), "what": what }));
            }
            before = Some(day);
        }
        if whole {
            break;
        }
    }
    Ok(json!({
        "intact": broken.is_empty(),
        "days": count,
        "first": first.map(days::shown),
        "last": before.as_ref().map(|last| days::shown(last.day)),
        "head": before.as_ref().map(|last| hex(&last.hash)),
        "broken": broken,
    }))
}
