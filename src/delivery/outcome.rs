//! What an answer means: delivered, the message at fault, or the destination at fault.

use super::destination::Success;
use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use jiff::Timestamp;
use std::{fmt, time::Duration};

/// Characters of an answer that a dead letter keeps.
const EXCERPT: usize = 200;

/// What became of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver said that it has the event.
    Delivered,
    /// The receiver will not take this event; it takes others.
    MessageAtFault {
        /// For the dead letter. Holds the receiver's words, so it never goes into a log.
        reason: String,
    },
    /// The receiver is in no state to take events; or so it seems.
    DestinationAtFault(Fault),
}

/// What is wrong with a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What it looks like; safe to log.
    pub class: FaultClass,
    /// For the dead letter. May hold the receiver's words, so it never goes into a log.
    pub reason: String,
    /// How long the receiver wants to be left alone.
    pub retry_after: Option<Duration>,
}

/// What a destination's trouble looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultClass {
    /// No connection could be made.
    Connect,
    /// The time for one attempt ran out.
    Timeout,
    /// The connection broke before the whole answer was there.
    Broken,
    /// An answer with this status.
    Status(StatusCode),
    /// 2xx, but the predicate does not agree.
    Denied,
    /// 2xx, but the answer is longer than a predicate may read.
    TooLong,
}

impl fmt::Display for FaultClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => f.write_str("no connection"),
            Self::Timeout => f.write_str("timed out"),
            Self::Broken => f.write_str("connection broken"),
            Self::Status(status) => write!(f, "answered {}", status.as_u16()),
            Self::Denied => f.write_str("answer denied by the success predicate"),
            Self::TooLong => f.write_str("answer too long for the success predicate"),
        }
    }
}

impl Fault {
    /// A fault without an answer.
    pub fn without_answer(class: FaultClass) -> Self {
        Self { class, reason: class.to_string(), retry_after: None }
    }
}

/// What a complete answer means. `whole` is false if `body` is only the beginning of it.
pub fn classify(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    whole: bool,
    success: &Success,
    now: Timestamp,
) -> Outcome {
    let fault = |class| Fault { class, reason: reason(class, body), retry_after: retry_after(headers, now) };
    match (status.as_u16(), success) {
        (409, _) | (200..=299, Success::Status) => Outcome::Delivered,
        (200..=299, Success::Predicate(_)) if !whole => Outcome::DestinationAtFault(fault(FaultClass::TooLong)),
        (200..=299, Success::Predicate(predicate)) if predicate(body) => Outcome::Delivered,
        (200..=299, Success::Predicate(_)) => Outcome::DestinationAtFault(fault(FaultClass::Denied)),
        (400 | 413 | 415 | 422, _) => Outcome::MessageAtFault { reason: reason(FaultClass::Status(status), body) },
        _ => Outcome::DestinationAtFault(fault(FaultClass::Status(status))),
    }
}

fn reason(class: FaultClass, body: &[u8]) -> String {
    // Four bytes a character at most.
    let body = String::from_utf8_lossy(&body[..body.len().min(EXCERPT * 4)]);
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    let excerpt: String = body.trim().chars().take(EXCERPT).map(plain).collect();
    if excerpt.is_empty() { class.to_string() } else { format!("{class}: {excerpt}") }
}

/// `Retry-After`: seconds or an HTTP-date (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn outcome(status: u16, body: &str, success: &Success) -> Outcome {
        let status = StatusCode::from_u16(status).unwrap();
        classify(status, &HeaderMap::new(), body.as_bytes(), true, success, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn each_status_means_what_the_contract_says() {
        for status in 100..=599 {
            let expected = match status {
                200..=299 | 409 => 0,
                400 | 413 | 415 | 422 => 1,
                _ => 2,
            };
            let found = match outcome(status, "", &Success::Status) {
                Outcome::Delivered => 0,
                Outcome::MessageAtFault { .. } => 1,
                Outcome::DestinationAtFault(_) => 2,
            };
            assert_eq!(found, expected, "{status}");
        }
    }

    #[test]
    fn a_predicate_decides_on_2xx_alone() {
        let success = Success::Predicate(Arc::new(|body: &[u8]| body == b"ok"));
        assert_eq!(outcome(200, "ok", &success), Outcome::Delivered);
        assert_eq!(outcome(409, "no", &success), Outcome::Delivered);
        assert!(matches!(outcome(422, "ok", &success), Outcome::MessageAtFault { .. }));
        let Outcome::DestinationAtFault(fault) = outcome(201, "no", &success) else { panic!() };
        assert_eq!(fault.class, FaultClass::Denied);
        let long = classify(StatusCode::OK, &HeaderMap::new(), b"ok", false, &success, Timestamp::UNIX_EPOCH);
        assert!(matches!(long, Outcome::DestinationAtFault(Fault { class: FaultClass::TooLong, .. })));
    }

    #[test]
    fn a_reason_names_the_status_and_the_first_words_of_the_answer() {
        let Outcome::MessageAtFault { reason } = outcome(422, "缺少\n字段", &Success::Status) else { panic!() };
        assert_eq!(reason, "answered 422: 缺少 字段");
        let long = "字".repeat(5000);
        let Outcome::MessageAtFault { reason } = outcome(400, &long, &Success::Status) else { panic!() };
        assert_eq!(reason.chars().filter(|letter| *letter == '字').count(), EXCERPT);
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        let read = |text: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            retry_after(&headers, "1994-11-06T08:49:07Z".parse().unwrap())
        };
        assert_eq!(read("120"), Some(Duration::from_secs(120)));
        assert_eq!(read("99999999999999999999999"), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(read("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO), "long past");
        assert_eq!((read("soon"), read("-5"), read("")), (None, None, None));
    }
}
