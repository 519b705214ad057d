//! Messages that an operator hands over (`jiesu import` beside a running gateway): they go through the one door like any
//! other.

use super::{Admin, answer, not_found};
use crate::server::read_body;
use axum::{
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::StatusCode;
use jiesu_connector::{DeliveryKey, FieldFault, Incoming, OnOtherContent, Problem, Raw, read_json};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// For the store: whoever hands over a thousand rows can wait.
const STORE: Duration = Duration::from_secs(40);
/// Bytes of one request, at most.
const MAX_BODY: u64 = 64 << 20;
/// Reasons that rows are counted by; others are not known.
const REASONS: [&str; 2] = ["row", "skipped"];

/// What is handed over at once.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Handed {
    /// The messages, in order.
    pub messages: Vec<Message>,
    /// What was received and rejected, by reason.
    pub rejected: BTreeMap<String, u64>,
}

/// An [`Incoming`] as JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    media_type: String,
    meta: BTreeMap<String, String>,
    base64: String,
    /// Scope and value.
    keys: Vec<(String, String)>,
    digest: String,
    sender: Option<String>,
    hotline: Option<String>,
}

impl From<Incoming> for Message {
    fn from(incoming: Incoming) -> Self {
        Self {
            media_type: incoming.raw.media_type,
            meta: incoming.raw.meta,
            base64: STANDARD.encode(&incoming.raw.body),
            keys: incoming.keys.into_iter().map(|key| (key.scope, key.value)).collect(),
            digest: STANDARD.encode(incoming.digest),
            sender: incoming.sender,
            hotline: incoming.hotline,
        }
    }
}

impl Message {
    fn into_incoming(self) -> Option<Incoming> {
        let body = STANDARD.decode(self.base64).ok()?.into();
        let key = |(scope, value)| DeliveryKey { scope, value, on_other_content: OnOtherContent::NewAppeal };
        Some(Incoming {
            raw: Raw { media_type: self.media_type, meta: self.meta, body },
            keys: self.keys.into_iter().map(key).collect(),
            digest: STANDARD.decode(self.digest).ok()?.try_into().ok()?,
            sender: self.sender,
            hotline: self.hotline,
            joins: true,
            receipt: false,
        })
    }
}

/// `POST channels/{id}/messages`.
pub(super) async fn take(State(admin): State<Arc<Admin>>, Path(id): Path<String>, request: Request) -> Response {
    let Some(channel) = admin.channels.get(id.as_str()) else { return not_found("there is no such channel") };
    let body = match read_body(request.into_body(), MAX_BODY).await {
        Ok(body) => body,
        Err(problem) => return answer(problem),
    };
    let bad = |fault| answer(Problem::fields(vec![fault]));
    let handed: Handed = match read_json(&body) {
        Ok(handed) => handed,
        Err(fault) => return bad(fault),
    };
    drop(body);
    let messages: Option<Vec<Incoming>> = handed.messages.into_iter().map(Message::into_incoming).collect();
    let Some(messages) = messages else {
        return bad(FieldFault { field: "messages".into(), detail: "a message is damaged".into() });
    };
    let count = messages.len();
    let mut known = 0;
    if count > 0 {
        match admin.intake.accept_within(STORE, channel, messages).await {
            Ok(receipts) => known = receipts.iter().filter(|receipt| receipt.redelivery).count(),
            Err(refusal) => return answer(Problem::from(refusal)),
        }
    }
    for reason in REASONS {
        if let Some(count) = handed.rejected.get(reason) {
            admin.intake.rejected_many(channel, reason, *count);
        }
    }
    (StatusCode::OK, axum::Json(json!({ "taken": count - known, "known": known }))).into_response()
}
