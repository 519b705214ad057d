//! `POST /events`: what the gateway calls.

use super::{
    answer::Answers,
    board::{Board, Taken},
    event::{Event, terminal},
};
use crate::delivery::signature::{ID, SIGNATURE, Signed, SigningKey, TIMESTAMP};
use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{
    io::Write,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Where events are taken in and remembered.
pub(super) struct Desk {
    key: Option<SigningKey>,
    board: Mutex<Board>,
    pub answers: Option<Answers>,
    /// Plays a core that is down: every event is answered 503.
    down: AtomicBool,
    /// Names this run, so that a page left open notices a restart.
    pub run: String,
}

impl Desk {
    pub fn new(key: Option<SigningKey>, answers: Option<Answers>) -> Self {
        let run = ulid::Ulid::generate().to_string();
        Self { key, board: Mutex::default(), answers, down: AtomicBool::new(false), run }
    }

    pub fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn signed(&self) -> bool {
        self.key.is_some()
    }

    pub fn down(&self) -> bool {
        self.down.load(Ordering::Relaxed)
    }

    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::Relaxed);
        say(if down { "playing a core that is down: events are answered 503" } else { "up again" });
    }

    /// Takes one request in, and says what to answer. An event is remembered only where the answer is 200: one that
    /// was answered with an error is new when it comes again.
    fn take(&self, headers: &HeaderMap, body: &[u8], now: i64) -> (StatusCode, Result<String, String>) {
        if self.down() {
            return (StatusCode::SERVICE_UNAVAILABLE, Err("down for the trial".into()));
        }
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let verified = match &self.key {
            None => "unverified",
            Some(key) => {
                let signed = Signed { id: header(ID), timestamp: header(TIMESTAMP), signatures: header(SIGNATURE) };
                match key.verify(&signed, body, now) {
                    Ok(()) => "signature ok",
                    Err(fault) => return (StatusCode::UNAUTHORIZED, Err(fault.to_string())),
                }
            }
        };
        let event = match Event::read(body) {
            Ok(event) if headers.contains_key(ID) && header(ID) != event.id => {
                return (StatusCode::BAD_REQUEST, Err("webhook-id: is not the event's id".into()));
            }
            Ok(event) => event,
            Err(fault) => return (StatusCode::BAD_REQUEST, Err(fault)),
        };
        let line = event.line();
        let note = match self.board().take(event) {
            Taken::New => "",
            Taken::OutOfOrder => ", OUT OF ORDER",
            Taken::Repeat => ", repeat dropped",
        };
        (StatusCode::OK, Ok(format!("{line}  ({verified}{note})")))
    }
}

/// Takes an event in, prints it, answers.
pub(super) async fn receive(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    let (status, outcome) = desk.take(&headers, &body, Timestamp::now().as_second());
    let answer = match outcome {
        Ok(line) => {
            say(&line);
            json!({ "code": 0 })
        }
        Err(fault) => {
            desk.board().refuse();
            say(&format!("answered {}: {}", status.as_u16(), terminal(&fault, 200)));
            json!({ "code": status.as_u16(), "message": fault })
        }
    };
    (status, Json(answer))
}

/// Prints a line. A terminal that has gone away is no reason to stop.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
