//! `POST /api/v1/tickets/{number}/updates`: the core says where a ticket stands, and answers the citizen.

use super::{Public, answer, not_found, unavailable};
use crate::{
    number::Number,
    reply::{self, State as Fate},
    revise::Draft,
    server::{Peer, limits::too_many, read_body},
    store::{Changed, NewReply, Reach, TicketChange, TicketRow},
    way,
};
use axum::{
    extract::{Extension, Path, Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiesu_connector::{FieldFault, Problem, digest, read_json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{collections::HashSet, sync::Arc};

const MAX_BODY: u64 = 1 << 20;
const MAX_UNIT: usize = 200;

/// Where a ticket stands, as the core says it.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Accepted,
    Dispatched,
    InProgress,
    Returned,
    Replied,
    Closed,
    Reopened,
}

/// The core's word.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Update {
    #[serde(default)]
    id: String,
    status: Option<Status>,
    unit: Option<String>,
    at: Option<String>,
    reply: Option<Reply>,
    ask_rating: Option<bool>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Reply {
    #[serde(default)]
    text: String,
    public: Option<bool>,
}

fn read(body: &[u8]) -> Result<Update, Vec<FieldFault>> {
    let fault = |field: &str, detail: String| vec![FieldFault { field: field.into(), detail }];
    let update: Update = read_json(body).map_err(|fault| vec![fault])?;
    if update.id.is_empty() || update.id.len() > 200 || update.id.contains('\0') {
        return Err(fault("id", "must be 1 to 200 bytes: the core's own, unique name of this update".into()));
    }
    if update.unit.as_ref().is_some_and(|unit| unit.chars().count() > MAX_UNIT || unit.contains('\0')) {
        return Err(fault("unit", format!("must be at most {MAX_UNIT} characters, without U+0000")));
    }
    if update.at.as_ref().is_some_and(|at| at.parse::<Timestamp>().is_err()) {
        return Err(fault("at", "is no RFC 3339 time with offset, as 2026-11-22T08:00:00+08:00".into()));
    }
    if update.status.is_none() && update.reply.is_none() && update.ask_rating.is_none() {
        return Err(fault("status", "is missing: an update has a status, a reply, or both".into()));
    }
    if update.reply.as_ref().is_some_and(|reply| reply.text.trim().is_empty() || reply.text.contains('\0')) {
        return Err(fault("reply.text", "is missing, empty or contains U+0000: give the words for the citizen".into()));
    }
    Ok(update)
}

pub(super) async fn serve(
    State(public): State<Arc<Public>>,
    Extension(Peer(peer)): Extension<Peer>,
    Path(number): Path<String>,
    request: Request,
) -> Response {
    if !authorized(&public, request.headers()) {
        if let Err(wait) = public.per_address.check_address(peer).await {
            return answer(too_many(wait));
        }
        let mut response =
            answer(Problem::new(StatusCode::UNAUTHORIZED, "the bearer token is missing or is not core.token"));
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return response;
    }
    let body = match read_body(request.into_body(), MAX_BODY).await {
        Ok(body) => body,
        Err(problem) => return answer(problem),
    };
    let update = match read(&body) {
        Ok(update) => update,
        Err(faults) => return answer(Problem::fields(faults)),
    };
    let Ok(number) = number.parse::<Number>() else { return not_found("there is no ticket of this number") };
    let content = digest([serde_json::to_vec(&update).unwrap_or_default().as_slice()]);
    let Ok(reach) = public.reviser.store.reach(number).await else { return unavailable() };
    let change = |row: &TicketRow| apply(&public, row, &update, content, &reach);
    let done = || axum::Json(json!({ "number": number.to_string() })).into_response();
    match public.reviser.revise(number, change).await {
        Ok(None) => not_found("there is no ticket of this number"),
        Ok(Some(Changed::Done)) => {
            metrics::counter!("jiesu_core_updates_total").increment(1);
            public.reply_due.notify_one();
            done()
        }
        Ok(Some(Changed::Before)) => done(),
        Ok(Some(Changed::BeforeWithOtherContent)) => {
            let detail = "an update with this id and other content was stored before: give each update its own id";
            answer(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail))
        }
        Ok(Some(Changed::Stale)) | Err(_) => unavailable(),
    }
}

fn authorized(public: &Public, headers: &HeaderMap) -> bool {
    let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
    let token = given.split_at_checked(7).filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer "));
    match (&public.core_token, token) {
        (Some(expected), Some((_, token))) => expected.matches(token),
        _ => false,
    }
}

fn apply(public: &Public, row: &TicketRow, update: &Update, content: [u8; 16], reach: &Reach) -> TicketChange {
    let mut draft = Draft::new(row);
    let mut going = None;
    if let Some(status) = update.status {
        draft.set("status", json!(status));
    }
    if let Some(unit) = &update.unit {
        draft.set("unit", json!(unit));
    }
    if let Some(reply) = &update.reply {
        let own = public.channels.get(row.channel.as_str()).is_some_and(|it| it.parts.replier.is_some());
        // Who came by a channel that cannot answer is answered by one that can.
        let other = way::find(&public.channels, &draft.ticket, &HashSet::from([row.channel.as_str()]));
        let other = other.filter(|_| !own || !matches!(reach, Reach::Sender(_)));
        draft.edit_list("replies", |replies| {
            let name = format!("rp_{}", replies.len() + 1);
            // Whatever becomes of it, the look-up shows it from now on.
            let (state, reason, way) = match (reach, other) {
                (Reach::Sender(recipient), _) if own => {
                    (Fate::Pending, Value::Null, Some((row.channel.clone(), recipient.clone())))
                }
                (_, Some(other)) => (Fate::Pending, Value::Null, Some(other)),
                (Reach::Left, None) => (Fate::Refused, "the citizen has left the channel".into(), None),
                (Reach::Unknown, None) if own => {
                    (Fate::Refused, "the channel has no name for the citizen".into(), None)
                }
                (Reach::Sender(_) | Reach::Unknown, None) => {
                    (Fate::Delivered, "shown at the status look-up".into(), None)
                }
            };
            replies.push(json!({
                "id": name,
                "at": update.at.clone().unwrap_or_else(|| public.reviser.now()),
                "text": reply.text,
                "public": reply.public.unwrap_or(false),
                "channel": way.as_ref().map_or(&row.channel, |(channel, _)| channel),
                "state": state.as_str(),
                "reason": reason,
            }));
            going = way.map(|(channel, recipient)| NewReply {
                name,
                words: words(public, &channel, reply, update.ask_rating == Some(true)),
                channel,
                recipient,
                give_up: Timestamp::now().saturating_add(reply::LIFE).unwrap_or(Timestamp::MAX),
            });
        });
    }
    if let Some(ask) = update.ask_rating {
        draft.set("ask_rating", json!(ask));
    }
    // An update that changes nothing is remembered all the same, but there is nothing to tell.
    let change = public.reviser.updated(row, &draft);
    TicketChange { update: Some((update.id.clone(), content)), reply: going, ..change }
}

/// What a reply says on its way: its own text, and the question for a rating where the citizen can answer that by writing
/// back.
fn words(public: &Public, channel: &str, reply: &Reply, asks: bool) -> String {
    let question = match public.channels.get(channel) {
        Some(channel) if asks && channel.parts.converses => channel.words.fill("rating.ask", &[]),
        _ => String::new(),
    };
    format!("{}{question}", reply.text)
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn each_bad_field_of_an_update_is_named() {
        let field = |body: &str| match read(body.as_bytes()) {
            Ok(_) => String::new(),
            Err(faults) => faults.into_iter().map(|fault| fault.field).collect::<Vec<_>>().join(" "),
        };
        assert_eq!(field(r#"{"id":"1","status":"replied","unit":"城管局","reply":{"text":"好"}}"#), "");
        assert_eq!(field(r#"{"status":"replied"}"#), "id");
        assert_eq!(field(r#"{"id":"a\u0000","status":"replied"}"#), "id");
        assert_eq!(field(r#"{"id":"1","status":"done"}"#), "status");
        assert_eq!(field(r#"{"id":"1","unit":"a\u0000","status":"closed"}"#), "unit");
        assert_eq!(field(r#"{"id":"1","reply":{}}"#), "reply.text");
        assert_eq!(field(r#"{"id":"1"}"#), "status");
        assert_eq!(field(r#"["1","replied"]"#), "body");
    }
}
