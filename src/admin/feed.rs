//! The feed: the event log as it is, ordered and replayable.

use super::{Admin, answer, failed, query::Parameters};
use crate::store::{Sequence, StoredEvent};
use axum::{
    body::Body,
    extract::{RawQuery, State},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::stream;
use http::{HeaderMap, header};
use jiesu_connector::{FieldFault, Problem};
use serde_json::json;
use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};
use tokio::sync::watch;

const PAGE: usize = 1000;
const LONGEST_WAIT: u64 = 60;
const CURSOR: &str = "a cursor: 0, or the next of an earlier page";

/// `GET events?after=CURSOR&limit=N&wait=SECONDS`.
pub(super) async fn page(State(admin): State<Arc<Admin>>, RawQuery(query): RawQuery) -> Response {
    let (after, limit, wait) = match read(query.as_deref()) {
        Ok(read) => read,
        Err(response) => return *response,
    };
    let mut issued = admin.issued.clone();
    // Newer than what is read next, so nothing falls between the look and the wait.
    issued.mark_unchanged();
    let mut events = match admin.store.events(after, limit).await {
        Ok(events) => events,
        Err(error) => return failed(error),
    };
    if events.is_empty() && !wait.is_zero() {
        wait_for_news(&admin, &mut issued, after, wait).await;
        events = match admin.store.events(after, limit).await {
            Ok(events) => events,
            Err(error) => return failed(error),
        };
    }
    let next = events.last().map_or(after, |event| event.sequence);
    let mut body = Vec::with_capacity(events.iter().map(|event| event.body.len() + 1).sum::<usize>() + 40);
    body.extend_from_slice(b"{\"events\":[");
    for (index, event) in events.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&event.body);
    }
    body.extend_from_slice(format!("],\"next\":\"{next}\"}}").as_bytes());
    ([(header::CONTENT_TYPE, "application/json")], Body::from(body)).into_response()
}

async fn wait_for_news(admin: &Admin, issued: &mut watch::Receiver<Sequence>, after: Sequence, wait: Duration) {
    let news = issued.wait_for(|newest| *newest > after);
    tokio::select! {
        _ = news => {}
        () = tokio::time::sleep(wait) => {}
        () = admin.stop.cancelled() => {}
    }
}

fn cursor(parameters: &Parameters) -> Result<Sequence, Box<Response>> {
    let after = parameters.get::<u64>("after", CURSOR)?;
    Ok(after.map_or(Sequence(0), |after| Sequence(i64::try_from(after).unwrap_or(i64::MAX))))
}

fn read(query: Option<&str>) -> Result<(Sequence, usize, Duration), Box<Response>> {
    let parameters = Parameters::read(query, &["after", "limit", "wait"])?;
    let wait = parameters.get::<u64>("wait", "a number of seconds")?.unwrap_or(0).min(LONGEST_WAIT);
    Ok((cursor(&parameters)?, parameters.limit(100, PAGE)?, Duration::from_secs(wait)))
}

struct Tail {
    admin: Arc<Admin>,
    issued: watch::Receiver<Sequence>,
    cursor: Sequence,
    /// Only what happened to which ticket, without anybody's words.
    heads: bool,
    ready: VecDeque<StoredEvent>,
}

/// `GET events/stream?after=CURSOR&heads=true`: the same as Server-Sent Events; `Last-Event-ID` resumes. With `heads`
/// the data are only the type and the ticket's number.
pub(super) async fn stream(State(admin): State<Arc<Admin>>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let parameters = Parameters::read(query.as_deref(), &["after", "heads"]);
    let read = parameters.and_then(|parameters| {
        let heads = parameters.get("heads", "true or false")?.unwrap_or(false);
        Ok((cursor(&parameters)?, heads))
    });
    let (after, heads) = match read {
        Ok(read) => read,
        Err(response) => return *response,
    };
    let cursor = match headers.get("last-event-id") {
        None => after,
        // From the beginning instead would flood a client that only mistook itself.
        Some(id) => match id.to_str().ok().and_then(|id| id.trim().parse().ok()).filter(|id| *id >= 0) {
            Some(id) => Sequence(id),
            None => {
                let detail = "must be the id of an event of this stream".into();
                return answer(Problem::fields(vec![FieldFault { field: "Last-Event-ID".into(), detail }]));
            }
        },
    };
    let tail = Tail { issued: admin.issued.clone(), admin, cursor, heads, ready: VecDeque::new() };
    Sse::new(stream::unfold(tail, next)).keep_alive(KeepAlive::default()).into_response()
}

async fn next(mut tail: Tail) -> Option<(Result<Event, Infallible>, Tail)> {
    loop {
        if let Some(event) = tail.ready.pop_front() {
            tail.cursor = event.sequence;
            let data = match tail.heads {
                true => json!({ "type": event.kind, "subject": event.number.to_string() }).to_string(),
                false => String::from_utf8_lossy(&event.body).into_owned(),
            };
            let message = Event::default().id(event.sequence.to_string()).event(event.kind).data(data);
            return Some((Ok(message), tail));
        }
        if tail.admin.stop.is_cancelled() {
            return None;
        }
        // The client comes again with its Last-Event-ID when this ends.
        tail.ready = tail.admin.store.events(tail.cursor, 64).await.ok()?.into();
        if tail.ready.is_empty() {
            let (admin, cursor) = (tail.admin.clone(), tail.cursor);
            wait_for_news(&admin, &mut tail.issued, cursor, Duration::from_secs(LONGEST_WAIT)).await;
        }
    }
}
