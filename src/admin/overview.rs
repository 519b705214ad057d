//! The line at a glance: what the console's picture is drawn from, in one request.

use super::{Admin, destinations, failed, reconciliation};
use crate::{store::StoreError, ticket};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

/// Minutes of arrivals shown.
const MINUTES: usize = 60;
/// Messages looked at for them, at most.
const MOST: usize = 200_000;

/// `GET overview`.
pub(super) async fn show(State(admin): State<Arc<Admin>>) -> Response {
    match overview(&admin).await {
        Ok(overview) => axum::Json(overview).into_response(),
        Err(error) => failed(error),
    }
}

async fn overview(admin: &Admin) -> Result<Value, StoreError> {
    let now = Timestamp::now();
    let glance = admin.store.glance(now - jiff::SignedDuration::from_mins(MINUTES as i64), MOST).await?;
    let backlog = admin.store.backlog().await?;
    let health = admin.store.health();
    let time = |at| ticket::rfc3339(at, &admin.zone);
    Ok(json!({
        "at": time(now),
        "today": reconciliation::sums(admin, admin.intake.day(now)).await?,
        "arrivals": per_minute(&glance.arrivals, now),
        "backlog": { "messages": backlog.messages, "oldest_at": backlog.oldest.map(time) },
        "quarantined": glance.quarantined,
        "destinations": destinations::show(admin, &glance.dead).await?,
        "newest": admin.issued.borrow().to_string(),
        "store": { "trouble": health.trouble, "bytes": health.bytes },
    }))
}

/// Counts by the minute, oldest first; the last is the minute that ends now.
fn per_minute(arrivals: &[Timestamp], now: Timestamp) -> Vec<u64> {
    let mut minutes = vec![0; MINUTES];
    for at in arrivals {
        let ago = (now.as_second() - at.as_second()).max(0) / 60;
        if let Some(minute) = MINUTES.checked_sub(1 + ago as usize).and_then(|index| minutes.get_mut(index)) {
            *minute += 1;
        }
    }
    minutes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_are_counted_by_the_minute_with_the_newest_last() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let ago = |seconds: i64| Timestamp::from_second(1_000_000 - seconds).unwrap();
        let minutes = per_minute(&[ago(-5), ago(0), ago(59), ago(60), ago(3599), ago(3600), ago(9_999)], now);
        assert_eq!((minutes[59], minutes[58], minutes[0]), (3, 1, 1));
        assert_eq!(minutes.iter().sum::<u64>(), 5, "older ones are left out");
    }
}
