//! Errors over HTTP: `application/problem+json` (RFC 9457).

use crate::Refusal;
use http::StatusCode;
use serde::Serialize;
use std::time::Duration;

/// A problem, told to a client so that it can act on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// What happened, in words.
    pub detail: String,
    /// The fields at fault.
    pub errors: Vec<FieldFault>,
    /// When to try again.
    pub retry_after: Option<Duration>,
}

/// One field at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldFault {
    /// The field, dotted: `location.lat`, `attachments[2].base64`.
    pub field: String,
    /// What is wrong, and what would be right.
    pub detail: String,
}

impl Problem {
    /// A problem without fields.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), errors: Vec::new(), retry_after: None }
    }

    /// A body whose fields are at fault: 400, and the detail names the first.
    pub fn fields(errors: Vec<FieldFault>) -> Self {
        let detail = errors.first().map_or_else(String::new, |fault| format!("{}: {}", fault.field, fault.detail));
        Self { errors, ..Self::new(StatusCode::BAD_REQUEST, detail) }
    }

    /// The same, to be tried again after `wait`.
    #[must_use]
    pub fn retry(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The body (RFC 9457, section 3).
    pub fn to_json(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a> {
            title: &'a str,
            status: u16,
            detail: &'a str,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            errors: &'a [FieldFault],
        }
        let title = self.status.canonical_reason().unwrap_or("Error");
        let body = Body { title, status: self.status.as_u16(), detail: &self.detail, errors: &self.errors };
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnderWay => Self::new(StatusCode::CONFLICT, refusal.to_string()).retry(Duration::from_secs(1)),
            Refusal::OtherContent => Self::new(StatusCode::UNPROCESSABLE_ENTITY, refusal.to_string()),
            Refusal::Unavailable { retry_after } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, refusal.to_string()).retry(retry_after)
            }
        }
    }
}
