//! The neutral event of a call: what every dialect and every vendor's push is read as.

use crate::caller;
use jiff::Timestamp;
use serde_json::{Map, Value};

/// The longest text, digits or name in an event, in characters.
const MAX_TEXT: usize = 50_000;
const MAX_NAME: usize = 300;
const MAX_DIGITS: usize = 64;
const MAX_ADDRESS: usize = 4_000;

/// One event of one call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Event {
    /// What happened. First, so that events sort by what they are, whatever the order they came in.
    pub what: What,
    /// When, if it says so.
    pub at: Option<Timestamp>,
    /// The sender's name for the event.
    pub id: String,
    /// The call.
    pub call: String,
}

/// What happened, in the order in which a ticket tells it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    /// It began.
    Started {
        /// The caller's number, unless it is withheld.
        caller: Option<String>,
        /// The number that was called.
        called: Option<String>,
    },
    /// Keys were pressed.
    Menu {
        /// Where in the menu, if the menu is ours.
        menu: Option<String>,
        /// Which.
        digits: String,
    },
    /// There is a recording, or none after all.
    Recording(Option<Recording>),
    /// There will be a recording, where this says.
    Announced(Recording),
    /// What was said; empty if nobody could tell.
    Transcript(String),
    /// It ended.
    Ended {
        /// How long it was.
        seconds: Option<u64>,
        /// How.
        reason: Reason,
    },
    /// The caller was asked how satisfied they are.
    Satisfaction {
        /// On the sender's scale.
        score: Option<u8>,
        /// In words.
        text: String,
    },
    /// Anything else: kept, and of no use to a ticket.
    Other,
}

/// A recording.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Recording {
    /// Where it is.
    pub url: String,
    /// How long.
    pub seconds: Option<u64>,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// Somebody hung up.
    Hangup,
    /// The caller gave up before anybody took it.
    Abandoned,
    /// It went on elsewhere.
    Transferred,
    /// It failed.
    Failed,
}

/// A field of an event that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub field: &'static str,
    pub detail: String,
}

fn wrong(field: &'static str, detail: impl Into<String>) -> Wrong {
    Wrong { field, detail: detail.into() }
}

impl Event {
    /// Reads the JSON of one event. Fields that are not known are left alone: platforms add some without notice.
    ///
    /// # Errors
    /// The first field at fault.
    pub fn from_json(value: &Value) -> Result<Self, Wrong> {
        let Some(fields) = value.as_object() else { return Err(wrong("body", "is no JSON object")) };
        let call = needed(fields, "call", MAX_NAME)?;
        let id = needed(fields, "id", MAX_NAME)?;
        let at = match text(fields, "at", 64)? {
            None => None,
            Some(at) => Some(
                at.parse().map_err(|_| wrong("at", "is no RFC 3339 time with offset, as 2026-11-22T08:00:00+08:00"))?,
            ),
        };
        let what = match needed(fields, "type", 40)?.as_str() {
            "started" => What::Started { caller: number(fields, "caller")?, called: number(fields, "called")? },
            "menu" => {
                let digits = needed(fields, "digits", MAX_DIGITS)?;
                if !digits.chars().all(|key| key.is_ascii_digit() || "*#ABCDabcd,wW ".contains(key)) {
                    return Err(wrong("digits", "must be the keys pressed: 0 to 9, * and #"));
                }
                What::Menu { menu: None, digits }
            }
            "recording" => What::Recording(Some(recording(fields)?)),
            "transcript" => What::Transcript(text(fields, "text", MAX_TEXT)?.unwrap_or_default()),
            "ended" => What::Ended { seconds: seconds(fields, "seconds")?, reason: reason(fields)? },
            "satisfaction" => {
                let (score, text) = (score(fields)?, text(fields, "text", MAX_TEXT)?.unwrap_or_default());
                if score.is_none() && text.trim().is_empty() {
                    return Err(wrong("score", "is required: how satisfied the caller is"));
                }
                What::Satisfaction { score, text }
            }
            "other" => What::Other,
            _ => {
                let known = "must be one of started, menu, recording, transcript, ended, satisfaction";
                return Err(wrong("type", known));
            }
        };
        Ok(Self { what, at, id, call })
    }
}

/// A text, also where the sender writes a number; blank is none.
fn text(fields: &Map<String, Value>, name: &'static str, most: usize) -> Result<Option<String>, Wrong> {
    let text = match fields.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) => return Err(wrong(name, "must be a text")),
    };
    if text.contains('\0') {
        return Err(wrong(name, "contains U+0000, which is no text"));
    }
    if text.chars().count() > most {
        return Err(wrong(name, format!("is longer than {most} characters")));
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

fn needed(fields: &Map<String, Value>, name: &'static str, most: usize) -> Result<String, Wrong> {
    text(fields, name, most)?.ok_or_else(|| wrong(name, "is required"))
}

fn number(fields: &Map<String, Value>, name: &'static str) -> Result<Option<String>, Wrong> {
    Ok(text(fields, name, MAX_NAME)?.and_then(|raw| caller::shown(&raw)))
}

fn seconds(fields: &Map<String, Value>, name: &'static str) -> Result<Option<u64>, Wrong> {
    match text(fields, name, 40)? {
        None => Ok(None),
        Some(text) => match text.parse::<f64>() {
            Ok(seconds) if (0.0..1e9).contains(&seconds) => Ok(Some(seconds.round() as u64)),
            _ => Err(wrong(name, "must be a number of seconds")),
        },
    }
}

fn recording(fields: &Map<String, Value>) -> Result<Recording, Wrong> {
    let Some(inner) = fields.get("recording").and_then(Value::as_object) else {
        return Err(wrong("recording", "is required: { \"url\": …, \"seconds\": … }"));
    };
    let in_it = |wrong: Wrong| Wrong { field: "recording", detail: format!("{}: {}", wrong.field, wrong.detail) };
    let url = needed(inner, "url", MAX_ADDRESS).map_err(in_it)?;
    Ok(Recording { url, seconds: seconds(inner, "seconds").map_err(in_it)? })
}

fn reason(fields: &Map<String, Value>) -> Result<Reason, Wrong> {
    Ok(match text(fields, "reason", 40)?.as_deref() {
        None | Some("hangup") => Reason::Hangup,
        Some("abandoned") => Reason::Abandoned,
        Some("transferred") => Reason::Transferred,
        Some("failed") => Reason::Failed,
        Some(_) => return Err(wrong("reason", "must be one of hangup, abandoned, transferred, failed")),
    })
}

fn score(fields: &Map<String, Value>) -> Result<Option<u8>, Wrong> {
    match text(fields, "score", 10)? {
        None => Ok(None),
        Some(text) => match text.parse::<f64>() {
            Ok(score) if score.fract() == 0.0 && (0.0..=100.0).contains(&score) => Ok(Some(score as u8)),
            _ => Err(wrong("score", "must be a whole number from 0 to 100")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_bad_field_is_named_and_unknown_ones_are_left_alone() {
        let event = |mut more: Value| {
            let mut event = json!({ "id": "e1", "call": "c1", "type": "started", "at": "2026-11-22T08:00:00+08:00" });
            event.as_object_mut().unwrap().append(more.as_object_mut().unwrap());
            Event::from_json(&event).map_err(|wrong| wrong.field)
        };
        assert!(event(json!({ "caller": 13_900_000_000_u64, "vendor": {} })).is_ok());
        for (field, more) in [
            ("call", json!({ "call": "" })),
            ("id", json!({ "id": null })),
            ("at", json!({ "at": "yesterday" })),
            ("type", json!({ "type": "began" })),
            ("digits", json!({ "type": "menu" })),
            ("digits", json!({ "type": "menu", "digits": "one" })),
            ("recording", json!({ "type": "recording" })),
            ("recording", json!({ "type": "recording", "recording": { "url": 7, "seconds": "long" } })),
            ("reason", json!({ "type": "ended", "reason": "bored" })),
            ("seconds", json!({ "type": "ended", "seconds": -1 })),
            ("score", json!({ "type": "satisfaction" })),
            ("score", json!({ "type": "satisfaction", "score": 4.5 })),
            ("text", json!({ "type": "transcript", "text": ["a"] })),
            ("text", json!({ "type": "transcript", "text": "a\u{0}" })),
            ("call", json!({ "call": "c".repeat(301) })),
        ] {
            assert_eq!(event(more), Err(field));
        }
        assert_eq!(Event::from_json(&json!([])).unwrap_err().field, "body");
    }
}
