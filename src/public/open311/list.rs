//! `GET requests`: what citizens agreed to publish, without anything that leads to them.

use super::{Refused, parameters, redact::redacted, said, unavailable};
use crate::{
    number::Number,
    public::Public,
    store::{PublishedQuery, TicketRow},
};
use http::StatusCode;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

/// Days in one answer, at most, and those that are told if nobody asks for any (GeoReport v2, GET Service Requests).
const DAYS: i64 = 90;
/// Requests in one answer, at most.
const MOST: usize = 1_000;

/// `GET requests/{id}`: an unpublished ticket is as one that does not exist.
pub(super) async fn one(public: &Public, id: &str) -> Result<Value, Refused> {
    let not_found = || Refused::new(StatusCode::NOT_FOUND, "service_request_id was not found, or is not public");
    let number = id.parse::<Number>().map_err(|_| not_found())?;
    let query = PublishedQuery { numbers: Some(vec![number]), limit: 1, ..PublishedQuery::default() };
    let rows = public.store.published(query).await.map_err(|_| unavailable())?;
    match rows.first() {
        Some(row) => Ok(json!([shown(public, row)])),
        None => Err(not_found()),
    }
}

/// `GET requests`.
pub(super) async fn list(public: &Public, query: &str) -> Result<Value, Refused> {
    let query = read(&parameters(query.as_bytes()), Timestamp::now())?;
    let rows = public.store.published(query).await.map_err(|_| unavailable())?;
    Ok(rows.iter().map(|row| shown(public, row)).collect())
}

fn read(given: &[(String, String)], now: Timestamp) -> Result<PublishedQuery, Refused> {
    let bad = |description: String| Refused::new(StatusCode::BAD_REQUEST, description);
    let count = |name: &str, default: usize, most: usize| match said(given, name) {
        None => Ok(default),
        Some(text) => {
            let count = text.parse::<usize>().ok().filter(|count| (1..=most).contains(count));
            count.ok_or_else(|| bad(format!("{name} must be a number from 1 to {most}")))
        }
    };
    let limit = count("page_size", MOST, MOST)?;
    let page = count("page", 1, 100_000)?;
    let query = PublishedQuery { limit, offset: (page - 1) * limit, ..PublishedQuery::default() };
    if let Some(ids) = said(given, "service_request_id") {
        let ids: Vec<&str> = ids.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
        if ids.len() > MOST {
            return Err(bad(format!("service_request_id names more than {MOST} requests")));
        }
        // What is no number of ours is not found, like any other that is not public.
        let numbers = ids.iter().filter_map(|id| id.parse().ok()).collect();
        return Ok(PublishedQuery { numbers: Some(numbers), ..query });
    }
    let date = |name: &str| match said(given, name) {
        None => Ok(None),
        // A space stands for the plus of an offset that nobody escaped.
        Some(text) => text
            .replace(' ', "+")
            .parse::<Timestamp>()
            .map(Some)
            .map_err(|_| bad(format!("{name} is no W3C date and time with offset, as 2026-11-22T08:00:00+08:00"))),
    };
    let span = (DAYS * 24).hours();
    let (start, end) = match (date("start_date")?, date("end_date")?) {
        (Some(start), Some(end)) => (start.max(end.saturating_sub(span).unwrap_or(start)), end),
        (Some(start), None) => (start, start.saturating_add(span).unwrap_or(Timestamp::MAX)),
        (None, Some(end)) => (end.saturating_sub(span).unwrap_or(Timestamp::MIN), end),
        (None, None) => (now.saturating_sub(span).unwrap_or(Timestamp::MIN), Timestamp::MAX),
    };
    let status: Vec<&str> = said(given, "status").into_iter().flat_map(|text| text.split(',')).map(str::trim).collect();
    if let Some(unknown) = status.iter().find(|status| !["open", "closed"].contains(status)) {
        return Err(bad(format!("status {unknown:?} is neither open nor closed")));
    }
    let closed = match (status.contains(&"open"), status.contains(&"closed")) {
        (true, false) => Some(false),
        (false, true) => Some(true),
        _ => None,
    };
    let codes = said(given, "service_code").map(|codes| codes.split(',').map(|code| code.trim().to_owned()).collect());
    Ok(PublishedQuery { since: Some(start), until: Some(end), closed, categories: codes, ..query })
}

fn shown(public: &Public, row: &TicketRow) -> Value {
    let ticket: Value = serde_json::from_str(&row.document).unwrap_or_default();
    let name = ticket["appellant"]["name"].as_str();
    let told = |text: &Value| text.as_str().map(|text| redacted(text, name));
    let second = |at: &Value| {
        let at = at.as_str()?.parse::<Timestamp>().ok()?;
        Some(at.to_zoned(public.zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
    };
    let replies = ticket["replies"].as_array().map(Vec::as_slice).unwrap_or_default();
    let reply = replies.iter().rev().find(|reply| reply["public"] == true);
    let place = &ticket["location"];
    // Coordinates of China's public maps are not the world's, and would be shown streets away.
    let world = place["datum"] != "gcj02";
    let degrees = |field: &str| Some(&place[field]).filter(|_| world).cloned().unwrap_or_default();
    let category = |field: &str, none: &str| ticket["category"][field].as_str().unwrap_or(none).to_owned();
    json!({
        "service_request_id": row.number.to_string(),
        "status": if row.status == "closed" { "closed" } else { "open" },
        "status_notes": reply.and_then(|reply| told(&reply["text"])),
        "service_name": category("name", "未分类"),
        "service_code": category("code", "unclassified"),
        "description": told(&ticket["content"]),
        "agency_responsible": told(&ticket["unit"]),
        "service_notice": null,
        "requested_datetime": second(&ticket["received_at"]),
        "updated_datetime": reply.and_then(|reply| second(&reply["at"])).or_else(|| second(&ticket["received_at"])),
        "expected_datetime": second(&ticket["due"]["reply_by"]),
        "address": told(&place["text"]),
        "address_id": null,
        "zipcode": null,
        "lat": degrees("lat"),
        "long": degrees("lon"),
        "media_url": null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Result<PublishedQuery, StatusCode> {
        let now = "2026-11-22T00:00:00Z".parse().expect("a time");
        read(&parameters(text.as_bytes()), now).map_err(|Refused(status, _)| status)
    }

    #[test]
    fn filters_keep_to_the_limits_of_the_specification() {
        let span = |text: &str| {
            let query = query(text).expect("right");
            let (since, until) = (query.since.expect("since"), query.until.expect("until"));
            (since.to_string(), until.duration_since(since).as_hours())
        };
        assert_eq!(span("start_date=2026-01-01T00:00:00Z"), ("2026-01-01T00:00:00Z".into(), 90 * 24));
        assert_eq!(span("end_date=2026-11-22T08:00:00%2B08:00").1, 90 * 24);
        let year = "start_date=2026-01-01T00:00:00Z&end_date=2026-12-31T00:00:00+00:00";
        assert_eq!(span(year), ("2026-10-02T00:00:00Z".into(), 90 * 24), "the latest of it");
        assert_eq!(query("status=open").map(|query| query.closed), Ok(Some(false)));
        assert_eq!(query("status=open,closed").map(|query| query.closed), Ok(None));
        let ids = query("service_request_id=20261122-000123-4,x&status=nonsense").expect("it overrides all else");
        assert_eq!(
            ids.numbers.map(|numbers| numbers.len()),
            Some(if "20261122-000123-4".parse::<Number>().is_ok() { 1 } else { 0 })
        );
        for bad in ["status=done", "start_date=yesterday", "page=0", "page_size=1001"] {
            assert_eq!(query(bad).map(|_| ()), Err(StatusCode::BAD_REQUEST), "{bad}");
        }
    }
}
