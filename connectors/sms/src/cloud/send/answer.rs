//! What clouds have in common in their answers.

use jiesu_connector::{Failure, OutResponse};
use serde_json::Value;
use std::time::Duration;

/// A limit that passes within minutes.
pub(super) const SOON: Duration = Duration::from_secs(60);
/// A limit of a day, or an account without money.
pub(super) const LATER: Duration = Duration::from_secs(1_800);

/// The body as JSON; null where it is none.
pub(super) fn json(response: &OutResponse) -> Value {
    serde_json::from_slice(&response.body).unwrap_or_default()
}

/// What an answer means whose own words say nothing: too many requests and "not now" did nothing; behind another fault of
/// the far side it may have been sent.
pub(super) fn by_status(response: &OutResponse, why: String) -> Failure {
    match response.status.as_u16() {
        429 | 503 => Failure::Retry { after: Some(SOON), why },
        401 | 403 | 404 | 407 => account(why),
        400..500 => Failure::Refused { why },
        _ => Failure::Unknown { why },
    }
}

/// The account is at fault, and not the message: somebody mends it, and the message goes out then.
pub(super) fn account(why: String) -> Failure {
    tracing::error!(alarm = true, why, "the cloud does not take the account that sends short messages");
    Failure::Retry { after: Some(SOON), why }
}
